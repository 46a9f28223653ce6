import { isIP } from "node:net";
import { z } from "zod";
import { hostNamePattern } from "./http-texts.ts";
import { defineKind, type ObjectOf } from "./kind.ts";
import { portNumberSchema, portReferenceSchema } from "./port-number.ts";
import { unreadFields } from "./unread-fields.ts";

const servicePortSchema = z.object({
  name: z.string().optional(),
  port: portNumberSchema,
  targetPort: portReferenceSchema.optional(),
  protocol: z.enum(["TCP", "UDP", "SCTP"]).optional(),
  appProtocol: z.string().optional(),
  ...unreadFields("nodePort"),
});

/** A Kubernetes Service: a name for a set of endpoints. */
export const serviceKind = defineKind({
  kind: "Service",
  apiVersions: ["v1"],
  scope: "Namespaced",
  docs: "A name for a set of endpoints: those of its EndpointSlices or Endpoints, of the workloads that its selector matches, or an external host name.",
  schema: z.object({
    spec: z.object({
      type: z.enum(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]).optional(),
      selector: z.record(z.string(), z.string()).optional(),
      ports: z.array(servicePortSchema).optional(),
      externalName: z
        .string()
        .refine((name) => name === "" || hostNamePattern.test(name) || isIP(name) > 0, {
          message: "is not a host name",
        })
        .optional(),
      clusterIP: z.string().optional(),
      publishNotReadyAddresses: z.boolean().optional(),
      ...unreadFields(
        "allocateLoadBalancerNodePorts",
        "clusterIPs",
        "externalIPs",
        "externalTrafficPolicy",
        "healthCheckNodePort",
        "internalTrafficPolicy",
        "ipFamilies",
        "ipFamily",
        "ipFamilyPolicy",
        "loadBalancerClass",
        "loadBalancerIP",
        "loadBalancerSourceRanges",
        "sessionAffinity",
        "sessionAffinityConfig",
        "topologyKeys",
        "trafficDistribution",
      ),
    }),
  }),
});

export type Service = ObjectOf<typeof serviceKind>;
export type ServicePort = z.output<typeof servicePortSchema>;
