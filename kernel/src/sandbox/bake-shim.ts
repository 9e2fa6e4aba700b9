// The functions a baked module has beside the engine's: stubs for its imports, and the ABI on top of its exports.

import { assert } from "../air/error.ts";
import { EXPORTS } from "./js-engine.ts";
import type { Frozen } from "./js-engine.ts";
import { JS_STACK_BYTES } from "./limits.ts";
import type { FuncType, ModuleScan } from "./scan.ts";
import { Bulk, Op, Type } from "./wasm-ops.ts";
import { Writer } from "./wasm-reader.ts";

const { i32, i64, f64 } = Type;

/** A function of the module that is not the engine's. */
export interface Added {
  readonly type: FuncType;
  readonly body: Writer;
}

/** What the runner's own functions do, see js-engine.ts: some give 0, two write zeros where they are told, the others end the call. */
const GIVE_ZERO: readonly string[] = ["e", "f", "i", "k", "m", "n", "p", "t"];
const ZEROED: Readonly<Record<string, readonly number[]>> = { f: [4, 4], m: [0, 44], n: [4, 4, 1, 1] };

/** Stands for an import of the engine. */
export function stubBody(name: string, type: FuncType): Writer {
  const body = new Writer();
  body.u32(0);
  if (!GIVE_ZERO.includes(name)) body.byte(Op.unreachable);
  ZEROED[name]?.forEach((size, parameter) => {
    if (size === 0) return;
    put(body, Op.localGet, parameter);
    constant(body, 0);
    constant(body, size);
    for (const byte of [Op.prefix, Bulk.memoryFill, 0]) body.byte(byte);
  });
  for (const result of type.results) {
    if (result === f64) {
      body.byte(Op.f64Const);
      body.raw(new Uint8Array(8));
    } else {
      assert(result === i32 || result === i64, "an import gives a number");
      body.byte(result === i32 ? Op.i32Const : Op.i64Const);
      body.byte(0);
    }
  }
  body.byte(Op.end);
  return body;
}

function put(out: Writer, op: number, index: number): void {
  out.byte(op);
  out.u32(index);
}

function constant(out: Writer, value: number): void {
  out.byte(Op.i32Const);
  out.s32(value | 0);
}

/** Reading and writing a value of the greatest depth takes more of the engine's stack than a script is given. */
const BORDER_STACK_BYTES = 2 * JS_STACK_BYTES;

/** Calls one function of a script, `alloc`, and the entry: what the runner does for a call, see `callDispatch` in js-engine.ts. */
export function shimOf(scan: ModuleScan, { pointers }: Frozen): readonly Added[] {
  const engine = (name: keyof typeof EXPORTS): number => {
    const found = scan.exports.find((entry) => entry.name === EXPORTS[name]);
    assert(found !== undefined, `the engine exports ${name}`);
    return found.index;
  };
  const callOne = scan.functions.length;
  const define = (locals: number, instructions: (out: Writer) => void): Writer => {
    const body = new Writer();
    body.u32(1);
    body.u32(locals);
    body.byte(i32);
    instructions(body);
    body.byte(Op.end);
    return body;
  };
  const trapIf = (out: Writer): void => [Op.if, Type.empty, Op.unreachable, Op.end].forEach((byte) => out.byte(byte));
  const trapIfZero = (out: Writer, local: number): void => {
    put(out, Op.localGet, local);
    out.byte(Op.i32Eqz);
    trapIf(out);
  };
  /** Whether the value in a local is an exception: not zero. */
  const isException = (out: Writer, realm: number, local: number): void => {
    constant(out, realm);
    put(out, Op.localGet, local);
    put(out, Op.call, engine("resolveException"));
  };
  const trapOnException = (out: Writer, realm: number, local: number): void => {
    isException(out, realm, local);
    trapIf(out);
  };
  /** `local = engine.name(realm, local)` */
  const apply = (out: Writer, name: keyof typeof EXPORTS, realm: number, local: number, into = local): void => {
    constant(out, realm);
    put(out, Op.localGet, local);
    put(out, Op.call, engine(name));
    put(out, Op.localSet, into);
  };
  /** `local = callee(local)`; the callee is a constant, or in a local. */
  const script = (out: Writer, realm: number, callee: number | "local 2", local: number, into = local): void => {
    constant(out, realm);
    if (callee === "local 2") put(out, Op.localGet, 2);
    else constant(out, callee);
    put(out, Op.localGet, local);
    put(out, Op.call, callOne);
    put(out, Op.localSet, into);
  };
  const { realm, borderRealm } = pointers;
  const limitStack = (out: Writer, bytes: number): void => {
    constant(out, pointers.runtime);
    constant(out, bytes);
    put(out, Op.call, engine("setMaxStackSize"));
  };
  const callOneBody = define(0, (out) => {
    constant(out, pointers.argument);
    put(out, Op.localGet, 2);
    [0x36, 2, 0].forEach((byte) => out.byte(byte));
    put(out, Op.localGet, 0);
    put(out, Op.localGet, 1);
    constant(out, pointers.noThis);
    constant(out, 1);
    constant(out, pointers.argument);
    put(out, Op.call, engine("call"));
  });
  const allocBody = define(1, (out) => {
    put(out, Op.localGet, 0);
    put(out, Op.call, engine("malloc"));
    put(out, Op.localSet, 1);
    trapIfZero(out, 1);
    put(out, Op.localGet, 1);
  });
  // Locals: 0 the input, later what became of it; 1 its size; 2 the function that gives the answer out; 3 the answer.
  const entryBody = define(2, (out) => {
    constant(out, borderRealm);
    put(out, Op.localGet, 0);
    put(out, Op.localGet, 1);
    put(out, Op.call, engine("newArrayBuffer"));
    put(out, Op.localSet, 0);
    limitStack(out, BORDER_STACK_BYTES);
    script(out, borderRealm, pointers.takeIn, 0);
    trapOnException(out, borderRealm, 0);
    limitStack(out, JS_STACK_BYTES);
    apply(out, "read", realm, 0);
    trapOnException(out, realm, 0);
    script(out, realm, pointers.dispatch, 0, 3);
    apply(out, "write", realm, 3, 0);
    constant(out, pointers.giveOut);
    put(out, Op.localSet, 2);
    isException(out, realm, 0);
    out.byte(Op.if);
    out.byte(Type.empty);
    script(out, realm, pointers.wrap, 3);
    apply(out, "write", realm, 3, 0);
    trapOnException(out, realm, 0);
    constant(out, pointers.giveOutWrapped);
    put(out, Op.localSet, 2);
    out.byte(Op.end);
    limitStack(out, BORDER_STACK_BYTES);
    script(out, borderRealm, "local 2", 0);
    trapOnException(out, borderRealm, 0);
    apply(out, "copyArrayBuffer", borderRealm, 0, 3);
    trapIfZero(out, 3);
    put(out, Op.localGet, 3);
    constant(out, borderRealm);
    put(out, Op.localGet, 0);
    put(out, Op.call, engine("arrayBufferLength"));
  });
  return [
    { type: { params: [i32, i32, i32], results: [i32] }, body: callOneBody },
    { type: { params: [i32], results: [i32] }, body: allocBody },
    { type: { params: [i32, i32], results: [i32, i32] }, body: entryBody },
  ];
}
