import type { ProblemCode } from "#problems/codes.ts";
import type { FieldPath, ObjectRef } from "#problems/object-ref.ts";
import { type Problem, problem } from "#problems/problem.ts";
import { sentence } from "#resources/schema-problems.ts";

/** A problem whose message is written as a sentence, as all of them are. */
export function finding(
  code: ProblemCode,
  object: ObjectRef,
  field: FieldPath,
  message: string,
  more: { related?: readonly ObjectRef[]; fix?: string } = {},
): Problem {
  return problem(code, object, field, sentence(message), more);
}
