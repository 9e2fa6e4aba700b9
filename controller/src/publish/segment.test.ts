import { test } from "node:test";
import assert from "node:assert/strict";
import { decodeSegment, encodeSegment, segmentPath } from "./segment.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("segment: any number of records: reads back as written", () => {
  let ran = 0;
  for (const count of [0, 1, 2, 3, 7, 100]) {
    const records = Array.from({ length: count }, (_, index) => bytes(`record ${index}`));
    const segment = { number: 258, firstSeq: 12, previous: new Uint8Array(32).fill(7), records };
    assert.deepEqual(decodeSegment(encodeSegment(segment)), segment);
    ran++;
  }
  assert.equal(ran, 6);
});

test("segment: any byte flipped: refused, or a header field that the seal's hash covers", () => {
  const segment = encodeSegment({ number: 1, firstSeq: 5, previous: new Uint8Array(32), records: [bytes("a"), bytes("bcd")] });
  let refused = 0;
  for (let at = 64; at < segment.length; at++) {
    const tampered = segment.slice();
    tampered[at] = (tampered[at] ?? 0) ^ 1;
    assert.throws(() => decodeSegment(tampered), { code: "segment.invalid" });
    refused++;
  }
  assert.equal(refused, segment.length - 64);
});

test("segment path: number: three bytes in names that are no fan-out", () => {
  const rows: [number, string][] = [[0, "journal/d00/d00/s00"], [1234, "journal/d00/d04/sd2"], [0xffffff, "journal/dff/dff/sff"]];
  for (const [number, path] of rows) assert.equal(segmentPath("journal", number), path);
  assert.throws(() => segmentPath("journal", 0x1000000), { code: "segment.full" });
  assert.equal(rows.length, 3);
});
