import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBare, canonicalLent, plain } from "./cbor.ts";
import { putBytes, putChars, putHead, putRaw, putStart, putText, textBytesMax } from "./cbor-put.ts";
import { encodeReducerInput, eventHash } from "./envelope.ts";
import { AosError } from "./error.ts";
import { hashValue, hex } from "./hash.ts";

const SIZES = [0, 1, 11, 12, 13, 23, 24, 255, 256, 1023, 16_383, 16_384, 20_000, 70_000];
const TEXTS = ["", "a", "a".repeat(23), "a".repeat(24), "a".repeat(31), "a".repeat(32), "a".repeat(128), "a".repeat(129), "a".repeat(70_000), "é", "é".repeat(12), "a".repeat(127) + "é", "é".repeat(40_000), "😀"];

test("put: texts, byte strings and numbers of every length of head: the bytes of canonical CBOR, at their place, and the place behind them", () => {
  const counts = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
  const rows: readonly (readonly [Uint8Array, number, (to: Uint8Array) => number])[] = [
    ...TEXTS.map((text) => [canonicalBare(text), textBytesMax(text), (to: Uint8Array) => putText(to, 3, text)] as const),
    ...SIZES.map((size) => [canonicalBare(new Uint8Array(size).fill(7)), 9 + size, (to: Uint8Array) => putBytes(to, 3, new Uint8Array(size).fill(7))] as const),
    ...SIZES.map((size) => [new Uint8Array(size).fill(7), size, (to: Uint8Array) => putRaw(to, 3, new Uint8Array(size).fill(7))] as const),
    ...counts.map((count) => [canonicalBare(count), 9, (to: Uint8Array) => putHead(to, 3, 0, count)] as const),
    [Uint8Array.of(0xd9, 0xd9, 0xf7, 0xa5), 4, (to) => putStart(to, 3, 5)],
  ];
  for (const [expected, room, put] of rows) {
    const to = new Uint8Array(3 + room);
    const end = put(to);
    assert.equal(end, 3 + expected.length);
    assert.equal(hex(to.subarray(3, end)), hex(expected));
    assert.equal(hex(to.subarray(0, 3)), "000000");
  }
  assert.equal(rows.length, 14 + 14 + 14 + 10 + 1);
});

test("put: a text with half a character: refused, whatever its length", () => {
  const lone = ["\ud800", "a".repeat(40) + "\udc00", "a".repeat(500) + "\ud800"];
  for (const text of lone) {
    assert.equal(putText(new Uint8Array(textBytesMax(text)), 0, text), -1);
    assert.throws(() => eventHash({ schema: text, value: new Uint8Array(1) }), (error) => error instanceof AosError && error.code === "air.value");
  }
  assert.equal(lone.length, 3);
});

test("put: characters alone: those of a short ASCII text, else nothing is said to be there", () => {
  const to = new Uint8Array(200);
  assert.equal(putChars(to, 1, "sha256:0a"), true);
  assert.equal(hex(to.subarray(0, 11)), "007368613235363a306100");
  for (const text of ["é", "a".repeat(129)]) assert.equal(putChars(to, 0, text), false);
});

test("envelopes: values of every size, with a key and a context and without: as their shape is written, and what was lent stays as it was", () => {
  const schema = "demo/Tick@1";
  const kept: { readonly lent: Uint8Array; readonly was: string }[] = [];
  const keep = (lent: Uint8Array): void => void kept.push({ lent, was: hex(lent) });
  for (const size of SIZES) {
    const value = new Uint8Array(size).fill(size % 251);
    for (const key of [undefined, new Uint8Array(70).fill(1)]) {
      const event = key === undefined ? { schema, value } : { schema, value, key };
      assert.equal(eventHash(event), hashValue(event));
      for (const [state, ctx] of [[null, undefined], [value, value]] as const) {
        const input = encodeReducerInput({ state, event, ctx });
        assert.equal(hex(input), hex(plain({ version: 1, state, event, ctx })));
        keep(input);
        keep(canonicalLent({ size, value }));
      }
    }
  }
  assert.equal(kept.length, SIZES.length * 8);
  for (const { lent, was } of kept) assert.equal(hex(lent), was);
});
