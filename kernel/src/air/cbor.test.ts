import assert from "node:assert/strict";
import { test } from "node:test";
import { Decoder } from "cbor-x";
import { vectors } from "../testing/vectors.ts";
import { hex, unhex } from "./bytes.ts";
import { canonical, canonicalAnd, canonicalBare, canonicalLent, decode, decodeCanonical, fieldsOf, plain } from "./cbor.ts";
import { AosError } from "./error.ts";
import { hashValue } from "./hash.ts";
import { Float, integer } from "./value.ts";
import type { Encodable, Value } from "./value.ts";

const PREFIX = "d9d9f7";

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof AosError) return error.code;
    throw error;
  }
  return "no error";
}

function nest(levels: number): Value {
  let value: Value = 0;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

for (const row of vectors("canonical.json", "documents")) {
  test(`canonical: ${row.label}: the bytes, the hash, and back`, () => {
    const value = row.value("value");
    assert.equal(hex(canonical(value)), row.text("cbor"));
    assert.equal(hex(canonicalBare(value)), row.text("cbor").slice(PREFIX.length));
    assert.equal(hashValue(value), row.text("hash"));
    assert.equal(hex(canonical(decodeCanonical(row.bytes("cbor")))), row.text("cbor"));
  });
}

for (const row of vectors("canonical.json", "plain")) {
  test(`plain: ${row.label}: insertion order, no prefix`, () => assert.equal(hex(plain(row.value("value"))), row.text("cbor")));
}

for (const row of vectors("values.json", "scalars")) {
  test(`scalar: ${row.label}: shortest form, and back`, () => {
    const value = row.value("value");
    assert.equal(hex(plain(value)), row.text("cbor"));
    assert.equal(hex(canonical(value)), PREFIX + row.text("cbor"));
    assert.deepEqual(decode(row.bytes("cbor")), value);
  });
}

for (const row of vectors("values.json", "tolerated")) {
  test(`decode: ${row.label}: taken`, () => {
    assert.deepEqual(decode(row.bytes("cbor")), row.value("value"));
    assert.equal(codeOf(() => decodeCanonical(row.bytes("cbor"))), "cbor.noncanonical");
  });
}

for (const row of vectors("values.json", "invalid")) {
  test(`decode: ${row.label}: cbor.invalid`, () => {
    assert.equal(codeOf(() => decode(row.bytes("cbor"))), "cbor.invalid");
    assert.equal(codeOf(() => decodeCanonical(row.bytes("cbor"))), "cbor.invalid");
  });
}

for (const row of vectors("values.json", "noncanonical")) {
  test(`decodeCanonical: ${row.label}: cbor.noncanonical`, () => {
    assert.equal(codeOf(() => decodeCanonical(row.bytes("cbor"))), "cbor.noncanonical");
  });
}

test("decode: invalid bytes: the offset is in the error", () => {
  assert.throws(() => decode(unhex("8201e0")), (error: AosError) => error.data["offset"] === 2 && /byte 2/.test(error.message));
});

test("decode: byte strings: copies, neither kept alive nor changed by the input", () => {
  for (const size of [0, 1, 31, 32, 100]) {
    const input = Buffer.from(plain(new Uint8Array(size).fill(7)));
    const value = decode(input);
    assert.ok(value instanceof Uint8Array && Object.getPrototypeOf(value) === Uint8Array.prototype);
    input.fill(0);
    assert.deepEqual(value, new Uint8Array(size).fill(7));
  }
});

test("decode: texts that share a slot of the recent texts: each is read as written", () => {
  const texts = Array.from({ length: 5000 }, (_, i) => `key-${i}`);
  assert.deepEqual(decode(canonical([...texts, ...texts])), [...texts, ...texts]);
});

const REFUSED: readonly (readonly [string, unknown])[] = [
  ["a fraction", 1.5],
  ["NaN", NaN],
  ["infinity", Infinity],
  ["an unsafe number", 2 ** 53],
  ["2^64", 2n ** 64n],
  ["below -2^64", -(2n ** 64n) - 1n],
  ["a lone high surrogate", "a\ud800"],
  ["a lone low surrogate in a long text", `${"x".repeat(100)}\udc00`],
  ["a lone surrogate as a key", { "\udfff": 1 }],
  ["undefined", undefined],
  ["undefined in a list", [undefined]],
  ["a function", () => 1],
  ["a symbol", Symbol("x")],
  ["a date", new Date(0)],
  ["a set", new Set([1])],
  ["equal keys of two types", new Map<Value, Value>([[1, 0], [1n, 0]])],
  ["equal byte keys", new Map<Value, Value>([[new Uint8Array([1]), 0], [new Uint8Array([1]), 0]])],
  ["127 levels under the prefix", nest(127)],
];
for (const [situation, value] of REFUSED) {
  test(`canonical: ${situation}: air.value`, () => assert.equal(codeOf(() => canonical(value as Encodable)), "air.value"));
}

test("canonical: a refused value: its path is in the error", () => {
  const value = { a: [0, new Map([["b", 1.5]])] } as unknown as Encodable;
  assert.throws(() => canonical(value), (error: AosError) => error.message.startsWith("$.a.1.b: ") && String(error.data["path"]) === "a,1,b");
  assert.throws(() => plain([1, [2], { c: "\ud800" }]), /^AosError: \$\.2\.c: /);
});

test("canonical: after a refused value: the next call is not disturbed", () => {
  assert.equal(codeOf(() => canonical([[[1.5]]])), "air.value");
  assert.equal(hex(canonical([])), `${PREFIX}80`);
  assert.equal(codeOf(() => canonical(nest(126))), "no error");
});

test("canonical: depth: what is written can be read, to the last level", () => {
  assert.deepEqual(decode(canonical(nest(126))), nest(126));
  assert.deepEqual(decode(plain(nest(127))), nest(127));
  assert.equal(codeOf(() => plain(nest(128))), "air.value");
});

const SAME: readonly (readonly [string, Encodable, Encodable])[] = [
  ["a plain object and a map", { b: 1, a: [true] }, new Map<Value, Value>([["a", [true]], ["b", 1]])],
  ["an undefined key and no key", { a: 1, b: undefined }, { a: 1 }],
  ["a small bigint and a number", 5n, 5],
  ["a number -0 and 0", -0, 0],
  ["a Buffer and a Uint8Array", Buffer.from([1, 2]), new Uint8Array([1, 2])],
  ["an object without prototype", Object.assign(Object.create(null) as object, { a: 1 }) as Encodable, { a: 1 }],
  ["integer-like keys in any order", { "10": 1, "9": 2 }, new Map<Value, Value>([["10", 1], ["9", 2]])],
];
for (const [situation, a, b] of SAME) {
  test(`canonical: ${situation}: the same bytes`, () => assert.equal(hex(canonical(a)), hex(canonical(b))));
}

test("canonical: a text of every length around a head boundary: its own bytes", () => {
  let count = 0;
  for (const letter of ["a", "é", "€", "😀"]) {
    const encoded = Buffer.from(letter);
    for (const size of [0, 5, 7, 8, 11, 12, 22, 23, 24, 63, 64, 65, 85, 86, 127, 128, 255, 256, 21845, 21846, 32768, 65535, 65536]) {
      const bytes = canonicalBare(letter.repeat(size));
      const body = encoded.length * size;
      assert.equal(bytes.length - body, body < 24 ? 1 : body < 256 ? 2 : body < 65536 ? 3 : 5);
      assert.equal(decode(bytes), letter.repeat(size));
      count++;
    }
  }
  assert.equal(count, 92);
});

// --- against an independent implementation, on values drawn from a seeded generator

type Draw = (below: number) => number;

function generator(seed: number): Draw {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function drawText(draw: Draw): string {
  const alphabet = ["a", "b", "Z", "0", "_", "é", "€", "😀", "\u0000", "￿"];
  return Array.from({ length: draw(draw(4) === 0 ? 90 : 8) }, () => alphabet[draw(draw(2) === 0 ? 5 : 10)]).join("");
}

function drawInteger(draw: Draw): number | bigint {
  const magnitude = BigInt(draw(2 ** 32)) * BigInt(draw(2 ** 32)) >> BigInt(draw(64));
  return integer(draw(2) === 0 ? magnitude : -1n - magnitude);
}

function drawKey(draw: Draw): Value {
  return draw(5) === 0 ? drawInteger(draw) : drawText(draw);
}

function drawFloat(draw: Draw): Float {
  const choices = [0.5, 65504, -0, 1e300, 2 ** -24, Infinity, draw(2 ** 32) / 3, Math.fround(draw(1000) / 7)];
  return new Float(choices[draw(choices.length)] as number);
}

function drawValue(draw: Draw, depth: number): Value {
  switch (draw(depth > 4 ? 6 : 9)) {
    case 0:
      return [null, true, false][draw(3)] as Value;
    case 1:
    case 2:
      return drawInteger(draw);
    case 3:
      return drawText(draw);
    case 4:
      return Uint8Array.from({ length: draw(40) }, () => draw(256));
    case 5:
      return drawFloat(draw);
    case 6:
      return Array.from({ length: draw(6) }, () => drawValue(draw, depth + 1));
    default:
      return new Map(Array.from({ length: draw(draw(5) === 0 ? 30 : 6) }, () => [drawKey(draw), drawValue(draw, depth + 1)]));
  }
}

/** Our values in the terms of the other library: a Float is a number, whatever it holds. */
function theirs(value: unknown): unknown {
  if (value instanceof Float) return value.value;
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(theirs);
  if (value instanceof Map) return new Map([...value].map(([key, member]) => [theirs(key), theirs(member)]));
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  return value;
}

test("cbor: values of a seeded generator: another decoder reads the same, and the bytes come back", () => {
  const draw = generator(20250101);
  const other = new Decoder({ mapsAsObjects: false, useRecords: false });
  let count = 0;
  for (let i = 0; i < 3000; i++) {
    const value = drawValue(draw, 0);
    const bytes = canonicalBare(value);
    assert.deepEqual(theirs(other.decode(bytes)), theirs(value), `value ${i}`);
    assert.deepEqual(theirs(decode(bytes)), theirs(value), `value ${i}`);
    assert.equal(hex(canonicalBare(decode(bytes))), hex(bytes), `value ${i}`);
    assert.equal(hex(canonicalBare(decode(plain(value)))), hex(bytes), `value ${i}`);
    count++;
  }
  assert.equal(count, 3000);
});

test("cbor: damaged bytes of a seeded generator: a value or cbor.invalid, nothing else", () => {
  const draw = generator(7);
  const outcomes = new Map<string, number>();
  for (let i = 0; i < 5000; i++) {
    const bytes = canonical(drawValue(draw, 0));
    for (let j = draw(3); j >= 0; j--) bytes[draw(bytes.length)] = draw(256);
    const outcome = codeOf(() => decode(draw(4) === 0 ? bytes.subarray(0, draw(bytes.length)) : bytes));
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  assert.deepEqual([...outcomes.keys()].sort(), ["cbor.invalid", "no error"]);
});

const FIELDS = ["state", "events", "ann"];
const MAPS: readonly (readonly [string, string])[] = [
  ["a plain map", "a36573746174654161666576656e74738063616e6ef6"],
  ["canonical, tagged", "d9d9f7a16573746174654101"],
  ["two tags", "d9d9f7c1a165737461746501"],
  ["indefinite, its key in pieces", "bf7f63737461627465ff4101ff"],
  ["a key with a long head", "a1780573746174654102"],
  ["equal keys: the last", "a2657374617465416165737461746541ff"],
  ["other keys", "a401410265737461746503a08041ff636f7468"],
  ["a long byte string", `a16573746174655850${"07".repeat(80)}`],
  ["empty", "a0"],
];
for (const [situation, text] of MAPS) {
  test(`fieldsOf: ${situation}: what decode finds there; cut anywhere: its error`, () => {
    const bytes = unhex(text);
    const map = decode(bytes) as ReadonlyMap<Value, Value>;
    const read = fieldsOf(FIELDS);
    assert.deepEqual([...(read(bytes) ?? [])], FIELDS.map((name) => map.get(name)));
    let cuts = 0;
    for (let end = 0; end < bytes.length; end++) {
      assert.equal(codeOf(() => read(bytes.subarray(0, end))), codeOf(() => decode(bytes.subarray(0, end))), `cut at ${end}`);
      cuts++;
    }
    assert.equal(cuts, bytes.length);
    assert.equal(codeOf(() => read(Uint8Array.from([...bytes, 0]))), "cbor.invalid");
  });
}

test("fieldsOf: no map: undefined, or decode's error", () => {
  for (const text of ["80", "00", "c100", "f6", "6161"]) assert.equal(fieldsOf(FIELDS)(unhex(text)), undefined);
  assert.equal(codeOf(() => fieldsOf(FIELDS)(unhex("1c"))), "cbor.invalid");
});

test("canonical: copied, lent or looked at: the same bytes, that later ones do not change", () => {
  const values: readonly Encodable[] = Array.from({ length: 400 }, (_, index) => ({ n: index, text: "é".repeat(index), bytes: new Uint8Array(index * 3).fill(index) }));
  const looked: string[] = [];
  const made = values.map((value) => [canonical(value), canonicalLent(value), canonicalAnd(value, (view) => looked.push(hex(view))).bytes]);
  assert.equal(looked.length, 400);
  for (const [index, [copied, lent, seen]] of made.entries()) {
    assert.equal(hex(copied as Uint8Array), looked[index]);
    assert.equal(hex(lent as Uint8Array), looked[index]);
    assert.equal(hex(seen as Uint8Array), looked[index]);
    assert.deepEqual(decode(copied as Uint8Array), decode(canonical(values[index] as Encodable)));
  }
});

test("canonical: after a value that was refused half-way: as if it had not been", () => {
  const before = canonicalLent({ a: 1 });
  for (const encode of [canonical, canonicalBare, canonicalLent, plain]) {
    assert.equal(codeOf(() => encode({ text: "x".repeat(20_000), wrong: ["\ud800"] })), "air.value");
    assert.equal(hex(encode([1])).endsWith("8101"), true);
  }
  assert.equal(hex(before), `${PREFIX}a1616101`);
});
