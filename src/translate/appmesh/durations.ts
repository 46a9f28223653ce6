import type { RouteTimeouts } from "#model/route.ts";
import type { AppMeshDuration } from "#resources/app-mesh-types.ts";

/** Milliseconds of a duration. */
export function milliseconds(duration: AppMeshDuration): number {
  return duration.unit === "s" ? duration.value * 1000 : duration.value;
}

/** Idle time after which App Mesh closed a connection or stream where the user said nothing. */
export const defaultIdleMs = 300_000;

/** The timeouts of a route or a listener: 15 s for a request and 300 s of idleness unless the user says otherwise; 0
 * switches one off. Source: the App Mesh specification, section 3.6. */
export function httpTimeouts(
  timeout:
    | { readonly perRequest?: AppMeshDuration | undefined; readonly idle?: AppMeshDuration | undefined }
    | undefined,
): RouteTimeouts {
  return {
    request: timeout?.perRequest === undefined ? 15_000 : milliseconds(timeout.perRequest),
    idle: timeout?.idle === undefined ? defaultIdleMs : milliseconds(timeout.idle),
  };
}
