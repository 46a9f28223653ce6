import type { FieldPath, ObjectRef } from "#problems/object-ref.ts";
import { type Problem, problem } from "#problems/problem.ts";
import { type KubernetesObject, refOf } from "#resources/kind.ts";

/** What the rules find wrong with one object. */
export class Findings {
  readonly problems: Problem[] = [];
  readonly #ref: ObjectRef;

  constructor(object: KubernetesObject) {
    this.#ref = refOf(object);
  }

  /** A value that App Mesh refused. */
  invalid(field: FieldPath, message: string, fix?: string): void {
    this.problems.push(problem("invalid-field", this.#ref, field, message, fix === undefined ? {} : { fix }));
  }

  /** A value that App Mesh took without a promise of what happens; here it works as the message says. */
  doubtful(field: FieldPath, message: string, fix?: string): void {
    const found = problem("invalid-field", this.#ref, field, message, fix === undefined ? {} : { fix });
    this.problems.push({ ...found, severity: "warning" });
  }

  /** A regular expression with a construct that Envoy's engine does not have. */
  regexUnsupported(field: FieldPath, construct: string): void {
    const message = `The regular expression has ${construct}, which RE2 cannot hold; what it belongs to is not served.`;
    this.problems.push(problem("regex-unsupported", this.#ref, field, message));
  }

  /** A feature that is not served yet, and what happens instead. */
  notSupported(field: FieldPath, feature: string, effect: string): void {
    const message = `${feature} is not supported yet; it comes with a later version. ${effect}`;
    this.problems.push(problem("not-supported", this.#ref, field, message));
  }
}

/** The names of the given alternatives that are set. */
export function given(alternatives: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(alternatives).filter((name) => alternatives[name] !== undefined);
}

/** `a, b and c` */
export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
