import { StringDecoder } from "node:string_decoder";
import type { ControlPlaneCommand, ProcessSpec, ProcessState } from "./process-spec.ts";

/** What a client sends to the supervisor, one JSON document a line. Only a control plane says `hello`; after
 * its `welcome` it may send the messages that change something. */
export type ClientMessage =
  | { readonly type: "hello"; readonly pid: number; readonly takeOver: boolean }
  /** The full desired set: what is missing starts, what is not named stops, what changed restarts. */
  | {
      readonly type: "apply";
      readonly processes: readonly ProcessSpec[];
      readonly controlPlane: ControlPlaneCommand;
    }
  | { readonly type: "restart"; readonly id: string }
  /** Everything ends, the supervisor too. Allowed without `hello`. A second one shortens the drain time. */
  | { readonly type: "stop"; readonly drainMs: number }
  /** Questions; anyone who may open the socket may ask them. */
  | { readonly type: "list" }
  | { readonly type: "logs"; readonly id: string; readonly lines: number }
  | { readonly type: "environment"; readonly id: string };

export type ProcessEventName =
  | "started"
  | "adopted"
  | "ready"
  | "not-ready"
  | "exited"
  | "failed-to-start"
  | "stopping"
  | "stopped";

/** What the supervisor sends. */
export type SupervisorMessage =
  /** The xDS socket is free now, and this connection is the control plane's. */
  | { readonly type: "welcome"; readonly pid: number; readonly processes: readonly ProcessState[] }
  /** Another control plane is connected, and `takeOver` was not asked for. */
  | { readonly type: "busy"; readonly pid: number }
  /** Another control plane took over: exit with 0 and stop nothing. */
  | { readonly type: "superseded"; readonly pid: number }
  /** The supervisor was told by someone else to end everything: exit with 0. */
  | { readonly type: "stopping" }
  /** Everything has ended. */
  | { readonly type: "stopped" }
  | { readonly type: "process"; readonly event: ProcessEventName; readonly process: ProcessState }
  | { readonly type: "states"; readonly processes: readonly ProcessState[] }
  | { readonly type: "log"; readonly id: string; readonly lines: readonly string[] }
  | {
      readonly type: "environment";
      readonly id: string;
      readonly environment: Readonly<Record<string, string | null>> | null;
    };

/** Calls `onMessage` for each line; a line that is not JSON is dropped, for the other side is one of ours. */
export function messageReader<Message>(onMessage: (message: Message) => void): (chunk: Buffer) => void {
  let rest = "";
  // A chunk may end within a character.
  const decoder = new StringDecoder("utf8");
  return (chunk) => {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const message = parse<Message>(line);
      if (message !== undefined) onMessage(message);
    }
  };
}

function parse<Message>(line: string): Message | undefined {
  try {
    return JSON.parse(line) as Message;
  } catch {
    return undefined;
  }
}

export function encodeMessage(message: ClientMessage | SupervisorMessage): string {
  return `${JSON.stringify(message)}\n`;
}
