import { isIP } from "node:net";
import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { portNumberSchema } from "./port-number.ts";
import { unreadFields } from "./unread-fields.ts";

const addressSchema = z.object({
  ip: z.string().refine((address) => isIP(address) !== 0, { message: "must be an IP address" }),
  ...unreadFields("hostname", "nodeName", "targetRef"),
});

const subsetSchema = z.object({
  addresses: z.array(addressSchema).optional(),
  notReadyAddresses: z.array(addressSchema).optional(),
  ports: z
    .array(
      z.object({
        name: z.string().optional(),
        port: portNumberSchema,
        protocol: z.enum(["TCP", "UDP", "SCTP"]).optional(),
        ...unreadFields("appProtocol"),
      }),
    )
    .optional(),
});

/** Kubernetes' older form of a Service's endpoints; it has the Service's own name. */
export const endpointsKind = defineKind({
  kind: "Endpoints",
  apiVersions: ["v1"],
  scope: "Namespaced",
  docs: "Addresses and ports of the Service of the same name: the older form of EndpointSlice.",
  schema: z.object({ subsets: z.array(subsetSchema).optional() }),
});

export type Endpoints = ObjectOf<typeof endpointsKind>;
