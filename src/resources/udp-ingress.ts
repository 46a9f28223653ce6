import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { portNumberSchema } from "./port-number.ts";

/** UDP ports of the gateway that lead to Services. */
export const udpIngressKind = defineKind({
  kind: "UDPIngress",
  apiVersions: ["configuration.konghq.com/v1beta1"],
  scope: "Namespaced",
  docs: "UDP ports of the gateway that lead to Services.",
  schema: z.object({
    spec: z
      .object({
        rules: z
          .array(
            z.object({
              port: portNumberSchema,
              backend: z.object({ serviceName: z.string().min(1), servicePort: portNumberSchema }),
            }),
          )
          .optional(),
      })
      .optional(),
  }),
});

export type UdpIngress = ObjectOf<typeof udpIngressKind>;
