// Waits on a clock: many things that are to happen at a time, on one timer of the system, and single spans.

import type { Clock } from "../ports.ts";

interface Alarms {
  /** Rings once the time is at `atNs` or past it, never inside this call; returns what takes the alarm back. */
  set(atNs: bigint, ring: () => void): () => void;
  /** Alarms that have not rung. */
  readonly size: number;
}

interface Alarm {
  readonly atNs: bigint;
  /** Alarms of one time ring in the order they were set. */
  readonly order: number;
  readonly ring: () => void;
  gone: boolean;
}

/** The system's timers do not hold longer spans, and run on while the wall is set: it is looked at once a minute. */
const SLEEP_MS_MAX = 60_000n;
const MS_NS = 1_000_000n;

/** The longest span of the system's timers. */
const TIMER_MS_MAX = 0x7fff_ffff;

/**
 * Calls `act` once, when so much of the clock's time has passed, never inside this call; returns what takes it back. Without a
 * clock it is the time of the process.
 */
export function after(clock: Clock | undefined, ms: number, act: () => void): () => void {
  if (clock?.wake !== undefined) return clock.wake(clock.now() + BigInt(Math.ceil(ms)) * MS_NS, act);
  const timer = setTimeout(act, Math.min(ms, TIMER_MS_MAX));
  return () => clearTimeout(timer);
}

/**
 * Alarms on a clock. An alarm that was taken back leaves the heap when its time comes, or when half of the heap is such.
 *
 * @param now - the time that counts, where it is not the clock's own `now`
 */
export function createAlarms(clock: Clock, now: () => bigint = () => clock.now()): Alarms {
  let heap: Alarm[] = [];
  let live = 0;
  let orders = 0;
  let armed: { readonly atNs: bigint; readonly disarm: () => void } | undefined;

  /** Makes sure that something looks when the first alarm is due. */
  function arm(): void {
    const first = heap[0];
    if (first !== undefined && armed !== undefined && armed.atNs <= first.atNs) return;
    armed?.disarm();
    armed = first === undefined ? undefined : { atNs: first.atNs, disarm: wake(first.atNs) };
  }

  function wake(atNs: bigint): () => void {
    const leftNs = atNs - now();
    if (clock.wake !== undefined) return clock.wake(leftNs <= 0n ? clock.now() : atNs, look);
    const leftMs = leftNs <= 0n ? 0n : (leftNs + MS_NS - 1n) / MS_NS;
    const timer = setTimeout(look, Number(leftMs > SLEEP_MS_MAX ? SLEEP_MS_MAX : leftMs));
    return () => clearTimeout(timer);
  }

  function look(): void {
    armed = undefined;
    const at = now();
    for (let first = heap[0]; first !== undefined && (first.gone || first.atNs <= at); first = heap[0]) {
      pop(heap);
      if (first.gone) continue;
      first.gone = true;
      live--;
      first.ring();
    }
    arm();
  }

  return {
    get size() {
      return live;
    },
    set(atNs, ring) {
      const alarm: Alarm = { atNs, order: orders++, ring, gone: false };
      push(heap, alarm);
      live++;
      arm();
      return () => {
        if (alarm.gone) return;
        alarm.gone = true;
        live--;
        if (live * 2 < heap.length) {
          heap = heap.filter(({ gone }) => !gone).sort((a, b) => (before(a, b) ? -1 : 1));
          arm();
        }
      };
    },
  };
}

function before(a: Alarm, b: Alarm): boolean {
  return a.atNs === b.atNs ? a.order < b.order : a.atNs < b.atNs;
}

/** A binary heap: each alarm is before the two below it. */
function push(heap: Alarm[], alarm: Alarm): void {
  let at = heap.length;
  heap.push(alarm);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const above = heap[up] as Alarm;
    if (before(above, alarm)) break;
    heap[at] = above;
    at = up;
  }
  heap[at] = alarm;
}

function pop(heap: Alarm[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    const right = heap[left + 1];
    let below = heap[left];
    let next = left;
    if (below === undefined) break;
    if (right !== undefined && before(right, below)) {
      below = right;
      next = left + 1;
    }
    if (before(last, below)) break;
    heap[at] = below;
    at = next;
  }
  heap[at] = last;
}
