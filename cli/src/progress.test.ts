import assert from "node:assert/strict";
import { test } from "node:test";
import { progress, withProgress, type ProgressPlace } from "./progress.ts";
import { progressLine } from "./render/progress.ts";

interface Fake extends ProgressPlace {
  /** What was written since it was asked last, `<clear>` for the line taken back. */
  written(): string;
  pass(ms: number): void;
  readonly ticking: () => boolean;
}

function fake(stream: { readonly isTTY?: boolean; readonly columns?: number } = { isTTY: true, columns: 80 }): Fake {
  let nowMs = 5_000;
  let text = "";
  let tick: (() => void) | undefined;
  return {
    stream: { ...stream, write: (more) => void (text += more) },
    nowMs: () => nowMs,
    every(_, call) {
      tick = call;
      return () => (tick = undefined);
    },
    written() {
      const told = text.replaceAll("\r\u001b[K", "<clear>");
      text = "";
      return told;
    },
    pass(ms) {
      nowMs += ms;
      tick?.();
    },
    ticking: () => tick !== undefined,
  };
}

const PERSON = { mode: "text", quiet: false } as const;

test("progress: no terminal, JSON, or quiet: nothing is written, however long it takes", () => {
  const silent = [[fake({}), PERSON], [fake({ isTTY: false }), PERSON], [fake(), { mode: "json", quiet: false }], [fake(), { mode: "text", quiet: true }]] as const;
  for (const [place, out] of silent) {
    const shown = progress(out, "reading", { total: 10, place });
    for (let count = 0; count < 10; count++) {
      place.pass(1_000);
      shown.step();
    }
    shown.end();
    assert.deepEqual([place.written(), place.ticking()], ["", false]);
  }
  assert.equal(silent.length, 4);
});

test("progress: done within a second: nothing is written", () => {
  const place = fake();
  const shown = progress(PERSON, "reading", { place });
  for (let count = 0; count < 9; count++) {
    place.pass(100);
    shown.step();
  }
  shown.end();
  assert.deepEqual([place.written(), place.ticking()], ["", false]);
});

test("progress: longer: for how long, then how many, then of how many; ten times a second at most; the line is taken back", () => {
  const place = fake();
  const shown = progress(PERSON, "reading", { place });
  place.pass(1_000);
  assert.equal(place.written(), "<clear>reading ... 1 s");
  place.pass(2_000);
  assert.equal(place.written(), "<clear>reading ... 3 s");
  shown.step();
  assert.equal(place.written(), "", "not again so soon");
  place.pass(100);
  assert.equal(place.written(), "<clear>reading: 1");
  place.pass(99);
  shown.step({ count: 2, total: 12 });
  assert.equal(place.written(), "");
  place.pass(1);
  assert.equal(place.written(), "<clear>reading [======                  ] 25 % (3 of 12)");
  shown.end();
  assert.deepEqual([place.written(), place.ticking()], ["<clear>", false]);
  shown.step();
  place.pass(1_000);
  shown.end();
  assert.equal(place.written(), "", "nothing after the end");
});

test("progress: one thing after another: one line at a time; hidden while something is printed", () => {
  const place = fake();
  const shown = progress(PERSON, "reading", { place });
  place.pass(1_100);
  shown.step({ total: 2 });
  assert.equal(place.written(), "<clear>reading ... 1 s");
  shown.next("sending");
  assert.equal(place.written(), "", "not again so soon");
  place.pass(100);
  assert.equal(place.written(), "<clear>sending ... 0 s", "what has gone on for a second is not silent again");
  shown.step();
  shown.next("sending");
  place.pass(100);
  assert.equal(place.written(), "<clear>sending: 1");
  shown.hide();
  shown.hide();
  assert.equal(place.written(), "<clear>");
  place.pass(100);
  shown.end();
  assert.equal(place.written(), "<clear>sending: 1<clear>");
});

test("progress: what it is for fails: the line is gone before the error is told", async () => {
  const place = fake();
  await assert.rejects(withProgress(PERSON, "fetching", async () => (place.pass(1_500), Promise.reject(new Error("away"))), { place }), /away/);
  assert.deepEqual([place.written(), place.ticking()], ["<clear>fetching ... 1 s<clear>", false]);
});

test("progress line: bytes, more than all, a narrow terminal", () => {
  const rows: readonly (readonly [line: string, told: string])[] = [
    [progressLine("sending", { done: 1_500_000, total: undefined, unit: "bytes", elapsedMs: 0 }, 80), "sending: 1.5 MB"],
    [progressLine("sending", { done: 512, total: 2_000, unit: "bytes", elapsedMs: 0 }, 80), "sending [======                  ] 25 % (512 B of 2.0 kB)"],
    [progressLine("reading", { done: 13, total: 12, unit: "count", elapsedMs: 0 }, 80), "reading [========================] 100 % (13 of 12)"],
    [progressLine("reading", { done: 0, total: 0, unit: "count", elapsedMs: 61_999 }, 80), "reading ... 61 s"],
    [progressLine("reading", { done: 6, total: 12, unit: "count", elapsedMs: 0 }, 20), "reading [=========="],
    [progressLine("reading", { done: 6, total: 12, unit: "count", elapsedMs: 0 }, 0), ""],
  ];
  for (const [line, told] of rows) assert.equal(line, told);
  assert.equal(rows.length, 6);
});
