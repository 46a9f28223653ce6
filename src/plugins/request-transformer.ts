import { z } from "zod";
import { slot } from "#model/policy.ts";
import type { TransformRequestStep } from "#model/program.ts";
import { type OperationLists, readOperations, refusePart, textListSchema } from "./name-operations.ts";
import { definePlugin } from "./plugin.ts";

const parts = { headers: textListSchema, querystring: textListSchema, body: textListSchema };
const listsSchema = z.strictObject(parts).prefault({});

/** Changes the request before the application sees it. */
export const requestTransformer = definePlugin({
  name: "request-transformer",
  phase: "request-transformer",
  docs: {
    summary:
      "Changes the request before the application sees it: headers, query arguments, path and method. The order is remove, rename, replace (if present), add (if absent), append.",
    examples: [
      {
        title: "Headers and query",
        config: {
          remove: { headers: ["x-internal"], querystring: ["debug"] },
          rename: { headers: ["x-old:x-new"] },
          add: { headers: ["x-gateway:diolkos"], querystring: ["lang:en"] },
          append: { headers: ["x-via:edge"] },
        },
      },
      { title: "Another path", config: { replace: { uri: "/v2/artists" } } },
    ],
    differences: [
      "Changes of the body are refused.",
      "Templates such as $(headers.name) in values are refused.",
      "With http_method, arguments are not moved between query and body.",
    ],
  },
  schema: z.strictObject({
    http_method: z
      .string()
      .regex(/^[A-Z]+$/, "is not a method in capital letters")
      .optional(),
    remove: listsSchema,
    rename: listsSchema,
    replace: z.strictObject({ ...parts, uri: z.string().optional() }).prefault({}),
    add: listsSchema,
    append: listsSchema,
  }),
  slot: slot<TransformRequestStep>("request-transformer"),
  consumerScope: true,
  protects: false,
  parse(config, { report }): TransformRequestStep | undefined {
    const lists = (part: "headers" | "querystring" | "body"): OperationLists => ({
      remove: config.remove[part],
      rename: config.rename[part],
      replace: config.replace[part],
      add: config.add[part],
      append: config.append[part],
    });
    const headers = readOperations(lists("headers"), "headers", report);
    const query = readOperations(lists("querystring"), "querystring", report);
    const bodyFree = refusePart(
      lists("body"),
      "body",
      "changes of the body are not supported",
      "Let the application make them.",
      report,
    );
    const { uri } = config.replace;
    const uriProblem = uri === undefined ? undefined : uriFault(uri);
    if (uriProblem !== undefined) report(["replace", "uri"], uriProblem);
    if (headers === undefined || query === undefined || !bodyFree || uriProblem !== undefined)
      return undefined;
    return {
      step: "transform-request",
      ...(config.http_method === undefined ? {} : { method: config.http_method }),
      headers,
      query,
      ...(uri === undefined || uri === "" ? {} : { uri }),
    };
  },
  patch({ uri, ...step }, route) {
    if (uri !== undefined) route.path({ kind: "replace-all", path: uri });
    route.step(step);
  },
});

function uriFault(uri: string): string | undefined {
  if (uri.includes("$("))
    return "templates such as $(uri_captures[1]) are not supported here; see konghq.com/rewrite";
  return uri === "" || uri.startsWith("/") ? undefined : "does not begin with a slash";
}
