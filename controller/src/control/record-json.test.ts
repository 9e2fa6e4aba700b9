import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, Float, type Hash, type JournalRecord, type Value } from "@agentos/kernel";
import { plainJson, recordJson, sentValue, valueFromJson } from "./record-json.ts";

test("plain JSON: every kind of value: table", () => {
  const rows: readonly (readonly [Value, string])[] = [
    [null, "null"], [true, "true"], ["é\u0000", '"é\\u0000"'], [0, "0"], [-5, "-5"],
    [9007199254740991, "9007199254740991"], [9007199254740993n, '"9007199254740993"'], [-9007199254740993n, '"-9007199254740993"'], [18446744073709551615n, '"18446744073709551615"'],
    [new Float(1.5), "1.5"], [new Float(2), "2"], [new Float(Number.NaN), '{"$float":"NaN"}'],
    [Uint8Array.of(1, 255), '{"$bytes":"Af8="}'], [[1, [2n ** 60n]], '[1,["1152921504606846976"]]'],
    [new Map<Value, Value>([["b", 1], ["a", 2]]), '{"a":2,"b":1}'], [new Map<Value, Value>([[1, "x"]]), '{"$map":[[1,"x"]]}'],
    [new Map<Value, Value>([["__proto__", new Map([["x", 1]])]]), '{"__proto__":{"x":1}}'],
  ];
  for (const [value, text] of rows) assert.equal(JSON.stringify(plainJson(value)), text);
  assert.equal(rows.length, 17);
  assert.equal(Object.getPrototypeOf(plainJson(new Map<Value, Value>([["__proto__", null]]))), Object.prototype);
});

test("record JSON: values are decoded, bytes are base64, long integers are text, absent fields stay away", () => {
  const record: JournalRecord = {
    kind: "event", seq: 3 as JournalRecord["seq"], schema: "demo/E@1", value: canonical({ n: 2n ** 63n }), event_hash: `sha256:${"1".repeat(64)}` as Hash, sender: "control",
    now_ns: 1_800_000_000_000_000_001n, logical_ns: 5n, entropy: Uint8Array.of(0, 1),
  };
  assert.deepEqual(recordJson(record), {
    kind: "event", seq: 3, schema: "demo/E@1", value: { n: "9223372036854775808" }, event_hash: `sha256:${"1".repeat(64)}`, sender: "control",
    now_ns: "1800000000000000001", logical_ns: 5, entropy: "AAE=",
  });
  const transition: JournalRecord = { kind: "transition", seq: 4 as JournalRecord["seq"], state: "held", detail: new Map([["reason", "x"]]), now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(1) };
  assert.deepEqual(recordJson(transition)["detail"], { reason: "x" });
  assert.doesNotThrow(() => JSON.stringify(recordJson(transition)));
});

test("value from JSON: what a person typed: exact; what is no JSON is refused at its place", () => {
  assert.deepEqual(valueFromJson('{"n":9007199254740993}', "x"), new Map([["n", 9007199254740993n]]));
  const rows = ["", "{", '{"a":1,"a":2}', "[1,]", "NaN", `${"[".repeat(200)}${"]".repeat(200)}`];
  for (const text of rows) assert.throws(() => valueFromJson(text, "request"), { code: "json.syntax", message: /^request:/ }, text.slice(0, 10));
  assert.equal(rows.length, 6);
});

test("value as people send it: bytes: what is printed can be sent; what is no base64 is refused", () => {
  const value: Value = new Map<Value, Value>([["list", [new Uint8Array([0xff, 0])]], ["more", new Map<Value, Value>([["$bytes", 1], ["x", null]])]]);
  assert.deepEqual(sentValue(JSON.stringify(plainJson(value)), "request"), value);
  const rows = ["no", "aGk", 7, null];
  for (const $bytes of rows) assert.throws(() => sentValue(JSON.stringify({ a: [{ $bytes }] }), "request"), { code: "json.bytes", message: /^request: \$bytes/ }, String($bytes));
  assert.equal(rows.length, 4);
});
