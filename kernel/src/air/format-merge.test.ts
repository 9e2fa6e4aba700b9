import assert from "node:assert/strict";
import { test } from "node:test";
import { NEAR_WORLDS } from "./fixture-edits.ts";
import { fixtureFiles } from "./fixture-world.ts";
import { formatAir } from "./format.ts";
import { mergeAir } from "./format-merge.ts";
import { withoutComments } from "./format-read.ts";
import { readJson } from "./json.ts";

const merge = (text: string, next: unknown): string => mergeAir(text, readJson(JSON.stringify(next), "next").json, "x");

const ROWS: readonly (readonly [situation: string, text: string, next: unknown, expected: string])[] = [
  ["the same: comments stay", '// a\n{"a": 1, // b\n"b": [2 /* c */]} // d', { a: 1, b: [2] }, '// a\n{\n  "a": 1, // b\n  "b": [\n    2 /* c */\n  ]\n} // d\n'],
  ["a member changed: its comment stays", '{\n// the limit\n"a": 1}', { a: 2 }, '{\n  // the limit\n  "a": 2\n}\n'],
  ["a member gone: its comment goes", '{\n// the limit\n"a": 1, "b": 2}', { b: 2 }, '{\n  "b": 2\n}\n'],
  ["a member more: at the end", '{"a": 1 // one\n}', { a: 1, b: { c: null } }, '{\n  "a": 1, // one\n  "b": { "c": null }\n}\n'],
  ["a step changed: found by its id", '[{"id": "x"}, // first\n{"id": "y", "to": 1 // where\n}]', [{ id: "y", to: 2 }, { id: "z" }], '[\n  {\n    "id": "y",\n    "to": 2 // where\n  },\n  { "id": "z" }\n]\n'],
  ["items moved: comments go with them", '[\n// one\n1,\n// two\n2]', [2, 1], "[\n  // two\n  2,\n  // one\n  1\n]\n"],
  ["equal items: each has its own", '[\n// first\n1,\n// second\n1]', [1, 1, 1], "[\n  // first\n  1,\n  // second\n  1,\n  1\n]\n"],
  ["equal in another order of keys: the text stays", '[{"b": 1.0, /* c */ "a": "\\u0041"}]', [{ a: "A", b: 2 }, 0], '[\n  { "a": "A", "b": 2 },\n  0\n]\n'],
  ["another shape: written anew", '{"a": [1 // one\n]}', { a: { b: 1 } }, '{\n  "a": { "b": 1 }\n}\n'],
  ["comments at the end of a container: stay", '{"a": [1\n// more to come\n]}', { a: [2] }, '{\n  "a": [\n    2\n    // more to come\n  ]\n}\n'],
];

test("mergeAir: what stays keeps its text and its comments", () => {
  let count = 0;
  for (const [situation, text, next, expected] of ROWS) {
    assert.equal(merge(text, next), expected, situation);
    count++;
  }
  assert.equal(count, 10);
});

test("mergeAir: any file of one world over that of another: exactly the other's value, in layout", () => {
  let count = 0;
  for (const { edits, title } of NEAR_WORLDS) {
    for (const { path, text } of fixtureFiles(edits)) {
      const base = fixtureFiles().find((file) => file.path === path)?.text;
      if (base === undefined || base === text) continue;
      for (const [from, to] of [[base, text], [text, base]] as const) {
        const noted = from.replaceAll(/\n( *)"/g, '\n$1// note\n$1"');
        const result = mergeAir(noted, readJson(to, path).json, path);
        const plain = withoutComments(result, path);
        assert.deepEqual(JSON.parse(plain), JSON.parse(to), `${title}: ${path}`);
        assert.equal(formatAir(result, path), result);
        if (from !== "[]" && to !== "[]") assert.ok(result.includes("// note"), `${title}: ${path}`);
        count++;
      }
    }
  }
  assert.ok(count > 60, `${count} files`);
});
