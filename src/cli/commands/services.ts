import { Command } from "commander";
import { runServices } from "#app/run-services.ts";
import type { LogLevel } from "#telemetry/log.ts";

/** `diolkos services`: started by the supervisor, never by people. */
export function servicesCommand(): Command {
  return new Command("services")
    .description("Serve what must leave the proxy (started by the supervisor)")
    .requiredOption("--socket <path>", "unix socket")
    .requiredOption("--config <file>", "configuration file")
    .option("--log-level <level>", "level of its log", "info")
    .action((options: { socket: string; config: string; logLevel: LogLevel }) => runServices(options));
}
