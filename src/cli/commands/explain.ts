import { Command } from "commander";
import { explainFiles } from "#app/offline.ts";
import { defaultPorts } from "#app/options.ts";
import type { Explanation, ManifestPlace } from "#insight/explain.ts";
import { askAdmin } from "../ask-admin.ts";
import { collect, fail, oneOf, parsePort } from "../options.ts";

interface Options {
  readonly header?: readonly string[];
  readonly from?: string;
  readonly adminPort: number;
  readonly dir?: readonly string[];
  readonly output: "text" | "json";
}

/** `diolkos explain`: asks the running instance, or the files with `--dir`. */
export function explainCommand(): Command {
  return new Command("explain")
    .description(
      "Say which listener, host, route, plugins and backends answer a request, and which manifest lines say so",
    )
    .argument("<method>", "HTTP method")
    .argument("<url>", "path at the gateway, or a whole URL")
    .option("-H, --header <name: value>", "request header (repeatable)", collect)
    .option("--from <namespace/workload>", "ask as this workload, through its sidecar")
    .option(
      "--dir <dir>",
      "read these manifests instead of asking the running instance (repeatable)",
      collect,
    )
    .option("--admin-port <port>", "admin port of the running instance", parsePort, defaultPorts.admin)
    .option("-o, --output <format>", "text or json", oneOf(["text", "json"]), "text")
    .action(async (method: string, url: string, options: Options) => {
      if (!url.startsWith("/") && !URL.canParse(url)) {
        fail(`${url} is neither a path nor a URL, e.g. /dj/jazz or http://localhost:8000/dj/jazz`, 2);
      }
      const answer = await ask(method, url, options);
      process.stdout.write(
        options.output === "json" ? `${JSON.stringify(answer, undefined, 2)}\n` : `${describe(answer)}\n`,
      );
      if (answer.problem !== undefined) process.exitCode = 1;
    });
}

async function ask(method: string, url: string, options: Options): Promise<Explanation> {
  const headers = (options.header ?? []).map((line): readonly [string, string] => {
    const colon = line.indexOf(":");
    if (colon < 1) fail(`${line} is no header: write -H "Name: value"`, 2);
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
  const request = { method, url, headers, ...(options.from === undefined ? {} : { from: options.from }) };
  if (options.dir !== undefined) return explainFiles(options.dir, request);
  const query = new URLSearchParams({ method, url });
  for (const [name, value] of headers) query.append("header", `${name}: ${value}`);
  if (options.from !== undefined) query.set("from", options.from);
  return askAdmin<Explanation>(options.adminPort, `/v1/explain?${query}`);
}

function describe(answer: Explanation): string {
  const lines: string[] = [`proxy     ${answer.proxy}`];
  const add = (title: string, text: string) => lines.push(`${title.padEnd(9)} ${text}`);
  const more = (text: string) => lines.push(`          ${text}`);
  if (answer.listener !== undefined) {
    add("listener", `${answer.listener.name} at ${answer.listener.address}`);
    for (const place of answer.listener.from) more(`  ${describePlace(place)}`);
  }
  if (answer.host !== undefined) add("host", `${answer.host.name} (by ${answer.host.matched})`);
  if (answer.route !== undefined) {
    add("route", `${answer.route.name}: ${answer.route.match}`);
    for (const place of answer.route.from) more(`  ${describePlace(place)}`);
  }
  for (const plugin of answer.plugins) add("plugin", `${plugin.name}: ${describePlace(plugin.from)}`);
  const { action } = answer;
  if (action?.kind === "forward") {
    add("upstream", `host ${action.host}; path ${action.path}`);
    add("retries", action.retries);
    add("timeouts", action.timeouts);
    for (const backend of action.backends) {
      const endpoints = backend.endpoints.length === 0 ? "no endpoint" : backend.endpoints.join(", ");
      add("backend", `${backend.share} % ${backend.cluster}: ${endpoints}`);
      more(`  ${describePlace(backend.from)}`);
    }
  } else if (action !== undefined) add("answer", `${action.kind} ${action.status} ${action.detail}`.trim());
  if (answer.problem !== undefined) add("answer", answer.problem);
  for (const one of answer.passed) add("not", `${one.route}: ${one.because}`);
  return lines.join("\n");
}

function describePlace(place: ManifestPlace): string {
  const where = place.file === undefined ? "" : `${place.file}:${place.line} `;
  return `${where}${place.object}${place.field === "" ? "" : ` ${place.field}`}`;
}
