import { parseAllDocuments, stringify } from "yaml";

interface ServicePort {
  readonly name?: string;
  readonly port: number;
}

/**
 * EndpointSlices that put backends behind Services, as YAML. Each backend has one port of its own, which serves all
 * ports of the Service. They are named as the Services' ports are.
 */
export function endpointSlices(
  files: ReadonlyMap<string, string>,
  backends: Readonly<Record<string, readonly string[]>>,
  portOf: (backend: string) => number,
): string {
  const services = servicePorts(files);
  const slices = Object.entries(backends).flatMap(([key, names]) => {
    const ports = services.get(key);
    if (ports === undefined)
      throw new Error(`case.yaml has backends for the Service ${key}, which is not there`);
    const [namespace, service] = key.split("/");
    return names.map((backend) => ({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `${service}-${backend}`,
        namespace,
        labels: { "kubernetes.io/service-name": service },
      },
      addressType: "IPv4",
      endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
      ports: ports.map(({ name }) => ({ name: name ?? "", port: portOf(backend) })),
    }));
  });
  return slices.map((slice) => stringify(slice)).join("---\n");
}

function servicePorts(files: ReadonlyMap<string, string>): ReadonlyMap<string, readonly ServicePort[]> {
  const found = new Map<string, readonly ServicePort[]>();
  for (const text of files.values()) {
    for (const document of parseAllDocuments(text)) {
      // Broken documents are what some cases are about.
      if ("errors" in document && document.errors.length > 0) continue;
      const object = document.toJS() as { kind?: string; metadata?: Record<string, string>; spec?: unknown };
      if (object?.kind !== "Service") continue;
      const { ports = [] } = object.spec as { ports?: readonly ServicePort[] };
      found.set(`${object.metadata?.namespace ?? "default"}/${object.metadata?.name}`, ports);
    }
  }
  return found;
}
