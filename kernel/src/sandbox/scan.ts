// Admission: reads a module whole, admits only instructions with one meaning on every machine, and notes what the rewriter needs.

import { engineCode } from "./engine-code.ts";
import { ENGINE_STACK_BYTES, FRAME_BYTES_MAX, MEMORY_PAGES_MAX, STACK_BYTES, TABLE_ELEMENTS_MAX } from "./limits.ts";
import { scanFunction } from "./scan-function.ts";
import type { CodeOrigin, FunctionScan } from "./scan-function.ts";
import { Op, Type, isReference } from "./wasm-ops.ts";
import { Reader, readValueType, refuse } from "./wasm-reader.ts";

export interface FuncType {
  readonly params: readonly number[];
  readonly results: readonly number[];
}
export interface Limits {
  readonly min: number;
  readonly max: number | undefined;
}
export interface TableScan extends Limits {
  readonly type: number;
}
export interface GlobalScan {
  readonly type: number;
  readonly mutable: boolean;
  /** Where the initialiser starts and ends, its `end` included. */
  readonly start: number;
  readonly end: number;
}
export interface ExportScan {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}
/** Where a section's content lies. */
export interface SectionScan {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}
export interface ModuleScan {
  readonly bytes: Uint8Array;
  readonly sections: readonly SectionScan[];
  readonly types: readonly FuncType[];
  /** Type index of every function, imported ones first. */
  readonly functions: readonly number[];
  readonly importedFunctions: number;
  /** Where the limits of an imported memory stand, when the memory is imported. */
  readonly importedMemory: { readonly start: number; readonly end: number } | undefined;
  readonly memory: Limits | undefined;
  readonly tables: readonly TableScan[];
  readonly globals: readonly GlobalScan[];
  readonly exports: readonly ExportScan[];
  readonly code: readonly FunctionScan[];
  /** What the frames of one call may take. */
  readonly stackBytes: number;
  /** `memory.grow` occurs. */
  readonly grows: boolean;
  /** Writes what an image does not hold (tables, dropped segments, reference globals): every call needs a fresh instance. */
  readonly unrestorable: boolean;
}

interface Draft {
  types: FuncType[];
  functions: number[];
  importedFunctions: number;
  importedMemory: { start: number; end: number } | undefined;
  memory: Limits | undefined;
  tables: TableScan[];
  globals: GlobalScan[];
  exports: ExportScan[];
  code: FunctionScan[];
  stackBytes: number;
  segments: { offset: number; size: number; at: number }[];
}

const KIND_FUNCTION = 0;
const KIND_MEMORY = 2;

/**
 * Reads a module.
 * @param origin - an author's module imports nothing; the engine may import functions and its memory, all of them ours
 * @throws AosError `module.refused` with the byte offset and the reason
 */
export function scanModule(bytes: Uint8Array, origin: CodeOrigin): ModuleScan {
  const reader = new Reader(bytes);
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  for (const expected of magic) if (reader.byte() !== expected) refuse(reader.pos - 1, "not a WebAssembly module of version 1");
  const draft: Draft = {
    types: [], functions: [], importedFunctions: 0, importedMemory: undefined, memory: undefined, tables: [], globals: [], exports: [], code: [], segments: [],
    stackBytes: origin === "engine" ? ENGINE_STACK_BYTES : STACK_BYTES,
  };
  const sections: SectionScan[] = [];
  while (reader.pos < bytes.length) {
    const at = reader.pos;
    const id = reader.byte();
    const size = reader.u32();
    const start = reader.pos;
    reader.skip(size);
    sections.push({ id, start, end: reader.pos });
    readSection(new Reader(bytes, start, reader.pos), { id, at, origin }, draft);
  }
  for (const segment of draft.segments) {
    if (segment.offset + segment.size > (draft.memory?.min ?? 0) * 65536) refuse(segment.at, "a data segment outside of the memory");
  }
  return {
    bytes, sections, types: draft.types, functions: draft.functions, importedFunctions: draft.importedFunctions,
    importedMemory: draft.importedMemory, memory: draft.memory, tables: draft.tables, globals: draft.globals, exports: draft.exports, code: draft.code,
    stackBytes: draft.stackBytes, grows: draft.code.some((body) => body.grows),
    unrestorable: draft.code.some((body) => body.unrestorable) || draft.globals.some((global) => global.mutable && isReference(global.type)),
  };
}

function readSection(reader: Reader, section: { id: number; at: number; origin: CodeOrigin }, draft: Draft): void {
  switch (section.id) {
    case 0: // custom: names and other notes; not carried over
    case 8: // start: the rewriter's charges reach it like any function
    case 9: // elements: constant expressions only
    case 12: // data count
      return;
    case 1:
      return repeat(reader, () => draft.types.push(readFuncType(reader)));
    case 2:
      return repeat(reader, () => readImport(reader, section.origin, draft));
    case 3:
      return repeat(reader, () => draft.functions.push(reader.u32()));
    case 4:
      return repeat(reader, () => draft.tables.push(readTable(reader)));
    case 5:
      return repeat(reader, () => readMemory(reader, draft));
    case 6:
      return repeat(reader, () => draft.globals.push(readGlobal(reader)));
    case 7:
      return repeat(reader, () => draft.exports.push({ name: reader.name(), kind: reader.byte(), index: reader.u32() }));
    case 10:
      return readCode(reader, section.origin, draft);
    case 11:
      return repeat(reader, () => readData(reader, draft));
    case 13:
      return refuse(section.at, "exception handling is not admitted");
    default:
      return refuse(section.at, `a section of the unknown kind ${section.id}`);
  }
}

function repeat(reader: Reader, read: () => unknown): void {
  const count = reader.u32();
  for (let i = 0; i < count; i++) read();
  if (reader.pos !== reader.end) refuse(reader.pos, "bytes after the end of a section");
}

function readTypes(reader: Reader): number[] {
  return Array.from({ length: boundedCount(reader) }, () => readValueType(reader));
}

/** A count of items that take a byte at least each, so that a wrong count allocates nothing. */
function boundedCount(reader: Reader): number {
  const at = reader.pos;
  const count = reader.u32();
  if (count > reader.end - reader.pos) refuse(at, "ends too early");
  return count;
}

function readFuncType(reader: Reader): FuncType {
  const at = reader.pos;
  if (reader.byte() !== Type.func) refuse(at, "a type of the garbage collection proposal is not admitted");
  return { params: readTypes(reader), results: readTypes(reader) };
}

function readImport(reader: Reader, origin: CodeOrigin, draft: Draft): void {
  const at = reader.pos;
  const name = `${reader.name()}.${reader.name()}`;
  if (origin === "author") refuse(at, `imports ${JSON.stringify(name)}; a module gets everything it needs in its input`);
  const kind = reader.byte();
  if (kind === KIND_FUNCTION) {
    draft.functions.push(reader.u32());
    draft.importedFunctions++;
    return;
  }
  if (kind !== KIND_MEMORY) refuse(at, `imports ${JSON.stringify(name)}, which is neither a function nor a memory`);
  const start = reader.pos;
  readMemory(reader, draft);
  draft.importedMemory = { start, end: reader.pos };
}

function readLimits(reader: Reader): Limits {
  const at = reader.pos;
  const flags = reader.byte();
  if (flags === 2 || flags === 3) refuse(at, "threads are not admitted (a shared memory)");
  if (flags > 3) refuse(at, "a 64-bit memory is not admitted");
  return { min: reader.u32(), max: flags === 1 ? reader.u32() : undefined };
}

function readMemory(reader: Reader, draft: Draft): void {
  const at = reader.pos;
  if (draft.memory !== undefined) refuse(at, "more than one memory is not admitted");
  const memory = readLimits(reader);
  if (memory.min > MEMORY_PAGES_MAX) refuse(at, `needs ${memory.min} memory pages; at most ${MEMORY_PAGES_MAX} are admitted`);
  draft.memory = memory;
}

function readTable(reader: Reader): TableScan {
  const at = reader.pos;
  const type = readValueType(reader);
  const limits = readLimits(reader);
  if (limits.min > TABLE_ELEMENTS_MAX) refuse(at, `needs a table of ${limits.min} elements; at most ${TABLE_ELEMENTS_MAX} are admitted`);
  return { type, ...limits };
}

function readGlobal(reader: Reader): GlobalScan {
  const type = readValueType(reader);
  const mutable = reader.byte() === 1;
  const start = reader.pos;
  const op = reader.byte();
  if (op === Op.i32Const) reader.skipLeb(5);
  else if (op === Op.i64Const) reader.skipLeb(10);
  else if (op === Op.f32Const) reader.skip(4);
  else if (op === Op.f64Const) reader.skip(8);
  else if (op === Op.refNull) reader.skip(1);
  else if (op === 0xd2) reader.u32();
  else refuse(start, "a global whose initial value is not a constant");
  if (reader.byte() !== Op.end) refuse(reader.pos - 1, "a global whose initial value is not a constant");
  return { type, mutable, start, end: reader.pos };
}

function readData(reader: Reader, draft: Draft): void {
  const at = reader.pos;
  const flags = reader.u32();
  if (flags > 2) refuse(at, "a data segment of an unknown kind");
  if (flags === 2 && reader.u32() !== 0) refuse(at, "more than one memory is not admitted");
  let offset: number | undefined;
  if (flags !== 1) {
    if (reader.byte() !== Op.i32Const) refuse(at, "a data segment whose place is not a constant");
    offset = reader.s33() >>> 0;
    if (reader.byte() !== Op.end) refuse(at, "a data segment whose place is not a constant");
  }
  const size = reader.u32();
  reader.skip(size);
  if (offset !== undefined) draft.segments.push({ offset, size, at });
}

function readCode(reader: Reader, origin: CodeOrigin, draft: Draft): void {
  const engine = origin === "author" ? engineCode(reader) : undefined;
  if (engine !== undefined) draft.stackBytes = ENGINE_STACK_BYTES;
  repeat(reader, () => {
    const index = draft.code.length;
    const inEngine = engine !== undefined && index >= engine.first && index < engine.end;
    readBody(reader, engine === undefined ? origin : inEngine ? "engine" : "beside the engine", draft);
  });
}

function readBody(reader: Reader, origin: CodeOrigin, draft: Draft): void {
  const at = reader.pos;
  const size = reader.u32();
  const start = reader.pos;
  reader.skip(size);
  const typeIndex = draft.functions[draft.importedFunctions + draft.code.length];
  const type = typeIndex === undefined ? undefined : draft.types[typeIndex];
  if (type === undefined) return refuse(at, "code of a function that has no type");
  const body = scanFunction(new Reader(reader.bytes, start, reader.pos), { origin, type, types: draft.types, functions: draft.functions });
  if (body.frameBytes > FRAME_BYTES_MAX) refuse(at, `a function with a stack frame of ${body.frameBytes} bytes; at most ${FRAME_BYTES_MAX} are admitted`);
  draft.code.push(body);
}
