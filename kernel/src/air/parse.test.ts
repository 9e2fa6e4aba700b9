import assert from "node:assert/strict";
import { test } from "node:test";
import { vectors } from "../testing/vectors.ts";
import { hex } from "./bytes.ts";
import { canonical, decode } from "./cbor.ts";
import { jsonOf, readJson } from "./json.ts";
import { parseBare, parseExpr, parseLiteral, parseNode, parseSlot, parseType } from "./parse.ts";
import type { Problem } from "./parse.ts";
import { exprValue, literalValue, slotValueOf, typeValue } from "./serialize.ts";
import { Float } from "./value.ts";
import type { Value } from "./value.ts";

function collect<T>(parse: (report: (problem: Problem) => void) => T): { readonly result: T; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  return { result: parse((problem) => problems.push(problem)), problems };
}

for (const row of vectors("nodes.json", "slots")) {
  test(`parseSlot: ${row.label}: ${row.text("lens")}`, () => {
    for (const tree of [row.json("slot"), decode(canonical(row.json("slot")))]) {
      const { result, problems } = collect((report) => parseSlot(tree, "", report));
      assert.ok(result !== undefined && problems.every(({ severity }) => severity === "warning"));
      assert.equal(result.lens, row.text("lens"));
      assert.equal(hex(canonical(slotValueOf(result))), hex(canonical(row.json("as"))));
    }
  });
}

for (const row of vectors("nodes.json", "literals")) {
  test(`parseLiteral: ${row.label}: the first alternative that fits`, () => {
    const { result } = collect((report) => parseLiteral(row.json("literal"), "", report));
    assert.ok(result !== undefined);
    assert.equal(hex(canonical(literalValue(result))), hex(canonical(row.json("as"))));
  });
}

for (const row of vectors("nodes.json", "invalid")) {
  test(`parseNode: ${row.label}: every problem, each at its place`, () => {
    const { result, problems } = collect((report) => parseNode(row.json("node"), report));
    assert.equal(result, undefined);
    assert.deepEqual(sorted(problems.map(({ code, pointer }) => [code, pointer])), sorted(row.json("problems") as readonly (readonly string[])[]));
    for (const { message } of problems) assert.ok(message.length > 10 && !message.includes("undefined"), message);
  });
}

function sorted(pairs: readonly (readonly string[])[]): readonly string[] {
  return pairs.map((pair) => pair.join(" ")).sort();
}

for (const row of vectors("nodes.json", "warnings")) {
  test(`parseNode: ${row.label}: ${(row.json("warnings") as readonly unknown[]).length} warnings`, () => {
    const { result, problems } = collect((report) => parseNode(row.json("node"), report));
    assert.ok(result !== undefined);
    assert.deepEqual(problems.map(({ pointer, hint }) => [pointer, hint ?? null]), row.json("warnings"));
    for (const { code, severity } of problems) assert.deepEqual([code, severity], ["air.unknown_key", "warning"]);
  });
}

test("parseNode: problems: their pointers are places in the document", () => {
  const text = '{"$kind": "defschema",\n "name": "a/S@1",\n "type": {"record": {"x": {"list": {"txt": {}}}}}}';
  const { json, locate } = readJson(text, "s.json");
  const { problems } = collect((report) => parseNode(json, report));
  assert.deepEqual(problems.map(({ pointer, hint }) => ({ ...locate(pointer), hint })), [{ line: 3, column: 36, hint: 'did you mean "text"?' }]);
});

test("parseBare: a manifest without its kind: read; a definition that lacks a key: not", () => {
  const bare = jsonOf({ air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [] });
  const { result, problems } = collect((report) => parseBare("manifest", bare, report));
  assert.equal(result?.kind, "manifest");
  assert.deepEqual(problems, []);
  assert.deepEqual(collect((report) => parseBare("defcap", bare, report)).problems.filter(({ severity }) => severity !== "warning").map(({ code }) => code), [
    "air.missing_key", "air.missing_key", "air.missing_key",
  ]);
});

const TREES_FROM_CBOR: readonly (readonly [string, Value, string])[] = [
  ["text given as bytes", new Map<Value, Value>([["$kind", "defschema"], ["name", new Uint8Array([97])], ["type", new Map()]]), "air.type"],
  ["a key that is no text", new Map<Value, Value>([["$kind", "defschema"], ["name", "a/S@1"], ["type", new Map([["record", new Map([[1, new Map()]])]])]]), "air.type"],
  ["a fraction for a version", new Map<Value, Value>([["$kind", "manifest"], ["air_version", new Float(1)]]), "air.type"],
];
for (const [situation, tree, code] of TREES_FROM_CBOR) {
  test(`parseNode: ${situation}: ${code}`, () => {
    const { result, problems } = collect((report) => parseNode(tree, report));
    assert.equal(result, undefined);
    assert.ok(problems.some((problem) => problem.code === code));
  });
}

test("parseNode: an unknown key that is no text: a warning", () => {
  const tree = new Map<Value, Value>([["$kind", "defsecret"], ["name", "s@1"], ["binding_id", "b"], [5, 1]]);
  const { result, problems } = collect((report) => parseNode(tree, report));
  assert.equal(result?.kind, "defsecret");
  assert.deepEqual(problems.map(({ code }) => code), ["air.unknown_key"]);
});

test("parseSlot: bytes inside sugar: air.slot, for JSON cannot hold them", () => {
  for (const tree of [new Uint8Array([1]), [new Uint8Array([1])], new Map<Value, Value>([[1, 2]])] as const) {
    const { result, problems } = collect((report) => parseSlot(tree, "/steps/0/value", report));
    assert.equal(result, undefined);
    assert.deepEqual(problems.map(({ code, pointer }) => [code, pointer]), [["air.slot", "/steps/0/value"]]);
  }
});

test("parseExpr, parseType: a tree that fits: written back as it was", () => {
  const expr = jsonOf({ op: "get", args: [{ record: { a: { list: [{ set: [{ uuid: "u" }] }] } } }, { text: "a" }] });
  const type = jsonOf({ map: { key: { hash: {} }, value: { variant: { A: { option: { ref: "a/T@1" } } } } } });
  const readExpr = collect((report) => parseExpr(expr, "", report)).result;
  const readType = collect((report) => parseType(type, "", report)).result;
  assert.ok(readExpr !== undefined && readType !== undefined);
  assert.equal(hex(canonical(exprValue(readExpr))), hex(canonical(expr)));
  assert.equal(hex(canonical(typeValue(readType))), hex(canonical(type)));
});

test("parseExpr: deep nesting that fails at the bottom: one problem, at the bottom", () => {
  let tree: Value = new Map([["nothing", 1]]);
  for (let i = 0; i < 60; i++) tree = new Map<Value, Value>([["op", "not"], ["args", [tree]]]);
  const { result, problems } = collect((report) => parseExpr(tree, "", report));
  assert.equal(result, undefined);
  assert.deepEqual(problems.map(({ code, pointer }) => [code, pointer]), [["air.expr", "/args/0".repeat(60)]]);
});
