// What each admitted instruction carries, takes and gives. An opcode that is missing here is refused.

export const Op = {
  unreachable: 0x00, block: 0x02, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, br: 0x0c, brIf: 0x0d, brTable: 0x0e, return: 0x0f,
  call: 0x10, callIndirect: 0x11, select: 0x1b, localGet: 0x20, localSet: 0x21, localTee: 0x22, globalGet: 0x23, globalSet: 0x24,
  tableSet: 0x26, i32Store: 0x36, i64Store32: 0x3e, i32Store8: 0x3a, memorySize: 0x3f, memoryGrow: 0x40,
  i32Const: 0x41, i64Const: 0x42, f32Const: 0x43, f64Const: 0x44, i32Eqz: 0x45, i32LtS: 0x48, i32GtU: 0x4b, i64LtS: 0x53, f32Eq: 0x5b, f64Eq: 0x61,
  i32Add: 0x6a, i32Sub: 0x6b, i32ShrU: 0x76, i64Sub: 0x7d, i64ExtendI32U: 0xad,
  i32ReinterpretF32: 0xbc, i64ReinterpretF64: 0xbd, f32ReinterpretI32: 0xbe, f64ReinterpretI64: 0xbf, refNull: 0xd0, prefix: 0xfc,
} as const;

/** Instructions behind the prefix byte 0xfc. */
export const Bulk = {
  memoryInit: 8, dataDrop: 9, memoryCopy: 10, memoryFill: 11, tableInit: 12, elemDrop: 13, tableCopy: 14, tableGrow: 15, tableSize: 16, tableFill: 17,
} as const;

export const Type = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, funcref: 0x70, externref: 0x6f, empty: 0x40, func: 0x60 } as const;

/** What follows an opcode. */
export const Imm = { none: 0, index: 1, twoIndices: 2, memarg: 3, i32: 4, i64: 5, f32: 6, f64: 7, special: 8, oneByte: 9 } as const;

/** Whether a value type is a reference, not a number. */
export function isReference(type: number): boolean {
  return type === Type.funcref || type === Type.externref;
}

export interface OpInfo {
  readonly immediate: number;
  readonly pops: number;
  readonly pushes: number;
  /** The type whose NaN this instruction may make up, or 0. */
  readonly nan: number;
}

const table: (OpInfo | undefined)[] = [];
const prefixed: (OpInfo | undefined)[] = [];

function define(first: number, last: number, pops: number, pushes: number, immediate: number = Imm.none): void {
  for (let op = first; op <= last; op++) table[op] = { immediate, pops, pushes, nan: nanType(op) };
}

/** ceil, floor, trunc, nearest, sqrt, add, sub, mul, div, min, max, demote and promote: the 24 whose NaN bits an engine may choose. */
function nanType(op: number): number {
  if ((op >= 0x8d && op <= 0x97) || op === 0xb6) return Type.f32;
  if ((op >= 0x9b && op <= 0xa5) || op === 0xbb) return Type.f64;
  return 0;
}

define(0x01, 0x01, 0, 0); // nop
for (const op of [0x00, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x1c]) define(op, op, 0, 0, Imm.special);
define(0x1a, 0x1a, 1, 0); // drop
define(0x1b, 0x1b, 3, 1); // select
define(0x20, 0x20, 0, 1, Imm.index); // local.get
define(0x21, 0x21, 1, 0, Imm.index); // local.set
define(0x22, 0x22, 1, 1, Imm.index); // local.tee
define(0x23, 0x23, 0, 1, Imm.index); // global.get
define(0x24, 0x24, 1, 0, Imm.index); // global.set
define(0x25, 0x25, 1, 1, Imm.index); // table.get
define(0x26, 0x26, 2, 0, Imm.index); // table.set
define(0x28, 0x35, 1, 1, Imm.memarg); // loads
define(0x36, 0x3e, 2, 0, Imm.memarg); // stores
define(0x3f, 0x3f, 0, 1, Imm.oneByte); // memory.size
define(0x40, 0x40, 1, 1, Imm.oneByte); // memory.grow
define(0x41, 0x41, 0, 1, Imm.i32);
define(0x42, 0x42, 0, 1, Imm.i64);
define(0x43, 0x43, 0, 1, Imm.f32);
define(0x44, 0x44, 0, 1, Imm.f64);
define(0x45, 0x45, 1, 1); // i32.eqz
define(0x46, 0x4f, 2, 1); // i32 comparisons
define(0x50, 0x50, 1, 1); // i64.eqz
define(0x51, 0x66, 2, 1); // i64, f32, f64 comparisons
define(0x67, 0x69, 1, 1); // i32 clz, ctz, popcnt
define(0x6a, 0x78, 2, 1); // i32 arithmetic
define(0x79, 0x7b, 1, 1); // i64 clz, ctz, popcnt
define(0x7c, 0x8a, 2, 1); // i64 arithmetic
define(0x8b, 0x91, 1, 1); // f32 abs … sqrt
define(0x92, 0x98, 2, 1); // f32 add … copysign
define(0x99, 0x9f, 1, 1); // f64 abs … sqrt
define(0xa0, 0xa6, 2, 1); // f64 add … copysign
define(0xa7, 0xbf, 1, 1); // conversions
define(0xc0, 0xc4, 1, 1); // sign extension
define(0xd0, 0xd0, 0, 1, Imm.oneByte); // ref.null
define(0xd1, 0xd1, 1, 1); // ref.is_null
define(0xd2, 0xd2, 0, 1, Imm.index); // ref.func

function definePrefixed(first: number, last: number, pops: number, pushes: number, immediate: number): void {
  for (let op = first; op <= last; op++) prefixed[op] = { immediate, pops, pushes, nan: 0 };
}
definePrefixed(0, 7, 1, 1, Imm.none); // saturating truncations
definePrefixed(Bulk.memoryInit, Bulk.memoryInit, 3, 0, Imm.twoIndices);
definePrefixed(Bulk.dataDrop, Bulk.dataDrop, 0, 0, Imm.index);
definePrefixed(Bulk.memoryCopy, Bulk.memoryCopy, 3, 0, Imm.twoIndices);
definePrefixed(Bulk.memoryFill, Bulk.memoryFill, 3, 0, Imm.index);
definePrefixed(Bulk.tableInit, Bulk.tableInit, 3, 0, Imm.twoIndices);
definePrefixed(Bulk.elemDrop, Bulk.elemDrop, 0, 0, Imm.index);
definePrefixed(Bulk.tableCopy, Bulk.tableCopy, 3, 0, Imm.twoIndices);
definePrefixed(Bulk.tableGrow, Bulk.tableGrow, 2, 1, Imm.index);
definePrefixed(Bulk.tableSize, Bulk.tableSize, 0, 1, Imm.index);
definePrefixed(Bulk.tableFill, Bulk.tableFill, 3, 0, Imm.index);

/** Facts about a one-byte opcode; undefined when it is not admitted. */
export function opInfo(op: number): OpInfo | undefined {
  return table[op];
}
/** Facts about an opcode behind 0xfc; undefined when it is not admitted. */
export function bulkInfo(op: number): OpInfo | undefined {
  return prefixed[op];
}

/** The type a store takes its value as. */
export function storedType(op: number): number {
  if (op === 0x37 || op >= 0x3c) return Type.i64;
  if (op === 0x38) return Type.f32;
  if (op === 0x39) return Type.f64;
  return Type.i32;
}

/** Why an opcode is not admitted, in words; what it is called is what a reader of the refusal can act on. */
export function refusedName(op: number): string {
  if (op >= 0x06 && op <= 0x0a) return "exception handling";
  if (op === 0x18 || op === 0x19 || op === 0x1f) return "exception handling";
  if (op === 0x12 || op === 0x13) return "a tail call";
  if (op === 0x14 || op === 0x15 || (op >= 0xd3 && op <= 0xd6)) return "a typed function reference";
  if (op === 0xfb) return "an instruction of the garbage collection proposal";
  if (op === 0xfd) return "a SIMD instruction";
  if (op === 0xfe) return "a thread or atomic instruction";
  return `the unknown instruction 0x${op.toString(16)}`;
}
