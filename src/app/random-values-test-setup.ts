import fc from "fast-check";

/** A manifest as plain data; JSON is YAML. */
export type Manifest = Readonly<Record<string, unknown>>;

export const text = fc.oneof(
  fc.constantFrom("", "a", "a b", "100%", "%", "%%", "%REQ(:path)%", "%DYNAMIC_METADATA(a)%", "$1", "\\1"),
  fc.constantFrom(
    "a\nb",
    "a\r\nx: y",
    "a\u0000b",
    "\t",
    " x ",
    "ä",
    "\u{1f600}",
    "{a}",
    '"',
    "x".repeat(5000),
  ),
);
/** What no field of another type takes. */
export const junk = fc.constantFrom<unknown>(
  null,
  "",
  -1,
  3.7,
  true,
  [],
  {},
  "ä\n",
  1e12,
  { a: [1] },
  "no such thing",
);
/** Mostly valid, or nearly every manifest would be left out as a whole. */
export const or = <T>(
  valid: fc.Arbitrary<T>,
  other: fc.Arbitrary<unknown> = junk,
  weight = 150,
): fc.Arbitrary<unknown> =>
  fc.oneof({ weight, arbitrary: valid as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: other });
export const some = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(fields, { requiredKeys: [] });
export const list = <T>(item: fc.Arbitrary<T>, minLength: number, maxLength: number) =>
  fc.array(item, { minLength, maxLength });

export const rarely = <T>(usual: fc.Arbitrary<T>, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 14, arbitrary: usual }, { weight: 1, arbitrary: other });
export const namespace = rarely(fc.constant("prod"), fc.constant("other"));
export const serviceName = fc.constantFrom("jazz", "metal", "dj", "nothing");
export const nodeName = fc.constantFrom("dj", "jazz-v1", "jazz-v2", "metal");
export const port = rarely(fc.constant(9080), fc.constantFrom(80, 8443));
export const portName = rarely(fc.constant("http"), fc.constant("web"));
export const host = fc.constantFrom(
  ...[
    "a.example",
    "*.a.example",
    "b.a.example",
    "*.example",
    "com",
    "jazz.prod.svc.cluster.local",
    "localhost",
  ],
  ...["xn--a", "1.2.3.4", "a.example", `${"a".repeat(63)}.${"b".repeat(200)}`],
);
export const anyHost = or(
  host,
  fc.constantFrom("", "*", "A.Example", "a..b", "*a.example", "a.example:80", "[::1]"),
  40,
);

export const regexPiece = fc.constantFrom(
  ...[
    "a",
    "/",
    "b+",
    "\\d+",
    "(\\w+)",
    "(?<id>x)",
    "(?P<id>[^/]+)",
    "[a-z]",
    "[^/]*",
    ".*",
    "|",
    "$",
    "^",
    "(?i)",
  ],
  ...[
    "x{2}",
    "x{1001}",
    "(x{500}){3}",
    "(?=a)",
    "(?!a)",
    "\\1",
    "\\k<id>",
    "(",
    ")",
    "[",
    "\\",
    "*",
    "\\p{L}",
    "\\pN",
  ],
  ...[
    "[[:alpha:]]",
    "\\Qa.b\\E",
    "\\x41",
    "\\x{10ffff}",
    "\\x{110000}",
    "\\C",
    "\\Z",
    "\\z",
    "\\b",
    "\\h",
    "a++",
    "a*?",
  ],
  ...[
    "(?:a|b)",
    "(?P<1a>x)",
    "\\u0041",
    "[]a]",
    "[a-\\d]",
    "[z-a]",
    "x{,2}",
    "x{2,1}",
    "(?#c)",
    "(?s-i:a)",
    "\\/",
    " ",
    "ä",
  ],
);
export const regex = list(regexPiece, 1, 5).map((pieces) => pieces.join(""));
export const plainPath = fc.constantFrom(
  ...[
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a//b",
    "//",
    "/ä",
    "/%20",
    "/a%",
    "/a b",
    "/a?x=1",
    "/a#b",
    "/a*",
    "/*",
    "/{x}",
  ],
  ...[
    "/a;b",
    "/a\nb",
    "/a\\b",
    "/%zz",
    "/a.b",
    "/a+b",
    "/$1",
    "/..",
    "/a/../b",
    `/${"x".repeat(3000)}`,
    "/dj",
    "/dj/jazz",
  ],
);
export const path = fc.oneof(
  { weight: 3, arbitrary: plainPath },
  { weight: 2, arbitrary: regex.map((pattern) => `/~/${pattern}`) },
  { weight: 1, arbitrary: regex.map((pattern) => `/${pattern}`) },
);
export const method = fc.constantFrom("GET", "POST", "get", "PATCH", "FOO", "G T");
export const flag = fc.constantFrom("true", "false", "TRUE", "yes", "");
export const number = fc.constantFrom(
  "0",
  "1",
  "5",
  "60000",
  "-1",
  "1.5",
  "x",
  "99999999999",
  "2147483648",
  "4294967296",
  "9007199254740991",
);
export const headerName = fc.constantFrom(
  "x-a",
  "X-A",
  "host",
  ":path",
  "content-length",
  "x a",
  "",
  "ä",
  "x_a",
  "connection",
);

export const object =
  (apiVersion: string, kind: string, fields: Record<string, fc.Arbitrary<unknown>>) =>
  (
    name: string,
    own: fc.Arbitrary<unknown> = fc.constant({}),
    labels: fc.Arbitrary<unknown> = fc.constant({}),
  ) =>
    fc
      .record({ namespace, annotations: own, labels, rest: fc.record(fields) })
      .map(({ namespace: ns, annotations, labels: marks, rest }): Manifest => {
        return { apiVersion, kind, metadata: { name, namespace: ns, annotations, labels: marks }, ...rest };
      });

export const size = rarely(
  fc.constantFrom(1, 5, 100, 30_000),
  fc.constantFrom(0, 65_536, 70_000, 2_147_483_648, 4_294_967_296, 9_007_199_254_740_991),
);
export const seconds: fc.Arbitrary<number> = fc.constantFrom(0, 0.0001, 0.5, 5, 1e9, 1e15);
