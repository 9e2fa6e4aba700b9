import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "../air/error.ts";
import { assemble } from "./fixtures/assemble.ts";
import { COUNTER_MULTI, COUNTER_POINTER, HOSTILE_WAT, stepModule } from "./fixtures/wat.ts";
import { scanModule } from "./scan.ts";
import { loadWasm } from "./wasm-runner.ts";

function refusal(bytes: Uint8Array): AosError {
  try {
    loadWasm(bytes);
  } catch (error) {
    assert.ok(error instanceof AosError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "the module was admitted" });
}

/** A module by its sections, each `[id, …bytes]`, for what the assembler cannot write. */
function sections(...parts: readonly (readonly number[])[]): Uint8Array {
  const bytes = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  for (const [id, ...content] of parts) bytes.push(id as number, content.length, ...content);
  return new Uint8Array(bytes);
}

const SIGNATURE = [1, 1, 0x60, 0, 0];

test("admission: what is refused: byte offset and reason", () => {
  const rows: readonly (readonly [name: string, bytes: Uint8Array, reason: RegExp])[] = [
    ["empty", new Uint8Array(), /ends too early/],
    ["not WebAssembly", new Uint8Array(64), /not a WebAssembly module/],
    ["cut short", assemble(COUNTER_MULTI).slice(0, 100), /ends too early/],
    ["imported function", assemble(`(module (import "env" "now" (func)))`), /imports "env\.now"/],
    ["imported memory", assemble(`(module (import "env" "memory" (memory 1)))`), /imports "env\.memory"/],
    ["imported global", assemble(`(module (import "env" "g" (global i32)))`), /imports "env\.g"/],
    ["shared memory", assemble(`(module (memory (export "memory") 1 2 shared))`), /threads/],
    ["atomic load", assemble(stepModule("(drop (i32.atomic.load (i32.const 0)))")), /thread or atomic/],
    ["SIMD instruction", assemble(stepModule("(drop (i8x16.splat (i32.const 0)))")), /SIMD/],
    ["SIMD local", assemble(stepModule("", { fields: "(func (local v128))" })), /SIMD/],
    ["relaxed SIMD", assemble(stepModule("(drop (f32x4.relaxed_madd (f32x4.splat (local.get $y)) (f32x4.splat (local.get $y)) (f32x4.splat (local.get $y))))")), /SIMD/],
    ["exceptions", assemble(stepModule("(throw $e)", { fields: "(tag $e)" })), /exception/],
    ["try", assemble(stepModule("(try (do) (catch_all))")), /exception/],
    ["tail call", assemble(stepModule("", { fields: "(func $f) (func (return_call $f))" })), /tail call/],
    ["64-bit memory", assemble(`(module (memory (export "memory") i64 1))`), /64-bit/],
    ["two memories", sections(SIGNATURE, [5, 2, 0, 1, 0, 1]), /more than one memory/],
    ["structs", sections([1, 1, 0x5f, 0]), /garbage collection/],
    ["struct instruction", sections(SIGNATURE, [3, 1, 0], [10, 1, 4, 0, 0xfb, 0x00, 0x0b]), /garbage collection/],
    ["typed reference call", sections(SIGNATURE, [3, 1, 0], [10, 1, 4, 0, 0x14, 0x00, 0x0b]), /typed function reference/],
    ["too many pages", assemble(`(module (memory (export "memory") 257))`), /needs 257 memory pages/],
    ["too large a table", assemble(`(module (table 100001 funcref))`), /needs a table of 100001/],
    ["segment outside", assemble(stepModule("", { fields: '(data (i32.const 65530) "12345678")' })), /data segment outside/],
    ["huge frame", assemble(stepModule("", { fields: `(func (local ${"i64 ".repeat(9000)}))` })), /stack frame of \d+ bytes/],
    ["global from a sum", assemble(stepModule("", { fields: "(global i32 (i32.add (i32.const 1) (i32.const 2)))" })), /not a constant/],
    ["unknown section", sections([99]), /unknown kind 99/],
    ["no memory", assemble("(module)"), /exports no memory/],
    ["no alloc", assemble(`(module (memory (export "memory") 1))`), /exports no function "alloc"/],
    ["no entry", assemble(`(module (memory (export "memory") 1) (func (export "alloc") (param i32) (result i32) (i32.const 0)))`), /neither "step" nor "run"/],
    ["another signature", assemble(COUNTER_MULTI.replace("(param i32 i32) (result i32 i32)", "(param i32 i64) (result i32 i32)")), /another signature/],
    ["not valid: types", assemble(COUNTER_MULTI).map((byte, i, all) => (byte === 0x6a && all[i + 1] === 0x41 ? 0x7c : byte)), /not a valid module/],
    ["not valid: uses a global of ours", assemble(stepModule("")).map((byte, i, all) => (byte === 0x41 && all[i + 1] === 0xc0 && all[i - 1] !== 0x0b ? 0x23 : byte)), /not a valid module/],
    ["start function that loops", assemble(stepModule("", { fields: "(start $s) (func $s (loop $l (br $l)))" })), /start function/],
    ["start function that traps", assemble(stepModule("", { fields: "(start $s) (func $s unreachable)" })), /start function/],
  ];
  for (const [name, bytes, reason] of rows) {
    const error = refusal(bytes);
    assert.equal(error.code, "module.refused", name);
    assert.match(error.message, reason, name);
    if (!/start/.test(name)) assert.equal(typeof error.data["offset"], "number", name);
  }
  assert.equal(rows.length, 33);
});

test("admission: the offset names the instruction: position of the SIMD opcode", () => {
  const bytes = assemble(stepModule("(drop (i8x16.splat (i32.const 0)))"));
  assert.equal(bytes[refusal(bytes).data["offset"] as number], 0xfd);
});

/** How many of these are admitted; the others must be refused, with nothing else thrown. */
function admitted(modules: readonly Uint8Array[]): number {
  let count = 0;
  for (const bytes of modules) {
    try {
      loadWasm(bytes);
      count++;
    } catch (error) {
      assert.ok(error instanceof AosError && error.code === "module.refused", String(error));
    }
  }
  return count;
}

test("admission: a cut module: refused, but for the cut that takes off the last section whole", () => {
  const whole = assemble(COUNTER_POINTER);
  const cuts = Array.from(whole, (_, end) => whole.slice(0, end));
  assert.ok(cuts.length > 200);
  assert.equal(admitted(cuts), 1);
});

test("admission: a module with one bit changed: refused or admitted, nothing else thrown", () => {
  const whole = assemble(COUNTER_POINTER);
  const changed = Array.from(whole, (byte, at) => whole.with(at, byte ^ (1 << at % 8)));
  const count = admitted(changed);
  assert.ok(count > 0 && count < changed.length, `${count} admitted`);
});

test("admission: what cannot be restored: flagged", () => {
  const rows: readonly (readonly [body: string, fields: string, flagged: boolean])[] = [
    ["", "", false],
    ["(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))", '(data $d "x")', false],
    ["(memory.copy (i32.const 0) (i32.const 0) (i32.const 1)) (memory.fill (i32.const 0) (i32.const 0) (i32.const 1))", "", false],
    ["(data.drop $d)", '(data $d "x")', true],
    ["(table.set 0 (i32.const 0) (ref.null func))", "(table 1 funcref)", true],
    ["(drop (table.grow 0 (ref.null func) (i32.const 1)))", "(table 1 funcref)", true],
    ["(table.fill 0 (i32.const 0) (ref.null func) (i32.const 1))", "(table 1 funcref)", true],
    ["(table.copy 0 0 (i32.const 0) (i32.const 0) (i32.const 1))", "(table 1 funcref)", true],
    ["(table.init 0 $e (i32.const 0) (i32.const 0) (i32.const 1))", "(table 1 funcref) (elem $e func $step)", true],
    ["(elem.drop $e)", "(table 1 funcref) (elem $e func $step)", true],
    ["(drop (table.get 0 (i32.const 0))) (drop (table.size 0))", "(table 1 funcref)", false],
    ["", "(global (mut funcref) (ref.null func))", true],
  ];
  for (const [body, fields, flagged] of rows) {
    const bytes = assemble(stepModule(body, { fields }));
    assert.equal(scanModule(bytes, "author").unrestorable, flagged, `${body} ${fields}`);
    loadWasm(bytes);
  }
  assert.equal(rows.length, 12);
});

test("admission: hostile but well-formed modules: admitted", () => {
  const texts = Object.values(HOSTILE_WAT);
  for (const text of texts) loadWasm(assemble(text));
  assert.ok(texts.length >= 25);
});
