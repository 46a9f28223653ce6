import type { ObjectRef, Origin } from "#problems/object-ref.ts";
import type { RetryPolicy, Route } from "./route.ts";

/** A proxy's place in a mesh. */
export interface MeshIdentity {
  readonly scope: string;
  readonly mesh: string;
  /** The object that gives the identity (a VirtualNode or a VirtualGateway). */
  readonly node: ObjectRef;
  /** `mesh/<mesh>/virtualNode/<awsName>`: node id and cluster of the Envoy. */
  readonly nodeId: string;
  readonly egress: "ALLOW_ALL" | "DROP_ALL";
  /** Container ports that are reached through the sidecar. */
  readonly ingressPorts: readonly number[];
  /** Ports on which this node has an HTTP destination: an unknown host there answers 404 under DROP_ALL. */
  readonly httpPorts: readonly number[];
}

/** What one proxy may call by one host name and port: the routes of the virtual service, in order. */
export interface MeshDestination {
  readonly scope: string;
  /** Host name without a port, lower case. */
  readonly host: string;
  /** 0: every port, because the virtual service has no provider; there are no routes then. */
  readonly port: number;
  readonly virtualService: ObjectRef;
  /** Actions are replies, and forwards to clusters of the same scope; policies are empty. */
  readonly routes: readonly Route[];
  readonly retry?: RetryPolicy;
  readonly origin: Origin;
}
