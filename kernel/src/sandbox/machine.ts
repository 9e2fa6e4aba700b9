// One instance of a rewritten module, and the images its memory and globals are put back to before every call.

import { InvariantError, assert } from "../air/error.ts";
import { FUEL_EXPORT, GRAIN, PAGES_EXPORT, STACK_EXPORT } from "./rewrite.ts";
import type { Rewritten } from "./rewrite.ts";
import { Wasm } from "./webassembly.ts";
import type { WasmExport, WasmFunction, WasmGlobal, WasmImports, WasmMemory, WasmModule } from "./webassembly.ts";

/** What an instance is put back to. Grains of equal content in two images are the same array where one image derives from the other. */
export interface Image {
  /** Where writes are not tracked: all of memory. */
  readonly whole: Uint8Array | undefined;
  /** Where they are: content of each grain; undefined is all zero. Grains past the end are zero. */
  readonly grains: readonly (Uint8Array | undefined)[];
  readonly globals: readonly (number | bigint)[];
  readonly pages: number;
}

/** How a run inside the sandbox ended. */
export type Ended<T> =
  | { readonly kind: "ok"; readonly value: T; readonly fuelUsed: number }
  | { readonly kind: "failed"; readonly code: "trap" | "fuel" | "stack"; readonly message: string; readonly fuelUsed: number };

/** Thrown by the sandbox's own code while the guest runs, to end the call with a trap of that message. */
export class Trap extends Error {}

const ZERO_GRAIN = Buffer.alloc(GRAIN);
const OVERSPILL_WORDS = 2;
const GROUP = 8;
const PAGE_GRAINS = 65536 / GRAIN;

export interface MachineOptions {
  /** In place of the module's own budget, bytes. */
  readonly stackBytes?: number;
  readonly imports?: WasmImports;
  /** The memory among the imports; without it the module exports its own. */
  readonly memory?: WasmMemory;
}

/** An instance. Calls on it are synchronous and never nest. */
export class Machine {
  readonly rewritten: Rewritten;
  readonly exports: Readonly<Record<string, WasmExport>>;
  /** All of the instance's memory; never moves. */
  readonly memory: Uint8Array;
  readonly #words: Int32Array;
  /** The table, eight marks at a time. A mark is the byte 1, so a marked group is no zero of either sign. */
  readonly #groups: Float64Array;
  readonly #table: Uint8Array;
  readonly #fuel: WasmGlobal;
  readonly #stack: WasmGlobal;
  readonly #pages: WasmGlobal;
  readonly #globals: readonly WasmGlobal[];
  readonly #stackBytes: number;
  #image: Image | undefined;

  constructor(module: WasmModule, rewritten: Rewritten, options: MachineOptions = {}) {
    const { imports = {}, memory: imported } = options;
    this.rewritten = rewritten;
    this.#stackBytes = options.stackBytes ?? rewritten.stackBytes;
    this.exports = instantiate(module, imports).exports;
    const memory = imported ?? (this.exports["memory"] as WasmMemory);
    this.memory = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    const grains = rewritten.trackedAt === undefined ? 0 : rewritten.physicalPages * PAGE_GRAINS;
    this.#table = new Uint8Array(memory.buffer, rewritten.trackedAt ?? 0, grains);
    this.#groups = new Float64Array(memory.buffer, rewritten.trackedAt ?? 0, grains / GROUP);
    this.#fuel = this.exports[FUEL_EXPORT] as WasmGlobal;
    this.#stack = this.exports[STACK_EXPORT] as WasmGlobal;
    this.#pages = this.exports[PAGES_EXPORT] as WasmGlobal;
    this.#globals = Array.from({ length: rewritten.globalCount }, (_, i) => this.exports[`__g${i}`] as WasmGlobal);
  }

  /** An exported function of at most six parameters; every call of it starts with the whole stack budget. */
  function(name: string): WasmFunction {
    const found = this.exports[name];
    assert(typeof found === "function", `the module exports the function ${name}`);
    const stack = this.#stack;
    const stackBytes = this.#stackBytes;
    const call = found as (...args: readonly (number | undefined)[]) => unknown;
    return (a, b, c, d, e, f) => {
      stack.value = stackBytes;
      return call(a, b, c, d, e, f);
    };
  }

  /** Bytes of memory the module has now. */
  get sizeBytes(): number {
    return Number(this.#pages.value) * 65536;
  }

  /** Notes that the host wrote these bytes. */
  wrote(start: number, size: number): void {
    if (this.#table.length === 0 || size === 0) return;
    for (let grain = Math.floor(start / GRAIN); grain * GRAIN < start + size; grain++) this.#table[grain] = 1;
  }

  /**
   * Runs guest code under a fuel limit.
   * @throws InvariantError when the host itself gave out (native stack, memory): such an end must never be recorded
   */
  run<T>(fuelLimit: number, body: () => T): Ended<T> {
    this.#fuel.value = BigInt(fuelLimit);
    try {
      const value = body();
      return { kind: "ok", value, fuelUsed: fuelLimit - Number(this.#fuel.value) };
    } catch (error) {
      return this.#ended(error, fuelLimit);
    }
  }

  #ended(error: unknown, fuelLimit: number): Ended<never> {
    const left = Number(this.#fuel.value);
    if (!(error instanceof Wasm.RuntimeError || error instanceof Trap)) {
      throw new InvariantError(`the sandbox's host gave out: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`, { cause: error });
    }
    if (left < 0) return { kind: "failed", code: "fuel", message: `out of fuel after ${fuelLimit} units`, fuelUsed: fuelLimit };
    const fuelUsed = fuelLimit - left;
    if (Number(this.#stack.value) < 0) return { kind: "failed", code: "stack", message: "the calls are nested too deeply", fuelUsed };
    return { kind: "failed", code: "trap", message: error instanceof Trap ? error.message : trapName(error.message), fuelUsed };
  }

  /** Whether the last call wrote outside of the memory it has. Such a store does not trap here; the call must fail all the same. */
  strayed(): boolean {
    const groups = this.#groups;
    for (let group = (Number(this.#pages.value) * PAGE_GRAINS) / GROUP; group < groups.length; group++) if (groups[group] !== 0) return true;
    return false;
  }

  /**
   * The state now, as an image.
   * @param base - an image this instance was put to since; what was not written after it is shared with it
   */
  snapshot(base?: Image): Image {
    const whole = this.#table.length === 0 ? this.memory.slice() : undefined;
    const grains: (Uint8Array | undefined)[] = [];
    for (let grain = 0; whole === undefined && grain * GRAIN < this.sizeBytes; grain++) {
      if (base !== undefined && !this.#mayDiffer(grain)) grains[grain] = base.grains[grain];
      else if (!this.#isZero(grain)) grains[grain] = this.memory.slice(grain * GRAIN, (grain + 1) * GRAIN);
    }
    const image = { whole, grains, globals: this.#globals.map((global) => global.value), pages: Number(this.#pages.value) };
    this.#table.fill(0);
    this.#image = image;
    return image;
  }

  /** Whether a grain was written since the last restore; a store marks the grain of its first byte and may reach into the next. */
  #mayDiffer(grain: number): boolean {
    return this.#table[grain] !== 0 || (grain > 0 && this.#table[grain - 1] !== 0);
  }

  #isZero(grain: number): boolean {
    return ZERO_GRAIN.compare(this.memory, grain * GRAIN, (grain + 1) * GRAIN) === 0;
  }

  /** Puts memory and globals to an image. */
  restore(image: Image): void {
    if (image.whole !== undefined) this.memory.set(image.whole);
    else {
      if (this.#image !== image) this.#markDifference(image);
      this.#restoreMarked(image);
    }
    for (let i = 0; i < this.#globals.length; i++) (this.#globals[i] as WasmGlobal).value = image.globals[i] as number | bigint;
    this.#pages.value = image.pages;
    this.#image = image;
  }

  #restoreGrain(image: Image, grain: number): void {
    const content = image.grains[grain];
    if (content === undefined) this.memory.fill(0, grain * GRAIN, (grain + 1) * GRAIN);
    else this.memory.set(content, grain * GRAIN);
  }

  /** Marks the grains in which the present image and the next one differ. */
  #markDifference(next: Image): void {
    const present = this.#image;
    const count = Math.max(present?.grains.length ?? 0, next.grains.length);
    for (let grain = 0; grain < count; grain++) if (present?.grains[grain] !== next.grains[grain]) this.#table[grain] = 1;
  }

  #restoreMarked(image: Image): void {
    const groups = this.#groups;
    const table = this.#table;
    const guest = (this.rewritten.pages * PAGE_GRAINS) / GROUP;
    for (let group = guest; group < groups.length; group++) if (groups[group] !== 0) return this.#restoreTampered(image);
    // Two groups (one page) at a time; groups are positive or zero, so their sum is zero only when both are.
    for (let group = 0; group < guest; group += 2) {
      if ((groups[group] as number) + (groups[group + 1] as number) === 0) continue;
      for (let grain = group * GROUP; grain < (group + 2) * GROUP; grain++) {
        if (table[grain] === 0) continue;
        this.#restoreGrain(image, grain);
        if (table[grain + 1] === 0) this.#restoreSpill(image, grain + 1);
      }
      groups[group] = 0;
      groups[group + 1] = 0;
    }
  }

  /** A store marks the grain of its first byte and may reach up to 7 bytes into the next one. */
  #restoreSpill(image: Image, grain: number): void {
    const content = image.grains[grain];
    const at = (grain * GRAIN) / 4;
    for (let i = 0; i < OVERSPILL_WORDS; i++) this.#words[at + i] = content === undefined ? 0 : wordOf(content, i);
  }

  /** Something was stored beyond the guest's memory, where the table stands: trust no mark. */
  #restoreTampered(image: Image): void {
    this.memory.fill(0, this.rewritten.pages * 65536);
    for (let grain = 0; grain < this.rewritten.pages * PAGE_GRAINS; grain++) this.#restoreGrain(image, grain);
  }
}

function instantiate(module: WasmModule, imports: WasmImports): { readonly exports: Readonly<Record<string, WasmExport>> } {
  try {
    return new Wasm.Instance(module, imports);
  } catch (error) {
    if (error instanceof RangeError) throw new InvariantError(`the host has no room for an instance: ${error.message}`, { cause: error });
    throw error;
  }
}

function wordOf(bytes: Uint8Array, index: number): number {
  const at = index * 4;
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}

/** The kinds of trap that engines have named alike for years, in our words; all others share one name, so that no engine's wording is recorded. */
function trapName(message: string): string {
  if (/unreachable/.test(message)) return "trap: unreachable code was reached";
  if (/memory access out of bounds/.test(message)) return "trap: memory access out of bounds";
  if (/divide by zero|remainder by zero/.test(message)) return "trap: integer division by zero";
  return "trap";
}
