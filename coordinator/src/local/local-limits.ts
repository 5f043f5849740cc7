// Caps of the local cluster's supervision.
export const localLimits = {
  /** A cold start compiles TypeScript of four processes on two busy cores. */
  startMsMax: 60_000,
  /** How often a log is looked at for its ready line, and a dying process for its end. */
  pollMs: 50,
  /** A killed process that is still there after this long is reported. */
  killMsMax: 5_000,
  /** First pause before a dead process is started again, doubled for each further death up to the maximum. */
  restartDelayMs: 250,
  restartDelayMsMax: 10_000,
  /** A process that ran this long was well: the pauses begin anew. */
  stableMs: 60_000,
  /** How often the broker is looked after, and other users of the cluster are counted. */
  brokerPollMs: 200,
  guestPollMs: 500,
  /** A dead owner's processes get this long to end by themselves before they are killed. */
  staleGraceMs: 8_000,
  /** How long a command waits for a cluster that another command is just starting or stopping. */
  handoverMsMax: 90_000,
  /** Lines of a log that an error quotes. */
  logLinesShown: 15,
} as const;
