import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, canonicalBare, plain } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { bake } from "./bake.ts";
import { assemble } from "./fixtures/assemble.ts";
import { buildScript, stepInput } from "./fixtures/hostile.ts";
import { HOSTILE_SCRIPTS } from "./fixtures/hostile-scripts.ts";
import { seeded } from "./fixtures/random.ts";
import { COUNTER_SCRIPT, ENFORCE_SCRIPT, EVERYTHING_SCRIPT, PURE_SCRIPT, reducing } from "./fixtures/scripts.ts";
import { randomValue } from "./fixtures/values.ts";
import { COUNTER_MULTI } from "./fixtures/wat.ts";
import { createModuleRunner } from "./runner.ts";
import { TextDecoder as OwnDecoder, TextEncoder as OwnEncoder } from "./text-codec.ts";
import { Wasm } from "./webassembly.ts";
import type { WasmFunction, WasmMemory, WasmModule } from "./webassembly.ts";

const FUEL = 20_000_000;
const runner = createModuleRunner();

/** A call in a bare instance, as any host would make it: hex of the output, or "trap". */
function bareCall(module: WasmModule, entry: string, input: Uint8Array): string {
  const { exports } = new Wasm.Instance(module, {});
  const memory = (exports["memory"] as WasmMemory).buffer;
  try {
    const pointer = (exports["alloc"] as WasmFunction)(input.length) as number;
    new Uint8Array(memory).set(input, pointer);
    const [at, size] = (exports[entry] as WasmFunction)(pointer, input.length) as [number, number];
    return Buffer.from(memory, at, size).toString("hex");
  } catch (error) {
    assert.ok(error instanceof Wasm.RuntimeError, String(error));
    return "trap";
  }
}

interface Trio {
  /** The artifact, the baked module in the runner, the baked module in a bare instance. */
  call(input: Uint8Array): readonly [artifact: string, runner: string, bare: string];
}

async function trio(script: string, entry: "step" | "run" = "step"): Promise<Trio> {
  const artifact = await buildScript(script);
  const baked = await bake(artifact);
  const module = new Wasm.Module(baked);
  const hashes = [await runner.add(artifact), await runner.add(baked)] as const;
  const called = (wasmHash: (typeof hashes)[number], input: Uint8Array): string => {
    const result = runner.call({ wasmHash, entry, input, fuelLimit: FUEL });
    return result.kind === "ok" ? Buffer.from(result.output).toString("hex") : "trap";
  };
  return { call: (input) => [called(hashes[0], input), called(hashes[1], input), bareCall(module, entry, input)] };
}

test("bake: twice: the same bytes, valid, no imports, three exports, one fixed memory", async () => {
  const artifact = await buildScript(COUNTER_SCRIPT);
  const once = await bake(artifact);
  assert.ok(Buffer.from(await bake(artifact)).equals(once));
  const module = new Wasm.Module(once);
  assert.deepEqual(Wasm.Module.imports(module), []);
  assert.deepEqual(Wasm.Module.exports(module), [{ name: "memory", kind: "memory" }, { name: "alloc", kind: "function" }, { name: "step", kind: "function" }]);
  assert.ok(once.length < 1_000_000, `${once.length} bytes`);
  assert.ok(!Buffer.from(once).includes("/kernel/"), "no file name of the builder");
});

test("bake: modules of every kind: the artifact's bytes, in the runner and in a bare instance", async () => {
  const ctx = canonical({
    now_ns: 1_700_000_000_000_000_000n, logical_now_ns: 5, journal_height: 7, entropy: new Uint8Array(64).fill(3), event_hash: "e", manifest_hash: "m", reducer: "demo/counter@1",
    key: canonical("cell"), cell_mode: true,
  });
  const check = canonical({
    cap_def: "sys/http.out@1", grant_name: "web", cap_params: canonical({ hosts: ["https://a.example/é"] }), effect_kind: "http.request",
    effect_params: canonical({ url: "https://b.example/日本💡" }), origin: { kind: "plan", name: "demo/plan@1" }, logical_now_ns: 5,
  });
  const pureContext = canonical({ logical_now_ns: 9, journal_height: 1, manifest_hash: "m", module: "demo/pure@1" });
  const rows: readonly (readonly [name: string, script: string, entry: "step" | "run", input: Uint8Array])[] = [
    ["counter", COUNTER_SCRIPT, "step", stepInput({ value: canonical({ $tag: "Add", $value: { by: 3 } }), state: canonicalBare({ count: 4, last: "Add" }) })],
    ["everything", EVERYTHING_SCRIPT, "step", stepInput({ value: canonical([1, "x"]), ctx })],
    ["pure", PURE_SCRIPT, "run", plain({ version: 1, input: canonical({ n: 21 }), ctx: pureContext })],
    ["enforcer", ENFORCE_SCRIPT, "run", plain({ version: 1, input: check })],
    ["replaces a builtin", HOSTILE_SCRIPTS["replaces a builtin"] as string, "step", stepInput()],
    ["counts its depth", HOSTILE_SCRIPTS["calls itself and catches"] as string, "step", stepInput()],
    ["floats as text", HOSTILE_SCRIPTS["uses floating point"] as string, "step", stepInput()],
  ];
  for (const [name, script, entry, input] of rows) {
    const [expected, inRunner, bare] = (await trio(script, entry)).call(input);
    assert.notEqual(expected, "trap", name);
    assert.deepEqual([inRunner, bare], [expected, expected], name);
  }
  assert.equal(rows.length, 7);
});

test("bake: 80 random values and the deepest ones: exact", async () => {
  const { call } = await trio(reducing("event"));
  const random = seeded(11);
  const nested = (depth: number): Uint8Array => {
    const heads = Array.from({ length: depth }, () => 0x81);
    return stepInput({ value: new Uint8Array([...heads, 0x01]) });
  };
  const inputs = [...Array.from({ length: 80 }, () => stepInput({ value: canonicalBare(randomValue(random, 4)) })), nested(60), nested(124)];
  let answers = 0;
  for (const input of inputs) {
    const [expected, inRunner, bare] = call(input);
    assert.deepEqual([inRunner, bare], [expected, expected]);
    if (expected !== "trap") answers++;
  }
  assert.equal(answers, 82);
});

test("bake: an author who tampers with every builtin the border uses: the artifact's answer", async () => {
  const before = `for (const type of [Array, Map, String, Uint8Array, RegExp, DataView, Object])
    for (const name of Object.getOwnPropertyNames(type.prototype)) if (name !== "constructor" && name !== "length") try { type.prototype[name] = () => { throw new Error(name); }; } catch {}
    globalThis.Map = undefined; globalThis.Uint8Array = undefined; globalThis.BigInt = undefined;`;
  const { call } = await trio(reducing("({ a: 1, b: 'ü' })", before));
  const [expected, inRunner, bare] = call(stepInput());
  assert.notEqual(expected, "trap");
  assert.deepEqual([inRunner, bare], [expected, expected]);
});

test("bake: what the artifact fails at: a trap", async () => {
  const rows: readonly (readonly [name: string, script: string, input: Uint8Array])[] = [
    ["throws", HOSTILE_SCRIPTS["throws a text"] as string, stepInput()],
    ["asks the time", HOSTILE_SCRIPTS["uses Date.now"] as string, stepInput()],
    ["a fraction", HOSTILE_SCRIPTS["answers with a fraction"] as string, stepInput()],
    ["calls itself", HOSTILE_SCRIPTS["calls itself"] as string, stepInput()],
    ["a broken envelope", COUNTER_SCRIPT, new Uint8Array([1, 2, 3])],
    ["text that is not UTF-8", reducing("event"), stepInput({ value: new Uint8Array([0x62, 0xc0, 0x80]) })],
  ];
  for (const [name, script, input] of rows) assert.deepEqual((await trio(script)).call(input), ["trap", "trap", "trap"], name);
  assert.equal(rows.length, 6);
});

test("bake: what is no bundle: refused with its code", async () => {
  const rows: readonly (readonly [artifact: Uint8Array, code: string])[] = [
    [assemble(COUNTER_MULTI), "bake.kind"],
    [new Uint8Array([1]), "module.refused"],
    [canonical({ abi: 1, kind: "js", engine: `sha256:${"0".repeat(64)}`, bundle: new Uint8Array() }), "module.refused"],
  ];
  for (const [artifact, code] of rows) await assert.rejects(bake(artifact), (error: unknown) => error instanceof AosError && error.code === code);
  assert.equal(rows.length, 3);
});

test("text codec: well-formed texts and broken bytes: as the platform's own", () => {
  const own = new OwnEncoder();
  const platform = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (const text of ["", "plain", "é ü", "日本語", "💡 wide", "\u0000\ufeff", "\u07ff\u0800\uffff\u{10000}\u{10ffff}"]) {
    assert.deepEqual(Buffer.from(own.encode(text)), Buffer.from(text));
    assert.equal(new OwnDecoder().decode(Buffer.from(text)), text);
  }
  const random = seeded(3);
  const bytes = [0x00, 0x41, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xee, 0xef, 0xf0, 0xf4, 0xf5, 0xff];
  const decoded = (decoder: { decode(bytes: Uint8Array): string }, input: Uint8Array): string => {
    try {
      return decoder.decode(input);
    } catch {
      return "invalid";
    }
  };
  let invalid = 0;
  for (let i = 0; i < 4000; i++) {
    const input = new Uint8Array(random(6)).map(() => bytes[random(bytes.length)] as number);
    const expected = decoded(platform, input);
    assert.equal(decoded(new OwnDecoder(), input), expected, Buffer.from(input).toString("hex"));
    if (expected === "invalid") invalid++;
  }
  assert.ok(invalid > 1000 && invalid < 3900, `${invalid} broken ones`);
});
