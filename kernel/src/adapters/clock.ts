// The computer's clock.

import type { Clock } from "../ports.ts";

/** Wall time in whole milliseconds, told in nanoseconds; monotonic time to the nanosecond. */
export function systemClock(): Clock {
  return {
    now: () => BigInt(Date.now()) * 1_000_000n,
    monotonic: () => process.hrtime.bigint(),
  };
}
