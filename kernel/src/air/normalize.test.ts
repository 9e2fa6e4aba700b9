import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal, schemaMap, typeOf, vectorSchemas } from "../testing/air.ts";
import { randomCase, seeded } from "../testing/random-air.ts";
import { vectors } from "../testing/vectors.ts";
import { canonical, decode } from "./cbor.ts";
import { hashBytes, hex } from "./hash.ts";
import { compileNormalizer, normalizeBytes, normalizerFor } from "./normalize.ts";
import type { Json } from "./types.ts";
import type { Value } from "./value.ts";

const FILE = "normalize-values.json";
const schemas = vectorSchemas(FILE);

for (const row of vectors(FILE, "canonical")) {
  test(`normalize: ${row.label}: the canonical bytes`, () => {
    const bytes = canonical(compileNormalizer(schemas, typeOf(row.json("type")))(row.value("value")));
    assert.equal(hex(bytes), row.text("cbor"));
    if (row.has("hash")) assert.equal(hashBytes(bytes), row.text("hash"));
  });
}

for (const row of vectors(FILE, "accepted")) {
  test(`normalize: ${row.label}`, () => {
    const value = row.value("value");
    const before = hex(canonical(value));
    const out = compileNormalizer(schemas, typeOf(row.json("type")))(value);
    assert.deepEqual(out, row.value("out"));
    assert.equal(hex(canonical(value)), before, "the input is not changed");
  });
}

for (const row of vectors(FILE, "refused")) {
  test(`normalize: ${row.label}: refused with its path`, () => {
    const { code, message } = refusal(() => compileNormalizer(schemas, typeOf(row.json("type")))(row.value("value")));
    assert.deepEqual({ code, message }, { code: "value.invalid", message: row.text("message") });
  });
}

for (const row of vectors(FILE, "types")) {
  test(`normalizer: ${row.label}: ${row.text("code")}`, () => {
    const types = row.json("schemas") as ReadonlyMap<string, Json>;
    assert.equal(refusal(() => normalizerFor(schemaMap(types), row.text("name"))).code, row.text("code"));
  });
}

test("normalizer: a chain of refs longer than any type: schema.depth, from whichever end it is asked", () => {
  const chain = (): ReturnType<typeof schemaMap> => schemaMap(
    Array.from({ length: 400 }, (_, index) => [`t/N${index}@1`, new Map([["ref", `t/N${index + 1}@1`]])] as const)
      .concat([["t/N400@1", new Map([["text", new Map()]])] as never]),
  );
  assert.equal(refusal(() => normalizerFor(chain(), "t/N0@1")).code, "schema.depth");
  const warm = chain();
  assert.equal(normalizerFor(warm, "t/N200@1")("x"), "x");
  assert.equal(refusal(() => normalizerFor(warm, "t/N0@1")).code, "schema.depth");
});

test("normalizer: a schema used twice at every level: compiled once a schema", () => {
  const types = Array.from({ length: 60 }, (_, index): [string, Json] => {
    const next = new Map([["ref", `t/N${index + 1}@1`]]);
    return [`t/N${index}@1`, new Map([["record", new Map<string, Json>([["a", new Map([["option", next]])], ["b", new Map([["option", next]])]])]])];
  });
  const normalize = normalizerFor(schemaMap([...types, ["t/N60@1", new Map([["nat", new Map()]])]]), "t/N0@1");
  assert.deepEqual(normalize(new Map([["a", new Map()]])), new Map<Value, Value>([["a", new Map([["a", null], ["b", null]])], ["b", null]]));
});

test("normalizer: asked twice: the same function", () => {
  assert.equal(normalizerFor(schemas, "sys/TimerSetParams@1"), normalizerFor(schemas, "sys/TimerSetParams@1"));
});

test("normalizeBytes: other spellings of one value: the same bytes", () => {
  const spellings = ["a26d64656c697665725f61745f6e7305636b6579657265747279", "bf636b6579657265747279d9d9f76d64656c697665725f61745f6e731805ff"];
  const seen = spellings.map((spelling) => normalizeBytes(schemas, "sys/TimerSetParams@1", Buffer.from(spelling, "hex")));
  assert.equal(seen.length, 2);
  for (const { value, bytes } of seen) {
    assert.equal(hex(bytes), "d9d9f7a2636b65796572657472796d64656c697665725f61745f6e7305");
    assert.deepEqual(value, decode(bytes));
  }
});

test("normalize: any accepted value of any type: normal already when normalised once (seeds 1 to 400)", () => {
  let count = 0;
  for (let seed = 1; seed <= 400; seed += 1) {
    const { type, value } = randomCase(seeded(seed));
    const normalize = compileNormalizer(schemas, type);
    const once = canonical(normalize(value));
    assert.equal(hex(canonical(normalize(decode(once)))), hex(once), `seed ${seed}`);
    count += 1;
  }
  assert.equal(count, 400);
});

test("normalize: what is canonical already: taken over; what is not: written anew, the input left as it was", () => {
  const of = (type: unknown): ReturnType<typeof compileNormalizer> => compileNormalizer(new Map(), typeOf(type as Json));
  const json = (value: unknown): Json => JSON.parse(JSON.stringify(value), (_, inner: unknown) => (inner !== null && typeof inner === "object" && !Array.isArray(inner) ? new Map(Object.entries(inner)) : inner)) as Json;
  const type = json({ record: { a: { nat: {} }, b: { option: { text: {} } }, c: { list: { bool: {} } }, d: { variant: { X: { nat: {} } } } } });
  const whole = new Map<Value, Value>([["a", 1], ["b", null], ["c", [true]], ["d", new Map<Value, Value>([["$tag", "X"], ["$value", 2]])]]);
  assert.equal(of(type)(whole), whole);
  const loose = new Map<Value, Value>([["d", new Map([["X", 2]])], ["c", [true, "false"]], ["a", 1]]);
  const normal = of(type)(loose) as ReadonlyMap<Value, Value>;
  assert.deepEqual(normal, new Map<Value, Value>([["a", 1], ["b", null], ["c", [true, false]], ["d", new Map<Value, Value>([["$tag", "X"], ["$value", 2]])]]));
  assert.deepEqual(loose, new Map<Value, Value>([["d", new Map([["X", 2]])], ["c", [true, "false"]], ["a", 1]]));
});
