import assert from "node:assert/strict";
import { test } from "node:test";
import { assemble } from "./fixtures/assemble.ts";
import { seeded } from "./fixtures/random.ts";
import { stepModule } from "./fixtures/wat.ts";
import { Machine } from "./machine.ts";
import { rewriteModule } from "./rewrite.ts";
import { scanModule } from "./scan.ts";
import { loadWasm } from "./wasm-runner.ts";
import { Wasm } from "./webassembly.ts";
import type { WasmFunction, WasmMemory } from "./webassembly.ts";

/**
 * Runs its input as a little program over memory: every kind of store, copies, fills, growth, float globals, indirect calls, recursion,
 * traps. The answer is 256 KiB of memory, so that one wrong byte shows.
 */
function interpreter(pages: number): string {
  const arms = [
    "(local.set $acc (i64.add (i64.mul (local.get $acc) (i64.const 6364136223846793005)) (i64.extend_i32_u (local.get $i))))",
    "(local.set $p (i32.and (i32.wrap_i64 (i64.shr_u (local.get $acc) (i64.const 20))) (i32.const 0x3ffef))) (i64.store offset=1 (local.get $p) (local.get $acc))",
    "(local.set $acc (i64.xor (local.get $acc) (i64.load offset=3 (local.get $p))))",
    "(i32.store16 offset=5 (local.get $p) (i32.wrap_i64 (local.get $acc))) (i64.store8 offset=9 (local.get $p) (local.get $acc)) (i64.store16 (local.get $p) (local.get $acc))",
    "(memory.fill (i32.and (local.get $p) (i32.const 0x3ffff)) (i32.wrap_i64 (local.get $acc)) (i32.and (i32.wrap_i64 (local.get $acc)) (i32.const 0x2fff)))",
    "(memory.copy (i32.and (i32.wrap_i64 (local.get $acc)) (i32.const 0x3ffff)) (local.get $p) (i32.and (i32.wrap_i64 (i64.shr_u (local.get $acc) (i64.const 40))) (i32.const 0x1fff)))",
    "(local.set $acc (i64.add (local.get $acc) (i64.extend_i32_s (memory.grow (i32.const 1)))))",
    "(global.set $wide (f64.add (global.get $wide) (f64.convert_i64_s (i64.shr_s (local.get $acc) (i64.const 40))))) (local.set $acc (i64.xor (local.get $acc) (i64.reinterpret_f64 (global.get $wide))))",
    "(global.set $narrow (f32.mul (f32.sqrt (f32.convert_i64_u (local.get $acc))) (f32.const 0.5))) (f32.store offset=2 (local.get $p) (global.get $narrow))",
    "(local.set $acc (call_indirect (type $unary) (local.get $acc) (i32.and (i32.wrap_i64 (local.get $acc)) (i32.const 1))))",
    "(local.set $acc (i64.div_s (i64.const 0x123456789abcdef) (i64.and (local.get $acc) (i64.const 63))))",
    "(if (i64.eq (i64.and (local.get $acc) (i64.const 127)) (i64.const 5)) (then unreachable))",
    "(memory.init $passive (i32.add (local.get $p) (i32.const 7)) (i32.const 2) (i32.const 9))",
    "(f64.store offset=4 (local.get $p) (f64.convert_i64_s (local.get $acc))) (i64.store32 offset=4091 (local.get $p) (local.get $acc))",
    "(local.set $acc (i64.add (local.get $acc) (call $factorial (i64.and (local.get $acc) (i64.const 31)))))",
    "(global.set $count (i32.add (global.get $count) (memory.size))) (i32.store8 (local.get $p) (global.get $count))",
  ];
  const labels = arms.map((_, i) => `$a${i}`);
  const opened = labels.reduceRight((inner, label) => `(block ${label} ${inner}`, `(br_table ${labels.join(" ")} (i32.and (i32.load8_u (i32.add (local.get $in) (local.get $i))) (i32.const 15)))`);
  const body = arms.reduce((code, arm) => `${code}) ${arm} (br $next)`, opened);
  return `(module
    (type $unary (func (param i64) (result i64)))
    (memory (export "memory") ${pages} 14)
    (data (i32.const 100) "some data that is there from the start") (data $passive "0123456789abcdef")
    (table funcref (elem $rotate $negate))
    (global $wide (mut f64) (f64.const 1.5)) (global $narrow (mut f32) (f32.const 2.5)) (global $count (mut i32) (i32.const -3)) (global $start i64 (i64.const 77))
    (func $rotate (type $unary) (i64.rotl (local.get 0) (i64.const 13)))
    (func $negate (type $unary) (i64.sub (i64.const -9) (local.get 0)))
    (func $factorial (param i64) (result i64)
      (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1)) (else (i64.mul (local.get 0) (call $factorial (i64.sub (local.get 0) (i64.const 1)))))))
    (func (export "alloc") (param i32) (result i32) (i32.const 300000))
    (func (export "step") (param $in i32) (param $size i32) (result i32 i32)
      (local $i i32) (local $p i32) (local $acc i64)
      (local.set $acc (global.get $start))
      (block $done (loop $again
        (br_if $done (i32.ge_u (local.get $i) (local.get $size)))
        (block $next ${body})
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
      (i64.store (i32.const 8) (local.get $acc))
      (i32.const 0) (i32.const 262144)))`;
}

/** What the module does when nothing is rewritten: a new instance of the raw module. */
function raw(module: ConstructorParameters<typeof Wasm.Instance>[0], input: Uint8Array): Uint8Array | "trap" {
  const { exports } = new Wasm.Instance(module);
  const memory = (): Uint8Array => new Uint8Array((exports["memory"] as WasmMemory).buffer);
  try {
    const pointer = (exports["alloc"] as WasmFunction)(input.length) as number;
    memory().set(input, pointer);
    const [at, size] = (exports["step"] as WasmFunction)(pointer, input.length) as [number, number];
    return memory().slice(at, at + size);
  } catch (error) {
    assert.ok(error instanceof Wasm.RuntimeError);
    return "trap";
  }
}

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
      const expected = raw(module, input);
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
