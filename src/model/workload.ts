/** One running copy of a user's application: a local process standing for a pod, or a pod. */
export interface WorkloadInstance {
  readonly namespace: string;
  /** Pod name; the instance's scope is `NAMESPACE/POD`. */
  readonly pod: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `Deployment prod/jazz-v1` and the like: what it is a copy of. */
  readonly owner: string;
  readonly address: string;
  /** Where the application itself listens, for each port that the pod declares. */
  readonly ports: readonly InstancePort[];
  /** False until the application accepts connections, and while it is restarted. */
  readonly ready: boolean;
  /** Where a sidecar of this instance listens for what the application sends; used only when it has one. */
  readonly egressPort: number;
}

export interface InstancePort {
  readonly name?: string;
  /** As the manifests say (containerPort). */
  readonly containerPort: number;
  /** Where the process listens (the same number in a pod). */
  readonly appPort: number;
  /** Where a sidecar listens for this port; used only when the instance has one. */
  readonly sidecarPort: number;
}

export function instanceScope(instance: { namespace: string; pod: string }): string {
  return `${instance.namespace}/${instance.pod}`;
}
