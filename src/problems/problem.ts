import { type ProblemCode, problemCodes, type Severity } from "./codes.ts";
import { type FieldPath, type ObjectRef, refKey } from "./object-ref.ts";

/** One thing that is wrong with one object, with the remedy where one is known. The list of all problems is the answer
 * of `diolkos check`, `GET /problems`, conditions and Events. */
export interface Problem {
  readonly code: ProblemCode;
  readonly severity: Severity;
  readonly object: ObjectRef;
  readonly field: FieldPath;
  readonly message: string;
  /** Other objects that take part in it, e.g. the object that already holds a name. */
  readonly related: readonly ObjectRef[];
  readonly fix?: string;
}

/** Where parsers and translators put what they find; they never throw for bad input. */
export type ProblemSink = (problem: Problem) => void;

/** Makes a problem; its severity is the code's own. */
export function problem(
  code: ProblemCode,
  object: ObjectRef,
  field: FieldPath,
  message: string,
  more: { related?: readonly ObjectRef[]; fix?: string } = {},
): Problem {
  return {
    code,
    severity: problemCodes[code].severity,
    object,
    field,
    message,
    related: more.related ?? [],
    ...(more.fix === undefined ? {} : { fix: more.fix }),
  };
}

/** Order for printing: object, then field, then code; equal input gives equal output. */
export function compareProblems(a: Problem, b: Problem): number {
  const left = `${refKey(a.object)}\n${a.field.join(".")}\n${a.code}\n${a.message}`;
  const right = `${refKey(b.object)}\n${b.field.join(".")}\n${b.code}\n${b.message}`;
  return left < right ? -1 : left > right ? 1 : 0;
}
