import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { portNumberSchema } from "./port-number.ts";

/** TCP ports of the gateway that lead to Services. */
export const tcpIngressKind = defineKind({
  kind: "TCPIngress",
  apiVersions: ["configuration.konghq.com/v1beta1"],
  scope: "Namespaced",
  docs: "TCP ports of the gateway that lead to Services, chosen by port and by the TLS server name.",
  schema: z.object({
    spec: z
      .object({
        rules: z
          .array(
            z.object({
              host: z.string().optional(),
              port: portNumberSchema,
              backend: z.object({ serviceName: z.string().min(1), servicePort: portNumberSchema }),
            }),
          )
          .optional(),
        tls: z
          .array(z.object({ hosts: z.array(z.string()).optional(), secretName: z.string().optional() }))
          .optional(),
      })
      .optional(),
  }),
});

export type TcpIngress = ObjectOf<typeof tcpIngressKind>;
