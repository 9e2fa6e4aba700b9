import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { seeded, type Random } from "../testing/random-air.ts";
import { vectors } from "../testing/vectors.ts";
import { AosError } from "./error.ts";
import { NEAR_WORLDS } from "./fixture-edits.ts";
import { fixtureFiles } from "./fixture-world.ts";
import { formatAir } from "./format.ts";
import { withoutComments } from "./format-read.ts";
import { bareHash, nodeHash } from "./serialize.ts";
import { readJson, writeJson } from "./json.ts";
import { parseNode } from "./parse.ts";
import type { Json } from "./types.ts";
import type { Value } from "./value.ts";

const format = (text: string): string => formatAir(text, "x.air.json");

/** Every AIR file the tests and examples have. */
function allTexts(): readonly string[] {
  const examples = new URL("../../../examples/", import.meta.url);
  const files = readdirSync(examples, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".json"));
  assert.ok(files.length >= 10);
  return [
    ...files.map((path) => readFileSync(new URL(path, examples), "utf8")),
    ...NEAR_WORLDS.flatMap(({ edits }) => fixtureFiles(edits).map(({ text }) => text)).filter((text, index, all) => all.indexOf(text) === index),
    ...["nodes", "bare", "unchanged", "same", "different", "warnings"].flatMap((table) => vectors("nodes.json", table).map((row) => writeJson(row.json("node")))),
    ...["hashes", "problems"].flatMap((table) => vectors("plan-normal.json", table).map((row) => writeJson(row.json("plan"), 3))),
  ];
}

/** Hash of every node in a document, read as authored. */
function hashesOf(json: Json): readonly string[] {
  const nodes = Array.isArray(json) ? (json as readonly Json[]) : [json];
  return nodes.map((tree) => {
    const node = parseNode(tree as Value, () => undefined);
    return node === undefined ? "none" : node.kind === "manifest" ? bareHash(node) : nodeHash(node);
  });
}

/** A value with its keys sorted: equal for equal documents. */
function normal(json: Json): Json {
  if (Array.isArray(json)) return (json as readonly Json[]).map(normal);
  if (!(json instanceof Map)) return json;
  return new Map([...(json as ReadonlyMap<string, Json>)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, normal(value)]));
}

test("formatAir: every file there is: the same document and hashes, no wide line that could be broken, twice is once", () => {
  let [count, nodes] = [0, 0];
  for (const text of allTexts()) {
    if (text.trim() === "") continue;
    const formatted = format(text);
    assert.equal(format(formatted), formatted);
    const [before, after] = [readJson(text, "x").json, readJson(formatted, "x").json];
    assert.deepEqual(normal(after), normal(before));
    assert.deepEqual(hashesOf(after), hashesOf(before));
    nodes += hashesOf(before).filter((hash) => hash !== "none").length;
    assert.ok(formatted.endsWith("\n") && !formatted.endsWith("\n\n") && !/[ \t]\n/.test(formatted));
    for (const line of formatted.split("\n")) assert.ok(line.length <= 120 || !/[,{[] /.test(line.trim().replace(/"(?:[^"\\]|\\.)*"/g, "")), line);
    count++;
  }
  assert.ok(count > 80 && nodes > 100, `${count} files, ${nodes} nodes`);
});

const KEYS: readonly (readonly [string, string, string])[] = [
  ["a schema", '{"type":{"map":{"value":{"nat":{}},"key":{"text":{}}}},"name":"a/S@1","$kind":"defschema","$schema":"x"}', '{ "$schema": "x", "$kind": "defschema", "name": "a/S@1", "type": { "map": { "key": { "text": {} }, "value": { "nat": {} } } } }'],
  ["fields keep their order", '{"$kind":"defschema","name":"a/S@1","type":{"record":{"z":{"nat":{}},"a":{"record":{"name":{"nat":{}},"$kind":{"nat":{}}}}}}}', '{ "$kind": "defschema", "name": "a/S@1", "type": { "record": { "z": { "nat": {} }, "a": { "record": { "name": { "nat": {} }, "$kind": { "nat": {} } } } } } }'],
  ["a comment stays before its key", '{"$kind":"defschema","$comment":"about the type","type":{"nat":{}},"$comment2":1,"name":"a/S@1","end":1}', '{ "$kind": "defschema", "$comment2": 1, "name": "a/S@1", "$comment": "about the type", "type": { "nat": {} }, "end": 1 }'],
  ["an expression", '{"$kind":"defplan","name":"a/P@1","input":"a/I@1","steps":[],"invariants":[{"args":[{"variant":{"value":{"nat":1},"tag":"A"}}],"op":"not"}]}', '{ "$kind": "defplan", "name": "a/P@1", "input": "a/I@1", "steps": [], "invariants": [{ "op": "not", "args": [{ "variant": { "tag": "A", "value": { "nat": 1 } } }] }] }'],
  ["a deadline", '{"$kind":"defplan","deadline_ns":5,"name":"a/P@1","steps":[],"input":"a/I@1"}', '{ "$kind": "defplan", "name": "a/P@1", "input": "a/I@1", "steps": [], "deadline_ns": 5 }'],
  ["a rule that asks", '{"$kind":"defpolicy","rules":[{"approval_ttl_ns":5,"decision":"require_approval","when":{}}],"name":"a/P@1"}', '{ "$kind": "defpolicy", "name": "a/P@1", "rules": [{ "when": {}, "decision": "require_approval", "approval_ttl_ns": 5 }] }'],
  [
    "a budget and a migration", '{"$kind":"manifest","migrations":[{"module":"a/M@1","reducer":"a/R@1"}],"defaults":{"cap_grants":[{"budget":{"bytes":1,"cents":2,"calls":3,"tokens":4},"name":"g"}]}}',
    '{ "$kind": "manifest", "defaults": { "cap_grants": [{ "name": "g", "budget": { "calls": 3, "tokens": 4, "cents": 2, "bytes": 1 } }] }, "migrations": [{ "reducer": "a/R@1", "module": "a/M@1" }] }',
  ],
  ["sugar keeps its order", '{"$kind":"defplan","steps":[{"op":"end","id":"e","result":{"url":1,"name":2,"bind":3}}],"name":"a/P@1","input":"a/I@1"}', '{ "$kind": "defplan", "name": "a/P@1", "input": "a/I@1", "steps": [{ "id": "e", "op": "end", "result": { "url": 1, "name": 2, "bind": 3 } }] }'],
  ["an effect", '{"receipt_schema":"r/R@1","origin_scope":"plan","kind":"k","cap_type":"c","params_schema":"p/P@1","name":"a/E@1","$kind":"defeffect"}', '{ "$kind": "defeffect", "name": "a/E@1", "kind": "k", "params_schema": "p/P@1", "receipt_schema": "r/R@1", "cap_type": "c", "origin_scope": "plan" }'],
  ["a node inside a patch", '{"patches":[{"add_def":{"node":{"name":"a/S@1","type":{"nat":{}},"$kind":"defschema"},"kind":"defschema"}}]}', '{ "patches": [{ "add_def": { "node": { "$kind": "defschema", "name": "a/S@1", "type": { "nat": {} } }, "kind": "defschema" } }] }'],
  ["no node: as it stands", '{"b":1,"a":[2,{"d":3,"c":4}]}', '{ "b": 1, "a": [2, { "d": 3, "c": 4 }] }'],
  ["an unknown kind: as it stands", '{"name":1,"$kind":"defmigration"}', '{ "name": 1, "$kind": "defmigration" }'],
  ["a kind that is no text: as it stands", '{"name":1,"$kind":["defschema"]}', '{ "name": 1, "$kind": ["defschema"] }'],
];
test("formatAir: keys: their order by kind", () => {
  for (const [situation, text, expected] of KEYS) {
    const one = format(text).replace(/\n */g, " ").replaceAll("[ ", "[").replaceAll(" ]", "]").trim();
    assert.equal(one, expected, situation);
  }
  assert.equal(KEYS.length, 13);
});

test("formatAir: numbers and strings: byte for byte", () => {
  const text = '{"a":1.0,"b":-0,"c":1E+5,"d":18446744073709551615,"e":"\\u0041\\/","f\\u0066":"é"}';
  assert.equal(format(text), '{\n  "a": 1.0,\n  "b": -0,\n  "c": 1E+5,\n  "d": 18446744073709551615,\n  "e": "\\u0041\\/",\n  "f\\u0066": "é"\n}\n');
});

test("formatAir: width: 120 columns fit on a line, 121 do not", () => {
  const line = (length: number): string => `{"k":["${"x".repeat(length - '  "k": ["", 1]'.length)}",1]}`;
  assert.equal(format(line(120)).split("\n")[1]?.length, 120);
  assert.deepEqual(format(line(121)).split("\n").map((one) => one.length), [1, 8, 121 - 14 + 7, 5, 3, 1, 0]);
});

const COMMENTS: readonly (readonly [string, string, string])[] = [
  ["before a key", '{\n// one\n// two\n"a":1}', '{\n  // one\n  // two\n  "a": 1\n}\n'],
  ["behind a value and its comma", '{"a":1, // about a\n"b":2 // about b\n}', '{\n  "a": 1, // about a\n  "b": 2 // about b\n}\n'],
  ["before a comma", '{"a":1 /* a */ , "b":2}', '{\n  "a": 1, /* a */\n  "b": 2\n}\n'],
  ["before a comma on a line of its own", '{"a":1\n/* b */\n, "b":2}', '{\n  "a": 1,\n  /* b */\n  "b": 2\n}\n'],
  ["after a comma, before the next on its line", '[1, /* two */ 2]', '[\n  1,\n  /* two */\n  2\n]\n'],
  ["around a colon", '{"a" /* x */ : // y\n 1}', '{\n  /* x */\n  // y\n  "a": 1\n}\n'],
  ["at the end of a container", '{"a":[1\n// last\n]\n/* end */}', '{\n  "a": [\n    1\n    // last\n  ]\n  /* end */\n}\n'],
  ["in an empty container", '{"a":{ /* nothing */ }}', '{\n  "a": {\n    /* nothing */\n  }\n}\n'],
  ["around the document", '// head\n\n{"a":1} // same line\n// tail\n', '// head\n{\n  "a": 1\n} // same line\n// tail\n'],
  ["of several lines", '{\n    /* one\n       two */\n  "a":1}', '{\n  /* one\n       two */\n  "a": 1\n}\n'],
  ["with its key to another place", '{"type":{"nat":{}}, // the type\n// the name\n"name":"a/S@1","$kind":"defschema"}', '{\n  "$kind": "defschema",\n  // the name\n  "name": "a/S@1",\n  "type": { "nat": {} } // the type\n}\n'],
  ["that are no comments", '{"a":"// not /* one */"}', '{\n  "a": "// not /* one */"\n}\n'],
  ["with carriage returns", '{\r\n// one\r\n"a":1}\r\n', '{\n  // one\n  "a": 1\n}\n'],
];
test("formatAir: comments: kept with what they are about", () => {
  for (const [situation, text, expected] of COMMENTS) {
    assert.equal(format(text), expected, situation);
    assert.equal(format(expected), expected, `${situation}, again`);
  }
  assert.equal(COMMENTS.length, 13);
});

/** The text with blanks and comments strewn between its tokens. */
function strewn(text: string, random: Random): { readonly text: string; readonly count: number } {
  let count = 0;
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^ \n{}[\],:"]+/g) ?? [];
  const parts = tokens.flatMap((token) => {
    const blank = random.pick(["", " ", "\n", "\n\n  "]);
    if (random.below(8) > 0) return [blank, token];
    count++;
    return [blank, random.pick([`// c${count}.\n`, `/* c${count}. */`, `/* c${count}.\n b */ `, `  /* c${count}. */\n`]), token];
  });
  return { text: `${parts.join("")}\n// c${count + 1}.`, count: count + 1 };
}

test("formatAir: comments anywhere: each kept once, the document the same, twice is once", () => {
  const random = seeded(3);
  let count = 0;
  for (const text of allTexts().filter((one) => one.trim() !== "")) {
    const commented = strewn(text, random);
    const formatted = format(commented.text);
    assert.equal(format(formatted), formatted);
    const kept = [...formatted.matchAll(/c([0-9]+)\./g)].map(([, number]) => Number(number)).sort((a, b) => a - b);
    assert.deepEqual(kept, Array.from({ length: commented.count }, (_, index) => index + 1));
    const bare = formatted.replace(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[^]*?\*\//g, (_, string: string | undefined) => string ?? " ");
    assert.deepEqual(normal(readJson(bare, "x").json), normal(readJson(text, "x").json));
    assert.throws(() => readJson(formatted, "x"), AosError, "loading stays strict");
    count++;
  }
  assert.ok(count > 80);
});

test("withoutComments: every value at its line and column, strings untouched", () => {
  const text = '{ /* é */ "a": // one\r\n  [1, "// no", /* two\n lines */ 2]\n}';
  const bare = withoutComments(text, "x");
  assert.equal(bare.length, text.length);
  const { json, locate } = readJson(bare, "x");
  assert.equal(writeJson(json), '{"a":[1,"// no",2]}');
  assert.deepEqual([locate("/a"), locate("/a/1"), locate("/a/2")], [{ line: 2, column: 3 }, { line: 2, column: 7 }, { line: 3, column: 11 }]);
  assert.equal(withoutComments(bare, "x"), bare);
});

test("formatAir: what is no JSON: json.syntax with its place; a blank file stays empty", () => {
  const rows: readonly (readonly [string, number, number])[] = [
    ["{", 1, 2], ['{"a":1,}', 1, 8], ["[1 2]", 1, 4], ['{"a":1,"a":2}', 1, 8], ["// only a comment", 1, 18], ["{} x", 1, 4], ["[1,\n /* open", 2, 2], ['["a\nb"]', 1, 4],
    [`${"[".repeat(128)}${"]".repeat(128)}`, 1, 128], ["[1 / 2]", 1, 4], ['["open', 1, 2], ["/* a */ [1,\n// b\n  tru]", 3, 3],
  ];
  let count = 0;
  for (const [text, line, column] of rows) {
    assert.throws(() => format(text), (error: unknown) => {
      assert.ok(error instanceof AosError && error.code === "json.syntax", text);
      assert.deepEqual([error.at?.file, error.at?.line, error.at?.column], ["x.air.json", line, column], text);
      return true;
    });
    count++;
  }
  assert.equal(count, 12);
  assert.equal(format(" \n"), "");
});
