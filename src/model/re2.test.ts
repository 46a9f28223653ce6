import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { re2Problem } from "./re2.ts";

/** Asks a real Envoy whether it takes routes with these regular expressions. */
function envoyAccepts(patterns: readonly string[]): boolean {
  const envoy = process.env.DIOLKOS_ENVOY ?? ".tools/envoy";
  const type = (name: string) => ({ "@type": `type.googleapis.com/envoy.extensions.filters.${name}` });
  const manager = {
    ...type("network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: "test",
    http_filters: [{ name: "router", typed_config: type("http.router.v3.Router") }],
    route_config: {
      virtual_hosts: [
        {
          name: "test",
          domains: ["*"],
          routes: patterns
            .filter((pattern) => pattern !== "")
            .map((regex) => ({ match: { safe_regex: { regex } }, direct_response: { status: 200 } })),
        },
      ],
    },
  };
  const listener = {
    address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
    filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }],
  };
  const config = JSON.stringify({ static_resources: { listeners: [listener] } });
  const options = ["--mode", "validate", "--log-level", "off", "--config-yaml", config];
  return spawnSync(envoy, options).status === 0;
}

describe("re2Problem", () => {
  const accepted = [
    "",
    "/v[0-9]+/.*",
    "a{2,3}?b*?",
    "(?i)hello",
    "(?P<year>\\d{4})-(?<month>\\d\\d)",
    "(?i-s:a.b)",
    "[]a]",
    "[^]a-z[:alpha:]\\d\\]]",
    "\\pN\\p{Greek}\\P{^Greek}",
    "\\x41\\x{7F}\\0\\07",
    "[a-c-]",
    "[a\\]-]",
    "[[:^alpha:]x]",
    "\\Qa(*?\\E+",
    "{a}",
    "a{,3}",
    "x|y|",
    "(|a)+",
    "\\/\\-\\.",
    "^/foo$",
    "\\bword\\b",
    "ü+",
    "((x{2}y{3}){2}z{3}){2}",
  ];
  for (const pattern of accepted) it(`accepts ${pattern}`, () => expect(re2Problem(pattern)).toBeUndefined());

  const refused: [string, string][] = [
    ["/foo(?!bar)", "a negative look-ahead (?!…)"],
    ["(?=a)b", "a look-ahead (?=…)"],
    ["(?<=a)b", "a look-behind (?<=…)"],
    ["(?<!a)b", "a negative look-behind (?<!…)"],
    ["(?>a+)b", "an atomic group (?>…)"],
    ["a++", "a possessive quantifier"],
    ["a{2}+", "a possessive quantifier"],
    ["a**", "the quantifier * after another quantifier"],
    ["(a)\\1", "the back-reference \\1"],
    ["(?<a>x)\\k<a>", "the back-reference \\k"],
    ["(?P<a>x)(?P=a)", "a back-reference (?P=…)"],
    ["(?#note)a", "a comment (?#…)"],
    ["a(?R)?", "a recursion (?R)"],
    ["a\\Z", "the escape \\Z"],
    ["\\h+", "the escape \\h"],
    ["(?x) a b", "the group (?x)…"],
    ["a{1001}", "the repeat count {1001}, which is over 1000"],
    ["a{3,2}", "the repeat count {3,2}, which runs backwards"],
    ["*a", "the quantifier * with nothing to repeat"],
    ["(a", "a group that is not closed"],
    ["a)", "a closing parenthesis without an opening one"],
    ["[a", "a class that is not closed"],
    ["a\\", "a backslash at the end"],
    ["\\é", "the escape \\é"],
    ["(a|(x{50}y){20}){2}", "the repeat count {2}, which makes more than 1000 with those inside"],
    ["[a-\\d]", "the range a-\\d, which has no end"],
    ["[z-a]", "the range z-a, which runs backwards"],
    ["[[:foo:]]", "the class [:foo:…"],
    ["\\x{1F600}", "the escape \\x"],
  ];
  for (const [pattern, reason] of refused) {
    it(`refuses ${pattern}`, () => expect(re2Problem(pattern)).toBe(reason));
  }

  it("agrees with Envoy", () => {
    expect(envoyAccepts(accepted)).toBe(true);
    expect(refused.map(([pattern]) => pattern).filter((pattern) => envoyAccepts([pattern]))).toEqual([]);
  });
});
