import { create } from "@bufbuild/protobuf";
import {
  type AccessLogFilter,
  AccessLogFilterSchema,
  ResponseFlagFilterSchema,
} from "@diolkos/envoy-api/envoy/config/accesslog/v3/accesslog_pb.js";
import { DataSourceSchema } from "@diolkos/envoy-api/envoy/config/core/v3/base_pb.js";
import { SubstitutionFormatStringSchema } from "@diolkos/envoy-api/envoy/config/core/v3/substitution_format_string_pb.js";
import {
  type LocalReplyConfig,
  LocalReplyConfigSchema,
  type ResponseMapper,
  ResponseMapperSchema,
} from "@diolkos/envoy-api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";

/** Kong's layout of an error body, as its users' clients parse it. */
export function kongErrorBody(message: string): string {
  return `{\n  "message":"${message}"\n}`;
}

export const kongErrorContentType = "application/json; charset=utf-8";

/**
 * What the gateway itself answers, in Kong's words (`shared/spec/kong.md` 3.6). Envoy's response flags tell the cause;
 * answers that come from the application pass untouched.
 */
const replies: readonly {
  readonly flags: readonly string[];
  readonly status: number;
  readonly message: string;
}[] = [
  { flags: ["NR"], status: 404, message: "no Route matched with those values" },
  { flags: ["UH", "NC", "UO"], status: 503, message: "failure to get a peer from the ring-balancer" },
  { flags: ["DF"], status: 503, message: "name resolution failed" },
  { flags: ["UT", "SI"], status: 504, message: "The upstream server is timing out" },
  {
    flags: ["UF", "UC", "UR", "LR", "UPE", "URX"],
    status: 502,
    message: "An invalid response was received from the upstream server",
  },
];

/** The edge's answers. Without a fitting flag (a route's own reply, a plugin's answer) the body stays as it is. */
export function buildLocalReplies(): LocalReplyConfig {
  return create(LocalReplyConfigSchema, { mappers: replies.map(buildMapper) });
}

function buildMapper(reply: (typeof replies)[number]): ResponseMapper {
  return create(ResponseMapperSchema, {
    filter: responseFlags(reply.flags),
    statusCode: reply.status,
    bodyFormatOverride: create(SubstitutionFormatStringSchema, {
      contentType: kongErrorContentType,
      format: {
        case: "textFormatSource",
        value: create(DataSourceSchema, {
          specifier: { case: "inlineString", value: kongErrorBody(reply.message) },
        }),
      },
    }),
  });
}

function responseFlags(flags: readonly string[]): AccessLogFilter {
  return create(AccessLogFilterSchema, {
    filterSpecifier: {
      case: "responseFlagFilter",
      value: create(ResponseFlagFilterSchema, { flags: [...flags] }),
    },
  });
}
