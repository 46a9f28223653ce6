import { z } from "zod";
import { slot } from "#model/policy.ts";
import type { TransformResponseStep } from "#model/program.ts";
import { type OperationLists, readOperations, refusePart, textListSchema } from "./name-operations.ts";
import { definePlugin } from "./plugin.ts";

const parts = { headers: textListSchema, json: textListSchema };
const listsSchema = z.strictObject(parts).prefault({});
const typedListsSchema = z
  .strictObject({ ...parts, json_types: z.array(z.enum(["boolean", "number", "string"])).default([]) })
  .prefault({});

/** Changes the response before the client sees it. */
export const responseTransformer = definePlugin({
  name: "response-transformer",
  phase: "response-transformer",
  docs: {
    summary:
      "Changes the headers of the response before the client sees it. The order is remove, rename, replace (if present), add (if absent), append.",
    examples: [
      {
        title: "Headers",
        config: { remove: { headers: ["x-powered-by"] }, add: { headers: ["x-frame-options:deny"] } },
      },
    ],
    differences: ["Changes of JSON bodies are refused."],
  },
  schema: z.strictObject({
    remove: listsSchema,
    rename: listsSchema,
    replace: typedListsSchema,
    add: typedListsSchema,
    append: typedListsSchema,
  }),
  slot: slot<TransformResponseStep>("response-transformer"),
  consumerScope: true,
  protects: false,
  parse(config, { report }): TransformResponseStep | undefined {
    const lists = (part: "headers" | "json"): OperationLists => ({
      remove: config.remove[part],
      rename: config.rename[part],
      replace: config.replace[part],
      add: config.add[part],
      append: config.append[part],
    });
    const headers = readOperations(lists("headers"), "headers", report);
    const bodyFree = refusePart(
      lists("json"),
      "json",
      "changes of JSON bodies are not supported",
      "Let the application make them.",
      report,
    );
    return headers === undefined || !bodyFree ? undefined : { step: "transform-response", headers };
  },
  patch(value, route) {
    route.step(value);
  },
});
