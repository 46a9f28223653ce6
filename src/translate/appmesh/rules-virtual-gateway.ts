import type { Problem } from "#problems/problem.ts";
import type { VirtualGateway } from "#resources/virtual-gateway.ts";
import { Findings } from "./findings.ts";
import { checkConnectionPool } from "./rules-shared.ts";

/** What App Mesh refused in a VirtualGateway; the kind itself is not supported yet. */
export function checkVirtualGateway(gateway: VirtualGateway): readonly Problem[] {
  const findings = new Findings(gateway);
  const ports = new Set<number>();
  (gateway.spec?.listeners ?? []).forEach((listener, at) => {
    const field = ["spec", "listeners", at];
    const { port, protocol } = listener.portMapping;
    checkConnectionPool(findings, [...field, "connectionPool"], listener.connectionPool, protocol);
    if (ports.has(port))
      findings.invalid([...field, "portMapping", "port"], `Port ${port} has a listener already.`);
    ports.add(port);
  });
  findings.notSupported(["kind"], "A VirtualGateway", "No proxy is started for it.");
  return findings.problems;
}
