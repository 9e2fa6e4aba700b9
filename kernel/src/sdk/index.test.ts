import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, decode, plain } from "../air/cbor.ts";
import type { Encodable } from "../air/value.ts";
import { decodeCbor, effect, enforce, event, pure, reduce } from "./index.ts";
import type { Module, Variant } from "./index.ts";

type Command = Variant<{ Add: { by: number }; Reset: null }>;

test("sdk: the types authors write against: misuse is a compile error", () => {
  const good: readonly Command[] = [{ $tag: "Add", $value: { by: 1 } }, { $tag: "Reset" }, { $tag: "Reset", $value: null }];
  // @ts-expect-error an arm with a value needs it
  const without: Command = { $tag: "Add" };
  // @ts-expect-error no such arm
  const unknown: Command = { $tag: "Remove" };
  // @ts-expect-error a state is required; null deletes the cell
  const stateless = reduce((_state: number | null, _event: Command) => ({ events: [] }));
  // @ts-expect-error a reducer answers at once
  const late = reduce(async (state: number | null) => ({ state }));
  const counter: Module<"step"> = reduce<number, Command>((state, command, ctx) => {
    const at: bigint = ctx.now_ns;
    return { state: command.$tag === "Add" ? (state ?? 0) + command.$value.by : Number(at), effects: [effect("timer.set", {}, { slot: "t" })] };
  });
  assert.deepEqual([counter.entry, stateless.entry, late.entry, good.length, without.$tag, unknown.$tag], ["step", "step", "step", 3, "Add", "Remove"]);
});

test("sdk: modules, events and effects: plain data, absent options left out", () => {
  assert.equal(pure((n: number) => n).entry, "run");
  assert.equal(enforce(() => "allow").entry, "run");
  assert.deepEqual(event("demo/E@1", 5), { schema: "demo/E@1", value: 5 });
  assert.deepEqual(event("demo/E@1", 5, { key: "k" }), { schema: "demo/E@1", value: 5, key: "k" });
  assert.deepEqual(effect("http.request", { url: "u" }, { idempotencyKey: new Uint8Array(32) }), { effect: "http.request", params: { url: "u" }, idempotencyKey: new Uint8Array(32) });
});

test("sdk: CBOR of every kind of value: read as scripts see values", () => {
  const rows: readonly (readonly [value: Encodable, expected: unknown])[] = [
    [null, null], [true, true], [false, false], [0, 0], [-1, -1], [23, 23], [500, 500], [-70000, -70000], [2 ** 53 - 1, 2 ** 53 - 1], [2n ** 53n, 2n ** 53n],
    [2n ** 64n - 1n, 2n ** 64n - 1n], [-(2n ** 64n), -(2n ** 64n)], ["", ""], ["日本 💡 é", "日本 💡 é"], [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [[1, ["a"]], [1, ["a"]]], [{ b: 1, a: { c: null } }, { a: { c: null }, b: 1 }], [new Map([[1, "one"]]), new Map([[1, "one"]])],
  ];
  for (const [value, expected] of rows) {
    assert.deepEqual(decodeCbor(canonical(value)), expected);
    assert.deepEqual(decodeCbor(plain(value)), expected);
  }
  assert.equal(rows.length, 18);
});

test("sdk: broken CBOR: TypeError", () => {
  const rows = ["", "19", "1901", "62ff", "8201", "a101", "1c", "f97e00", "0000", "5f"];
  for (const hex of rows) assert.throws(() => decodeCbor(new Uint8Array(Buffer.from(hex, "hex"))), TypeError, hex);
  assert.equal(rows.length, 10);
  assert.equal(decode(canonical(1)), 1);
});
