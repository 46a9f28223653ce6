import { create } from "@bufbuild/protobuf";
import { DataSourceSchema } from "@diolkos/envoy-api/envoy/config/core/v3/base_pb.js";
import { TlsCertificateSchema } from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import {
  type Secret,
  SecretSchema,
} from "@diolkos/envoy-api/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { ServerSecret } from "#model/secret.ts";

/** A server certificate with its key, inline. */
export function buildSecret(secret: ServerSecret): Secret {
  const inline = (value: string) => create(DataSourceSchema, { specifier: { case: "inlineString", value } });
  return create(SecretSchema, {
    name: secret.name,
    type: {
      case: "tlsCertificate",
      value: create(TlsCertificateSchema, {
        certificateChain: inline(secret.certificateChain),
        privateKey: inline(secret.privateKey),
      }),
    },
  });
}
