/** What the delta server has done; telemetry reads it, nobody else writes it. */
export interface DeltaCounters {
  /** Open streams. */
  streams: number;
  /** Streams ever opened. */
  connections: number;
  /** Responses sent. */
  pushes: number;
  resourcesSent: number;
  bytesSent: number;
  acknowledgements: number;
  refusals: number;
  /** Resources that went to proxies without a proof. */
  unproven: number;
}

export function newCounters(): DeltaCounters {
  return {
    streams: 0,
    connections: 0,
    pushes: 0,
    resourcesSent: 0,
    bytesSent: 0,
    acknowledgements: 0,
    refusals: 0,
    unproven: 0,
  };
}
