// Trying again, later and later: when to, by arithmetic on the time a reducer is given.

import { effect } from "./effect.ts";
import type { EffectOut } from "./effect.ts";

export interface BackoffOptions {
  /** Pause after the first attempt that failed, nanoseconds. */
  readonly baseNs: bigint;
  /** Each pause is this many times the one before; 2 when absent. */
  readonly factor?: number;
  /** Attempts in all, the first one counted. */
  readonly maxAttempts: number;
  /** No pause is longer, nanoseconds. */
  readonly maxNs?: bigint;
}

export interface Backoff {
  readonly maxAttempts: number;
  /**
   * Nanoseconds to wait after that attempt failed (the first is 1); undefined when it was the last.
   * @example backoff({ baseNs: 1_000_000_000n, maxAttempts: 4 }): 1 s, 2 s, 4 s, undefined
   */
  delayNs(attempt: number): bigint | undefined;
}

/** @throws RangeError when a number is out of its range: pauses and factor at least 1, attempts at least 1, all whole */
export function backoff({ baseNs, factor = 2, maxAttempts, maxNs }: BackoffOptions): Backoff {
  for (const [name, value] of [["factor", factor], ["maxAttempts", maxAttempts]] as const) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`backoff: ${name} is a whole number from 1 on, not ${value}`);
  }
  if (baseNs < 1n || (maxNs !== undefined && maxNs < 1n)) throw new RangeError("backoff: pauses are nanoseconds from 1 on");
  return {
    maxAttempts,
    delayNs(attempt) {
      if (attempt >= maxAttempts) return undefined;
      const delay = baseNs * BigInt(factor) ** BigInt(Math.max(0, attempt - 1));
      return maxNs !== undefined && delay > maxNs ? maxNs : delay;
    },
  };
}

/**
 * The effect that wakes a reducer: it gets `sys/TimerFired@1` no earlier than then.
 * @param atNs - logical time, e.g. `ctx.logical_now_ns + delay`
 * @param options.key - comes back with the timer, to tell several apart
 */
export function timer(atNs: bigint, options: { readonly key?: string; readonly slot?: string } = {}): EffectOut {
  const { key, slot } = options;
  return effect("timer.set", key === undefined ? { deliver_at_ns: atNs } : { deliver_at_ns: atNs, key }, slot === undefined ? {} : { slot });
}
