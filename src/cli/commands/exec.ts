import { Command } from "commander";
import { defaultPorts } from "#app/options.ts";
import { runExec } from "#standalone/exec.ts";
import { parsePort } from "../options.ts";

/** `diolkos exec NAMESPACE/WORKLOAD -- COMMAND…`. */
export function execCommand(): Command {
  return new Command("exec")
    .description(
      "Run a command with a workload's environment, so that what it calls leaves through the sidecar",
    )
    .argument("<namespace/workload>", "the workload, for its first replica, or one of its pods")
    .argument("<command...>", "the command, after --")
    .option("--admin-port <port>", "admin port of the running instance", parsePort, defaultPorts.admin)
    .passThroughOptions()
    .action(async (workload: string, command: readonly string[], { adminPort }: { adminPort: number }) => {
      const [first, ...rest] = command;
      process.exitCode = await runExec({ adminPort, workload, command: first === "--" ? rest : command });
    });
}
