/** API groups of Kubernetes and its tools whose objects have nothing to do with a gateway or a mesh. */
const ignoredGroups: ReadonlySet<string> = new Set([
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "apiregistration.k8s.io",
  "authentication.k8s.io",
  "authorization.k8s.io",
  "autoscaling",
  "autoscaling.k8s.io",
  "batch",
  "certificates.k8s.io",
  "coordination.k8s.io",
  "events.k8s.io",
  "flowcontrol.apiserver.k8s.io",
  "metrics.k8s.io",
  "monitoring.coreos.com",
  "node.k8s.io",
  "policy",
  "rbac.authorization.k8s.io",
  "resource.k8s.io",
  "scheduling.k8s.io",
  "snapshot.storage.k8s.io",
  "storage.k8s.io",
]);

/** The same for single kinds of groups of which other kinds are read. */
const ignoredKinds: ReadonlySet<string> = new Set([
  "v1 Event",
  "v1 LimitRange",
  "v1 Node",
  "v1 PersistentVolume",
  "v1 PersistentVolumeClaim",
  "v1 PodTemplate",
  "v1 ReplicationController",
  "v1 ResourceQuota",
  "v1 ServiceAccount",
  "apps ControllerRevision",
  "apps ReplicaSet",
  "extensions NetworkPolicy",
  "extensions PodSecurityPolicy",
  "extensions ReplicaSet",
  "networking.k8s.io IPAddress",
  "networking.k8s.io NetworkPolicy",
  "networking.k8s.io ServiceCIDR",
]);

/**
 * True for objects that stand in nearly everybody's manifests and that Diolkos leaves to Kubernetes without a word,
 * such as ServiceAccounts, roles, CRDs and autoscalers.
 */
export function isIgnoredKind(apiVersion: string, kind: string): boolean {
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? apiVersion : apiVersion.slice(0, slash);
  return ignoredGroups.has(group) || ignoredKinds.has(`${group} ${kind}`);
}
