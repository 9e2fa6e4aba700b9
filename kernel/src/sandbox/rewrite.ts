// Rewrites an admitted module once, so that it is metered, bounded, restorable and has one result on every machine.

import { LOAD_FUEL, MEMORY_PAGES_MAX, TABLE_ELEMENTS_MAX, TRACKED_FROM_PAGES } from "./limits.ts";
import { rewriteFunction } from "./rewrite-function.ts";
import type { Extras } from "./rewrite-function.ts";
import type { GlobalScan, Limits, ModuleScan, SectionScan } from "./scan.ts";
import { Op, Type } from "./wasm-ops.ts";
import { Writer } from "./wasm-reader.ts";

/** Raised by every change that may change a result or the fuel it takes. */
export const REWRITER_VERSION = 2;

/** The grain in which written memory is tracked, bytes. */
export const GRAIN = 4096;
const PAGE = 65536;

/** What the rewriter made, and how its instance must be run. */
export interface Rewritten {
  readonly bytes: Uint8Array;
  /** Pages the module may use; its memory never moves. */
  readonly pages: number;
  /** Pages it has when it starts. */
  readonly pagesAtStart: number;
  /** Where the table of written grains starts in memory, one byte a grain; undefined when writes are not tracked. */
  readonly trackedAt: number | undefined;
  /** Pages of the real memory: `pages`, and one more that holds the table. */
  readonly physicalPages: number;
  /** Count of the module's own mutable globals, exported as `__g0`, `__g1`, … */
  readonly globalCount: number;
  readonly unrestorable: boolean;
  /** What the frames of one call may take, by their estimate. */
  readonly stackBytes: number;
}

/** Names of the globals the rewriter adds. */
export const FUEL_EXPORT = "__fuel";
export const STACK_EXPORT = "__stack";
export const PAGES_EXPORT = "__pages";

export interface RewriteOptions {
  /** Names of the exports to keep; everything when absent. */
  readonly keepExports?: readonly string[];
  readonly track: "auto" | "always";
}

/**
 * Rewrites a scanned module. The changes:
 * fuel is charged at function entry and loop iteration (and by size for bulk instructions), frames are charged against a stack
 * budget, NaN results are canonical, memory has its final size from the start and `memory.grow` only moves a mark, mutable
 * globals can be read and written from outside (floats as the integers of their bits), written memory is tracked.
 */
export function rewriteModule(scan: ModuleScan, options: RewriteOptions): Rewritten {
  const memory = scan.memory ?? { min: 0, max: undefined };
  const pages = scan.grows ? Math.min(memory.max ?? MEMORY_PAGES_MAX, MEMORY_PAGES_MAX) : memory.min;
  const tracked = !scan.unrestorable && (options.track === "always" || scan.grows || memory.min >= TRACKED_FROM_PAGES);
  const physicalPages = tracked ? pages + 1 : pages;
  // One grain of padding: a store at the very end of the guest's memory may spill into it, never into the table.
  const trackedAt = tracked ? pages * PAGE + GRAIN : undefined;
  const firstAdded = scan.globals.length;
  const extras: Extras = {
    fuelGlobal: firstAdded, stackGlobal: firstAdded + 1, pagesGlobal: firstAdded + 2, pages, trackedAt,
    globals: scan.globals, importedFunctions: scan.importedFunctions,
  };
  const out = new Writer();
  out.raw(scan.bytes, 0, 8);
  const physical: Limits = { min: physicalPages, max: physicalPages };
  let globalsWritten = false;
  for (const section of scan.sections) {
    // Global is section 6; a module without one gets it where it belongs. Data count (12) comes before code (10).
    if (!globalsWritten && section.id > 6) {
      out.section(6, globalSection(scan, memory.min));
      globalsWritten = true;
    }
    if (section.id === 0) continue;
    if (section.id === 6) globalsWritten = true;
    out.section(section.id, rewriteSection(scan, section, { extras, physical, pagesAtStart: memory.min, keepExports: options.keepExports }));
  }
  return {
    bytes: out.bytes().slice(), pages, pagesAtStart: memory.min, trackedAt, physicalPages,
    globalCount: scan.globals.filter((global) => global.mutable).length, unrestorable: scan.unrestorable, stackBytes: scan.stackBytes,
  };
}

interface SectionContext {
  readonly extras: Extras;
  readonly physical: Limits;
  readonly pagesAtStart: number;
  readonly keepExports: readonly string[] | undefined;
}

function rewriteSection(scan: ModuleScan, section: SectionScan, context: SectionContext): Writer {
  const body = new Writer();
  switch (section.id) {
    case 2:
      if (scan.importedMemory === undefined) break;
      body.raw(scan.bytes, section.start, scan.importedMemory.start);
      writeLimits(body, context.physical);
      body.raw(scan.bytes, scan.importedMemory.end, section.end);
      return body;
    case 4:
      body.u32(scan.tables.length);
      for (const table of scan.tables) {
        body.byte(table.type);
        writeLimits(body, { min: table.min, max: Math.min(table.max ?? TABLE_ELEMENTS_MAX, TABLE_ELEMENTS_MAX) });
      }
      return body;
    case 5:
      body.u32(scan.importedMemory === undefined && scan.memory !== undefined ? 1 : 0);
      if (scan.importedMemory === undefined && scan.memory !== undefined) writeLimits(body, context.physical);
      return body;
    case 6:
      return globalSection(scan, context.pagesAtStart);
    case 7:
      return exportSection(scan, context);
    case 10:
      return codeSection(scan, context.extras);
    default:
      break;
  }
  body.raw(scan.bytes, section.start, section.end);
  return body;
}

function writeLimits(out: Writer, limits: Limits): void {
  out.byte(limits.max === undefined ? 0 : 1);
  out.u32(limits.min);
  if (limits.max !== undefined) out.u32(limits.max);
}

/** The module's globals, then fuel (i64), stack (i32) and pages (i32). */
function globalSection(scan: ModuleScan, pagesAtStart: number): Writer {
  const out = new Writer();
  out.u32(scan.globals.length + 3);
  for (const global of scan.globals) {
    out.byte(storedAs(global));
    out.byte(global.mutable ? 1 : 0);
    if (storedAs(global) === global.type) out.raw(scan.bytes, global.start, global.end);
    else writeBits(out, scan.bytes, global);
  }
  addedGlobal(out, Type.i64, LOAD_FUEL);
  addedGlobal(out, Type.i32, scan.stackBytes);
  addedGlobal(out, Type.i32, pagesAtStart);
  return out;
}

/** Mutable floats are kept as the integers of their bits: the host could not read a NaN's bits back exactly. */
export function storedAs(global: GlobalScan): number {
  if (!global.mutable) return global.type;
  if (global.type === Type.f32) return Type.i32;
  return global.type === Type.f64 ? Type.i64 : global.type;
}

function writeBits(out: Writer, bytes: Uint8Array, global: GlobalScan): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + global.start + 1);
  if (global.type === Type.f32) {
    out.byte(Op.i32Const);
    out.s32(view.getInt32(0, true));
  } else {
    out.byte(Op.i64Const);
    writeI64(out, view.getBigInt64(0, true));
  }
  out.byte(Op.end);
}

function writeI64(out: Writer, value: bigint): void {
  let rest = value;
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40)) return out.byte(low);
    out.byte(low | 0x80);
  }
}

function addedGlobal(out: Writer, type: number, value: number): void {
  out.byte(type);
  out.byte(1);
  out.byte(type === Type.i64 ? Op.i64Const : Op.i32Const);
  out.s32(value);
  out.byte(Op.end);
}

function exportSection(scan: ModuleScan, context: SectionContext): Writer {
  const kept = scan.exports.filter((entry) => context.keepExports === undefined || context.keepExports.includes(entry.name));
  const entries = kept.map(({ name, kind, index }) => ({ name, kind, index }));
  const GLOBAL = 3;
  let mutableCount = 0;
  scan.globals.forEach((global, index) => {
    if (global.mutable) entries.push({ name: `__g${mutableCount++}`, kind: GLOBAL, index });
  });
  entries.push({ name: FUEL_EXPORT, kind: GLOBAL, index: context.extras.fuelGlobal });
  entries.push({ name: STACK_EXPORT, kind: GLOBAL, index: context.extras.stackGlobal });
  entries.push({ name: PAGES_EXPORT, kind: GLOBAL, index: context.extras.pagesGlobal });
  const out = new Writer();
  out.u32(entries.length);
  for (const entry of entries) {
    out.name(entry.name);
    out.byte(entry.kind);
    out.u32(entry.index);
  }
  return out;
}

function codeSection(scan: ModuleScan, extras: Extras): Writer {
  const out = new Writer();
  const body = new Writer();
  out.u32(scan.code.length);
  for (const code of scan.code) {
    body.clear();
    rewriteFunction(body, scan.bytes, code, extras);
    out.u32(body.size);
    out.raw(body.bytes());
  }
  return out;
}
