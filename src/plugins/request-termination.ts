import { z } from "zod";
import { slot } from "#model/policy.ts";
import type { ReplyStep } from "#model/program.ts";
import { headerNameSchema } from "./field-types.ts";
import { definePlugin } from "./plugin.ts";

/** Kong's texts for a status without a message of its own; other statuses have an empty body. */
const defaultMessages: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  404: "Not found",
  405: "Method not allowed",
  500: "An unexpected error occurred",
  502: "Bad Gateway",
  503: "Service unavailable",
};

/** Answers itself; the application is not asked. */
export const requestTermination = definePlugin({
  name: "request-termination",
  phase: "request-termination",
  docs: {
    summary:
      "Answers with a fixed status and text; the application is not asked. With trigger, only requests that carry a header or query argument of that name.",
    examples: [
      {
        title: "Out of service",
        config: { status_code: 503, message: "So long and thanks for all the fish!" },
      },
      {
        title: "A body of your own",
        config: { status_code: 200, content_type: "text/plain", body: "nothing to see here" },
      },
    ],
    differences: [
      "echo describes the request without its body and without Kong's own route and service records.",
    ],
  },
  schema: z.strictObject({
    status_code: z.int().min(100).max(599).default(503),
    message: z.string().optional(),
    content_type: z.string().optional(),
    body: z.string().optional(),
    echo: z.boolean().default(false),
    trigger: headerNameSchema.optional(),
  }),
  slot: slot<ReplyStep>("request-termination"),
  consumerScope: true,
  protects: true,
  parse(config, { report }): ReplyStep | undefined {
    const message = present(config.message);
    const contentType = present(config.content_type);
    const body = present(config.body);
    const wrong =
      message !== undefined && (contentType !== undefined || body !== undefined)
        ? "message cannot be used with content_type or body"
        : contentType !== undefined && body === undefined
          ? "content_type requires a body"
          : config.echo && body !== undefined
            ? "echo cannot be used with content_type and body"
            : undefined;
    if (wrong !== undefined) {
      report([], wrong);
      return undefined;
    }
    const text = body === undefined ? (message ?? defaultMessages[config.status_code]) : undefined;
    return {
      step: "reply",
      status: config.status_code,
      ...(contentType === undefined ? {} : { contentType }),
      ...(body === undefined ? {} : { body }),
      ...(text === undefined ? {} : { message: text }),
      ...(config.trigger === undefined ? {} : { trigger: config.trigger }),
      ...(config.echo ? { echo: true } : {}),
    };
  },
  patch(value, route) {
    route.step(value);
  },
});

function present(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
