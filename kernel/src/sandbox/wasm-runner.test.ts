import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { canonical, decode } from "../air/cbor.ts";
import type { Value } from "../air/value.ts";
import { assemble } from "./fixtures/assemble.ts";
import { resultLine, stepInput } from "./fixtures/hostile.ts";
import { COUNTER_MULTI, COUNTER_POINTER, HOSTILE_WAT, stepModule } from "./fixtures/wat.ts";
import { createModuleRunner } from "./runner.ts";
import { loadWasm } from "./wasm-runner.ts";

function hostile(name: string): Uint8Array {
  const text = HOSTILE_WAT[name];
  assert.ok(text !== undefined, name);
  return assemble(text);
}

test("wasm: counter with either signature: state in, state out, same fuel each time", () => {
  const rows: readonly (readonly [name: string, text: string, fuel: number])[] = [
    ["multi-value", COUNTER_MULTI, 3],
    ["result-pointer", COUNTER_POINTER, 4],
  ];
  for (const [name, text, fuel] of rows) {
    const loaded = loadWasm(assemble(text));
    let state: Uint8Array | undefined;
    for (let n = 1; n <= 3; n++) {
      const result = loaded.call("step", stepInput(state === undefined ? {} : { state }), 1000);
      assert.ok(result.kind === "ok", name);
      assert.equal(result.fuelUsed, fuel, name);
      const output = decode(result.output) as ReadonlyMap<Value, Value>;
      state = output.get("state") as Uint8Array;
      assert.deepEqual(output, new Map<Value, Value>([["state", new Uint8Array([n])], ["domain_events", []], ["effects", []], ["ann", null]]), name);
    }
    assert.equal(loaded.call("run", stepInput(), 1000).kind, "failed", name);
  }
  assert.equal(rows.length, 2);
});

test("wasm: whatever a call left behind: the next call starts as the first did", () => {
  const rows: readonly (readonly [name: string, answer: string])[] = [
    ["keeps a count in a global", "2a00000000000000"],
    ["keeps a NaN in a global", "230100000000f0ff"],
    ["keeps a count in memory", "0100000000000000"],
    ["keeps a count in memory it grew", "0100000003000000"],
    ["keeps a count in a table", "0100000000000000"],
    ["drops a segment", Buffer.from("segment!").toString("hex")],
    ["erases the table of written pages", "trap"],
  ];
  for (const [name, answer] of rows) {
    const loaded = loadWasm(hostile(name));
    for (let i = 0; i < 3; i++) {
      const result = loaded.call("step", stepInput(), 100_000);
      assert.equal(result.kind === "ok" ? Buffer.from(result.output).toString("hex") : result.code, answer, `${name}, call ${i}`);
    }
  }
  assert.equal(rows.length, 7);
});

test("wasm: the state a stray store left, its marks erased: gone before the next call", () => {
  // Counts at 256 when asked to (input not empty), erases every mark, and answers with the count.
  const counts = stepModule(
    `(i32.store (i32.const 256) (i32.add (i32.load (i32.const 256)) (i32.const 1)))
     (i64.store (i32.const 64) (i64.load (i32.const 256)))
     (if (local.get $size) (then (memory.fill (i32.const 16777216) (i32.const 0) (i32.const 65536))))
     (drop (memory.grow (i32.const 0)))`,
  );
  const loaded = loadWasm(assemble(counts));
  const results = [stepInput(), stepInput(), new Uint8Array(), new Uint8Array()].map((input) => resultLine(loaded.call("step", input, 100_000)));
  assert.deepEqual(results.slice(0, 2), ["trap 8194 trap: memory access out of bounds", "trap 8194 trap: memory access out of bounds"]);
  assert.deepEqual(results.slice(2), ["ok 2 0100000000000000", "ok 2 0100000000000000"]);
});

test("wasm: calls of two modules in any order: each answers as if alone", async () => {
  const runner = createModuleRunner({ readyMax: 1 });
  const a = await runner.add(hostile("keeps a count in a global"));
  const b = await runner.add(assemble(COUNTER_MULTI));
  const call = (wasmHash: typeof a): string => resultLine(runner.call({ wasmHash, entry: "step", input: stepInput(), fuelLimit: 1000 }));
  const [firstA, firstB] = [call(a), call(b)];
  for (const wasmHash of [b, b, a, b, a, a]) assert.equal(call(wasmHash), wasmHash === a ? firstA : firstB);
});

test("wasm: hostile modules: a result each, with its code", () => {
  const rows: readonly (readonly [name: string, line: RegExp])[] = [
    ["makes NaNs", /^ok 2 /],
    ["loops for ever", /^fuel 5000 out of fuel after 5000 units$/],
    ["calls itself", /^stack \d+ the calls are nested too deeply$/],
    ["calls itself through a table", /^stack /],
    ["calls itself with large frames", /^stack /],
    ["grows by too much, then by all", /^ok 2 ffffffff01e80300$/],
    ["grows within a declared maximum", /^ok 2 ffffffff01000000$/],
    ["takes all memory, page by page", /^ok 258 ff00000000000000$/],
    ["fills memory again and again", /^fuel /],
    ["stores beyond memory that cannot grow", /^trap 2 trap: memory access out of bounds$/],
    ["stores beyond memory that could grow", /^trap 2 trap: memory access out of bounds$/],
    ["divides by zero", /^trap 2 trap: integer division by zero$/],
    ["reaches the unreachable", /^trap 2 trap: unreachable code was reached$/],
    ["calls a wrong type", /^trap 2 trap$/],
    ["answers beyond memory", /^output 2 the output lies outside/],
    ["answers too much", /^output 2 an output of 9000000 bytes/],
    ["allocates beyond memory", /^trap 1 alloc\(\d+\) gave a place outside/],
  ];
  for (const [name, line] of rows) assert.match(resultLine(loadWasm(hostile(name)).call("step", stepInput(), 5000)), line, name);
  assert.equal(rows.length, 17);
});

test("wasm: NaN bits: canonical, before and after the code is hot", () => {
  const many = loadWasm(hostile("makes NaNs 3000 times"));
  const first = resultLine(many.call("step", stepInput(), 100_000));
  for (let i = 0; i < 20; i++) assert.equal(resultLine(many.call("step", stepInput(), 100_000)), first);
  const one = loadWasm(assemble(stepModule("(i64.store (i32.const 64) (i64.reinterpret_f64 (f64.add (f64.const -nan:0x4000000000001) (f64.const 1))))")));
  assert.equal(resultLine(one.call("step", stepInput(), 100)), "ok 2 000000000000f87f");
});

test("wasm: a start function: runs once, its work is in the image", () => {
  const text = stepModule("(i64.store (i32.const 64) (i64.add (i64.load (i32.const 72)) (i64.const 1))) (i64.store (i32.const 72) (i64.const 50))", {
    fields: "(start $s) (func $s (i64.store (i32.const 72) (i64.const 41)))",
  });
  const loaded = loadWasm(assemble(text));
  for (let i = 0; i < 2; i++) assert.equal(resultLine(loaded.call("step", canonical(null), 100)), "ok 2 2a00000000000000");
});

test("wasm: code that an optimising compiler gives far larger frames than it seems to need: out of stack, no host overflow", () => {
  const products = Array.from({ length: 1500 }, (_, i) => `(i32.store offset=${i * 8} (i32.const 0) (i32.mul (local.get 0) (i32.const ${i * 7 + 3})))`).join(" ");
  const text = stepModule("(call $deep (local.get 0))", { fields: `(func $deep (param i32) ${products} (call $deep (i32.add (local.get 0) (i32.const 1))) ${products})` });
  const loaded = loadWasm(assemble(text));
  const lines = Array.from({ length: 60 }, () => resultLine(loaded.call("step", stepInput(), 1_000_000)));
  assert.match(lines[0] as string, /^stack /);
  assert.equal(new Set(lines).size, 1);
});

test("wasm: the host's own stack gives out: InvariantError, no result", () => {
  const module = fileURLToPath(new URL("./fixtures/shallow.js", import.meta.url));
  const { stdout, status } = spawnSync(process.execPath, ["--stack-size=120", module], { encoding: "utf8" });
  assert.equal(stdout, "InvariantError: the sandbox's host gave out: RangeError: Maximum call stack size exceeded\n");
  assert.equal(status, 0);
});
