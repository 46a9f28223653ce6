import type { Problem } from "#problems/problem.ts";
import type { Mesh } from "#resources/mesh.ts";
import { Findings } from "./findings.ts";

/** What App Mesh refused in a Mesh. */
export function checkMesh(mesh: Mesh): readonly Problem[] {
  const findings = new Findings(mesh);
  const filter = mesh.spec?.egressFilter?.type;
  if (filter !== undefined && filter !== "ALLOW_ALL" && filter !== "DROP_ALL") {
    findings.invalid(
      ["spec", "egressFilter", "type"],
      `${filter} is neither ALLOW_ALL nor DROP_ALL; DROP_ALL is in force.`,
    );
  }
  const family = mesh.spec?.meshServiceDiscovery?.ipPreference;
  if (family !== undefined && family !== "IPv4_ONLY" && family !== "IPv6_ONLY") {
    findings.invalid(
      ["spec", "meshServiceDiscovery", "ipPreference"],
      `${family} is neither IPv4_ONLY nor IPv6_ONLY; addresses of both kinds are used.`,
    );
  }
  return findings.problems;
}
