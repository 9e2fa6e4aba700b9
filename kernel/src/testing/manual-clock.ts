// A clock that stands still until a test moves it: virtual time.

import { assert } from "../air/error.ts";
import type { Clock } from "../ports.ts";

export interface ManualClock extends Clock {
  readonly wake: NonNullable<Clock["wake"]>;
  /** The earliest time that something waits for. */
  readonly nextWakeNs: bigint | undefined;
  /** Moves wall and monotonic time forward, stopping to ring at each time that something waits for. */
  advance(byNs: bigint): void;
  /** Sets wall time alone, back or forth, as an operator or a time server does; what is due then rings. */
  setWall(ns: bigint): void;
}

interface Wake {
  readonly atNs: bigint;
  readonly ring: () => void;
}

/** A clock that shows `startNs` nanoseconds since 1970, and monotonic time from 0. */
export function manualClock(startNs: bigint): ManualClock {
  let wall = startNs;
  let monotonic = 0n;
  const wakes = new Set<Wake>();

  /** The first of those that come first; a set keeps the order in which they were made. */
  function first(): Wake | undefined {
    let found: Wake | undefined;
    for (const wake of wakes) if (found === undefined || wake.atNs < found.atNs) found = wake;
    return found;
  }

  /** Rings what is due until `untilNs`, telling each the time it waited for. */
  function ringUntil(untilNs: bigint, pass: (ns: bigint) => void): void {
    for (let next = first(); next !== undefined && next.atNs <= untilNs; next = first()) {
      wakes.delete(next);
      if (next.atNs > wall) pass(next.atNs - wall);
      next.ring();
    }
  }

  function pass(ns: bigint): void {
    wall += ns;
    monotonic += ns;
  }

  return {
    now: () => wall,
    monotonic: () => monotonic,
    get nextWakeNs() {
      return first()?.atNs;
    },
    wake(atNs, ring) {
      const wake = { atNs, ring };
      wakes.add(wake);
      // What is due already rings by itself: nobody may move the clock any more.
      if (atNs <= wall) queueMicrotask(() => wakes.delete(wake) && ring());
      return () => void wakes.delete(wake);
    },
    advance(byNs) {
      assert(byNs >= 0n, "monotonic time never goes back");
      const untilNs = wall + byNs;
      ringUntil(untilNs, pass);
      if (untilNs > wall) pass(untilNs - wall);
    },
    setWall(ns) {
      wall = ns;
      ringUntil(ns, pass);
    },
  };
}
