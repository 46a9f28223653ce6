import type { Reader, Table } from "#incremental/graph.ts";
import type { FieldPath, ObjectRef } from "#problems/object-ref.ts";
import { problem } from "#problems/problem.ts";
import type { ConfigMap } from "#resources/config-map.ts";
import { objectKey } from "#resources/kind.ts";
import type { PodSpec } from "#resources/pod-template.ts";
import { type Secret, secretKeys, secretText } from "#resources/secret.ts";

/** Variables of a workload, and which of them hold values of Secrets. */
export interface ContainerEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** The pod whose environment is made. */
export interface PodFacts {
  readonly object: ObjectRef;
  /** Where its PodSpec stands in the object. */
  readonly specField: FieldPath;
  readonly name: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface EnvironmentSources {
  readonly configMaps: Table<ConfigMap>;
  readonly secrets: Table<Secret>;
}

type Loose = Readonly<Record<string, unknown>>;

/** The environment that the manifest gives to a pod's application: `envFrom` and `env` of the container that opens the
 * pod's first port, resolved as the kubelet does it. What cannot be resolved is left out and reported. */
export function containerEnvironment(
  spec: PodSpec,
  pod: PodFacts,
  sources: EnvironmentSources,
  read: Reader,
): ContainerEnvironment {
  const at = Math.max(
    0,
    spec.containers.findIndex(({ ports }) => (ports ?? []).length > 0),
  );
  const container = spec.containers[at];
  const field = [...pod.specField, "containers", at];
  const resolver = new Resolver(pod, sources, read);
  listOf(container?.envFrom).forEach((source, n) => {
    resolver.addAll(source, [...field, "envFrom", n]);
  });
  listOf(container?.env).forEach((variable, n) => {
    resolver.add(variable, [...field, "env", n]);
  });
  return resolver.result();
}

class Resolver {
  readonly #variables = new Map<string, string>();
  readonly #secrets = new Set<string>();
  readonly #pod: PodFacts;
  readonly #sources: EnvironmentSources;
  readonly #read: Reader;

  constructor(pod: PodFacts, sources: EnvironmentSources, read: Reader) {
    this.#pod = pod;
    this.#sources = sources;
    this.#read = read;
  }

  result(): ContainerEnvironment {
    return { variables: Object.fromEntries(this.#variables), secrets: [...this.#secrets].sort() };
  }

  /** One element of `envFrom`. */
  addAll(source: Loose, field: FieldPath): void {
    const prefix = typeof source.prefix === "string" ? source.prefix : "";
    for (const kind of ["ConfigMap", "Secret"] as const) {
      const key = kind === "ConfigMap" ? "configMapRef" : "secretRef";
      const reference = record(source[key]);
      if (reference === undefined) continue;
      const values = this.#valuesOf(kind, reference, [...field, key, "name"]);
      for (const [name, value] of values ?? []) this.#set(prefix + name, value, kind === "Secret");
    }
  }

  /** One element of `env`. */
  add(variable: Loose, field: FieldPath): void {
    const { name, value } = variable;
    if (typeof name !== "string") return;
    const from = record(variable.valueFrom);
    if (from !== undefined) {
      this.#addFrom(name, from, [...field, "valueFrom"]);
      return;
    }
    const text =
      typeof value === "string" ? value : value === undefined || value === null ? "" : String(value);
    const expanded = this.#expand(text);
    this.#set(name, expanded.text, expanded.secret);
  }

  #addFrom(name: string, from: Loose, field: FieldPath): void {
    for (const kind of ["ConfigMap", "Secret"] as const) {
      const key = kind === "ConfigMap" ? "configMapKeyRef" : "secretKeyRef";
      const reference = record(from[key]);
      if (reference === undefined) continue;
      const values = this.#valuesOf(kind, reference, [...field, key, "name"]);
      const value = values?.get(String(reference.key));
      if (value !== undefined) this.#set(name, value, kind === "Secret");
      else if (values !== undefined && reference.optional !== true) {
        const message = `The ${kind} ${String(reference.name)} has no key ${String(reference.key)}; ${name} is not set.`;
        this.#report("reference-missing", [...field, key, "key"], message);
      }
      return;
    }
    const path = record(from.fieldRef)?.fieldPath;
    const value = typeof path === "string" ? this.#podField(path) : undefined;
    if (value !== undefined) this.#set(name, value, false);
    else {
      const what = typeof path === "string" ? `The pod's field ${path}` : "This source of a value";
      this.#report("not-supported", field, `${what} does not exist for a local process; ${name} is not set.`);
    }
  }

  #valuesOf(
    kind: "ConfigMap" | "Secret",
    reference: Loose,
    field: FieldPath,
  ): Map<string, string> | undefined {
    const { namespace } = this.#pod.object;
    const key = objectKey(namespace, String(reference.name));
    if (kind === "ConfigMap") {
      const object = this.#read.get(this.#sources.configMaps, key);
      if (object !== undefined) return new Map(Object.entries(object.data ?? {}).sort());
    } else {
      const object = this.#read.get(this.#sources.secrets, key);
      if (object !== undefined) {
        return new Map(secretKeys(object).map((name) => [name, secretText(object, name) ?? ""]));
      }
    }
    if (reference.optional !== true) {
      const message = `The ${kind} ${namespace}/${String(reference.name)} does not exist; its values are not set.`;
      this.#report("reference-missing", field, message);
    }
    return undefined;
  }

  #podField(path: string): string | undefined {
    const { object, name, address, labels, annotations } = this.#pod;
    const map = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
    if (map !== null) return (map[1] === "labels" ? labels : annotations)[map[2] ?? ""] ?? "";
    switch (path) {
      case "metadata.name":
        return name;
      case "metadata.namespace":
        return object.namespace;
      case "status.podIP":
      case "status.podIPs":
      case "status.hostIP":
      case "status.hostIPs":
        return address;
      case "spec.nodeName":
        return "localhost";
      default:
        return undefined;
    }
  }

  /** `$(NAME)` stands for a variable set before, `$$` for a dollar sign; an unknown name stays as it is. */
  #expand(text: string): { readonly text: string; readonly secret: boolean } {
    let secret = false;
    const expanded = text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => {
      if (whole === "$$") return "$";
      const value = this.#variables.get(name ?? "");
      if (value === undefined) return whole;
      secret ||= this.#secrets.has(name ?? "");
      return value;
    });
    return { text: expanded, secret };
  }

  #set(name: string, value: string, secret: boolean): void {
    // What no process can be given: a name with "=", a null character.
    if (name === "" || name.includes("=") || name.includes("\0") || value.includes("\0")) return;
    this.#variables.set(name, value);
    if (secret) this.#secrets.add(name);
    else this.#secrets.delete(name);
  }

  #report(code: "reference-missing" | "not-supported", field: FieldPath, message: string): void {
    // The process starts all the same, so this is less than an error.
    this.#read.report({ ...problem(code, this.#pod.object, field, message), severity: "warning" });
  }
}

function record(value: unknown): Loose | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : undefined;
}

function listOf(value: unknown): readonly Loose[] {
  return Array.isArray(value) ? value.map((item) => record(item) ?? {}) : [];
}
