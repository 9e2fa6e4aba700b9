// The JavaScript engine as a machine: boots it once, evaluates bundles, calls them, always from an image.

import { AosError, InvariantError, assert } from "../air/error.ts";
import { fromUtf8, utf8 } from "../air/bytes.ts";
import type { ValueMap } from "../air/value.ts";
import { ENGINE_HASH, readEngine } from "./engine-file.ts";
import { readAnswer } from "./js-envelope.ts";
import type { Answer, Arguments } from "./js-envelope.ts";
import { JS_STACK_BYTES, LOAD_FUEL } from "./limits.ts";
import { Machine, Trap } from "./machine.ts";
import type { Ended, Image } from "./machine.ts";
import { BUNDLE_FILE, BUNDLE_GLOBAL, PRELUDE, PRELUDE_FILE } from "./prelude.ts";
import { rewrittenEntry, rewrittenOf } from "./module-cache.ts";
import type { ModuleCache } from "./module-cache.ts";
import { rewriteModule } from "./rewrite.ts";
import type { Rewritten } from "./rewrite.ts";
import { scanModule } from "./scan.ts";
import { toEngine } from "./to-engine.ts";
import { withoutSections } from "./wasm-reader.ts";
import { Wasm } from "./webassembly.ts";
import type { WasmFunction, WasmMemory } from "./webassembly.ts";

/** A bundle that was evaluated once; its image is what every call starts from. */
export interface Bundle {
  readonly image: Image;
  readonly entry: "step" | "run";
}
/** An engine that stands still between two calls: its image, and the pointers a caller needs. */
export interface Frozen {
  readonly image: Image;
  readonly pointers: Readonly<Record<"runtime" | "realm" | "borderRealm" | "takeIn" | "giveOut" | "giveOutWrapped" | "dispatch" | "wrap" | "noThis" | "argument", number>>;
}

export interface Engine {
  /** Evaluates a bundle's text. @throws AosError `module.refused` when it throws, runs out of fuel, or exports nothing to call */
  load(bundle: Uint8Array): Bundle;
  /**
   * Puts a bundle and a second realm beside it, which holds the border that this process has as its own code.
   * @param border - script text that evaluates to a list of three functions of one buffer each: `[takeIn, giveOut, giveOutWrapped]`
   */
  freeze(bundle: Bundle, border: Uint8Array): Frozen;
  /** Calls a bundle's entry. Reading the answer throws AosError `js.value` when it holds what is no data. */
  call(bundle: Bundle, args: Arguments, fuelLimit: number): Ended<() => Answer>;
}

/** The engine's functions that are used, under the short names its build gave them. */
export const EXPORTS = {
  construct: "u", malloc: "v", setMaxStackSize: "D", undefinedPointer: "E", newRuntime: "K", newContext: "N", newArrayBuffer: "X", getString: "$",
  copyArrayBuffer: "aa", arrayBufferLength: "ba", getItem: "ia", call: "ma", resolveException: "na", evaluate: "pa", write: "Ja", read: "Ka",
} as const;
type Calls = Readonly<Record<keyof typeof EXPORTS, (a?: number, b?: number, c?: number, d?: number, e?: number, f?: number) => number>>;

const STRICT = 1 << 3;
const POINTER_BYTES = 4;

/** What boot leaves in the engine's memory: pointers into it. */
const POINTERS = ["runtime", "context", "fileName", "noThis", "argument", "dispatch", "wrap", "attach", "describe", "trace"] as const;
type Pointers = Readonly<Record<(typeof POINTERS)[number], number>>;

interface Booted extends Pointers {
  readonly machine: Machine;
  readonly calls: Calls;
}

let engine: Engine | undefined;

/** The one engine of this process: it is put to a bundle's image before every call, so sharing it cannot be seen. */
export function sharedEngine(cache?: ModuleCache): Engine {
  engine ??= startEngine(cache);
  return engine;
}

/** Rewrites, compiles and boots the engine, or takes all of it from the cache. */
export function startEngine(cache?: ModuleCache): Engine {
  const kept = cache?.read(ENGINE_HASH);
  const { booted, base } = kept === undefined ? bootEngine(cache) : thawEngine(kept);
  return {
    load: (bundle) => loadBundle(booted, base, bundle),
    freeze: (bundle, border) => freeze(booted, bundle, border),
    call(bundle, args, fuelLimit) {
      const message = toEngine(args.values, args.context);
      booted.machine.restore(bundle.image);
      const ended = booted.machine.run(fuelLimit, () => callDispatch(booted, message));
      if (ended.kind === "failed") return ended;
      return { ...ended, value: () => readAnswer(ended.value.bytes, ended.value.form) };
    },
  };
}

interface Started {
  readonly booted: Booted;
  readonly base: Image;
}

function bootEngine(cache: ModuleCache | undefined): Started {
  const rewritten = rewriteModule(scanModule(readEngine(), "engine"), { track: "always" });
  const machine = instanceOf(rewritten);
  const calls = callsOf(machine);
  const ended = machine.run(LOAD_FUEL, () => boot(machine, calls));
  assert(ended.kind === "ok", `the JavaScript engine boots (${ended.kind === "ok" ? "" : ended.message})`);
  const base = machine.snapshot();
  // Its data is in the image: without it, a new instance's memory is all zero, which is what an instance is taken to be.
  const bare = { ...rewritten, bytes: withoutSections(rewritten.bytes, [SECTION_START, SECTION_DATA, SECTION_DATA_COUNT]) };
  const grains = new Map(base.grains.flatMap((grain, index) => (grain === undefined ? [] : [[index, grain] as const])));
  cache?.write(ENGINE_HASH, { ...rewrittenEntry(bare), ...ended.value, grains, grainCount: base.grains.length, globals: base.globals, imagePages: base.pages });
  return { booted: { machine, calls, ...ended.value }, base };
}

const SECTION_START = 8;
const SECTION_DATA = 11;
const SECTION_DATA_COUNT = 12;

/** What `bootEngine` wrote; the digest of the file vouches for its types. */
function thawEngine(entry: ValueMap): Started {
  const machine = instanceOf(rewrittenOf(entry));
  const grains = entry.get("grains") as ReadonlyMap<number, Uint8Array>;
  const base: Image = {
    whole: undefined, grains: Array.from({ length: Number(entry.get("grainCount")) }, (_, index) => grains.get(index)),
    globals: entry.get("globals") as readonly number[], pages: Number(entry.get("imagePages")),
  };
  const pointers = Object.fromEntries(POINTERS.map((name) => [name, Number(entry.get(name))])) as Pointers;
  return { booted: { machine, calls: callsOf(machine), ...pointers }, base };
}

function instanceOf(rewritten: Rewritten): Machine {
  const memory = memoryOf(rewritten.physicalPages);
  const host = new HostFunctions(new Uint8Array(memory.buffer));
  host.machine = new Machine(new Wasm.Module(rewritten.bytes), rewritten, { memory, imports: { a: { a: memory, ...host.imports() } } });
  return host.machine;
}

function memoryOf(pages: number): WasmMemory {
  try {
    return new Wasm.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    throw new InvariantError("the host has no room for the JavaScript engine", { cause });
  }
}

function callsOf(machine: Machine): Calls {
  return Object.fromEntries(Object.entries(EXPORTS).map(([name, short]) => [name, machine.function(short)])) as unknown as Calls;
}

/**
 * What the engine imports. At boot it asks for its environment and for the time: there is none, and it is 0. Later it may ask
 * for more memory (there is none) and for a time zone (UTC). Anything else ends the call.
 */
class HostFunctions {
  machine: Machine | undefined;
  readonly #memory: Uint8Array;
  constructor(memory: Uint8Array) {
    this.#memory = memory;
  }

  #zero(pointer: number, size: number): void {
    this.#memory.fill(0, pointer, pointer + size);
    this.machine?.wrote(pointer, size);
  }

  imports(): Record<string, WasmFunction> {
    const stop = (what: string): WasmFunction => () => {
      throw new Trap(`trap: the engine ${what}`);
    };
    const zeros = (sizes: readonly number[]): WasmFunction => (...pointers) => {
      sizes.forEach((size, i) => this.#zero(pointers[i] ?? 0, size));
      return 0;
    };
    return {
      b: stop("found itself in an impossible state"), c: stop("wrote to a file"), d: stop("closed a file"),
      e: () => 0, f: zeros([4, 4]), g: stop("asked for a module"), h: stop("asked for a module"), i: () => 0,
      j: stop("set a timer"), k: () => 0, l: stop("ran on"), m: (_time, pointer) => this.#zero(pointer ?? 0, 44),
      n: zeros([4, 4, 1, 1]), o: stop("moved in a file"), p: () => 0, q: stop("gave up"), r: stop("gave up"),
      s: stop("called a function of the host"), t: () => undefined,
    };
  }
}

function boot(machine: Machine, calls: Calls): Pointers {
  calls.construct();
  const runtime = calls.newRuntime();
  calls.setMaxStackSize(runtime, JS_STACK_BYTES);
  const context = calls.newContext(runtime, 0);
  const half = { machine, calls, context };
  const fileName = copyIn(half, utf8(`${BUNDLE_FILE}\0`));
  const prelude = evaluate({ ...half, fileName: copyIn(half, utf8(`${PRELUDE_FILE}\0`)) }, utf8(PRELUDE));
  assert(calls.resolveException(context, prelude) === 0, "the prelude evaluates");
  const item = (index: number): number => calls.getItem(context, prelude, index);
  return {
    runtime, context, fileName, noThis: calls.undefinedPointer(), argument: calls.malloc(POINTER_BYTES),
    dispatch: item(0), wrap: item(1), attach: item(2), describe: item(3), trace: item(4),
  };
}

/** Copies bytes into memory of the engine. */
function copyIn({ machine, calls }: Pick<Booted, "machine" | "calls">, bytes: Uint8Array): number {
  const pointer = calls.malloc(bytes.length);
  if (pointer === 0) throw new Trap("InternalError: out of memory");
  machine.memory.set(bytes, pointer);
  machine.wrote(pointer, bytes.length);
  return pointer;
}

function evaluate(booted: Pick<Booted, "machine" | "calls" | "context" | "fileName">, text: Uint8Array): number {
  const source = new Uint8Array(text.length + 1); // ends in a zero byte
  source.set(text);
  const pointer = copyIn(booted, source);
  return booted.calls.evaluate(booted.context, pointer, text.length, booted.fileName, 0, STRICT);
}

function callFunction({ machine, calls, context, noThis, argument }: Booted, callee: number, value: number): number {
  for (let i = 0; i < POINTER_BYTES; i++) machine.memory[argument + i] = (value >>> (i * 8)) & 0xff;
  machine.wrote(argument, POINTER_BYTES);
  return calls.call(context, callee, noThis, 1, argument);
}

function loadBundle(booted: Booted, base: Image, bundle: Uint8Array): Bundle {
  const { machine } = booted;
  machine.restore(base);
  const ended = machine.run(LOAD_FUEL, () => evaluateBundle(booted, bundle));
  if (ended.kind === "failed") throw refused(ended.message);
  const { entry, thrown } = ended.value;
  if (thrown !== undefined) throw refused(thrown.message, thrown.trace);
  assert(entry === "step" || entry === "run", "a bundle's entry is step or run");
  return { image: machine.snapshot(base), entry };
}

function refused(why: string, trace?: string): AosError {
  return new AosError("module.refused", `bundle: it cannot be evaluated: ${why}`, trace === undefined ? {} : { data: { trace } });
}

interface Evaluated {
  readonly entry?: string;
  readonly thrown?: { readonly message: string; readonly trace: string };
}

function evaluateBundle(booted: Booted, bundle: Uint8Array): Evaluated {
  const { calls, context } = booted;
  let value = evaluate(booted, bundle);
  let error = calls.resolveException(context, value);
  if (error === 0) {
    value = evaluate(booted, utf8(`typeof ${BUNDLE_GLOBAL} === "undefined" ? undefined : ${BUNDLE_GLOBAL}`));
    value = callFunction(booted, booted.attach, value);
    error = calls.resolveException(context, value);
  }
  if (error !== 0) {
    const message = textOf(booted, callFunction(booted, booted.describe, error));
    return { thrown: { message, trace: textOf(booted, callFunction(booted, booted.trace, error)) } };
  }
  return { entry: textOf(booted, value) };
}

function freeze(booted: Booted, bundle: Bundle, border: Uint8Array): Frozen {
  const { machine, calls } = booted;
  machine.restore(bundle.image);
  const ended = machine.run(LOAD_FUEL, () => {
    const borderRealm = calls.newContext(booted.runtime, 0);
    const list = evaluate({ ...booted, context: borderRealm }, border);
    const error = calls.resolveException(borderRealm, list);
    assert(error === 0, `the border evaluates (${error === 0 ? "" : textOf(booted, callFunction(booted, booted.describe, error))})`);
    const item = (index: number): number => calls.getItem(borderRealm, list, index);
    return { borderRealm, takeIn: item(0), giveOut: item(1), giveOutWrapped: item(2) };
  });
  assert(ended.kind === "ok", `the border evaluates (${ended.kind === "ok" ? "" : ended.message})`);
  const { runtime, context: realm, dispatch, wrap, noThis, argument } = booted;
  return { image: machine.snapshot(), pointers: { runtime, realm, dispatch, wrap, noThis, argument, ...ended.value } };
}

function textOf({ machine, calls, context }: Booted, value: number): string {
  const pointer = calls.getString(context, value);
  if (pointer === 0) return "Error: without a message";
  const end = machine.memory.indexOf(0, pointer);
  try {
    return fromUtf8(machine.memory.subarray(pointer, end));
  } catch {
    return "Error: a message that is not a text";
  }
}

interface RawAnswer {
  readonly bytes: Uint8Array;
  readonly form: "plain" | "wrapped";
}

function callDispatch(booted: Booted, message: Uint8Array): RawAnswer {
  const { machine, calls, context } = booted;
  const buffer = calls.newArrayBuffer(context, copyIn(booted, message), message.length);
  const call = calls.read(context, buffer);
  if (calls.resolveException(context, call) !== 0) throw new Trap("InternalError: out of memory");
  const answer = callFunction(booted, booted.dispatch, call);
  let form: RawAnswer["form"] = "plain";
  let written = calls.write(context, answer);
  if (calls.resolveException(context, written) !== 0) {
    form = "wrapped";
    written = calls.write(context, callFunction(booted, booted.wrap, answer));
    if (calls.resolveException(context, written) !== 0) throw new Trap("InternalError: the result is too large or nested too deeply");
  }
  const size = calls.arrayBufferLength(context, written);
  const pointer = calls.copyArrayBuffer(context, written);
  if (pointer === 0) throw new Trap("InternalError: out of memory");
  return { bytes: machine.memory.slice(pointer, pointer + size), form };
}
