import { isIP } from "node:net";
import { z } from "zod";
import { hostNamePattern } from "./http-texts.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { portNumberSchema } from "./port-number.ts";
import { unreadFields } from "./unread-fields.ts";

/** The label by which an EndpointSlice names its Service. */
export const serviceNameLabel = "kubernetes.io/service-name";

const endpointSchema = z.object({
  addresses: z.array(z.string()).min(1),
  conditions: z
    .object({
      ready: z.boolean().optional(),
      ...unreadFields("serving", "terminating"),
    })
    .optional(),
  ...unreadFields("deprecatedTopology", "hints", "hostname", "nodeName", "targetRef", "topology", "zone"),
});

const slicePortSchema = z.object({
  name: z.string().optional(),
  port: portNumberSchema.optional(),
  protocol: z.enum(["TCP", "UDP", "SCTP"]).optional(),
  ...unreadFields("appProtocol"),
});

/** A Kubernetes EndpointSlice: some of the endpoints of the Service that its label names. */
export const endpointSliceKind = defineKind({
  kind: "EndpointSlice",
  apiVersions: ["discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"],
  scope: "Namespaced",
  docs: "Addresses and ports of a Service, which its label `kubernetes.io/service-name` names.",
  schema: z
    .object({
      addressType: z.enum(["IPv4", "IPv6", "FQDN"]),
      endpoints: z.array(endpointSchema).optional(),
      ports: z.array(slicePortSchema).optional(),
    })
    .superRefine(({ addressType, endpoints }, context) => {
      const isOfType = (address: string) =>
        addressType === "FQDN"
          ? hostNamePattern.test(address)
          : isIP(address) === (addressType === "IPv4" ? 4 : 6);
      for (const [at, { addresses }] of (endpoints ?? []).entries()) {
        for (const [position, address] of addresses.entries()) {
          if (isOfType(address)) continue;
          const message = `must be an ${addressType} address, but is "${address}"`;
          context.addIssue({ code: "custom", path: ["endpoints", at, "addresses", position], message });
        }
      }
    }),
});

export type EndpointSlice = ObjectOf<typeof endpointSliceKind>;
