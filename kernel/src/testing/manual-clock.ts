// A clock that stands still until a test moves it.

import { assert } from "../air/error.ts";
import type { Clock } from "../ports.ts";

export interface ManualClock extends Clock {
  /** Moves wall and monotonic time forward. */
  advance(byNs: bigint): void;
  /** Sets wall time alone, back or forth, as an operator or a time server does. */
  setWall(ns: bigint): void;
}

/** A clock that shows `startNs` nanoseconds since 1970, and monotonic time from 0. */
export function manualClock(startNs: bigint): ManualClock {
  let wall = startNs;
  let monotonic = 0n;
  return {
    now: () => wall,
    monotonic: () => monotonic,
    advance(byNs) {
      assert(byNs >= 0n, "monotonic time never goes back");
      wall += byNs;
      monotonic += byNs;
    },
    setWall(ns) {
      wall = ns;
    },
  };
}
