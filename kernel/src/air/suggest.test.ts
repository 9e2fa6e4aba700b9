import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance, nearest } from "./suggest.ts";

test("suggest: edits between two texts: insert, delete, replace, swap neighbours", () => {
  const rows: readonly (readonly [string, string, number])[] = [
    ["", "", 0], ["abc", "", 3], ["", "abc", 3], ["abc", "abc", 0], ["abc", "abxc", 1], ["abc", "ac", 1], ["abc", "axc", 1], ["abc", "acb", 1],
    ["http.out", "htp.otu", 2], ["kitten", "sitting", 3],
  ];
  let count = 0;
  for (const [a, b, edits] of rows) {
    assert.equal(editDistance(a, b), edits, `${a} ${b}`);
    assert.equal(editDistance(b, a), edits, `${b} ${a}`);
    count++;
  }
  assert.equal(count, 10);
});

test("suggest: the closest name, if it may be a slip", () => {
  const rows: readonly (readonly [string, readonly string[], string | undefined])[] = [
    ["demo/fech@1", ["demo/fetch@1", "demo/fetch@2"], "demo/fetch@1"],
    ["grant", ["grants", "granta"], "granta"],
    ["grant", ["grant"], undefined],
    ["a", ["b", "cc"], "b"],
    ["timer", ["blob", "http.out"], undefined],
    ["timer", [], undefined],
  ];
  let count = 0;
  for (const [name, candidates, expected] of rows) {
    assert.equal(nearest(name, candidates), expected, name);
    assert.equal(nearest(name, [...candidates].reverse()), expected, name);
    count++;
  }
  assert.equal(count, 6);
});
