import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { differingPaths, filesOver, sameFiles } from "./files-over.ts";

const path = fc.constantFrom("a", "b", "c", "d/e", "d/f", "g");
const files = fc.array(fc.tuple(path, fc.nat(3))).map((entries) => new Map(entries));
const changes = fc.array(fc.tuple(path, fc.option(fc.nat(3), { nil: undefined }))).map((entries) => new Map(entries));

function plain(base: ReadonlyMap<string, number>, ...rounds: readonly ReadonlyMap<string, number | undefined>[]): Map<string, number> {
  const all = new Map(base);
  for (const round of rounds) {
    for (const [at, file] of round) {
      if (file === undefined) all.delete(at);
      else all.set(at, file);
    }
  }
  return all;
}

const sorted = (all: Iterable<readonly [string, number]>): readonly (readonly [string, number])[] => [...all].sort(([a], [b]) => (a < b ? -1 : 1));

test("files over others: any changes, and changes of those: as the map with them", () => {
  fc.assert(fc.property(files, changes, changes, (base, first, second) => {
    const over = filesOver(filesOver(base, first), second);
    const expected = plain(base, first, second);
    assert.deepEqual(sorted(over), sorted(expected));
    assert.deepEqual([over.size, [...over.keys()].sort(), [...over.values()].sort()], [expected.size, [...expected.keys()].sort(), [...expected.values()].sort()]);
    for (const at of ["a", "b", "c", "d/e", "d/f", "g", "x"]) assert.deepEqual([over.get(at), over.has(at)], [expected.get(at), expected.has(at)]);
    const seen: [string, number][] = [];
    over.forEach((file, at) => seen.push([at, file]));
    assert.deepEqual(sorted(seen), sorted(expected));
  }));
});

test("files over the same others: where they differ, and whether they do, is told by their changes alone", () => {
  let counted = 0;
  const silent = new Proxy(new Map([["a", 1], ["b", 2], ["c", 3]]), {
    get(target, field) {
      if (["entries", "keys", "values", "forEach", Symbol.iterator].includes(field as string)) counted++;
      const found: unknown = Reflect.get(target, field, target);
      return typeof found === "function" ? (found as () => unknown).bind(target) : found;
    },
  }) as ReadonlyMap<string, number>;
  const rows: readonly (readonly [readonly (readonly [string, number | undefined])[], readonly (readonly [string, number | undefined])[], readonly string[], boolean])[] = [
    [[], [], [], true], [[["a", 1]], [], ["a"], true], [[["a", 9]], [["b", 2]], ["a", "b"], false], [[["a", undefined]], [["a", undefined]], ["a"], true], [[["n", 1]], [["c", undefined]], ["n", "c"], false],
  ];
  for (const [left, right, paths, same] of rows) {
    const [a, b] = [filesOver(silent, new Map(left)), filesOver(silent, new Map(right))];
    assert.deepEqual([...differingPaths(a, b)], paths);
    assert.equal(sameFiles(a, b, (one, other) => one === other), same);
  }
  assert.deepEqual([rows.length, counted], [5, 0], "those of both were not gone through");
  assert.deepEqual([...differingPaths(new Map([["a", 1]]), new Map([["b", 1]]))], ["a", "b"]);
});
