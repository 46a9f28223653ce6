import { Command } from "commander";
import { checkFiles } from "#app/offline.ts";
import { problemLine } from "#app/problem-answers.ts";
import { oneOf } from "../options.ts";

/** `diolkos check DIR…`: problems one per line with file:line first; exit 1 when one is an error. */
export function checkCommand(): Command {
  return new Command("check")
    .description("Say what is wrong with the manifests; exit 1 when there is an error")
    .argument("<dir...>", "folders (or files) of manifests")
    .option("-o, --output <format>", "text or json", oneOf(["text", "json"]), "text")
    .option("--no-envoy", "do not let Envoy validate the result")
    .action(async (directories: readonly string[], options: { output: "text" | "json"; envoy: boolean }) => {
      const { problems, objects } = await checkFiles(directories, { validate: options.envoy });
      if (options.output === "json") process.stdout.write(`${JSON.stringify(problems, undefined, 2)}\n`);
      else {
        for (const one of problems) process.stdout.write(`${problemLine(one)}\n`);
        const count = (severity: string) => problems.filter((one) => one.severity === severity).length;
        process.stderr.write(
          `${objects} objects, ${count("error")} errors, ${count("warning")} warnings, ${count("info")} notes\n`,
        );
      }
      if (problems.some((one) => one.severity === "error")) process.exitCode = 1;
    });
}
