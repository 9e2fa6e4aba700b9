// The JavaScript engine as a machine: boots it once, evaluates bundles, calls them, always from an image.

import { AosError, assert } from "../air/error.ts";
import { fromUtf8, utf8 } from "../air/bytes.ts";
import type { Value } from "../air/value.ts";
import { readEngine } from "./engine-file.ts";
import { fromEngine } from "./from-engine.ts";
import { ENGINE_STACK_BYTES, JS_STACK_BYTES, LOAD_FUEL } from "./limits.ts";
import { Machine, Trap } from "./machine.ts";
import type { Ended, Image } from "./machine.ts";
import { BUNDLE_GLOBAL, PRELUDE } from "./prelude.ts";
import { rewriteModule } from "./rewrite.ts";
import { scanModule } from "./scan.ts";
import { toEngine } from "./to-engine.ts";
import { Wasm } from "./webassembly.ts";
import type { WasmFunction } from "./webassembly.ts";

/** A bundle that was evaluated once; its image is what every call starts from. */
export interface Bundle {
  readonly image: Image;
  readonly entry: "step" | "run";
}
/** What the script's `dispatch` answered: its result, or the message of what it threw. */
export type Answer = { readonly kind: "result"; readonly value: Value } | { readonly kind: "thrown"; readonly message: string };

/** What an entry gets; the context's fields in the order of `CONTEXT_FIELDS`, or null without one. */
export interface Arguments {
  readonly values: readonly Value[];
  readonly context: readonly (Value | undefined)[] | null;
}

export interface Engine {
  /** Evaluates a bundle's text. @throws AosError `module.refused` when it throws, runs out of fuel, or exports nothing to call */
  load(bundle: Uint8Array): Bundle;
  /** Calls a bundle's entry. Reading the answer throws AosError `js.value` when it holds what is no data. */
  call(bundle: Bundle, args: Arguments, fuelLimit: number): Ended<() => Answer>;
}

/** The engine's functions that are used, under the short names its build gave them. */
const EXPORTS = {
  construct: "u", malloc: "v", setMaxStackSize: "D", undefinedPointer: "E", newRuntime: "K", newContext: "N", newArrayBuffer: "X", getString: "$",
  copyArrayBuffer: "aa", arrayBufferLength: "ba", getItem: "ia", call: "ma", resolveException: "na", evaluate: "pa", write: "Ja", read: "Ka",
} as const;
type Calls = Readonly<Record<keyof typeof EXPORTS, (a?: number, b?: number, c?: number, d?: number, e?: number, f?: number) => number>>;

const STRICT = 1 << 3;
const POINTER_BYTES = 4;

interface Booted {
  readonly machine: Machine;
  readonly calls: Calls;
  readonly context: number;
  readonly fileName: number;
  readonly noThis: number;
  /** Room for one argument pointer. */
  readonly argument: number;
  readonly dispatch: number;
  readonly wrap: number;
  readonly attach: number;
  readonly describe: number;
}

let engine: Engine | undefined;

/** The one engine of this process: it is put to a bundle's image before every call, so sharing it cannot be seen. */
export function sharedEngine(): Engine {
  engine ??= startEngine(readEngine());
  return engine;
}

/** Rewrites, compiles and boots an engine. */
export function startEngine(bytes: Uint8Array): Engine {
  const rewritten = rewriteModule(scanModule(bytes, "engine"), { track: "always" });
  const memory = new Wasm.Memory({ initial: rewritten.physicalPages, maximum: rewritten.physicalPages });
  const host = new HostFunctions(new Uint8Array(memory.buffer));
  const machine = new Machine(new Wasm.Module(rewritten.bytes), rewritten, {
    stackBytes: ENGINE_STACK_BYTES, memory, imports: { a: { a: memory, ...host.imports() } },
  });
  host.machine = machine;
  const booted = machine.run(LOAD_FUEL, () => boot(machine));
  assert(booted.kind === "ok", `the JavaScript engine boots (${booted.kind === "ok" ? "" : booted.message})`);
  const running = booted.value;
  const base = machine.snapshot();
  return {
    load: (bundle) => loadBundle(running, base, bundle),
    call(bundle, args, fuelLimit) {
      const message = toEngine(args.values, args.context);
      machine.restore(bundle.image);
      const ended = machine.run(fuelLimit, () => callDispatch(running, message));
      if (ended.kind === "failed") return ended;
      return { ...ended, value: () => readAnswer(ended.value) };
    },
  };
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

function boot(machine: Machine): Booted {
  const calls = Object.fromEntries(Object.entries(EXPORTS).map(([name, short]) => [name, machine.function(short)])) as unknown as Calls;
  calls.construct();
  const runtime = calls.newRuntime();
  calls.setMaxStackSize(runtime, JS_STACK_BYTES);
  const context = calls.newContext(runtime, 0);
  const half = { machine, calls, context };
  const fileName = copyIn(half, utf8("bundle.js\0"));
  const prelude = evaluate({ ...half, fileName }, utf8(PRELUDE));
  assert(calls.resolveException(context, prelude) === 0, "the prelude evaluates");
  const item = (index: number): number => calls.getItem(context, prelude, index);
  return {
    ...half, fileName, noThis: calls.undefinedPointer(), argument: calls.malloc(POINTER_BYTES),
    dispatch: item(0), wrap: item(1), attach: item(2), describe: item(3),
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
  if (thrown !== undefined) throw refused(thrown);
  assert(entry === "step" || entry === "run", "a bundle's entry is step or run");
  return { image: machine.snapshot(base), entry };
}

function refused(why: string): AosError {
  return new AosError("module.refused", `bundle: it cannot be evaluated: ${why}`);
}

function evaluateBundle(booted: Booted, bundle: Uint8Array): { readonly entry?: string; readonly thrown?: string } {
  const { calls, context } = booted;
  let value = evaluate(booted, bundle);
  let error = calls.resolveException(context, value);
  if (error === 0) {
    value = evaluate(booted, utf8(`typeof ${BUNDLE_GLOBAL} === "undefined" ? undefined : ${BUNDLE_GLOBAL}`));
    value = callFunction(booted, booted.attach, value);
    error = calls.resolveException(context, value);
  }
  if (error !== 0) return { thrown: textOf(booted, callFunction(booted, booted.describe, error)) };
  return { entry: textOf(booted, value) };
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

function readAnswer({ bytes, form }: RawAnswer): Answer {
  const answer = fromEngine(bytes, form);
  assert(Array.isArray(answer), "the script answers with a list");
  const [kind, value] = answer as readonly Value[];
  if (kind === 1) return { kind: "thrown", message: typeof value === "string" ? value : "Error: without a message" };
  return { kind: "result", value: value ?? null };
}
