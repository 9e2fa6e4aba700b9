import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, canonicalBare, decode, plain } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { utf8 } from "../air/hash.ts";
import { Float } from "../air/value.ts";
import type { Encodable, Value } from "../air/value.ts";
import type { Hash } from "../air/value.ts";
import type { ModuleResult } from "../ports.ts";
import { buildScript, resultLine, stepInput } from "./fixtures/hostile.ts";
import { seeded } from "./fixtures/random.ts";
import { randomValue } from "./fixtures/values.ts";
import { COUNTER_SCRIPT, ENFORCE_SCRIPT, EVERYTHING_SCRIPT, PURE_SCRIPT, reducing, running } from "./fixtures/scripts.ts";
import { SANDBOX_VERSION, createModuleRunner, engineHash, jsArtifact } from "./runner.ts";

const runner = createModuleRunner();
const FUEL = 10_000_000;

async function caller(script: string): Promise<(input: Uint8Array, entry?: "step" | "run", fuelLimit?: number) => ModuleResult> {
  const wasmHash = await runner.add(await buildScript(script));
  return (input, entry = "step", fuelLimit = FUEL) => runner.call({ wasmHash, entry, input, fuelLimit });
}

function output(result: ModuleResult): ReadonlyMap<Value, Value> {
  assert.ok(result.kind === "ok", result.kind === "ok" ? "" : `${result.code}: ${result.message}`);
  return decode(result.output) as ReadonlyMap<Value, Value>;
}

const CONTEXT = canonical({
  now_ns: 1_700_000_000_000_000_000n, logical_now_ns: 5, journal_height: 7, entropy: new Uint8Array(64).fill(3), event_hash: `sha256:${"1".repeat(64)}`,
  manifest_hash: `sha256:${"2".repeat(64)}`, reducer: "demo/counter@1", key: canonical("cell"), cell_mode: true,
});

test("script: counter: state and events as canonical values", async () => {
  const call = await caller(COUNTER_SCRIPT);
  const add = canonical({ $tag: "Add", $value: { by: 3 } });
  let state: Uint8Array | undefined;
  for (const count of [3, 6, 9]) {
    const result = output(call(stepInput(state === undefined ? { value: add } : { value: add, state })));
    state = result.get("state") as Uint8Array;
    assert.deepEqual(state, canonicalBare({ count, last: "Add" }));
    assert.deepEqual(result.get("domain_events"), [new Map<Value, Value>([["schema", "demo/Counted@1"], ["value", canonicalBare({ count })]])]);
  }
  assert.deepEqual(output(call(stepInput({ value: canonical({ $tag: "Reset" }), state: state as Uint8Array }))).get("state"), canonicalBare({ count: 0, last: "Reset" }));
});

test("script: every field of the answer: in the order and under the names of the ABI", async () => {
  const call = await caller(EVERYTHING_SCRIPT);
  const result = call(stepInput({ value: canonical([1, "x"]), ctx: CONTEXT }));
  assert.ok(result.kind === "ok", resultLine(result));
  const expected: Encodable = {
    state: canonicalBare({ seen: [1, "x"], before: null, now: 1_700_000_000_000_000_000n, key: canonical("cell") }),
    domain_events: [{ schema: "demo/Plain@1", value: canonicalBare([1, "x"]) }, { schema: "demo/Keyed@1", value: canonicalBare(null), key: canonical("k") }],
    effects: [
      { kind: "timer.set", params_cbor: canonicalBare({ deliver_at_ns: 6 }), cap_slot: "timer" },
      { kind: "http.request", params_cbor: canonicalBare({ body: new Uint8Array([2, 3]) }), idempotency_key: new Uint8Array(32) },
    ],
    ann: canonicalBare({ note: "n" }),
  };
  assert.equal(Buffer.from(result.output).toString("hex"), Buffer.from(plain(expected)).toString("hex"));
});

test("script: state null: deletes the cell", async () => {
  assert.equal(output((await caller(running("return { state: null };")))(stepInput())).get("state"), null);
});

test("script: pure module: input to output, under run only", async () => {
  const call = await caller(PURE_SCRIPT);
  const ctx = canonical({ logical_now_ns: 9, journal_height: 1, manifest_hash: "m", module: "demo/pure@1" });
  const result = call(plain({ version: 1, input: canonical({ n: 21 }), ctx }), "run");
  assert.ok(result.kind === "ok", resultLine(result));
  assert.deepEqual(result.output, plain({ output: canonicalBare({ twice: 42, at: 9, module: "demo/pure@1" }) }));
  assert.equal(resultLine(call(stepInput())), `trap 0 the module's entry is "run", not "step"`);
});

test("script: enforcer: decoded parameters in, verdict out", async () => {
  const call = await caller(ENFORCE_SCRIPT);
  const check = (url: string): unknown => {
    const input = canonical({
      cap_def: "sys/http.out@1", grant_name: "web", cap_params: canonical({ hosts: ["https://a.example/é"] }), effect_kind: "http.request",
      effect_params: canonical({ url }), origin: { kind: "plan", name: "demo/plan@1" }, logical_now_ns: 5,
    });
    const result = output(call(plain({ version: 1, input }), "run"));
    return decode(result.get("output") as Uint8Array);
  };
  assert.deepEqual(check("https://a.example/é"), new Map([["constraints_ok", true]]));
  const denial = new Map([["code", "host_not_allowed"], ["message", "b for demo/plan@1"]]);
  assert.deepEqual(check("b"), new Map<Value, Value>([["constraints_ok", false], ["deny", denial]]));
});

function hasOtherKeys(value: Value): boolean {
  if (Array.isArray(value)) return value.some(hasOtherKeys);
  return value instanceof Map && [...value].some(([key, item]) => typeof key !== "string" || hasOtherKeys(item));
}

test("script: 400 random values through the engine: exact, whatever they hold", async () => {
  const call = await caller(`import { pure } from "@agentos/kernel/sdk"; export default pure((input) => input);`);
  const random = seeded(7);
  let otherKeys = 0;
  for (let i = 0; i < 400; i++) {
    const bytes = canonicalBare(randomValue(random, 4));
    const result = output(call(plain({ version: 1, input: bytes }), "run"));
    assert.equal(Buffer.from(result.get("output") as Uint8Array).toString("hex"), Buffer.from(bytes).toString("hex"));
    if (hasOtherKeys(decode(bytes))) otherKeys++;
  }
  assert.ok(otherKeys > 20 && otherKeys < 200, `${otherKeys} values with keys that are no texts`);
});

test("script: what scripts see of values: types and exactness", async () => {
  const rows: readonly (readonly [expression: string, value: Encodable, expected: Encodable])[] = [
    ["typeof event", 2 ** 53 - 1, "number"],
    ["typeof event", 2n ** 53n, "bigint"],
    ["event + 1n", 2n ** 63n, 2n ** 63n + 1n],
    ["BigInt(event) * 2n", 2 ** 52, 2n ** 53n],
    ["event instanceof Uint8Array && event.length", new Uint8Array(5), 5],
    ["new Uint8Array([...event, 9])", new Uint8Array([1]), new Uint8Array([1, 9])],
    ["new Uint8Array([7]).buffer", null, new Uint8Array([7])],
    ["event.get(5)", new Map([[5, "five"]]), "five"],
    ["new Map([[1, event], [2n ** 60n, 2]])", "one", new Map<Encodable, Encodable>([[1, "one"], [2n ** 60n, 2]])],
    ["[...new Set([3, 1, 3])]", null, [3, 1]],
    ["new Set([3, 1, 3])", null, [3, 1]],
    ["({ b: 1, a: undefined, c: [undefined] })", null, { b: 1, c: [null] }],
    ["-0", null, 0],
    ["event / 1", new Float(3), 3],
    ["state === null && ctx === null", null, true],
    ["Object.hasOwn(event, '__proto__')", new Map([["__proto__", 1]]), true],
    ["event.$tag + event.$value.n", { $tag: "T", $value: { n: 1 } }, "T1"],
    ["(() => { const part = { a: 1 }; return [part, part]; })()", null, [{ a: 1 }, { a: 1 }]],
  ];
  for (const [expression, value, expected] of rows) {
    const call = await caller(reducing(expression));
    const state = output(call(stepInput({ value: canonical(value) }))).get("state");
    assert.deepEqual(state, canonicalBare(expected), expression);
  }
  assert.equal(rows.length, 18);
});

test("script: a long message of wide characters: cut between them", async () => {
  for (const pad of ["", "x"]) {
    const result = (await caller(running(`throw new Error(${JSON.stringify(pad)} + "\\u{1f4a1}".repeat(1000));`)))(stepInput());
    assert.ok(result.kind === "failed");
    assert.ok(result.message.length <= 503 && !/\p{Surrogate}/u.test(result.message), result.message);
    assert.match(result.message, /^Error: x?\u{1f4a1}+ … \u{1f4a1}+$/u);
  }
});

test("script: fuel: the exact limit suffices, one unit less does not", async () => {
  const call = await caller(COUNTER_SCRIPT);
  const input = stepInput({ value: canonical({ $tag: "Reset" }) });
  const { fuelUsed } = call(input);
  assert.equal(call(input, "step", fuelUsed).kind, "ok");
  assert.equal(resultLine(call(input, "step", fuelUsed - 1)), `fuel ${fuelUsed - 1} out of fuel after ${fuelUsed - 1} units`);
  assert.equal(call(input).fuelUsed, fuelUsed);
});

test("artifact: what is refused: code module.refused and why", async () => {
  const bundle = (text: string): Uint8Array => jsArtifact(utf8(text));
  const rows: readonly (readonly [name: string, artifact: Uint8Array, reason: RegExp])[] = [
    ["other bytes", utf8("hello"), /neither WebAssembly nor canonical CBOR/],
    ["not canonical", Uint8Array.from([0xd9, 0xd9, 0xf7, 0xff]), /not canonical CBOR/],
    ["a list", canonical([1]), /not a map of abi/],
    ["a field more", canonical({ abi: 1, kind: "js", engine: engineHash(), bundle: new Uint8Array(), x: 1 }), /not a map of abi/],
    ["another abi", canonical({ abi: 2, kind: "js", engine: engineHash(), bundle: new Uint8Array() }), /another abi/],
    ["another engine", canonical({ abi: 1, kind: "js", engine: `sha256:${"0".repeat(64)}`, bundle: new Uint8Array() }), /needs the engine sha256:0000/],
    ["a bundle that is text", canonical({ abi: 1, kind: "js", engine: engineHash(), bundle: "1" }), /not bytes/],
    ["no script", bundle("let let"), /SyntaxError/],
    ["exports nothing", bundle("1"), /no default export/],
    ["exports a number", bundle("globalThis.__aos_bundle = 1"), /no default export/],
    ["throws while loading", bundle("throw new RangeError('no')"), /RangeError: no/],
    ["loops while loading", bundle("for (;;);"), /out of fuel/],
    ["asks the time while loading", bundle("Date.now()"), /Date\.now is not available/],
  ];
  for (const [name, artifact, reason] of rows) {
    await assert.rejects(runner.add(artifact), (error: unknown) => error instanceof AosError && error.code === "module.refused" && reason.test(error.message), name);
  }
  assert.equal(rows.length, 13);
});

test("runner: a hash that was not added: module.missing", () => {
  const wasmHash = `sha256:${"0".repeat(64)}` as Hash;
  assert.equal(runner.has(wasmHash), false);
  assert.throws(() => runner.call({ wasmHash, entry: "step", input: stepInput(), fuelLimit: 1 }), (error: unknown) => error instanceof AosError && error.code === "module.missing");
});

test("runner: the sandbox's version: names engine, rewriter, prelude and limits in one text", () => {
  assert.match(SANDBOX_VERSION, /^sandbox-2-[0-9a-f]{16}$/);
  assert.match(engineHash(), /^sha256:[0-9a-f]{64}$/);
});
