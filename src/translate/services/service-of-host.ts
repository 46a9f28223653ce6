/** A Service's place, as a host name says it. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

const label = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

/**
 * The Service that a host name means inside a cluster: `svc` (of the caller's own namespace), `svc.ns`, `svc.ns.svc` or
 * `svc.ns.svc.cluster.local`, each with or without a dot at the end. Whether it exists is the caller's to look up: two
 * labels may be a name on the internet, too.
 */
export function serviceOfHost(host: string, namespace: string): ServiceName | undefined {
  const labels = host.toLowerCase().replace(/\.$/, "").split(".");
  if (!labels.every((one) => label.test(one))) return undefined;
  const [name = "", ns = namespace, ...rest] = labels;
  const suffix = rest.join(".");
  return suffix === "" || suffix === "svc" || suffix === "svc.cluster.local"
    ? { namespace: ns, name }
    : undefined;
}

/** The full name of a Service inside a cluster. */
export function hostOfService(service: ServiceName): string {
  return `${service.name}.${service.namespace}.svc.cluster.local`;
}
