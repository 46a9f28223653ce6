import { Command } from "commander";
import { supervise } from "#app/supervise.ts";

/** `diolkos supervise`: started by `up`, never by people. */
export function superviseCommand(): Command {
  return new Command("supervise")
    .description("Own the processes of an instance (started by up)")
    .requiredOption("--state <dir>", "state directory")
    .option("--log-level <level>", "level of its own log", "info")
    .action(async ({ state }: { state: string }) => {
      process.exit(await supervise(state));
    });
}
