import type { ProblemAnswer } from "#admin/types.ts";
import { formatField, formatRef } from "#problems/object-ref.ts";
import { compareProblems, type Problem } from "#problems/problem.ts";

/** A problem with the place in a file where the user finds it. */
export type PlacedProblem = Problem & { readonly file?: string; readonly line?: number };

/** Each problem once, in a stable order, as the admin API and `check -o json` give it. */
export function problemAnswers(problems: readonly PlacedProblem[]): readonly ProblemAnswer[] {
  const answers = [...problems].sort(compareProblems).map(
    (one): ProblemAnswer => ({
      code: one.code,
      severity: one.severity,
      object: { kind: one.object.kind, namespace: one.object.namespace, name: one.object.name },
      field: formatField(one.field),
      message: one.message,
      fix: one.fix ?? null,
      file: one.file ?? null,
      line: one.line ?? null,
    }),
  );
  const seen = new Set<string>();
  return answers.filter((answer) => {
    const text = JSON.stringify(answer);
    return !seen.has(text) && seen.add(text);
  });
}

/** One line for people and editors: place, severity, object, field, message, remedy. */
export function problemLine(problem: ProblemAnswer): string {
  const place = problem.file === null ? "" : `${problem.file}:${problem.line ?? 1}: `;
  const field = problem.field === "" ? "" : ` ${problem.field}`;
  const fix = problem.fix === null ? "" : ` (${problem.fix})`;
  const message = `${problem.message}${fix}`;
  return `${place}${problem.severity}: ${formatRef(problem.object)}${field}: ${message} [${problem.code}]`;
}
