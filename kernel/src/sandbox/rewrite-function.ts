// Rewrites the code of one function: copies it through, with charges, checks and marks put in between.

import { Need, skipControlImmediate, skipImmediate } from "./scan-function.ts";
import type { FunctionScan } from "./scan-function.ts";
import type { GlobalScan } from "./scan.ts";
import { Bulk, Imm, Op, Type, bulkInfo, opInfo, storedType } from "./wasm-ops.ts";
import { Reader } from "./wasm-reader.ts";
import type { Writer } from "./wasm-reader.ts";
import { assert } from "../air/error.ts";

/** What all functions of one module share. */
export interface Extras {
  readonly fuelGlobal: number;
  readonly stackGlobal: number;
  readonly pagesGlobal: number;
  /** Pages the memory may grow to. */
  readonly pages: number;
  readonly trackedAt: number | undefined;
  readonly globals: readonly GlobalScan[];
  readonly importedFunctions: number;
}

/** Indices of the locals added to a function; only those it needs exist. */
interface Added {
  readonly i32: number;
  readonly i64: number;
  readonly f32: number;
  readonly f64: number;
  readonly address: number;
  readonly middle: number;
  readonly count: number;
  readonly stack: number;
}

interface Task {
  readonly out: Writer;
  readonly bytes: Uint8Array;
  readonly extras: Extras;
  readonly added: Added;
}

const SMALL_FRAME_BYTES = 1024;
const GRAIN_SHIFT = 12;
/** Fuel for copying and filling memory: one unit for 8 bytes. */
const BULK_SHIFT = 3;

/** Writes the body of one function, without its size. */
export function rewriteFunction(out: Writer, bytes: Uint8Array, code: FunctionScan, extras: Extras): void {
  const added = writeLocals(out, bytes, code, extras);
  const task: Task = { out, bytes, extras, added };
  chargeUnit(task);
  if (chargesFrame(code)) chargeFrame(task, code.frameBytes);
  const reader = new Reader(bytes, code.codeStart, code.end);
  // Instructions that stay as they are gather into one run, copied when something else must come between.
  let run = reader.pos;
  while (reader.pos < code.end) {
    const at = reader.pos;
    const op = reader.byte();
    const info = opInfo(op);
    assert(op === Op.prefix || info !== undefined, "the scan admitted every instruction");
    let inner = 0;
    if (op === Op.prefix) {
      inner = reader.u32();
      const bulk = bulkInfo(inner);
      assert(bulk !== undefined, "the scan admitted every instruction");
      skipImmediate(reader, bulk);
    } else if (info?.immediate === Imm.special) skipControlImmediate(reader, op);
    else if (info !== undefined) skipImmediate(reader, info);
    if (!changes(task, op, inner)) continue;
    out.raw(bytes, run, at);
    replace(task, { op, inner, at, end: reader.pos });
    run = reader.pos;
  }
  out.raw(bytes, run, code.end);
}

/** The last frame of a chain of calls need not be charged when it is small. */
function chargesFrame(code: FunctionScan): boolean {
  return (code.needs & Need.calls) !== 0 || code.frameBytes > SMALL_FRAME_BYTES;
}

/** The declared locals as they were, then ours, a group a type. */
function writeLocals(out: Writer, bytes: Uint8Array, code: FunctionScan, extras: Extras): Added {
  const tracked = extras.trackedAt !== undefined;
  const i32: (keyof Added)[] = [];
  if (chargesFrame(code)) i32.push("stack");
  if (code.needs & Need.bulk) i32.push("count", "middle");
  if (tracked && code.needs & Need.address) i32.push("address");
  if (tracked && code.needs & Need.i32) i32.push("i32");
  const i64: (keyof Added)[] = tracked && code.needs & Need.i64 ? ["i64"] : [];
  const f32: (keyof Added)[] = code.needs & Need.f32 ? ["f32"] : [];
  const f64: (keyof Added)[] = code.needs & Need.f64 ? ["f64"] : [];
  const groups = [[Type.i32, i32], [Type.i64, i64], [Type.f32, f32], [Type.f64, f64]] as const;
  const present = groups.filter(([, names]) => names.length > 0);
  const reader = new Reader(bytes, code.start, code.codeStart);
  out.u32(reader.u32() + present.length);
  out.raw(bytes, reader.pos, code.codeStart);
  const added: Record<keyof Added, number> = { i32: -1, i64: -1, f32: -1, f64: -1, address: -1, middle: -1, count: -1, stack: -1 };
  let next = code.localCount;
  for (const [type, names] of present) {
    out.u32(names.length);
    out.byte(type);
    for (const name of names) added[name] = next++;
  }
  return added;
}

/** Whether an instruction cannot be copied as it is. */
function changes(task: Task, op: number, inner: number): boolean {
  if (op === Op.prefix) return inner >= Bulk.memoryInit && inner !== Bulk.dataDrop && inner !== Bulk.elemDrop && inner !== Bulk.tableSize;
  if (op === Op.loop || op === Op.call || op === Op.callIndirect || op === Op.memorySize || op === Op.memoryGrow) return true;
  if (op === Op.globalGet || op === Op.globalSet) return true;
  if (op >= Op.i32Store && op <= Op.i64Store32) return task.extras.trackedAt !== undefined;
  return (opInfo(op)?.nan ?? 0) !== 0;
}

interface Instruction {
  readonly op: number;
  readonly inner: number;
  readonly at: number;
  readonly end: number;
}

function replace(task: Task, instruction: Instruction): void {
  const { op, at, end } = instruction;
  const { out, bytes, added, extras } = task;
  if (op === Op.prefix) return replaceBulk(task, instruction);
  if (op >= Op.i32Store && op <= Op.i64Store32) return replaceStore(task, instruction);
  switch (op) {
    case Op.loop:
      out.raw(bytes, at, end);
      return chargeUnit(task);
    case Op.call:
    case Op.callIndirect:
      put(out, Op.localGet, added.stack);
      put(out, Op.globalSet, extras.stackGlobal);
      return out.raw(bytes, at, end);
    case Op.memorySize:
      return put(out, Op.globalGet, extras.pagesGlobal);
    case Op.memoryGrow:
      return grow(task);
    case Op.globalGet:
    case Op.globalSet:
      return replaceGlobal(task, instruction);
    default:
      out.raw(bytes, at, end);
      return canonicalNan(task, opInfo(op)?.nan === Type.f32 ? Type.f32 : Type.f64);
  }
}

/** One opcode and one index. */
function put(out: Writer, op: number, index: number): void {
  out.byte(op);
  out.u32(index);
}

function constant(out: Writer, value: number): void {
  out.byte(Op.i32Const);
  out.s32(value);
}

/** `condition` is on the stack: out of this call when it holds. */
function trapIf(out: Writer): void {
  out.byte(Op.if);
  out.byte(Type.empty);
  out.byte(Op.unreachable);
  out.byte(Op.end);
}

/** One unit of fuel. Below zero the call is over; a fuel below zero is how the host tells this trap from others. */
function chargeUnit(task: Task): void {
  const { out, extras } = task;
  put(out, Op.globalGet, extras.fuelGlobal);
  out.byte(Op.i64Const);
  out.byte(1);
  out.byte(Op.i64Sub);
  settle(task);
}

/** The new fuel is on the stack. */
function settle(task: Task): void {
  const { out, extras } = task;
  put(out, Op.globalSet, extras.fuelGlobal);
  put(out, Op.globalGet, extras.fuelGlobal);
  out.byte(Op.i64Const);
  out.byte(0);
  out.byte(Op.i64LtS);
  trapIf(out);
}

/** Fuel for `count >> shift` units; `count` stays in its local. */
function chargeCount(task: Task, shift: number): void {
  const { out, extras, added } = task;
  put(out, Op.globalGet, extras.fuelGlobal);
  put(out, Op.localGet, added.count);
  constant(out, shift);
  out.byte(Op.i32ShrU);
  out.byte(Op.i64ExtendI32U);
  out.byte(Op.i64Sub);
  settle(task);
}

/**
 * What is left of the stack when this function's own frame is taken off goes into a local; before every call it goes into the
 * global, where the callee finds it. So nothing must be given back on the way out.
 */
function chargeFrame(task: Task, frameBytes: number): void {
  const { out, extras, added } = task;
  put(out, Op.globalGet, extras.stackGlobal);
  constant(out, frameBytes);
  out.byte(Op.i32Sub);
  put(out, Op.localTee, added.stack);
  constant(out, 0);
  out.byte(Op.i32LtS);
  out.byte(Op.if);
  out.byte(Type.empty);
  constant(out, -1);
  put(out, Op.globalSet, extras.stackGlobal);
  out.byte(Op.unreachable);
  out.byte(Op.end);
}

/** `tee x; nan; x; x == x; select`: any NaN becomes the one with only the top fraction bit set. */
function canonicalNan(task: Task, type: number): void {
  const { out, added } = task;
  const local = type === Type.f32 ? added.f32 : added.f64;
  put(out, Op.localTee, local);
  out.byte(type === Type.f32 ? Op.f32Const : Op.f64Const);
  for (const byte of type === Type.f32 ? [0, 0, 0xc0, 0x7f] : [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]) out.byte(byte);
  put(out, Op.localGet, local);
  put(out, Op.localGet, local);
  out.byte(type === Type.f32 ? Op.f32Eq : Op.f64Eq);
  out.byte(Op.select);
}

/** `memory.grow` moves the mark of how much memory there is; the memory itself has its last size. */
function grow(task: Task): void {
  const { out, extras, added } = task;
  put(out, Op.localTee, added.count);
  constant(out, extras.pages);
  put(out, Op.globalGet, extras.pagesGlobal);
  out.byte(Op.i32Sub);
  out.byte(Op.i32GtU);
  out.byte(Op.if);
  out.byte(Type.i32);
  constant(out, -1);
  out.byte(Op.else);
  put(out, Op.globalGet, extras.pagesGlobal);
  put(out, Op.globalGet, extras.pagesGlobal);
  put(out, Op.localGet, added.count);
  out.byte(Op.i32Add);
  put(out, Op.globalSet, extras.pagesGlobal);
  out.byte(Op.end);
}

function replaceGlobal(task: Task, { op, at, end }: Instruction): void {
  const { out, bytes, extras } = task;
  const global = extras.globals[new Reader(bytes, at + 1, end).u32()];
  const asBits = global !== undefined && global.mutable && (global.type === Type.f32 || global.type === Type.f64);
  if (asBits && op === Op.globalSet) out.byte(global.type === Type.f32 ? Op.i32ReinterpretF32 : Op.i64ReinterpretF64);
  out.raw(bytes, at, end);
  if (asBits && op === Op.globalGet) out.byte(global.type === Type.f32 ? Op.f32ReinterpretI32 : Op.f64ReinterpretI64);
}

/**
 * A store, then a mark for the grain it wrote. The mark comes last: whatever a stray store did to the table itself, its own
 * mark stands after it. A store that reaches into the next grain marks the first one only; the host restores 8 bytes more.
 */
function replaceStore(task: Task, { op, at, end }: Instruction): void {
  const { out, bytes, added } = task;
  const value = storedType(op);
  const local = value === Type.i64 ? added.i64 : value === Type.f32 ? added.f32 : value === Type.f64 ? added.f64 : added.i32;
  const memarg = new Reader(bytes, at + 1, end);
  memarg.u32();
  const offset = memarg.u32();
  put(out, Op.localSet, local);
  put(out, Op.localTee, added.address);
  put(out, Op.localGet, local);
  out.raw(bytes, at, end);
  put(out, Op.localGet, added.address);
  if (offset !== 0) {
    // The store succeeded, so address and offset together are below the memory's size: no carry.
    constant(out, offset | 0);
    out.byte(Op.i32Add);
  }
  constant(out, GRAIN_SHIFT);
  out.byte(Op.i32ShrU);
  constant(out, 1);
  markStore(task);
}

/** Stores the byte on the stack into the table, at the index below it. */
function markStore(task: Task): void {
  task.out.byte(Op.i32Store8);
  task.out.byte(0);
  task.out.u32(task.extras.trackedAt ?? 0);
}

/** Bulk instructions: the count is on top. Charged by size, then done, then (memory) marked. */
function replaceBulk(task: Task, { inner, at, end }: Instruction): void {
  const { out, bytes, added, extras } = task;
  const inMemory = inner === Bulk.memoryInit || inner === Bulk.memoryCopy || inner === Bulk.memoryFill;
  put(out, Op.localSet, added.count);
  chargeCount(task, inMemory ? BULK_SHIFT : 0);
  const tracked = inMemory && extras.trackedAt !== undefined;
  if (tracked) {
    put(out, Op.localSet, added.middle);
    put(out, Op.localTee, added.address);
    put(out, Op.localGet, added.middle);
  }
  put(out, Op.localGet, added.count);
  out.raw(bytes, at, end);
  if (tracked) markRange(task);
}

/** Fills the table with ones from the grain of `address` to the grain of `address + count - 1`. */
function markRange(task: Task): void {
  const { out, added, extras } = task;
  const grainOfAddress = (): void => {
    put(out, Op.localGet, added.address);
    constant(out, GRAIN_SHIFT);
    out.byte(Op.i32ShrU);
  };
  put(out, Op.localGet, added.count);
  out.byte(Op.if);
  out.byte(Type.empty);
  grainOfAddress();
  constant(out, extras.trackedAt ?? 0);
  out.byte(Op.i32Add);
  constant(out, 1);
  put(out, Op.localGet, added.address);
  put(out, Op.localGet, added.count);
  out.byte(Op.i32Add);
  constant(out, 1);
  out.byte(Op.i32Sub);
  constant(out, GRAIN_SHIFT);
  out.byte(Op.i32ShrU);
  grainOfAddress();
  out.byte(Op.i32Sub);
  constant(out, 1);
  out.byte(Op.i32Add);
  out.byte(Op.prefix);
  out.u32(Bulk.memoryFill);
  out.byte(0);
  out.byte(Op.end);
}
