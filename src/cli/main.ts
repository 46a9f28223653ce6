import { Command } from "commander";
import { version } from "#app/version.ts";
import { adminCommand } from "./commands/admin.ts";
import { checkCommand } from "./commands/check.ts";
import { execCommand } from "./commands/exec.ts";
import { explainCommand } from "./commands/explain.ts";
import { renderCommand } from "./commands/render.ts";
import { servicesCommand } from "./commands/services.ts";
import { statusCommand } from "./commands/status.ts";
import { superviseCommand } from "./commands/supervise.ts";
import { upCommand } from "./commands/up.ts";
import { fail } from "./options.ts";

const program = new Command("diolkos")
  .description("API gateway and service mesh over unmodified Envoy, for the manifests you already have")
  .version(version)
  .showHelpAfterError("(--help shows the usage)")
  .showSuggestionAfterError()
  .enablePositionalOptions()
  .configureHelp({ sortSubcommands: false });

for (const command of [
  upCommand(),
  checkCommand(),
  renderCommand(),
  explainCommand(),
  statusCommand(),
  execCommand(),
  adminCommand(),
  superviseCommand(),
  servicesCommand(),
]) {
  program.addCommand(command, { hidden: command.name() === "supervise" || command.name() === "services" });
}

try {
  await program.parseAsync();
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}
