import type { Origin } from "#problems/object-ref.ts";
import type { Prover } from "./prover.ts";
import type { Resource, ResourcePart } from "./resource.ts";

/** Objects that share the blame, with what Envoy says of them. */
export interface Blame {
  readonly origins: readonly Origin[];
  readonly message: string;
}

/**
 * Finds which objects made Envoy refuse a resource: each part of it is tried alone. Where that tells nothing (no
 * prover, or the parts are only bad together) the parts that hold a word of the message are taken, and at last all.
 */
export async function traceRefusal(
  resource: Resource,
  message: string,
  prover: Prover,
): Promise<readonly Blame[]> {
  const parts = partsOf(resource);
  if (parts.length > 1) {
    const { type, name } = resource;
    const verdicts = await prover.prove(parts.map(({ body }) => ({ type, name, body })));
    const blames = new Map<string, ResourcePart[]>();
    for (const [at, verdict] of verdicts.entries()) {
      const part = parts[at];
      if (verdict.kind !== "refused" || part === undefined) continue;
      blames.set(verdict.message, [...(blames.get(verdict.message) ?? []), part]);
    }
    if (blames.size > 0)
      return [...blames].map(([text, bad]) => ({ origins: originsOf(bad), message: text }));
    const mentioned = partsMentioned(parts, message);
    if (mentioned.length > 0) return [{ origins: originsOf(mentioned), message }];
  }
  return [{ origins: resource.origins, message }];
}

function partsOf(resource: Resource): readonly ResourcePart[] {
  try {
    return resource.parts?.() ?? [];
  } catch {
    // The objects may have changed since in a way that no longer yields this resource; then all of them are named.
    return [];
  }
}

/** The parts that hold more of the message's words than the others do. */
function partsMentioned(parts: readonly ResourcePart[], message: string): readonly ResourcePart[] {
  const words = [...new Set(message.split(/[\s"'`]+/).map((word) => word.replace(/[:,.]+$/, "")))].filter(
    (word) => word.length >= 4,
  );
  const counts = parts.map(({ body }) => {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return words.filter((word) => bytes.includes(word)).length;
  });
  const most = Math.max(...counts);
  const mentioned = parts.filter((_, at) => counts[at] === most);
  return mentioned.length === parts.length ? [] : mentioned;
}

/** Without those that stand in it twice. */
function originsOf(parts: readonly ResourcePart[]): readonly Origin[] {
  const origins = new Map<string, Origin>();
  for (const part of parts) for (const origin of part.origins) origins.set(JSON.stringify(origin), origin);
  return [...origins.values()];
}
