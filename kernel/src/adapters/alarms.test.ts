import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../ports.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { seeded } from "../testing/random-air.ts";
import { after, createAlarms } from "./alarms.ts";

test("alarms: many times in any order, some taken back: each rings once, at its time, in order", () => {
  const random = seeded(7);
  const clock = manualClock(0n);
  const alarms = createAlarms(clock);
  const times = Array.from({ length: 500 }, (_, index) => ({ index, at: BigInt(random.below(100)) }));
  const rung: { readonly index: number; readonly at: bigint }[] = [];
  const unset = times.map(({ index, at }) => alarms.set(at, () => rung.push({ index, at: clock.now() })));
  const kept = times.filter(({ index }) => index % 3 !== 0 || index < 3);
  times.forEach(({ index }) => (kept.some((time) => time.index === index) ? undefined : unset[index]?.()));
  assert.equal(alarms.size, kept.length);
  clock.advance(1_000n);
  assert.deepEqual(rung, [...kept].sort((a, b) => (a.at === b.at ? a.index - b.index : a.at < b.at ? -1 : 1)));
  unset.forEach((take) => take());
  assert.deepEqual([alarms.size, clock.nextWakeNs], [0, undefined]);
});

test("alarms: one wake for all, the earliest; taken back, the next one", () => {
  const made: bigint[] = [];
  const inner = manualClock(0n);
  const clock: Clock = { ...inner, wake: (at, ring) => { made.push(at); return inner.wake(at, ring); } };
  const alarms = createAlarms(clock);
  const first = [30n, 20n, 25n, 10n, 40n].map((at) => alarms.set(at, () => undefined))[3];
  assert.deepEqual(made, [30n, 20n, 10n]);
  first?.();
  inner.advance(10n);
  assert.deepEqual([made.slice(3), inner.nextWakeNs, alarms.size], [[20n], 20n, 4]);
});

test("alarms: set while another rings, also for a time that is past: rings after it", async () => {
  const clock = manualClock(5n);
  const alarms = createAlarms(clock);
  const rung: string[] = [];
  alarms.set(7n, () => {
    alarms.set(1n, () => rung.push("past"));
    rung.push("first");
  });
  clock.advance(2n);
  assert.deepEqual(rung, ["first", "past"]);
  alarms.set(0n, () => rung.push("at once"));
  assert.equal(rung.length, 2, "never inside the call");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(rung, ["first", "past", "at once"]);
});

test("alarms on the system's timers: a span of years is looked at once a minute, and rings when the wall says so", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let wall = 0n;
  const alarms = createAlarms({ now: () => wall, monotonic: () => 0n });
  let rung = 0;
  const year = 365n * 86_400n * 1_000_000_000n;
  alarms.set(3n * year, () => rung++);
  for (let minute = 0; minute < 5; minute++) t.mock.timers.tick(60_000);
  assert.equal(rung, 0);
  wall = 3n * year - 1_500_000n;
  t.mock.timers.tick(60_000);
  t.mock.timers.tick(1);
  assert.equal(rung, 0, "not before its time");
  wall = 3n * year;
  t.mock.timers.tick(1);
  assert.equal(rung, 1);
  t.mock.timers.tick(600_000);
  assert.equal(rung, 1);
});

test("after: a span of a clock that stands: its time alone brings the end; taken back: never; a span of none: not inside the call", async () => {
  const clock = manualClock(7n);
  const rung: string[] = [];
  after(clock, 20_000, () => rung.push("long"));
  after(clock, 0.5, () => rung.push("short"));
  after(clock, 5, () => rung.push("taken back"))();
  after(clock, 0, () => rung.push("none"));
  assert.deepEqual(rung, []);
  await Promise.resolve();
  assert.deepEqual([rung, clock.nextWakeNs], [["none"], 1_000_007n]);
  clock.advance(20_000_000_000n - 1n);
  assert.deepEqual(rung, ["none", "short"]);
  clock.advance(1n);
  assert.deepEqual([rung, clock.nextWakeNs], [["none", "short", "long"], undefined]);
  for (const running of [undefined, { ...clock, wake: undefined } as unknown as Clock]) await new Promise<void>((resolve) => after(running, 1, resolve));
});
