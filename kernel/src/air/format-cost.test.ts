import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "./error.ts";
import { formatAir } from "./format.ts";
import { withoutComments } from "./format-read.ts";
import { readJson } from "./json.ts";

type Method = (this: unknown, ...given: readonly unknown[]) => unknown;

/** Calls of a method, each with what it was asked and what it answered, while `act` runs. */
function watched(owner: object, name: string, tell: (self: unknown, given: readonly unknown[], answer: unknown, from: number) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  assert.ok(own !== undefined);
  const method = own.value as Method;
  const seen: Method = function (...given) {
    const from = this instanceof RegExp ? this.lastIndex : 0;
    const answer: unknown = Reflect.apply(method, this, given);
    tell(this, given, answer, from);
    return answer;
  };
  Object.defineProperty(owner, name, { ...own, value: seen });
  return () => void Object.defineProperty(owner, name, own);
}

/** Characters that searches pass over or that are copied, and members of lists that are looked at. */
function costOf(act: () => unknown): number {
  let cost = 0;
  const from = (given: readonly unknown[]): number => (typeof given[1] === "number" ? given[1] : 0);
  const undo = [
    watched(RegExp.prototype, "exec", (self, [text], answer, start) => {
      const found = answer as RegExpExecArray | null;
      if (found !== null) cost += found.index + found[0].length - start + 1;
      else cost += (self as RegExp).sticky ? 1 : String(text).length - start + 1;
    }),
    watched(String.prototype, "indexOf", (self, given, answer) => void (cost += ((answer as number) < 0 ? String(self).length : (answer as number)) - from(given) + 1)),
    watched(String.prototype, "slice", (_self, _given, answer) => void (cost += String(answer).length + 1)),
    watched(Array.prototype, "join", (self) => void (cost += (self as readonly unknown[]).length)),
    watched(Object.getPrototypeOf([][Symbol.iterator]()) as object, "next", () => void cost++),
  ];
  try {
    act();
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
  } finally {
    for (const back of undo) back();
  }
  return cost;
}

const list = (count: number, item: (index: number) => string): string => `[${Array.from({ length: count }, (_, index) => item(index)).join(",")}]`;
const nested = (levels: number, inner: string): string => "[".repeat(levels) + inner + "]".repeat(levels);
const SHAPES: readonly (readonly [title: string, text: (count: number) => string])[] = [
  ["a list of numbers", (count) => list(count, String)],
  ["URLs", (count) => list(count, (index) => `{"name":"item ${index}","url":"https://example.com/${index}"}`)],
  ["comments on their own lines", (count) => list(count, (index) => `\n// number ${index}\n${index}`)],
  ["comments behind values", (count) => list(count, (index) => `${index} /* number */\n`)],
  ["comments before one value", (count) => `[${"// x\n".repeat(count)}1]`],
  ["fields of one record", (count) => `{"$kind":"defschema","name":"a/S@1","type":{"record":{${Array.from({ length: count }, (_, index) => `"f${index}":{"text":{}}`).join(",")}}}}`],
  ["keys that no node has", (count) => `{"$kind":"defschema",${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(",")},"name":"a/S@1"}`],
  ["escaped quotes", (count) => `["${'\\"'.repeat(count)}"]`],
  ["escaped quotes in a string that never ends, behind a comment", (count) => `// x\n["${'\\"'.repeat(count)}`],
  ["slashes", (count) => `["${"/".repeat(count)}"]`],
  ["a comment that never ends", (count) => `[1,/*${"*".repeat(count)}`],
  ["lists 60 deep, the innermost long", (count) => nested(60, list(count, (index) => `"number ${index}"`))],
];
const COUNT = 500;

test("cost: formatAir and withoutComments: twice the text, twice the work, and no more than 60 steps a character", () => {
  let count = 0;
  for (const [title, text] of SHAPES) {
    for (const act of [(given: string) => formatAir(given, "x"), (given: string) => withoutComments(given, "x")]) {
      const [once, twice] = [costOf(() => act(text(COUNT))), costOf(() => act(text(2 * COUNT)))];
      assert.ok(twice < 2.3 * once + 100, `${title}: ${once} steps, then ${twice}`);
      assert.ok(twice < 60 * text(2 * COUNT).length, `${title}: ${twice} steps for ${text(2 * COUNT).length} characters`);
      count++;
    }
  }
  assert.equal(count, 2 * SHAPES.length);
});

test("cost: formatAir: depth costs nothing of what is inside", () => {
  const inner = list(COUNT, (index) => `"number ${index}"`);
  const [flat, deep] = [costOf(() => formatAir(nested(1, inner), "x")), costOf(() => formatAir(nested(100, inner), "x"))];
  assert.ok(deep < 1.5 * flat + 20_000, `${flat} steps, then ${deep}`);
});

test("cost: locate: the lines of a file are counted once", () => {
  const document = readJson(list(COUNT, (index) => `\n${index}`), "x");
  const ask = (count: number): void => {
    for (let index = 0; index < count; index++) assert.deepEqual(document.locate(`/${index}`), { line: index + 2, column: 1 });
  };
  ask(1);
  const cost = costOf(() => ask(COUNT));
  assert.ok(cost < 10 * COUNT, `${cost} steps for ${COUNT} places`);
});
