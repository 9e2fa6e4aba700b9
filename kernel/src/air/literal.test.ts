import assert from "node:assert/strict";
import { test } from "node:test";
import { literalOf, refusal, typeOf, vectorSchemas } from "../testing/air.ts";
import { randomCase, seeded, sugarOf } from "../testing/random-air.ts";
import { vectors } from "../testing/vectors.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { canonical } from "./cbor.ts";
import { hex } from "./hash.ts";
import { canonicalizeLiteral, checkLiteral, literalToValue, parseSugar } from "./literal.ts";
import { compileNormalizer } from "./normalize.ts";
import { literalValue } from "./serialize.ts";
import type { Literal, TypeExpr } from "./types.ts";

const FILE = "plan-literals.json";
const schemas = vectorSchemas(FILE);

function normal(literal: Literal, type: TypeExpr): Literal {
  const canonicalForm = canonicalizeLiteral(literal, type, schemas);
  checkLiteral(canonicalForm, type, schemas);
  return canonicalForm;
}

function bytesOf(literal: Literal): string {
  return hex(canonical(literalValue(literal)));
}

for (const row of vectors(FILE, "sugar")) {
  test(`sugar: ${row.label}: the tagged form`, () => {
    const type = typeOf(row.json("type"));
    const tagged = literalOf(row.json("tagged"));
    assert.equal(bytesOf(normal(parseSugar(row.json("sugar"), type, schemas), type)), bytesOf(tagged));
    assert.equal(bytesOf(normal(tagged, type)), bytesOf(tagged), "the tagged form is canonical");
  });
}

for (const row of vectors(FILE, "sugar_refused")) {
  test(`sugar: ${row.label}: ${row.text("code")}`, () => {
    const found = refusal(() => parseSugar(row.json("sugar"), typeOf(row.json("type")), schemas));
    assert.deepEqual(found, { code: row.text("code"), message: row.text("message"), pointer: row.text("pointer") });
  });
}

test("sugar: undeclared keys: named to whoever asks, at any depth", () => {
  const type = typeOf(new Map([["list", new Map([["record", new Map([["a", new Map([["nat", new Map()]])]])]])]]));
  const dropped: string[] = [];
  const json = [new Map([["a", 1]]), new Map([["a", 1], ["b/c", 2]])];
  parseSugar(json, type, schemas, { notes: { dropped: (pointer) => dropped.push(pointer) } });
  assert.deepEqual(dropped, ["/1/b~1c"]);
});

for (const row of vectors(FILE, "canonical")) {
  test(`canonical literal: ${row.label}`, () => {
    const found = normal(literalOf(row.json("literal")), typeOf(row.json("type")));
    assert.equal(bytesOf(found), bytesOf(literalOf(row.json("canonical"))));
  });
}

for (const row of vectors(FILE, "refused")) {
  test(`literal: ${row.label}: ${row.text("code")}`, () => {
    const { code, message } = refusal(() => normal(literalOf(row.json("literal")), typeOf(row.json("type"))));
    assert.deepEqual({ code, message }, { code: row.text("code"), message: row.text("message") });
  });
}

test("literal: an absent option field: checks, but is not canonical", () => {
  const type = typeOf(new Map([["record", new Map([["a", new Map([["option", new Map([["nat", new Map()]])]])]])]]));
  const literal: Literal = { kind: "record", fields: new Map() };
  checkLiteral(literal, type, schemas);
  assert.equal(refusal(() => canonicalizeLiteral(literal, type, schemas)).code, "literal.missing_field");
});

for (const row of vectors(FILE, "values")) {
  test(`literal value: ${row.label}`, () => {
    assert.deepEqual(literalToValue(literalOf(row.json("literal")), typeOf(row.json("type")), schemas), row.value("value"));
  });
}

test("literal value: bytes that are no base64: literal.base64", () => {
  assert.equal(refusal(() => literalToValue({ kind: "bytes_b64", value: "*" }, { kind: "bytes" }, schemas)).code, "literal.base64");
});

for (const row of vectors(FILE, "base64")) {
  test(`base64: ${row.label}: both ways`, () => {
    assert.deepEqual(decodeBase64(row.text("text")), row.bytes("bytes"));
    assert.equal(encodeBase64(row.bytes("bytes")), row.text("text"));
  });
}

for (const row of vectors(FILE, "base64_refused")) {
  test(`base64: ${row.label}: refused`, () => assert.equal(decodeBase64(row.text("text")), undefined));
}

test("literal: any type: canonical twice is canonical once, and its value is normal (seeds 1 to 400)", () => {
  let count = 0;
  for (let seed = 1; seed <= 400; seed += 1) {
    const { type, literal } = randomCase(seeded(seed));
    const once = normal(literal, type);
    assert.equal(bytesOf(normal(once, type)), bytesOf(once), `seed ${seed}`);
    const value = literalToValue(once, type, schemas);
    assert.equal(hex(canonical(compileNormalizer(schemas, type)(value))), hex(canonical(value)), `seed ${seed}`);
    count += 1;
  }
  assert.equal(count, 400);
});

test("sugar: any type: the same literal as the tagged form (seeds 1 to 400)", () => {
  let count = 0;
  for (let seed = 1; seed <= 400; seed += 1) {
    const random = seeded(seed);
    const { type, literal } = randomCase(random);
    const sugar = sugarOf(literal, type, random);
    if (sugar === undefined) continue;
    assert.equal(bytesOf(normal(parseSugar(sugar, type, schemas), type)), bytesOf(normal(literal, type)), `seed ${seed}`);
    count += 1;
  }
  assert.ok(count > 300, `${count} cases can be said in plain JSON`);
});
