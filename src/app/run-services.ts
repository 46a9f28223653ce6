import { runServices as startServices } from "#services/services-process.ts";
import { createLog, type LogLevel } from "#telemetry/log.ts";

/** Runs the services process until it is told to end. */
export async function runServices(options: {
  readonly socket: string;
  readonly config: string;
  readonly logLevel: LogLevel;
}): Promise<void> {
  const log = createLog(options.logLevel);
  const services = await startServices({ socketPath: options.socket, configPath: options.config, log });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void services.close().then(() => process.exit(0)));
  }
}
