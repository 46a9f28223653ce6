import { Command } from "commander";
import { defaultPorts } from "#app/options.ts";
import { runAdmin } from "#standalone/admin.ts";
import { parsePort } from "../options.ts";

/** `diolkos admin NAMESPACE/WORKLOAD|gateway PATH`. */
export function adminCommand(): Command {
  return new Command("admin")
    .description("Print what an Envoy's admin interface answers, e.g. /stats, /config_dump, /certs")
    .argument("<proxy>", "gateway, or namespace/workload")
    .argument("<path>", "path of the admin interface")
    .option("--post", "send a POST, for paths that change something", false)
    .option("--admin-port <port>", "admin port of the running instance", parsePort, defaultPorts.admin)
    .action(async (proxy: string, path: string, options: { post: boolean; adminPort: number }) => {
      process.exitCode = await runAdmin({ ...options, proxy, path });
    });
}
