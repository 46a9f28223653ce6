import { z } from "zod";
import { defineKind, type ObjectOf } from "./kind.ts";
import { portNumberSchema } from "./port-number.ts";

/** Lower-case DNS names, and `*.` in front for a wildcard. */
const hostPattern = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const hostSchema = z.string().refine((host) => host === "" || hostPattern.test(host), {
  message: "is not a host name",
  params: { fix: "Use a lower-case DNS name, or one with a leading wildcard such as *.example.com." },
});

const backendSchema = z
  .object({
    service: z
      .object({
        name: z.string().min(1),
        port: z
          .object({ name: z.string().optional(), number: portNumberSchema.optional() })
          .refine(({ name, number }) => name === undefined || number === undefined, {
            message: "has both a name and a number",
          })
          .optional(),
      })
      .optional(),
    resource: z.object({ apiGroup: z.string().optional(), kind: z.string(), name: z.string() }).optional(),
  })
  .refine(({ service, resource }) => (service === undefined) !== (resource === undefined), {
    message: "needs either a service or a resource",
  });

const pathSchema = z.object({
  path: z
    .string()
    .refine((path) => path === "" || path.startsWith("/"), { message: "does not begin with a slash" })
    .optional(),
  pathType: z.enum(["Exact", "Prefix", "ImplementationSpecific"]).optional(),
  backend: backendSchema,
});

/** A Kubernetes Ingress: hosts and paths that lead to Services. */
export const ingressKind = defineKind({
  kind: "Ingress",
  apiVersions: ["networking.k8s.io/v1", "networking.k8s.io/v1beta1", "extensions/v1beta1"],
  scope: "Namespaced",
  docs: "Hosts and paths of the gateway that lead to Services. Kong's annotations say how the request is changed on its way, and which plugins run.",
  schema: z.object({
    spec: z
      .object({
        ingressClassName: z.string().optional(),
        defaultBackend: backendSchema.optional(),
        tls: z
          .array(z.object({ hosts: z.array(hostSchema).optional(), secretName: z.string().optional() }))
          .optional(),
        rules: z
          .array(
            z.object({
              host: hostSchema.optional(),
              http: z.object({ paths: z.array(pathSchema) }).optional(),
            }),
          )
          .optional(),
      })
      .optional(),
  }),
  upgrade: (document, apiVersion) =>
    apiVersion === "networking.k8s.io/v1" ? document : upgradeIngress(document),
});

export type Ingress = ObjectOf<typeof ingressKind>;
export type IngressSpec = NonNullable<Ingress["spec"]>;
export type IngressBackend = z.output<typeof backendSchema>;
export type IngressPath = z.output<typeof pathSchema>;

/**
 * The v1beta1 forms named backends `serviceName` and `servicePort` and the default backend `backend`. What is not of
 * that form stays as it is, for the schema to judge.
 */
function upgradeIngress(document: Record<string, unknown>): Record<string, unknown> {
  const { spec } = document;
  if (!isRecord(spec)) return document;
  const { backend, rules, ...rest } = spec;
  return {
    ...document,
    spec: {
      ...rest,
      ...(backend === undefined ? {} : { defaultBackend: upgradeBackend(backend) }),
      ...(rules === undefined ? {} : { rules: Array.isArray(rules) ? rules.map(upgradeRule) : rules }),
    },
  };
}

function upgradeRule(rule: unknown): unknown {
  if (!isRecord(rule) || !isRecord(rule.http) || !Array.isArray(rule.http.paths)) return rule;
  const paths = rule.http.paths.map((path: unknown) =>
    isRecord(path) ? { ...path, backend: upgradeBackend(path.backend) } : path,
  );
  return { ...rule, http: { ...rule.http, paths } };
}

function upgradeBackend(backend: unknown): unknown {
  if (!isRecord(backend) || backend.serviceName === undefined) return backend;
  const { serviceName, servicePort, ...rest } = backend;
  const port = typeof servicePort === "string" ? namedPort(servicePort) : { number: servicePort };
  return { ...rest, service: { name: serviceName, ...(servicePort === undefined ? {} : { port }) } };
}

/** Kubernetes' IntOrString: digits in quotes are still a number. */
function namedPort(port: string) {
  return /^\d+$/.test(port) ? { number: Number(port) } : { name: port };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
