// Reads the code of one function: admits its instructions, measures its frame, notes what the rewriter must insert.

import type { FuncType } from "./scan.ts";
import { Bulk, Imm, Op, Type, bulkInfo, opInfo, refusedName, storedType } from "./wasm-ops.ts";
import type { OpInfo } from "./wasm-ops.ts";
import { readValueType, refuse } from "./wasm-reader.ts";
import type { Reader } from "./wasm-reader.ts";

/** What a function needs of the rewriter, as bits. */
export const Need = {
  /** A local to hold a number of that type: a NaN to look at, a value to store. */
  i32: 1, i64: 2, f32: 4, f64: 8,
  /** A local for the address of a store. */
  address: 16,
  /** Two locals more for a bulk instruction: its middle operand and its count. */
  bulk: 32,
  /** The function calls others. */
  calls: 64,
} as const;

export interface FunctionScan {
  /** The body without its size: local declarations, then instructions. */
  readonly start: number;
  readonly codeStart: number;
  readonly end: number;
  /** Parameters and declared locals. */
  readonly localCount: number;
  readonly localGroups: number;
  readonly needs: number;
  /** Estimate of the native frame, in bytes; see `frameEstimate`. */
  readonly frameBytes: number;
  readonly grows: boolean;
  readonly unrestorable: boolean;
}

/** Whose code it is: an author's, which nobody has measured; the JavaScript engine's; or what a baked module has beside the engine. */
export type CodeOrigin = "author" | "engine" | "beside the engine";

/** How often the values that the code computes twice are counted in a frame. Beside the engine, whose stack is larger: in full. */
const REUSED = { author: 1, engine: 0, "beside the engine": 4 } as const;

interface Context {
  readonly origin: CodeOrigin;
  readonly type: FuncType;
  readonly types: readonly FuncType[];
  readonly functions: readonly number[];
}

interface Block {
  readonly op: number;
  readonly base: number;
  readonly params: number;
  readonly results: number;
}

interface Walk {
  readonly reader: Reader;
  readonly context: Context;
  readonly blocks: Block[];
  /** The base of the innermost block. */
  base: number;
  height: number;
  heightMax: number;
  argumentsMax: number;
  /** Values an optimising compiler might keep for later instead of computing them again. */
  reusable: number;
  needs: number;
  grows: boolean;
  unrestorable: boolean;
}

const LOCALS_MAX = 50_000;
/** Slots for the operands that the rewriter adds. */
const ADDED_OPERANDS = 2;
/** Parameters that V8 passes in registers. */
const REGISTER_PARAMETERS = 6;
/** Return address, frame pointer, instance and the like. */
const FRAME_HEADER_BYTES = 48;

/** Reads one function's body; the reader spans it exactly. */
export function scanFunction(reader: Reader, context: Context): FunctionScan {
  const start = reader.pos;
  const localGroups = reader.u32();
  let localCount = context.type.params.length;
  for (let i = 0; i < localGroups; i++) {
    localCount += reader.u32();
    if (localCount > LOCALS_MAX) refuse(reader.pos, "too many local variables");
    readValueType(reader);
  }
  const codeStart = reader.pos;
  const walk: Walk = {
    reader, context, blocks: [{ op: Op.block, base: 0, params: 0, results: context.type.results.length }],
    base: 0, height: 0, heightMax: 0, argumentsMax: 0, reusable: 0, needs: 0, grows: false, unrestorable: false,
  };
  while (walk.blocks.length > 0) instruction(walk);
  if (reader.pos !== reader.end) refuse(reader.pos, "code after the end of a function");
  return {
    start, codeStart, end: reader.end, localCount, localGroups, needs: walk.needs, frameBytes: frameEstimate(walk, localCount), grows: walk.grows, unrestorable: walk.unrestorable,
  };
}

/**
 * Bytes of a native frame. V8's baseline compiler gives every local and operand a slot: that part is an upper bound. Its optimising
 * compiler may also keep each value that the code computes twice, 4 bytes for an instruction at most. An author's code is charged
 * a quarter of that, so that a real frame is at most four times its estimate, whatever the code; the engine's was measured.
 */
function frameEstimate(walk: Walk, localCount: number): number {
  const pushed = Math.max(0, walk.argumentsMax - REGISTER_PARAMETERS);
  const slots = localCount + walk.heightMax + pushed + addedLocals(walk.needs) + ADDED_OPERANDS;
  return slots * 8 + FRAME_HEADER_BYTES + REUSED[walk.context.origin] * walk.reusable;
}

/** At most this many locals are added for these needs. */
function addedLocals(needs: number): number {
  let count = needs & Need.bulk ? 1 : 0;
  for (let bit = 1; bit <= Need.calls; bit *= 2) if (needs & bit) count++;
  return count;
}

function instruction(walk: Walk): void {
  const at = walk.reader.pos;
  const op = walk.reader.byte();
  if (op === Op.prefix) return bulkInstruction(walk, at);
  const info = opInfo(op);
  if (info === undefined) return refuse(at, `${refusedName(op)} is not admitted`);
  if (info.immediate === Imm.special) return controlInstruction(walk, op, at);
  skipImmediate(walk.reader, info);
  move(walk, info.pops, info.pushes);
  walk.reusable += reusableValues(op, info);
  if (info.nan !== 0) walk.needs |= info.nan === Type.f32 ? Need.f32 : Need.f64;
  else if (op >= Op.i32Store && op <= Op.i64Store32) walk.needs |= Need.address | needOf(storedType(op));
  else if (op === Op.memoryGrow) {
    walk.grows = true;
    walk.needs |= Need.bulk;
  } else if (op === Op.tableSet) walk.unrestorable = true;
}

/** Pure values in an instruction and in what the rewriter puts beside it: addresses, marks, NaN checks. */
function reusableValues(op: number, info: OpInfo): number {
  if (op >= Op.i32Store && op <= Op.i64Store32) return 3;
  if (info.immediate === Imm.memarg) return 1;
  return op >= Op.i32Eqz ? (info.nan === 0 ? 1 : 3) : 0;
}

function needOf(type: number): number {
  if (type === Type.i64) return Need.i64;
  if (type === Type.f32) return Need.f32;
  return type === Type.f64 ? Need.f64 : Need.i32;
}

function bulkInstruction(walk: Walk, at: number): void {
  const op = walk.reader.u32();
  const info = bulkInfo(op);
  if (info === undefined) return refuse(at, `the unknown instruction 0xfc 0x${op.toString(16)} is not admitted`);
  const first = walk.reader.pos;
  skipImmediate(walk.reader, info);
  if (op === Bulk.memoryCopy || op === Bulk.memoryFill || op === Bulk.memoryInit) {
    if (walk.reader.bytes[walk.reader.pos - 1] !== 0) refuse(first, "more than one memory is not admitted");
    walk.needs |= Need.address | Need.bulk;
  } else if (op === Bulk.tableInit || op === Bulk.tableCopy || op === Bulk.tableGrow || op === Bulk.tableFill) {
    walk.needs |= Need.address | Need.bulk;
    walk.unrestorable = true;
  } else if (op === Bulk.elemDrop || op === Bulk.dataDrop) walk.unrestorable = true;
  move(walk, info.pops, info.pushes);
}

/** Steps over the immediates of an instruction that is not a control instruction. */
export function skipImmediate(reader: Reader, info: OpInfo): void {
  switch (info.immediate) {
    case Imm.index:
      reader.u32();
      return;
    case Imm.twoIndices:
      reader.u32();
      reader.u32();
      return;
    case Imm.memarg: {
      const at = reader.pos;
      if (reader.u32() > 3) refuse(at, "more than one memory is not admitted");
      reader.u32();
      return;
    }
    case Imm.i32:
      return reader.skipLeb(5);
    case Imm.i64:
      return reader.skipLeb(10);
    case Imm.f32:
      return reader.skip(4);
    case Imm.f64:
      return reader.skip(8);
    case Imm.oneByte:
      return reader.skip(1);
    default:
      return;
  }
}

/** Steps over what follows a control instruction; block types are read by `blockType`. */
export function skipControlImmediate(reader: Reader, op: number): void {
  if (op === Op.br || op === Op.brIf || op === Op.call) reader.u32();
  else if (op === Op.callIndirect) {
    reader.u32();
    reader.u32();
  } else if (op === Op.brTable) for (let count = reader.u32() + 1; count > 0; count--) reader.u32();
  else if (op === Op.block || op === Op.loop || op === Op.if) reader.s33();
  else if (op === 0x1c) for (let count = reader.u32(); count > 0; count--) readValueType(reader);
}

function controlInstruction(walk: Walk, op: number, at: number): void {
  switch (op) {
    case Op.block:
    case Op.loop:
    case Op.if: {
      if (op === Op.if) move(walk, 1, 0);
      const { params, results } = blockType(walk);
      move(walk, params, 0);
      walk.base = walk.height;
      walk.blocks.push({ op, base: walk.height, params, results });
      return move(walk, 0, params);
    }
    case Op.else: {
      const block = current(walk);
      if (block.op !== Op.if) refuse(at, "an else without an if");
      walk.height = block.base;
      return move(walk, 0, block.params);
    }
    case Op.end: {
      const block = current(walk);
      walk.blocks.pop();
      walk.base = walk.blocks.at(-1)?.base ?? 0;
      walk.height = block.base;
      return move(walk, 0, block.results);
    }
    case Op.call:
    case Op.callIndirect:
      return callInstruction(walk, op, at);
    case Op.brIf:
      skipControlImmediate(walk.reader, op);
      return move(walk, 1, 0);
    case 0x1c: {
      skipControlImmediate(walk.reader, op);
      return move(walk, 3, 1);
    }
    default: // unreachable, br, br_table, return: what follows is dead until the block ends
      skipControlImmediate(walk.reader, op);
      walk.height = current(walk).base;
  }
}

function callInstruction(walk: Walk, op: number, at: number): void {
  const index = walk.reader.u32();
  if (op === Op.callIndirect) {
    walk.reader.u32();
    move(walk, 1, 0);
  }
  const typeIndex = op === Op.call ? walk.context.functions[index] : index;
  const type = typeIndex === undefined ? undefined : walk.context.types[typeIndex];
  if (type === undefined) return refuse(at, "a call of a function that does not exist");
  walk.needs |= Need.calls;
  walk.argumentsMax = Math.max(walk.argumentsMax, type.params.length + type.results.length);
  move(walk, type.params.length, type.results.length);
}

function current(walk: Walk): Block {
  const block = walk.blocks.at(-1);
  return block ?? refuse(walk.reader.pos, "unbalanced blocks");
}

function blockType(walk: Walk): { readonly params: number; readonly results: number } {
  const at = walk.reader.pos;
  if (walk.reader.bytes[at] === Type.empty) {
    walk.reader.skip(1);
    return { params: 0, results: 0 };
  }
  const index = walk.reader.s33();
  if (index < 0) {
    walk.reader.pos = at;
    readValueType(walk.reader);
    return { params: 0, results: 1 };
  }
  const type = walk.context.types[index];
  if (type === undefined) return refuse(at, "a block of an unknown type");
  return { params: type.params.length, results: type.results.length };
}

/** Operands go and come; below a block's base the stack is the polymorphic one of dead code. */
function move(walk: Walk, pops: number, pushes: number): void {
  const left = walk.height - pops;
  walk.height = (left < walk.base ? walk.base : left) + pushes;
  if (walk.height > walk.heightMax) walk.heightMax = walk.height;
}
