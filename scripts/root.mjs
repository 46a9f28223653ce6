import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout's folder, however the script was called. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Ends the script with a message for a human, without a stack trace. */
export function fail(message) {
  console.error(message);
  process.exit(1);
}
