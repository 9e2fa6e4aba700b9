// Runs a module of the WASM ABI: exports `memory`, `alloc` and `step` or `run`, no imports.

import { AosError } from "../air/error.ts";
import type { ModuleResult } from "../ports.ts";
import { digestOf } from "./digest.ts";
import { LOAD_FUEL, OUTPUT_BYTES_MAX } from "./limits.ts";
import { Machine, Trap } from "./machine.ts";
import { rewrittenEntry, rewrittenOf } from "./module-cache.ts";
import type { ModuleCache } from "./module-cache.ts";
import { rewriteModule } from "./rewrite.ts";
import type { Rewritten } from "./rewrite.ts";
import { scanModule } from "./scan.ts";
import type { FuncType, ModuleScan } from "./scan.ts";
import { Type } from "./wasm-ops.ts";
import { refuse } from "./wasm-reader.ts";
import { Wasm } from "./webassembly.ts";
import type { WasmFunction, WasmModule } from "./webassembly.ts";

/** A module that was admitted and is ready to be called. */
export interface LoadedModule {
  /** @param show - gets the places a script was at when it threw; they are no part of the result, so that nothing can record them */
  call(entry: "step" | "run", input: Uint8Array, fuelLimit: number, show?: (trace: string) => void): ModuleResult;
}

/** How an entry gives its output: two results, or two numbers written where the first parameter points. */
export type Signature = "multi-value" | "result-pointer";

const ABI_EXPORTS = ["memory", "alloc", "step", "run"];
const KIND_FUNCTION = 0;
const KIND_MEMORY = 2;

/**
 * Admits a module of the WASM ABI, rewrites and compiles it, and takes its image.
 * @throws AosError `module.refused`
 */
export function loadWasm(bytes: Uint8Array, cache?: ModuleCache): LoadedModule {
  const { rewritten, signatures } = admitted(bytes, cache);
  const module = compile(rewritten.bytes);
  const machine = start(module, rewritten);
  const image = machine.snapshot();
  return {
    call(entry, input, fuelLimit) {
      const signature = signatures.get(entry);
      if (signature === undefined) return { kind: "failed", code: "trap", message: `the module does not export ${JSON.stringify(entry)}`, fuelUsed: 0 };
      if (rewritten.unrestorable) return callOn(start(module, rewritten), { entry, signature, input, fuelLimit });
      machine.restore(image);
      return callOn(machine, { entry, signature, input, fuelLimit });
    },
  };
}

interface Admitted {
  readonly rewritten: Rewritten;
  readonly signatures: ReadonlyMap<string, Signature>;
}

function admitted(bytes: Uint8Array, cache: ModuleCache | undefined): Admitted {
  const source = cache === undefined ? undefined : digestOf(bytes);
  const entry = source === undefined ? undefined : cache?.read(source);
  if (entry !== undefined) return { rewritten: rewrittenOf(entry), signatures: entry.get("signatures") as Admitted["signatures"] };
  const scan = validScan(bytes);
  const signatures = abiOf(scan);
  const rewritten = rewriteModule(scan, { keepExports: ABI_EXPORTS, track: "auto" });
  if (source !== undefined) cache?.write(source, { ...rewrittenEntry(rewritten), signatures: new Map(signatures) });
  return { rewritten, signatures };
}

/** The entries of a module that is admitted by what it says, not yet by what its start does. @throws AosError `module.refused` */
export function admittedEntries(bytes: Uint8Array): ReadonlyMap<"step" | "run", Signature> {
  return abiOf(validScan(bytes));
}

function validScan(bytes: Uint8Array): ModuleScan {
  const scan = scanModule(bytes, "author");
  validate(bytes);
  return scan;
}

/** The engine of the host decides whether the module is well-formed; only then do our indices mean what they say. */
function validate(bytes: Uint8Array): void {
  if (Wasm.validate(bytes)) return;
  const message = compileError(bytes);
  const offset = /@\+(\d+)/.exec(message)?.[1];
  refuse(offset === undefined ? 0 : Number(offset), `not a valid module (${message.replace(/^WebAssembly\.Module\(\): /, "")})`);
}

function compileError(bytes: Uint8Array): string {
  try {
    return `compiled, yet not valid: ${String(new Wasm.Module(bytes))}`;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** The raw module is valid, so what can go wrong now is a limit of the host's compiler that the charges have pushed it over. */
function compile(rewritten: Uint8Array): WasmModule {
  try {
    return new Wasm.Module(rewritten);
  } catch (cause) {
    if (!(cause instanceof Wasm.CompileError)) throw cause;
    throw new AosError("module.refused", "module: a function is too large once its charges are in it", { cause });
  }
}

/** The entries a module exports, by the signature each has. @throws AosError `module.refused` where the ABI is not met */
export function abiOf(scan: ModuleScan): ReadonlyMap<"step" | "run", Signature> {
  const end = scan.bytes.length;
  const functionType = (name: string): FuncType | undefined => {
    const found = scan.exports.find((entry) => entry.name === name && entry.kind === KIND_FUNCTION);
    return found === undefined ? undefined : scan.types[scan.functions[found.index] ?? -1];
  };
  if (!scan.exports.some((entry) => entry.name === "memory" && entry.kind === KIND_MEMORY)) refuse(end, "exports no memory named \"memory\"");
  const alloc = functionType("alloc");
  if (alloc === undefined || !isType(alloc, 1, 1)) refuse(end, "exports no function \"alloc\" from an i32 to an i32");
  const signatures = new Map<"step" | "run", Signature>();
  for (const entry of ["step", "run"] as const) {
    const type = functionType(entry);
    if (type === undefined) continue;
    if (isType(type, 2, 2)) signatures.set(entry, "multi-value");
    else if (isType(type, 3, 0)) signatures.set(entry, "result-pointer");
    else refuse(end, `exports ${JSON.stringify(entry)} with another signature than (i32, i32) -> (i32, i32) or (i32, i32, i32) -> ()`);
  }
  if (signatures.size === 0) refuse(end, "exports neither \"step\" nor \"run\"");
  return signatures;
}

function isType(type: FuncType, params: number, results: number): boolean {
  return type.params.length === params && type.results.length === results && [...type.params, ...type.results].every((one) => one === Type.i32);
}

/** A new instance; its start function, if any, runs under the load fuel that its globals are initialised with. */
function start(module: WasmModule, rewritten: Rewritten): Machine {
  try {
    return new Machine(module, rewritten);
  } catch (error) {
    if (!(error instanceof Wasm.RuntimeError)) throw error;
    throw new AosError("module.refused", `module: its start function or its segments trap, or take more than ${LOAD_FUEL} units of fuel`, { cause: error });
  }
}

interface Call {
  readonly entry: "step" | "run";
  readonly signature: Signature;
  readonly input: Uint8Array;
  readonly fuelLimit: number;
}

function callOn(machine: Machine, call: Call): ModuleResult {
  const ended = machine.run(call.fuelLimit, () => exchange(machine, call));
  if (ended.kind === "failed") return ended;
  const { fuelUsed } = ended;
  if (machine.strayed()) return { kind: "failed", code: "trap", message: "trap: memory access out of bounds", fuelUsed };
  const [pointer, size] = ended.value;
  if (size > OUTPUT_BYTES_MAX) return { kind: "failed", code: "output", message: `an output of ${size} bytes; at most ${OUTPUT_BYTES_MAX} are allowed`, fuelUsed };
  if (pointer + size > machine.sizeBytes) return { kind: "failed", code: "output", message: "the output lies outside of the module's memory", fuelUsed };
  return { kind: "ok", output: machine.memory.slice(pointer, pointer + size), fuelUsed };
}

/** The call sequence of the ABI: allocate, copy the input, call; gives where the output is. */
function exchange(machine: Machine, { entry, signature, input }: Call): readonly [pointer: number, size: number] {
  const alloc = machine.function("alloc");
  const step = machine.function(entry);
  const pointer = room(machine, alloc, input.length);
  machine.memory.set(input, pointer);
  machine.wrote(pointer, input.length);
  if (signature === "multi-value") {
    const [at, size] = step(pointer, input.length) as [number, number];
    return [at >>> 0, size >>> 0];
  }
  const result = room(machine, alloc, 8);
  step(result, pointer, input.length);
  const view = new DataView(machine.memory.buffer, result, 8);
  return [view.getUint32(0, true), view.getUint32(4, true)];
}

function room(machine: Machine, alloc: WasmFunction, size: number): number {
  const pointer = (alloc(size) as number) >>> 0;
  if (pointer + size > machine.sizeBytes) throw new Trap(`alloc(${size}) gave a place outside of the module's memory`);
  return pointer;
}
