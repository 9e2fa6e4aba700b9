import assert from "node:assert/strict";
import { test } from "node:test";
import { exprOf, literalOf, refusal } from "../testing/air.ts";
import { vectorValue, vectors } from "../testing/vectors.ts";
import { encodeBase64 } from "./base64.ts";
import { canonical, decode } from "./cbor.ts";
import { InvariantError } from "./error.ts";
import { X_DEPTH_MAX, X_SIZE_EACH, X_SIZE_MAX, equalX } from "./expr-value.ts";
import { utf8 } from "./hash.ts";
import { jsonOf } from "./json.ts";
import { evaluate, slotToX, taggedValue, xFromTagged } from "./expr.ts";
import type { Row } from "../testing/vectors.ts";
import type { Env, XValue } from "./expr.ts";
import type { Expr } from "./types.ts";

const FILE = "expr-eval.json";

/** The references of the vector file: `@plan.input`, `@event`, and variables and steps by name. */
function vectorEnv(): Env {
  const values = vectors(FILE, "env").map((row): [string, XValue] => [row.label, xFromTagged(row.value("value"))]);
  const named = (prefix: string) => new Map(values.filter(([ref]) => ref.startsWith(prefix)).map(([ref, x]) => [ref.slice(prefix.length), x]));
  const one = (ref: string): XValue => {
    const x = new Map(values).get(ref);
    assert.ok(x !== undefined, ref);
    return x;
  };
  return { planInput: one("@plan.input"), event: one("@event"), vars: named("@var:"), steps: named("@step:") };
}

const env = vectorEnv();

function assertX(found: XValue, wanted: XValue): void {
  assert.deepEqual(taggedValue(found), taggedValue(wanted));
  assert.ok(equalX(found, wanted));
}

for (const table of ["constants", "refs", "ops"]) {
  for (const row of vectors(FILE, table)) {
    test(`expr: ${table}: ${row.label}`, () => assertX(evaluate(exprOf(row.json("expr")), env), xFromTagged(row.value("value"))));
  }
}

for (const table of ["ref_errors", "op_errors"]) {
  for (const row of vectors(FILE, table)) {
    test(`expr: ${row.label}: ${row.text("code")}`, () => assertRefused(row, () => evaluate(exprOf(row.json("expr")), env)));
  }
}

function assertRefused(row: Row, act: () => unknown): void {
  const { code, message } = refusal(act);
  assert.deepEqual({ code, message }, { code: row.text("code"), message: row.text("message") });
}

test("expr: @event where no event is judged: expr.missing_ref", () => {
  const { event: _event, ...without } = env;
  assert.equal(refusal(() => evaluate({ kind: "ref", ref: "@event.$tag" }, without)).code, "expr.missing_ref");
});

test("expr: contains in long texts: the same answer as in short ones, in time that does not multiply", () => {
  const long = "a".repeat(600_000);
  const contains = (text: string, needle: string): XValue =>
    evaluate({ kind: "op", op: "contains", args: [{ kind: "text", value: text }, { kind: "text", value: needle }] }, env);
  assert.deepEqual(contains(`${long}b`, `${"a".repeat(300_000)}b`), { kind: "bool", value: true });
  assert.deepEqual(contains(long, `b${"a".repeat(300_000)}`), { kind: "bool", value: false });
  assert.deepEqual(contains(`${long}\u{1f600}`, `${"a".repeat(300_000)}\u{1f600}`), { kind: "bool", value: true });
});

test("expr: contains in bytes: the answer of contains in text, for all short words of two letters", () => {
  const words = ["", ...Array.from({ length: 6 }, (_, index) => index + 1).flatMap(wordsOf)];
  let found = 0;
  for (const text of words) {
    for (const needle of words) {
      const inBytes = evaluate({ kind: "op", op: "contains", args: [bytesOf(text), bytesOf(needle)] }, env);
      assert.deepEqual(inBytes, { kind: "bool", value: text.includes(needle) }, `${text} ${needle}`);
      if (text.includes(needle)) found += 1;
    }
  }
  assert.equal(words.length, 127);
  assert.ok(found > 127);
});

function wordsOf(length: number): string[] {
  return Array.from({ length: 2 ** length }, (_, bits) => bits.toString(2).padStart(length, "0").replaceAll("0", "a").replaceAll("1", "b"));
}

function bytesOf(text: string): Expr {
  return { kind: "bytes_b64", value: encodeBase64(utf8(text)) };
}

const GROWTHS: readonly { readonly label: string; readonly grow: Expr; readonly start: XValue }[] = [
  { label: "a list of itself twice", grow: { kind: "list", items: [v(), v()] }, start: { kind: "nat", value: 1n } },
  { label: "a text with itself", grow: { kind: "op", op: "concat", args: [v(), v()] }, start: { kind: "text", value: "x" } },
  { label: "a record around itself", grow: { kind: "record", fields: new Map([["v", v()]]) }, start: { kind: "null" } },
  { label: "a variant around itself", grow: { kind: "variant", tag: "T", value: v() }, start: { kind: "null" } },
  { label: "a map to itself twice", grow: { kind: "map", entries: [{ key: { kind: "nat", value: 1n }, value: v() }, { key: { kind: "nat", value: 2n }, value: v() }] }, start: { kind: "null" } },
];

function v(): Expr {
  return { kind: "ref", ref: "@var:v" };
}

for (const { label, grow, start } of GROWTHS) {
  test(`expr: ${label}, again and again: expr.limit before it is too much`, () => {
    let value = start;
    let rounds = 0;
    const again = (): void => {
      for (; rounds < 200; rounds += 1) value = evaluate(grow, { ...env, vars: new Map([["v", value]]) });
    };
    assert.equal(refusal(again).code, "expr.limit");
    assert.ok(rounds >= 15 && rounds <= X_DEPTH_MAX, `${rounds} rounds`);
    assert.ok(equalX(xFromTagged(decode(canonical(taggedValue(value)))), value), "what is within the limits can be stored");
  });
}

test("expr: a text as large as a value may be: concat works up to it and not beyond", () => {
  const text = (length: number): Expr => ({ kind: "text", value: "x".repeat(length) });
  const concat = (length: number): XValue => evaluate({ kind: "op", op: "concat", args: [text(length), text(1)] }, env);
  assert.equal(concat(X_SIZE_MAX - X_SIZE_EACH - 1).kind, "text");
  assert.equal(refusal(() => concat(X_SIZE_MAX - X_SIZE_EACH)).code, "expr.limit");
});

test("slot: a literal: as it stands", () => {
  const literal = literalOf(jsonOf({ record: { c: { tag: "Auto" }, s: { set: [{ text: "b" }, { text: "a" }] }, k: { alias: "llm/api", version: 2 } } }));
  const wanted = jsonOf({ Record: {
    c: { Record: { $tag: { Text: "Auto" }, $value: "Unit" } }, k: { Record: { alias: { Text: "llm/api" }, version: { Nat: 2 } } },
    s: { Set: [{ Text: "a" }, { Text: "b" }] },
  } });
  assertX(slotToX({ lens: "literal", literal }, env), xFromTagged(vectorValue(wanted)));
  assertX(slotToX({ lens: "expr", expr: { kind: "ref", ref: "@var:n" } }, env), { kind: "nat", value: 5n });
  assert.equal(refusal(() => slotToX({ lens: "literal", literal: { kind: "bytes_b64", value: "*" } }, env)).code, "expr.bytes");
});

test("slot: sugar: InvariantError", () => {
  assert.throws(() => slotToX({ lens: "sugar", json: 1 }, env), InvariantError);
});
