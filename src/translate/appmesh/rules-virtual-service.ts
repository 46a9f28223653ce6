import type { Problem } from "#problems/problem.ts";
import type { VirtualService } from "#resources/virtual-service.ts";
import { Findings } from "./findings.ts";
import { checkNameOrArn } from "./rules-shared.ts";

/** What App Mesh refused in a VirtualService. */
export function checkVirtualService(service: VirtualService): readonly Problem[] {
  const findings = new Findings(service);
  const { virtualNode, virtualRouter } = service.spec?.provider ?? {};
  const field = ["spec", "provider"];
  if (virtualNode !== undefined && virtualRouter !== undefined) {
    findings.invalid(
      field,
      "A virtual service has one provider; of the two given, the virtual router counts.",
    );
  }
  checkNameOrArn(
    findings,
    [...field, "virtualNode"],
    virtualNode?.virtualNodeRef,
    virtualNode?.virtualNodeARN,
    "virtualNode",
  );
  checkNameOrArn(
    findings,
    [...field, "virtualRouter"],
    virtualRouter?.virtualRouterRef,
    virtualRouter?.virtualRouterARN,
    "virtualRouter",
  );
  return findings.problems;
}
