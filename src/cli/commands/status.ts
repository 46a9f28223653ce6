import { Command } from "commander";
import { defaultPorts } from "#app/options.ts";
import { runStatus } from "#standalone/status.ts";
import { oneOf, parsePort } from "../options.ts";

/** `diolkos status`. */
export function statusCommand(): Command {
  return new Command("status")
    .description("List gateways, sidecars and workloads of the running instance with addresses and state")
    .option("--admin-port <port>", "admin port of the running instance", parsePort, defaultPorts.admin)
    .option("-o, --output <format>", "text or json", oneOf(["text", "json"]), "text")
    .action(async ({ adminPort, output }: { adminPort: number; output: "text" | "json" }) => {
      process.exitCode = await runStatus({ adminPort, format: output === "json" ? "json" : "table" });
    });
}
