import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { InvariantError } from "../../air/error.ts";
import { hex } from "../../air/hash.ts";
import type { JournalTurn } from "../../ports.ts";
import { turnAt } from "../../testing/journal-contract.ts";
import { FRAME_HEAD_BYTES, HEADER_BYTES, encodeFrames, journalHeader, nextWholeFrame, scanFrames } from "./format.ts";

/** A turn as one frame. */
function frameOf(turn: JournalTurn): Uint8Array {
  return encodeFrames([turn]).bytes;
}

const turns = [turnAt(3, 2), turnAt(5, 1), turnAt(6, 3)];
const frames = turns.map(frameOf);
const file = new Uint8Array(Buffer.concat([journalHeader(), ...frames]));
const lastOffset = file.length - (frames[2]?.length ?? 0);

test("journal format: a turn of two records: these bytes", () => {
  const frame = frameOf({ firstSeq: 3, records: [Uint8Array.from([1, 2]), new Uint8Array()] });
  assert.equal(hex(journalHeader()), "414f534a524e4c310000000000000000");
  // length 10, count 2, seq 3, checksum, then 2 bytes and 0 bytes
  assert.equal(hex(frame.subarray(0, 16)), "0000000a000000020000000000000003");
  assert.equal(hex(frame.subarray(16, 24)), "7bd3d92a56832375");
  assert.equal(hex(frame.subarray(24)), "00000002010200000000");
});

test("journal format: whole file: every turn, a clean end", () => {
  const scan = scanFrames(file, 3);
  assert.deepEqual(scan.frames.map((frame) => frame.turn), turns);
  assert.deepEqual(scan.end, { kind: "clean", offset: file.length });
  assert.equal(scan.nextSeq, 9);
  assert.deepEqual(scanFrames(journalHeader(), 8), { frames: [], end: { kind: "clean", offset: HEADER_BYTES }, nextSeq: 8 });
});

test("journal format: bytes that are a view into others: the same", () => {
  const view = Buffer.concat([Buffer.from("xyz"), file]).subarray(3);
  const scan = scanFrames(view, 3);
  assert.deepEqual(scan.frames.map((frame) => frame.turn), turns);
  view.fill(0);
  assert.deepEqual(scan.frames.map((frame) => frame.turn), turns);
});

test("journal format: cut at any byte: whole turns before the cut, clean on a frame's edge, else torn", () => {
  const edges = [HEADER_BYTES, ...scanFrames(file, 3).frames.map((frame) => frame.end)];
  let cuts = 0;
  for (let length = 0; length <= file.length; length++, cuts++) {
    const scan = scanFrames(file.subarray(0, length), 3);
    const whole = edges.filter((edge) => edge <= length).length - 1;
    assert.deepEqual(scan.frames.map((frame) => frame.turn), turns.slice(0, Math.max(0, whole)));
    assert.deepEqual(scan.end, { kind: edges.includes(length) ? "clean" : "torn", offset: whole < 0 ? 0 : edges[whole] }, `at ${length}`);
  }
  assert.equal(cuts, file.length + 1);
});

test("journal format: any bit of any byte flipped: corrupt, at the frame that holds it", () => {
  const starts = [0, ...scanFrames(file, 3).frames.map((frame) => frame.offset)];
  let flips = 0;
  for (let at = 0; at < file.length; at++) {
    for (let bit = 0; bit < 8; bit++, flips++) {
      const damaged = file.map((byte, i) => (i === at ? byte ^ (1 << bit) : byte));
      const scan = scanFrames(damaged, 3);
      const start = starts.findLast((offset) => offset <= at);
      assert.equal(scan.end.kind, "corrupt", `byte ${at}, bit ${bit}`);
      assert.equal(scan.end.offset, start, `byte ${at}, bit ${bit}`);
      assert.deepEqual(scan.frames.map((frame) => frame.turn), turns.slice(0, scan.frames.length));
    }
  }
  assert.equal(flips, file.length * 8);
});

test("journal format: a turn of the wrong seq, checksum right: corrupt, both seqs told", () => {
  const gap = new Uint8Array(Buffer.concat([journalHeader(), ...frames.filter((_, index) => index !== 1)]));
  const scan = scanFrames(gap, 3);
  assert.deepEqual(scan.end, { kind: "corrupt", offset: HEADER_BYTES + (frames[0]?.length ?? 0), seq: 5, reason: "seq", found: 6 });
  assert.equal(scan.nextSeq, 5);
});

test("journal format: records that do not fill their payload, checksum right: corrupt", () => {
  const cases = [
    { count: 1, payload: "00000001ff", end: "clean" },
    { count: 2, payload: "00000001ff", end: "corrupt" },
    { count: 1, payload: "00000002ff", end: "corrupt" },
    { count: 1, payload: "00000001ff00", end: "corrupt" },
    { count: 0, payload: "", end: "corrupt" },
  ];
  for (const { count, payload, end } of cases) {
    const head = Buffer.alloc(16);
    head.writeUInt32BE(payload.length / 2, 0);
    head.writeUInt32BE(count, 4);
    const body = Buffer.from(payload, "hex");
    const sum = createHash("sha256").update(head).update(body).digest().subarray(0, 8);
    assert.equal(scanFrames(Buffer.concat([journalHeader(), head, sum, body]), 0).end.kind, end, `${count} records in ${payload}`);
  }
  assert.equal(cases.length, 5);
});

test("journal format: zeros after the last frame, as a power loss leaves them: torn", () => {
  const counts = [1, FRAME_HEAD_BYTES - 1, FRAME_HEAD_BYTES, 4096];
  for (const count of counts) {
    const scan = scanFrames(new Uint8Array(Buffer.concat([file, new Uint8Array(count)])), 3);
    assert.deepEqual(scan.end, { kind: "torn", offset: file.length }, `${count} zeros`);
    assert.equal(scan.frames.length, 3);
  }
  assert.equal(counts.length, 4);
  assert.deepEqual(scanFrames(new Uint8Array(4096), 3).end, { kind: "torn", offset: 0 });
});

test("journal format: looking for whole frames past damage: finds the next one", () => {
  assert.equal(nextWholeFrame(file, HEADER_BYTES + 1, 3)?.turn.firstSeq, 5);
  assert.equal(nextWholeFrame(file, lastOffset + 1, 3), undefined);
});

test("journal format: a turn without records: invariant", () => {
  assert.throws(() => frameOf({ firstSeq: 0, records: [] }), InvariantError);
});
