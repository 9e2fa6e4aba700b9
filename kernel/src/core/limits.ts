// Every limit of the machine, explicit and part of what a world pins in its genesis record.

export const LIMITS = {
  /** Units of the sandbox's rewriter, for one call of a module. */
  fuelPerCall: 50_000_000,
  /** Canonical bytes of one event value. */
  eventBytes: 1 << 20,
  /** Canonical bytes of one cell's state. */
  stateBytes: 4 << 20,
  /** Derived records of one turn; what is still queued beyond it fails with `limit.turn`. */
  recordsPerTurn: 10_000,
  /** Bytes of events, parameters and results that the derived records of one turn carry: a turn is in memory, in a segment and in a seal whole. */
  bytesPerTurn: 32 << 20,
  /** Plan steps run in one turn. */
  planStepsPerTurn: 100_000,
  /** Characters of a message kept in a record. */
  messageChars: 500,
} as const;
