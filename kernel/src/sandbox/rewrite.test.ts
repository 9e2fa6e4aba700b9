import assert from "node:assert/strict";
import { test } from "node:test";
import { assemble } from "./fixtures/assemble.ts";
import { seeded } from "./fixtures/random.ts";
import { interpreter, rawCall } from "./fixtures/interpreter.ts";
import { stepModule } from "./fixtures/wat.ts";
import { Machine } from "./machine.ts";
import { rewriteModule } from "./rewrite.ts";
import { scanModule } from "./scan.ts";
import { loadWasm } from "./wasm-runner.ts";
import { Wasm } from "./webassembly.ts";

function randomInputs(count: number): readonly Uint8Array[] {
  const random = seeded(20);
  return Array.from({ length: count }, () => new Uint8Array(random(60)).map(() => random(256)));
}

test("rewrite: 300 inputs on modules of 5 and 10 pages: same bytes and traps as the raw module in a fresh instance", () => {
  let traps = 0;
  let answers = 0;
  for (const pages of [5, 10]) {
    const bytes = assemble(interpreter(pages));
    const module = new Wasm.Module(bytes);
    const loaded = loadWasm(bytes);
    for (const input of randomInputs(150)) {
      const expected = rawCall(module, input);
      const result = loaded.call("step", input, 10_000_000);
      if (expected === "trap") {
        assert.equal(result.kind === "failed" && result.code, "trap");
        traps++;
      } else {
        assert.equal(result.kind, "ok");
        assert.ok(Buffer.from(expected).equals(result.kind === "ok" ? result.output : Buffer.alloc(0)), `input ${Buffer.from(input).toString("hex")}`);
        answers++;
      }
    }
  }
  assert.equal(traps + answers, 300);
  assert.ok(traps >= 15 && answers > 200, `${traps} traps`);
});

test("machine: restored after any call: every byte and global as in a new instance", () => {
  const bytes = assemble(interpreter(10));
  const rewritten = rewriteModule(scanModule(bytes, "author"), { track: "auto" });
  assert.notEqual(rewritten.trackedAt, undefined);
  const module = new Wasm.Module(rewritten.bytes);
  const machine = new Machine(module, rewritten, { stackBytes: 200_000 });
  const pristine = Buffer.from(machine.memory.slice());
  const image = machine.snapshot();
  let calls = 0;
  for (const input of randomInputs(60)) {
    machine.restore(image);
    machine.run(10_000_000, () => {
      machine.memory.set(input, 300_000);
      machine.wrote(300_000, input.length);
      machine.function("step")(300_000, input.length);
    });
    machine.restore(image);
    assert.ok(pristine.equals(machine.memory), `call ${calls}`);
    assert.deepEqual(machine.snapshot(image).globals, image.globals);
    calls++;
  }
  assert.equal(calls, 60);
});

test("machine: an image derived from another, a store across two grains between them: either can be put back", () => {
  const text = stepModule("(i64.store (i32.const 8188) (i64.const -1)) (drop (memory.grow (i32.const 0)))");
  const rewritten = rewriteModule(scanModule(assemble(text), "author"), { track: "auto" });
  const machine = new Machine(new Wasm.Module(rewritten.bytes), rewritten, { stackBytes: 10_000 });
  const around = (): string => Buffer.from(machine.memory.subarray(8184, 8200)).toString("hex");
  const base = machine.snapshot();
  machine.restore(base);
  machine.run(100, () => machine.function("step")(0, 0));
  const derived = machine.snapshot(base);
  for (let i = 0; i < 2; i++) {
    machine.restore(base);
    assert.equal(around(), "00".repeat(16));
    machine.restore(derived);
    assert.equal(around(), `${"00".repeat(4)}${"ff".repeat(8)}${"00".repeat(4)}`);
  }
  assert.deepEqual(derived.grains.map((grain, i) => (grain === base.grains[i] ? "shared" : "own")).filter((kind) => kind === "own").length, 2);
});

test("fuel: one unit a function entry and a loop iteration, an eighth of a unit a byte copied: exact counts", () => {
  const rows: readonly (readonly [body: string, units: number])[] = [
    ["", 0],
    ["(loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 10))))", 10],
    ["(loop $l)", 1],
    ["(call $nothing) (call $nothing)", 2],
    ["(memory.fill (i32.const 0) (i32.const 0) (i32.const 800))", 100],
    ["(memory.copy (i32.const 0) (i32.const 8) (i32.const 7))", 0],
    ["(drop (memory.grow (i32.const 5)))", 0],
  ];
  // alloc and step themselves are one unit each.
  for (const [body, units] of rows) {
    const loaded = loadWasm(assemble(stepModule(body, { fields: "(func $nothing)" })));
    const result = loaded.call("step", new Uint8Array(3), 1000);
    assert.deepEqual([result.kind, result.fuelUsed], ["ok", units + 2], body);
    assert.equal(loaded.call("step", new Uint8Array(3), units + 2).kind, "ok", body);
    const short = loaded.call("step", new Uint8Array(3), units + 1);
    assert.deepEqual([short.kind === "failed" && short.code, short.fuelUsed], ["fuel", units + 1], body);
  }
  assert.equal(rows.length, 7);
});

test("rewrite: twice: the same bytes", () => {
  const scan = scanModule(assemble(interpreter(10)), "author");
  const once = rewriteModule(scan, { track: "auto" });
  assert.deepEqual(rewriteModule(scan, { track: "auto" }).bytes, once.bytes);
  assert.ok(Wasm.validate(once.bytes));
});
