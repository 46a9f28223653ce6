import { z } from "zod";

const requirementSchema = z
  .object({
    key: z.string(),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: z.array(z.string()).optional(),
  })
  .refine(({ operator, values }) => (operator.endsWith("In") ? values?.length : !values?.length), {
    message: "needs values with the operators In and NotIn, and has none with Exists and DoesNotExist",
    path: ["values"],
  });

/** Kubernetes' LabelSelector; every condition must hold. */
export const labelSelectorSchema = z.object({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z.array(requirementSchema).optional(),
});

type Requirement = z.output<typeof requirementSchema>;

export type LabelSelector = z.output<typeof labelSelectorSchema>;

/** True when the labels fulfil the selector. An empty selector matches everything; what an absent one means is the
 * caller's to know. */
export function matchesSelector(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (label(labels, key) !== value) return false;
  }
  return (selector.matchExpressions ?? []).every((requirement) => fulfils(requirement, labels));
}

function fulfils({ key, operator, values }: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = label(labels, key);
  if (operator === "Exists") return value !== undefined;
  if (operator === "DoesNotExist") return value === undefined;
  const listed = value !== undefined && values?.includes(value) === true;
  // As in Kubernetes: an object without the label fulfils NotIn.
  return operator === "In" ? listed : !listed;
}

function label(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
