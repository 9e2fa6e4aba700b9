import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBare, decode } from "../air/cbor.ts";
import { fromUtf8 } from "../air/hash.ts";
import type { Value } from "../air/value.ts";
import { bundleOfArtifact } from "./artifact.ts";
import { bake } from "./bake.ts";
import { assemble } from "./fixtures/assemble.ts";
import { buildScript, stepInput } from "./fixtures/hostile.ts";
import { interpreter, rawCall } from "./fixtures/interpreter.ts";
import { seeded } from "./fixtures/random.ts";
import { COUNTER_MULTI, stepModule } from "./fixtures/wat.ts";
import { loadJs } from "./js-module.ts";
import { loadWasm } from "./wasm-runner.ts";
import { Wasm } from "./webassembly.ts";

const INPUTS = 5_000;
const FUEL = 10_000_000;

/** Adds, divides, compares and takes roots of the doubles its input is, and of what comes out; whole numbers of it too. */
const FLOATS = stepModule(`
  (loop $again
    (local.set $x (f64.add (f64.mul (local.get $x) (f64.const 0.75)) (f64.load (i32.add (local.get $in) (i32.mul (i32.and (local.get $i) (i32.const 3)) (i32.const 8))))))
    (local.set $x (f64.min (f64.max (local.get $x) (f64.neg (f64.sqrt (f64.abs (local.get $x))))) (f64.div (f64.const 1e300) (local.get $x))))
    (local.set $y (f32.sub (f32.demote_f64 (local.get $x)) (f32.copysign (local.get $y) (f32.nearest (local.get $y)))))
    (local.set $x (f64.add (local.get $x) (f64.promote_f32 (f32.trunc (local.get $y)))))
    (local.set $w (i64.add (local.get $w) (i64.trunc_sat_f64_s (f64.floor (local.get $x)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $i) (i32.const 12))))
  (if (f64.eq (local.get $x) (local.get $x)) (then (local.set $w (i64.xor (local.get $w) (i64.reinterpret_f64 (local.get $x))))))
  (i64.store (i32.const 64) (local.get $w))`);

function randomBytes(random: (below: number) => number, size: number): Uint8Array {
  return new Uint8Array(size).map(() => random(256));
}

/** Doubles among which the odd ones are frequent: NaNs of any bits, infinities, zeros, the smallest. */
function randomDoubles(random: (below: number) => number): Uint8Array {
  const bytes = randomBytes(random, 32);
  const view = new DataView(bytes.buffer);
  const odd = [NaN, Infinity, -Infinity, 0, -0, 5e-324, 1.5, -(2 ** 63), 2 ** 31, 1e308];
  for (let at = 0; at < 32; at += 8) {
    const kind = random(4);
    if (kind < 2) view.setFloat64(at, odd[random(odd.length)] as number, true);
    else if (kind === 2) view.setUint16(at + 6, random(2) === 0 ? 0x7ff4 : 0xfff9, true);
  }
  return bytes;
}

test("differential: raw modules: 5,000 random inputs each: the raw module's bytes or trap, in a fresh instance", () => {
  const rows: readonly (readonly [name: string, text: string, input: (random: (below: number) => number) => Uint8Array, traps: "some" | "none"])[] = [
    ["counter", COUNTER_MULTI, (random) => (random(3) === 0 ? randomBytes(random, random(60)) : stepInput({ state: new Uint8Array([random(24)]) })), "none"],
    ["17 pages", interpreter(17, 19), (random) => randomBytes(random, random(40)), "some"],
    ["grows from 5 pages", interpreter(5, 14), (random) => randomBytes(random, random(40)), "some"],
    ["floats", FLOATS, randomDoubles, "none"],
  ];
  for (const [name, text, make, expectedTraps] of rows) {
    const bytes = assemble(text);
    const module = new Wasm.Module(bytes);
    const loaded = loadWasm(bytes);
    const random = seeded(name.length);
    let traps = 0;
    for (let i = 0; i < INPUTS; i++) {
      const input = make(random);
      const expected = rawCall(module, input);
      const result = loaded.call("step", input, FUEL);
      if (expected === "trap") {
        traps++;
        assert.equal(result.kind === "failed" && result.code, "trap", `${name}, input ${i}`);
      } else {
        assert.ok(result.kind === "ok", `${name}, input ${i}: no budget is exhausted, so none of its outcomes is due`);
        assert.ok(Buffer.from(expected).equals(result.output), `${name}, input ${i}: ${Buffer.from(input).toString("hex")}`);
      }
    }
    assert.ok(expectedTraps === "none" ? traps === 0 : traps > 50 && traps < INPUTS / 2, `${name}: ${traps} traps`);
  }
  assert.equal(rows.length, 4);
});

/** What a reducer does with texts, lists, maps, patterns and great integers, so that two engines can be held against each other. */
const MIXED_SCRIPT = `import { reduce } from "@agentos/kernel/sdk";
let calls = 0;
export default reduce((state, { list, text, big }) => {
  const counts = new Map();
  for (const item of list) counts.set(item % 7, (counts.get(item % 7) ?? 0) + 1);
  const sorted = [...list].sort((a, b) => a % 5 - b % 5);
  const words = text.split(/[^a-z]+/).filter(Boolean).map((word, i) => word.toUpperCase().padStart(i % 9, "_"));
  return { state: {
    calls: ++calls, sorted, words, counts: Object.fromEntries([...counts].map(([k, v]) => ["k" + k, v])), json: JSON.stringify({ list, text }),
    float: String(list.reduce((sum, n) => sum + n / 3, 0.1)), big: BigInt.asIntN(64, BigInt(big) * 31n + BigInt(list.length)), before: state?.calls ?? null,
    code: [...text].map((c) => c.codePointAt(0)), replaced: text.replace(/(\\w)(\\w)/g, "$2$1"), hash: list.reduce((h, n) => Math.imul(h ^ n, 16777619) >>> 0, 2166136261),
  } };
});
`;

type Reducer = (state: unknown, event: unknown, ctx: null) => { readonly state: unknown };

function plainly(value: unknown): Value {
  if (Array.isArray(value)) return value.map(plainly);
  if (typeof value === "object" && value !== null) return new Map(Object.entries(value).map(([key, item]) => [key, plainly(item)]));
  return value as Value;
}

test("differential: a TypeScript module: 5,000 random inputs: what V8 itself makes of the bundle; 100 of them as baked, in a fresh instance", async () => {
  const artifact = await buildScript(MIXED_SCRIPT);
  const bundle = bundleOfArtifact(artifact);
  const loaded = loadJs(bundle);
  const baked = new Wasm.Module(await bake(artifact));
  const text = fromUtf8(bundle);
  const random = seeded(9);
  let compared = 0;
  for (let i = 0; i < INPUTS; i++) {
    const event = {
      list: Array.from({ length: random(12) }, () => random(2 ** 31)), big: BigInt(random(2 ** 31)) * BigInt(random(2 ** 31)) + 2n ** 53n,
      text: Array.from({ length: random(20) }, () => "ab c-dé💡Z9"[random(10)] ?? "").join("").replace(/\p{Surrogate}/gu, "?"),
    };
    const input = stepInput({ value: canonicalBare(event), ...(random(2) === 0 ? {} : { state: canonicalBare({ calls: random(100) }) }) });
    const result = loaded.call("step", input, FUEL);
    assert.ok(result.kind === "ok", `input ${i}: ${result.kind === "failed" ? result.message : ""}`);
    const given = decode(input) as ReadonlyMap<string, Uint8Array>;
    const state = given.get("state");
    const reducer = freshReducer(text);
    const before = state instanceof Uint8Array ? { calls: Number((decode(state) as ReadonlyMap<Value, Value>).get("calls")) } : null;
    const expected = canonicalBare(plainly(reducer(before, event, null).state));
    const output = decode(result.output) as ReadonlyMap<Value, Value>;
    assert.ok(Buffer.from(expected).equals(output.get("state") as Uint8Array), `input ${i}: ${JSON.stringify(event, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))}`);
    if (i % 50 === 0) {
      assert.ok(Buffer.from(rawCall(baked, input)).equals(result.output), `input ${i}, baked`);
      compared++;
    }
  }
  assert.equal(compared, 100);
});

/** The bundle's reducer, evaluated anew: its module variables start over. */
function freshReducer(text: string): Reducer {
  return (new Function(`const globalThis = {}; ${text}; return globalThis.__aos_bundle.call`) as () => Reducer)();
}
