import type { FieldPath } from "#problems/object-ref.ts";
import type { Problem } from "#problems/problem.ts";
import type { VirtualNode, VirtualNodeListener } from "#resources/virtual-node.ts";
import { Findings, given, listed } from "./findings.ts";
import {
  checkClientPolicy,
  checkConnectionPool,
  checkListenerTls,
  checkLogging,
  checkNameOrArn,
} from "./rules-shared.ts";

/** What App Mesh refused in a VirtualNode, and what is not supported yet. */
export function checkVirtualNode(node: VirtualNode): readonly Problem[] {
  const findings = new Findings(node);
  const spec = node.spec ?? {};
  const listeners = spec.listeners ?? [];
  if (listeners.length > 0 && spec.serviceDiscovery === undefined) {
    findings.invalid(
      ["spec", "serviceDiscovery"],
      "A node with listeners must say where callers find it; calls of it get 503.",
      "Set spec.serviceDiscovery.dns.hostname.",
    );
  }
  checkDiscovery(findings, spec.serviceDiscovery);
  const ports = new Set<number>();
  listeners.forEach((listener, at) => {
    const field = ["spec", "listeners", at];
    checkListener(findings, field, listener);
    const { port } = listener.portMapping;
    if (ports.has(port)) {
      findings.invalid(
        [...field, "portMapping", "port"],
        `Port ${port} has a listener already; the first one counts.`,
      );
    }
    ports.add(port);
  });
  checkBackends(findings, spec.backends ?? [], node.metadata.namespace);
  checkClientPolicy(
    findings,
    ["spec", "backendDefaults", "clientPolicy"],
    spec.backendDefaults?.clientPolicy,
  );
  checkLogging(findings, ["spec", "logging"], spec.logging);
  return findings.problems;
}

type Spec = NonNullable<VirtualNode["spec"]>;

function checkDiscovery(findings: Findings, discovery: Spec["serviceDiscovery"]): void {
  if (discovery === undefined) return;
  const field = ["spec", "serviceDiscovery"];
  const ways = given({ dns: discovery.dns, awsCloudMap: discovery.awsCloudMap });
  if (ways.length !== 1) {
    const message = `A node is found by either dns or awsCloudMap; this one has ${listed(ways) || "neither"}.`;
    findings.invalid(field, message);
  }
  if (discovery.awsCloudMap !== undefined) {
    const effect = discovery.dns === undefined ? "Calls of the node get 503." : "The node is found by DNS.";
    findings.notSupported([...field, "awsCloudMap"], "AWS Cloud Map", effect);
  }
}

function checkListener(findings: Findings, field: FieldPath, listener: VirtualNodeListener): void {
  const { port, protocol } = listener.portMapping;
  checkConnectionPool(findings, [...field, "connectionPool"], listener.connectionPool, protocol);
  checkListenerTls(findings, [...field, "tls"], listener.tls);
  const timeouts = given({ ...listener.timeout }).filter((kind) => kind !== protocol);
  if (timeouts.length > 0) {
    findings.invalid(
      [...field, "timeout"],
      `The listener speaks ${protocol}; its timeouts of the kind ${listed(timeouts)} have no effect.`,
      `Name them ${protocol}.`,
    );
  }
  const check = listener.healthCheck;
  if (check?.port !== undefined && check.port !== port) {
    findings.invalid(
      [...field, "healthCheck", "port"],
      `Health is checked on the listener's own port ${port}, as AWS demanded; ${check.port} has no effect.`,
    );
  }
  if (check?.path !== undefined && check.protocol !== "http" && check.protocol !== "http2") {
    findings.doubtful(
      [...field, "healthCheck", "path"],
      `A ${check.protocol} health check has no path; it has no effect.`,
    );
  }
}

function checkBackends(findings: Findings, backends: NonNullable<Spec["backends"]>, namespace: string): void {
  const seen = new Set<string>();
  backends.forEach(({ virtualService }, at) => {
    const field = ["spec", "backends", at, "virtualService"];
    const { virtualServiceRef, virtualServiceARN, clientPolicy } = virtualService;
    checkNameOrArn(findings, field, virtualServiceRef, virtualServiceARN, "virtualService");
    checkClientPolicy(findings, [...field, "clientPolicy"], clientPolicy);
    const name =
      virtualServiceRef === undefined
        ? virtualServiceARN
        : `${virtualServiceRef.namespace ?? namespace}/${virtualServiceRef.name}`;
    if (name === undefined) return;
    if (seen.has(name)) findings.invalid(field, `The backend ${name} is listed twice; the first one counts.`);
    seen.add(name);
  });
}
