/** A Redis that holds counters which several gateways share. Only the services process gets it: it holds a password. */
export interface SharedStore {
  /** Named by `RateLimitStep.shared.store`. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  readonly ssl: boolean;
  readonly sslVerify: boolean;
  /** Name that the server's certificate must hold, and that is sent as SNI; absent: the host. */
  readonly serverName?: string;
  /** Bound of each call, connecting included. */
  readonly timeoutMs: number;
}
