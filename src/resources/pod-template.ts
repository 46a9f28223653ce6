import { z } from "zod";
import { portNumberSchema } from "./port-number.ts";
import { unreadFields } from "./unread-fields.ts";

const containerPortSchema = z.object({
  name: z.string().optional(),
  containerPort: portNumberSchema,
  protocol: z.enum(["TCP", "UDP", "SCTP"]).optional(),
  ...unreadFields("hostPort", "hostIP"),
});

const containerSchema = z.object({
  name: z.string(),
  ports: z.array(containerPortSchema).optional(),
  ...unreadFields(
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "securityContext",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
  ),
});

/** The part of a PodSpec that matters here: which ports its containers open. */
export const podSpecSchema = z.object({
  containers: z.array(containerSchema).min(1),
  initContainers: z.array(containerSchema).optional(),
  ...unreadFields(
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "ephemeralContainers",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "hostname",
    "hostnameOverride",
    "imagePullSecrets",
    "nodeName",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resourceClaims",
    "resources",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
  ),
});

/** The pods that a workload makes: their labels, annotations and ports. */
export const podTemplateSchema = z.object({
  metadata: z
    .object({
      labels: z.record(z.string(), z.string()).optional(),
      annotations: z.record(z.string(), z.string()).optional(),
      ...unreadFields(
        "name",
        "generateName",
        "namespace",
        "creationTimestamp",
        "finalizers",
        "ownerReferences",
      ),
    })
    .optional(),
  spec: podSpecSchema,
});

export type PodSpec = z.output<typeof podSpecSchema>;
export type PodTemplate = z.output<typeof podTemplateSchema>;
export type ContainerPort = z.output<typeof containerPortSchema>;

/** The ports of all containers in their order; each number once. */
export function containerPorts(spec: PodSpec): readonly ContainerPort[] {
  const ports = new Map<number, ContainerPort>();
  for (const container of spec.containers) {
    for (const port of container.ports ?? []) {
      if (!ports.has(port.containerPort)) ports.set(port.containerPort, port);
    }
  }
  return [...ports.values()];
}
