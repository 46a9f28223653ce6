import { Command } from "commander";
import { stringify } from "yaml";
import { renderFiles } from "#app/offline.ts";
import { collect, fail, oneOf } from "../options.ts";

interface Options {
  readonly proxy?: readonly string[];
  readonly output: "yaml" | "json";
  readonly secrets: boolean;
}

/** `diolkos render DIR…`: the Envoy resources of each proxy. */
export function renderCommand(): Command {
  return new Command("render")
    .description("Print the Envoy resources that each proxy gets")
    .argument("<dir...>", "folders (or files) of manifests")
    .option("--proxy <name>", "only this proxy: gateway, or NAMESPACE/POD (repeatable)", collect)
    .option("--secrets", "print keys, certificates and credentials too", false)
    .option("-o, --output <format>", "yaml or json", oneOf(["yaml", "json"]), "yaml")
    .action(async (directories: readonly string[], options: Options) => {
      const proxies = await renderFiles(directories, options.secrets);
      for (const name of options.proxy ?? []) {
        if (!(name in proxies))
          fail(`there is no proxy ${name}; there is ${Object.keys(proxies).join(", ")}`, 2);
      }
      const chosen = Object.fromEntries(
        Object.entries(proxies).filter(([name]) => options.proxy?.includes(name) ?? true),
      );
      process.stdout.write(
        options.output === "json"
          ? `${JSON.stringify(chosen, undefined, 2)}\n`
          : stringify(chosen, { lineWidth: 0, aliasDuplicateObjects: false }),
      );
    });
}
