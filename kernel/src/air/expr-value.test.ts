import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal, typeOf, vectorSchemas } from "../testing/air.ts";
import { randomCase, seeded } from "../testing/random-air.ts";
import { vectors } from "../testing/vectors.ts";
import { canonical, decode, decodeCanonical, plain } from "./cbor.ts";
import { hashValue, hex, utf8 } from "./hash.ts";
import { X_DEPTH_MAX, compareKeys, equalX } from "./expr-value.ts";
import { slotToX, taggedValue, xFromReceipt, xFromTagged, xFromValue, xStrict, xToValue } from "./expr.ts";
import { canonicalizeLiteral, literalToValue } from "./literal.ts";
import { compileNormalizer, normalizerFor } from "./normalize.ts";
import { compareText, scalarCount } from "./text.ts";
import type { XKey, XValue } from "./expr.ts";
import type { TypeExpr } from "./types.ts";
import type { Name, Value } from "./value.ts";

const FILE = "expr-values.json";
const schemas = vectorSchemas(FILE);

for (const row of vectors(FILE, "hash")) {
  test(`tagged value: ${row.label}: the preimage of hash, and back`, () => {
    const x = xFromTagged(row.value("value"));
    assert.equal(hex(canonical(taggedValue(x))), row.text("cbor"));
    if (row.has("hash")) assert.equal(hashValue(taggedValue(x)), row.text("hash"));
    assert.ok(equalX(xFromTagged(decodeCanonical(row.bytes("cbor"))), x));
  });
}

for (const row of vectors(FILE, "plain")) {
  test(`tagged value: ${row.label}: plain bytes`, () => {
    assert.equal(hex(plain(taggedValue(xFromTagged(row.value("value"))))), row.text("cbor"));
  });
}

for (const row of vectors(FILE, "tagged_refused")) {
  test(`tagged value: ${row.label}: refused with its path`, () => {
    assert.deepEqual(refusal(() => xFromTagged(row.value("value"))), { code: "value.invalid", message: row.text("message"), pointer: "" });
  });
}

for (const row of vectors(FILE, "from_value")) {
  test(`value to expression value: ${row.label}`, () => {
    const found = xFromValue(row.value("value"), typeOf(row.json("type")), schemas);
    assert.deepEqual(taggedValue(found), taggedValue(xFromTagged(row.value("x"))));
    if (found.kind === "record") assert.deepEqual([...found.fields.keys()], [...found.fields.keys()].sort(compareText));
  });
}

for (const row of vectors(FILE, "from_value_refused")) {
  test(`value to expression value: ${row.label}: refused`, () => {
    const { code, message } = refusal(() => xFromValue(row.value("value"), typeOf(row.json("type")), schemas));
    assert.deepEqual({ code, message }, { code: "value.invalid", message: row.text("message") });
  });
}

for (const row of vectors(FILE, "strict")) {
  test(`strict: ${row.label}`, () => {
    const found = xStrict(xFromTagged(row.value("x")), typeOf(row.json("type")), schemas);
    assert.deepEqual(taggedValue(found), taggedValue(xFromTagged(row.value("out"))));
  });
}

for (const row of vectors(FILE, "strict_refused")) {
  test(`strict: ${row.label}: refused`, () => {
    const { code, message } = refusal(() => xStrict(xFromTagged(row.value("x")), typeOf(row.json("type")), schemas));
    assert.deepEqual({ code, message }, { code: "value.invalid", message: row.text("message") });
  });
}

for (const row of vectors(FILE, "to_value")) {
  test(`expression value to value: ${row.label}`, () => assert.deepEqual(xToValue(xFromTagged(row.value("x"))), row.value("value")));
}

test("receipt: read by its schema: a number in an int field is an int, a hash in a text field is text", () => {
  const name = "sys/HttpRequestReceipt@1";
  const hash = `sha256:${"ab".repeat(32)}`;
  const raw: Value = new Map<Value, Value>([
    ["status", 200], ["headers", new Map([["etag", hash]])], ["timings", new Map([["start_ns", 1], ["end_ns", 2]])], ["adapter_id", "http"],
  ]);
  const x = xFromReceipt(normalizerFor(schemas, name)(raw), { kind: "ref", name: name as Name }, schemas);
  assert.ok(x.kind === "record");
  assert.deepEqual(x.fields.get("status"), { kind: "int", value: 200n });
  assert.deepEqual(x.fields.get("headers"), { kind: "map", entries: [{ key: { kind: "text", value: "etag" }, value: { kind: "text", value: hash } }] });
  assert.deepEqual(x.fields.get("body_ref"), { kind: "null" });
});

test("key order: kinds first, then value, texts by UTF-8", () => {
  const sorted: readonly XKey[] = [
    { kind: "int", value: -(2n ** 63n) }, { kind: "int", value: -1n }, { kind: "int", value: 5n }, { kind: "nat", value: 0n }, { kind: "nat", value: 2n ** 64n - 1n },
    { kind: "text", value: "" }, { kind: "text", value: "aa" }, { kind: "text", value: "b" }, { kind: "text", value: "\uff5e" }, { kind: "text", value: "\u{1f600}" },
    { kind: "hash", value: "a" }, { kind: "uuid", value: "a" },
  ];
  let count = 0;
  sorted.forEach((a, i) => sorted.forEach((b, j) => {
    assert.equal(Math.sign(compareKeys(a, b)), Math.sign(i - j));
    count += 1;
  }));
  assert.equal(count, sorted.length ** 2);
});

test("text order: any two texts: as their UTF-8 bytes", () => {
  const texts = ["", "a", "aa", "b", "\u007f", "\u0080", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}", "a\uffff", "a\u{10000}"];
  let count = 0;
  for (const a of texts) {
    for (const b of texts) {
      assert.equal(Math.sign(compareText(a, b)), Math.sign(Buffer.compare(utf8(a), utf8(b))), JSON.stringify([a, b]));
      count += 1;
    }
    assert.equal(scalarCount(a), [...a].length);
  }
  assert.equal(count, texts.length ** 2);
});

test("depth: as deep as a value may be: read; one deeper: refused", () => {
  const nested = (levels: number): { type: TypeExpr; value: Value } => {
    let type: TypeExpr = { kind: "nat" };
    let value: Value = 1;
    for (let level = 1; level < levels; level += 1) {
      type = { kind: "record", fields: new Map([["f", type]]) };
      value = new Map([["f", value]]);
    }
    return { type, value };
  };
  const deepest = nested(X_DEPTH_MAX);
  const x = xFromValue(deepest.value, deepest.type, schemas);
  assert.ok(equalX(xFromTagged(decode(canonical(taggedValue(x)))), x));
  const { type, value } = nested(X_DEPTH_MAX + 1);
  assert.equal(refusal(() => xFromValue(value, type, schemas)).code, "value.invalid");
});

/** Each seed's value, normalised, as an expression value. */
function eachCase(check: (drawn: { type: TypeExpr; normal: Value; x: XValue; seed: number; literal: ReturnType<typeof randomCase>["literal"] }) => void): number {
  let count = 0;
  for (let seed = 1; seed <= 400; seed += 1) {
    const { type, value, literal } = randomCase(seeded(seed));
    const normal = compileNormalizer(schemas, type)(value);
    check({ type, normal, literal, seed, x: xFromValue(normal, type, schemas) });
    count += 1;
  }
  return count;
}

test("expression value: of any normal value: back to the same bytes (seeds 1 to 400)", () => {
  assert.equal(eachCase(({ type, normal, x, seed }) => {
    const back = compileNormalizer(schemas, type)(xToValue(x));
    assert.equal(hex(canonical(back)), hex(canonical(normal)), `seed ${seed}`);
  }), 400);
});

test("tagged value: of any value: read back equal, with the same bytes (seeds 1 to 400)", () => {
  assert.equal(eachCase(({ x, seed }) => {
    const bytes = canonical(taggedValue(x));
    const back = xFromTagged(decode(bytes));
    assert.ok(equalX(back, x), `seed ${seed}`);
    assert.equal(hex(canonical(taggedValue(back))), hex(bytes), `seed ${seed}`);
  }), 400);
});

test("strict: of any literal: the value the literal stands for, and strict again is the same (seeds 1 to 400)", () => {
  const env = { planInput: { kind: "unit" }, vars: new Map(), steps: new Map() } as const;
  assert.equal(eachCase(({ type, literal, seed }) => {
    const canonicalForm = canonicalizeLiteral(literal, type, schemas);
    const strict = xStrict(slotToX({ lens: "literal", literal: canonicalForm }, env), type, schemas);
    const wanted = literalToValue(canonicalForm, type, schemas);
    assert.equal(hex(canonical(compileNormalizer(schemas, type)(xToValue(strict)))), hex(canonical(wanted)), `seed ${seed}`);
    assert.ok(equalX(xStrict(strict, type, schemas), strict), `seed ${seed}`);
  }), 400);
});
