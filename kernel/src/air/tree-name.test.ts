import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "./error.ts";
import { decodeName, decodePath, encodeName, encodePath } from "./tree-name.ts";
import { isSegment } from "./tree-node.ts";

const VECTORS: readonly (readonly [string, string])[] = [
  ["abcXYZ09._-~", "abcXYZ09._-~"],
  ["a~b", "a~b"],
  ["~tilde", "~7E74696C6465"],
  ["foo/bar baz", "foo/~6261722062617A"],
  ["é", "~C3A9"],
  ["...", "..."],
  ["a\\b", "~615C62"],
  ["\u{1f600}/x", "~F09F9880/x"],
];

test("names: vectors: there and back, and what is written is a name of a tree", () => {
  let count = 0;
  for (const [disk, workspace] of VECTORS) {
    assert.equal(encodePath(disk), workspace);
    assert.equal(decodePath(workspace), disk);
    assert.ok(workspace.split("/").every(isSegment), workspace);
    count++;
  }
  assert.equal(count, 8);
});

test("names: no name of a file: refused both ways", () => {
  const refused = (act: () => unknown, what: string): void => assert.throws(act, (error: unknown) => error instanceof AosError && error.code === "tree.name", what);
  const encodes = ["", ".", "..", "a\0", "\ud800"];
  for (const name of encodes) refused(() => encodeName(name), JSON.stringify(name));
  for (const path of ["a//b", "/a", "a/", "./a", "a/../b"]) refused(() => encodePath(path), path);
  const decodes = ["~", "~7", "~7G", "~FF", "~2E", "~2E2E", "~2E2E2F61", "~00", "~2F", "~61", "~7e74696c6465", "", ".", "..", "a b", "é", "~C3A9~"];
  for (const name of decodes) refused(() => decodeName(name), name);
  assert.equal(encodes.length + decodes.length, 22);
});

test("names: every byte a name may hold: one spelling each", () => {
  const seen = new Set<string>();
  for (let code = 1; code < 0x800; code++) {
    const name = `x${String.fromCharCode(code)}`;
    if (name === "x/") continue;
    const encoded = encodeName(name);
    assert.equal(decodeName(encoded), name);
    seen.add(encoded);
  }
  assert.equal(seen.size, 0x800 - 2);
});
