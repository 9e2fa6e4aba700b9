import assert from "node:assert/strict";
import { test } from "node:test";
import { hasMarks, mergeTexts, textOf } from "./merge-text.ts";

const LABELS = { local: "here", remote: "notes@2" };
const merge = (path: string, base: string | undefined, local: string | undefined, remote: string | undefined) => mergeTexts(path, { base, local, remote }, LABELS);

test("merge: lines: both sides' changes, or marks as git makes them", () => {
  const rows: readonly (readonly [string | undefined, string, string, string, number])[] = [
    ["1\n2\n3\n4\n5\n", "ONE\n2\n3\n4\n5\n", "1\n2\n3\n4\nFIVE\n", "ONE\n2\n3\n4\nFIVE\n", 0],
    ["1\n", "2\n", "2\n", "2\n", 0],
    ["a\n", "a\nb\n", "a\n", "a\nb\n", 0],
    ["x\n", "a\n", "b\n", "<<<<<<< here\na\n=======\nb\n>>>>>>> notes@2\n", 1],
    ["x", "a", "b", "<<<<<<< here\na\n=======\nb\n>>>>>>> notes@2\n", 1],
    [undefined, "a\n", "b\n", "<<<<<<< here\na\n=======\nb\n>>>>>>> notes@2\n", 1],
    ["1\r\n2\r\n3\r\n4\r\n", "1\r\n2\r\n3\r\nIV\r\n", "I\r\n2\r\n3\r\n4\r\n", "I\r\n2\r\n3\r\nIV\r\n", 0],
  ];
  for (const [base, local, remote, text, conflicts] of rows) assert.deepEqual(merge("a.txt", base, local, remote), { text, conflicts }, JSON.stringify([base, local, remote]));
  assert.equal(rows.length, 7);
});

const TYPES = (...types: readonly string[]): string => `[\n${types.map((type, at) => `  { "$kind": "defschema", "name": "d/${"ABC"[at]}@1", "type": { "${type}": {} } }`).join(",\n")}\n]\n`;

test("merge: AIR: by definition, where lines would be at odds", () => {
  const merged = merge("defs.air.json", TYPES("nat", "nat", "nat"), TYPES("text", "nat", "nat"), TYPES("nat", "int", "nat"));
  assert.equal(merged.conflicts, 0);
  assert.deepEqual(JSON.parse(merged.text ?? ""), JSON.parse(TYPES("text", "int", "nat")));
  const added = merge("defs.air.json", TYPES("nat"), TYPES("nat", "int"), TYPES("text"));
  assert.deepEqual([added.conflicts, JSON.parse(added.text ?? "")], [0, JSON.parse(TYPES("text", "int"))]);
  const gone = merge("defs.air.json", TYPES("nat", "int"), TYPES("nat"), TYPES("text", "int"));
  assert.deepEqual([gone.conflicts, JSON.parse(gone.text ?? "")], [0, JSON.parse(TYPES("text"))]);
});

test("merge: one definition changed on both sides, AIR that cannot be read: by lines", () => {
  const both = merge("defs.air.json", TYPES("nat"), TYPES("text"), TYPES("int"));
  assert.equal(both.conflicts, 1);
  assert.equal(hasMarks(both.text ?? ""), true);
  assert.equal(merge("defs.air.json", "{", "{a", "{").text, "{a");
});

test("merge: what is no text, or not there: stays, and is a conflict", () => {
  for (const [local, remote] of [[undefined, "a"], ["a", undefined]] as const) assert.deepEqual(merge("a", "x", local, remote), { text: undefined, conflicts: 1 });
  const rows: readonly (readonly [readonly number[], string | undefined])[] = [[[104, 105], "hi"], [[0xff], undefined], [[97, 0], undefined], [[0xef, 0xbb, 0xbf, 97], "\ufeffa"]];
  for (const [bytes, text] of rows) assert.equal(textOf(Uint8Array.from(bytes)), text);
  assert.equal(rows.length, 4);
});
