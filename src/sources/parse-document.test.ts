import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { lineOfObjectField, parseDocument } from "./parse-document.ts";

const read = (text: string, place = "a.yaml") => {
  const document = parseDocument(text, place);
  const own = document.objects.flatMap(({ candidate, path }) =>
    candidate.problems.map((problem) => ({
      problem,
      line: lineOfObjectField(text, path, problem.field) ?? -1,
    })),
  );
  const problems = [...document.problems, ...own].map(({ problem, line }) => ({
    code: problem.code,
    field: problem.field.join("."),
    message: problem.message,
    line: line + 1,
    ...(problem.fix === undefined ? {} : { fix: problem.fix }),
  }));
  return { ...document, problems, found: document.objects.map(({ candidate }) => candidate.object) };
};

const service = `# the jazz service
apiVersion: v1
kind: Service
metadata:
  name: jazz
  namespace: prod
spec:
  ports:
    - port: 9080
`;

describe("a valid document", () => {
  test("gives its object, frozen, without problems", () => {
    const { found, problems } = read(service);
    expect(problems).toEqual([]);
    expect(found).toEqual([
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "jazz", namespace: "prod", labels: {}, annotations: {} },
        spec: { ports: [{ port: 9080 }] },
      },
    ]);
    expect(() => Object.assign(found[0]?.metadata ?? {}, { name: "metal" })).toThrow();
  });

  test("without a namespace is in `default`, a cluster-scoped one in none", () => {
    const [object] = read("apiVersion: v1\nkind: Secret\nmetadata: {name: s}").found;
    expect(object?.metadata.namespace).toBe("default");
    const [cluster] = read("apiVersion: v1\nkind: Namespace\nmetadata: {name: n, namespace: x}").found;
    expect(cluster?.metadata.namespace).toBe("");
  });

  test("null is as good as absent", () => {
    const text =
      "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: }\nspec:\n  selector:\n  ports: ~\n";
    expect(read(text)).toMatchObject({ problems: [], found: [{ spec: {} }] });
  });

  test("a status is not looked at", () => {
    expect(read(`${service}status:\n  loadBalancer: {}\n`).problems).toEqual([]);
  });

  test("anchors, merge keys and words for truth values are read as kubectl reads them", () => {
    const text = `
apiVersion: v1
kind: Service
metadata: {name: a, labels: &l {app: a}}
spec:
  publishNotReadyAddresses: yes
  selector:
    <<: *l
    tier: b
`;
    const [object] = read(text).found;
    expect(object).toMatchObject({
      spec: { selector: { app: "a", tier: "b" }, publishNotReadyAddresses: true },
    });
  });

  test("JSON is read too", () => {
    const text = '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {}}';
    expect(read(text, "a.json")).toMatchObject({ problems: [], found: [{ spec: {} }] });
  });

  test("comments alone are nothing", () => {
    expect(read("# nothing\n---\n# here\n")).toMatchObject({ problems: [], found: [] });
  });
});

describe("lists", () => {
  test("kind List gives its items, with lines of their own", () => {
    const text = `apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Secret
    metadata: {name: a}
  - apiVersion: v1
    kind: Secret
    metadata: {name: b}
    data: {key: "?"}
  - 5
`;
    const { found, problems } = read(text);
    expect(found).toMatchObject([{ metadata: { name: "a" } }, undefined]);
    expect(problems).toMatchObject([
      { code: "not-an-object", line: 11 },
      { code: "invalid-field", field: "data.key", line: 10 },
    ]);
  });

  test("items of a ServiceList need not say what they are", () => {
    const text = "apiVersion: v1\nkind: ServiceList\nitems: [{metadata: {name: a}, spec: {}}]";
    expect(read(text)).toMatchObject({ problems: [], found: [{ kind: "Service", apiVersion: "v1" }] });
  });
});

describe("problems come all at once, with their lines and remedies", () => {
  test("wrong values, unknown fields, wrong types", () => {
    const text = `apiVersion: v1
kind: Service
metadata:
  name: jazz
  label: {a: b}
spec:
  type: clusterip
  selektor: {app: jazz}
  ports:
    - port: "80"
      targetPort: [1]
    - port: 70000
  publishNotReadyAddresses: "true"
  externalName: 007
`;
    const { problems, found } = read(text);
    expect(found).toEqual([undefined]);
    expect(problems).toEqual([
      {
        code: "unknown-field",
        field: "metadata.label",
        line: 5,
        message: "Is not a known field here; it has no effect.",
        fix: "Did you mean metadata.labels?",
      },
      {
        code: "unknown-field",
        field: "spec.selektor",
        line: 8,
        message: "Is not a known field here; it has no effect.",
        fix: "Did you mean spec.selector?",
      },
      {
        code: "invalid-field",
        field: "spec.type",
        line: 7,
        message:
          'Must be one of "ClusterIP", "NodePort", "LoadBalancer", "ExternalName", but is the text "clusterip".',
        fix: 'Did you mean "ClusterIP"?',
      },
      {
        code: "invalid-field",
        field: "spec.ports.0.port",
        line: 10,
        message: 'Must be a number, but is the text "80".',
        fix: "Write it without quotes: 80.",
      },
      {
        code: "invalid-field",
        field: "spec.ports.0.targetPort",
        line: 11,
        message: "Must be a number or text, but is a list.",
      },
      {
        code: "invalid-field",
        field: "spec.ports.1.port",
        line: 12,
        message: "Must be at most 65535, but is the number 70000.",
      },
      {
        code: "invalid-field",
        field: "spec.externalName",
        line: 14,
        message: "Must be text, but is the number 7.",
        fix: 'Put it in quotes: "007".',
      },
      {
        code: "invalid-field",
        field: "spec.publishNotReadyAddresses",
        line: 13,
        message: 'Must be true or false, but is the text "true".',
        fix: "Write it without quotes: true.",
      },
    ]);
  });

  test("what is missing", () => {
    expect(read("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n").problems).toEqual([
      { code: "invalid-field", field: "spec", line: 1, message: "Is missing: it must be a map of fields." },
    ]);
  });

  test("labels and annotations that are no texts count as they are written", () => {
    const text = `apiVersion: v1
kind: Service
metadata:
  name: a
  annotations:
    konghq.com/strip-path: true
    konghq.com/connect-timeout: 0600
    ok: "true"
spec: {}
`;
    const { found, problems } = read(text);
    expect(found[0]?.metadata.annotations).toEqual({
      "konghq.com/strip-path": "true",
      "konghq.com/connect-timeout": "0600",
      ok: "true",
    });
    expect(problems).toMatchObject([
      { code: "invalid-field", line: 6, fix: 'Put it in quotes: "true".' },
      { code: "invalid-field", line: 7, fix: 'Put it in quotes: "0600".' },
    ]);
  });

  test.each(["UPPER", "a/b", "a..b", "-a", "a".repeat(254), "a_b"])("the name %s is none", (name) => {
    const { found, problems } = read(`apiVersion: v1\nkind: Secret\nmetadata: {name: "${name}"}\n`);
    expect(found).toEqual([undefined]);
    expect(problems).toMatchObject([{ code: "invalid-field", field: "metadata.name" }]);
  });

  test("values of secret fields stay secret", () => {
    const text =
      "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: 12345, b: [hush]}\ndata: {c: hush hush!}\ntype: [hush]\n";
    const { problems } = read(text);
    expect(problems).toHaveLength(4);
    expect(JSON.stringify(problems)).not.toMatch(/12345|hush/);
  });
});

describe("documents that are no objects", () => {
  test.each([
    ["just text", "not-an-object", "Is not a map of fields, so it is no object."],
    ["- a\n- b", "not-an-object", "Is not a map of fields, so it is no object."],
    ["a: 1", "not-an-object", "Has no kind."],
    ["kind: Service\nmetadata: {name: a}", "not-an-object", "Has no apiVersion."],
    ["apiVersion: v1\nkind: Service\nspec: {}", "not-an-object", "Has no name."],
    ["apiVersion: v1\nkind: Service\nmetadata: {generateName: a-}", "not-an-object", "Has no name."],
    [
      "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}",
      "unknown-kind",
      "Diolkos reads no Thing of example.com/v1; this object has no effect.",
    ],
    [
      "a: [",
      "yaml-syntax",
      "Is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ].",
    ],
    ["a: 1\na: 2", "yaml-syntax", "Is not valid YAML: Map keys must be unique."],
  ])("%j", (text, code, message) => {
    const { found, problems } = read(text);
    expect(found).toEqual([]);
    expect(problems).toMatchObject([{ code, message }]);
  });

  test.each([
    ["apiVersion: networking/v1\nkind: IngressClass\nmetadata: {name: a}", undefined],
    [
      "apiVersion: apps/v2\nkind: Deployment\nmetadata: {name: a}",
      "Use apps/v1 or apps/v1beta2 or apps/v1beta1.",
    ],
    ["apiVersion: v1\nkind: Servcie\nmetadata: {name: a}", "Did you mean Service?"],
    ["apiVersion: v2\nkind: Service\nmetadata: {name: a}", "Use v1."],
  ])("%j: %s", (text, fix) => {
    expect(read(text).problems[0]?.fix).toBe(fix);
  });

  test.each([
    "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}",
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a}",
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}",
    "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}",
    "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}",
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}",
  ])("%j is left to Kubernetes without a word", (text) => {
    expect(read(text)).toMatchObject({ problems: [], found: [] });
  });

  test("a syntax error names its line and the object where it can be seen", () => {
    const document = parseDocument(
      "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n\t- x\n",
      "a.yaml",
    );
    expect(document.broken).toBe(true);
    expect(document.problems).toMatchObject([
      {
        line: 5,
        problem: {
          object: { kind: "Service", namespace: "default", name: "a" },
          fix: expect.stringMatching(/spaces/),
        },
      },
    ]);
  });

  test("a template is told to be one", () => {
    expect(read("kind: {{ .Values.kind }}\nmetadata:\n  name: {{ x }}").problems[0]?.fix).toMatch(
      /helm template/,
    );
  });

  test("a kustomization and foreign JSON are left out with a word", () => {
    expect(read("resources: [a.yaml]", "x/kustomization.yaml").problems).toMatchObject([
      { code: "file-ignored" },
    ]);
    const kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
    expect(read(kustomization).problems).toMatchObject([{ code: "file-ignored" }]);
    expect(read('{"name": "app"}', "package.json").problems).toMatchObject([{ code: "file-ignored" }]);
  });

  test("Kong's declarative file becomes one object named by its file, and is refused for now", () => {
    const { found, problems } = read('_format_version: "3.0"\nservices: [{name: a}]\n', "m/kong.yml");
    expect(found).toMatchObject([
      { kind: "KongDeclarativeConfig", metadata: { name: "m/kong.yml" }, services: [{ name: "a" }] },
    ]);
    expect(problems).toMatchObject([{ code: "not-supported", line: 1 }]);
  });

  test("local workloads are named by their file", () => {
    const text = `apiVersion: diolkos.io/v1alpha1
kind: LocalWorkloads
workloads:
  - workload: prod/jazz-v1
    command: [node, apps/artist.js]
    directory: ..
    replicas: 1
    env: {VERSION: "1"}
  - workload: jazz
    env: {PASSWORD: 12345}
`;
    const { problems, objects } = read(text, "m/diolkos.local.yaml");
    expect(objects[0]?.candidate.ref).toEqual({
      kind: "LocalWorkloads",
      namespace: "",
      name: "m/diolkos.local.yaml",
    });
    expect(problems).toMatchObject([
      { field: "workloads.1.workload", line: 9 },
      { field: "workloads.1.env.PASSWORD", line: 10, fix: "Put it in quotes." },
    ]);
    expect(JSON.stringify(problems)).not.toContain("12345");
  });
});

describe("nothing makes it throw", () => {
  test("random text", () => {
    const word = fc.constantFrom(
      ...[
        "apiVersion: v1",
        "kind: Service",
        "metadata:",
        "  name: a",
        "spec:",
        "  ports:",
        "    - port: 1",
        "  - x",
      ],
      ...[
        "&a",
        "*a",
        "<<: *a",
        "? ",
        ": ",
        "|",
        ">",
        "!!binary x",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "\t",
        "\n",
        "\n---\n",
      ],
      ...["__proto__: {a: 1}", "kind: List", "items:", "%", "@", "\0", "\ud800", "0x1F", ".inf", "~"],
    );
    const text = fc.oneof(
      fc.array(word, { maxLength: 30 }).map((words) => words.join("\n")),
      fc.string({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(text, (input) => {
        const document = parseDocument(input, "a.yaml");
        for (const { candidate, path } of document.objects) {
          for (const problem of candidate.problems) lineOfObjectField(input, path, problem.field);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("random data under known kinds", () => {
    const kind = fc.constantFrom(
      ...[
        "Service",
        "Secret",
        "Pod",
        "Endpoints",
        "List",
        "Namespace",
        "ConfigMap",
        "__proto__",
        "constructor",
      ],
    );
    const data = fc.record({
      apiVersion: fc.constant("v1"),
      kind,
      metadata: fc.oneof(fc.record({ name: fc.oneof(fc.constant("a"), fc.anything()) }), fc.anything()),
      spec: fc.jsonValue(),
      items: fc.jsonValue(),
      data: fc.jsonValue(),
    });
    fc.assert(
      fc.property(data, (document) => {
        let text: string;
        try {
          text = JSON.stringify(document);
        } catch {
          return;
        }
        parseDocument(text, "a.json");
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    ["a loop of anchors", "a: &a\n  b: *a\n"],
    ["many aliases", `a: &a [x]\nb: &b [${"*a,".repeat(60)}]\nc: [${"*b,".repeat(60)}]`],
    ["deep nesting", "[".repeat(20_000)],
    ["deep valid nesting", `${"[".repeat(5000)}${"]".repeat(5000)}`],
    [
      "deep nesting in an object",
      `{"apiVersion":"v1","kind":"ConfigMap","x":${'{"a":'.repeat(3000)}1${"}".repeat(3000)}}`,
    ],
  ])("%s", (_, text) => {
    const { problems } = parseDocument(text, "a.yaml");
    expect(problems.length).toBeGreaterThan(0);
  });
});

test("an object written out and read again is the same", () => {
  const name = fc.stringMatching(/^[a-z]([-a-z0-9]{0,8}[a-z0-9])?$/);
  // The writer knows YAML 1.2 only, where these words are plain text; they are read as kubectl reads them.
  const isWord = (text: string) => !/^(on|off|yes|no|y|n)$/i.test(text);
  const key = fc.stringMatching(/^[a-z/.]{1,8}$/).filter(isWord);
  const texts = fc.dictionary(key, fc.string().filter(isWord));
  const document = fc.record({
    apiVersion: fc.constant("v1"),
    kind: fc.constant("ConfigMap"),
    metadata: fc.record({ name, namespace: name, labels: texts, annotations: texts }),
    data: texts,
  });
  fc.assert(
    fc.property(document, (original) => {
      for (const text of [stringify(original), JSON.stringify(original)]) {
        const { objects, problems } = parseDocument(text, "a.yaml");
        expect(problems).toEqual([]);
        expect(objects.map(({ candidate }) => candidate.object)).toEqual([original]);
      }
    }),
    { numRuns: 50 },
  );
});
