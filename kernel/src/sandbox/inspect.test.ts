import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical } from "../air/cbor.ts";
import { hashBytes } from "../air/hash.ts";
import { bake } from "./bake.ts";
import { assemble } from "./fixtures/assemble.ts";
import { buildScript, stepInput } from "./fixtures/hostile.ts";
import { COUNTER_SCRIPT, PURE_SCRIPT } from "./fixtures/scripts.ts";
import { COUNTER_MULTI, COUNTER_POINTER, HOSTILE_WAT, stepModule } from "./fixtures/wat.ts";
import { entriesOf, inspectModule } from "./inspect.ts";
import { engineHash } from "./runner.ts";

test("inspect: admitted modules: kind, entries, memory, functions", async () => {
  const script = await buildScript(COUNTER_SCRIPT);
  const rows: readonly (readonly [artifact: Uint8Array, expected: object])[] = [
    [assemble(COUNTER_MULTI), {
      kind: "wasm", entries: [{ name: "step", signature: "multi-value" }], exports: ["memory: memory", "alloc: function", "step: function"], imports: [], functions: 3, memory: { pages: 1 },
      freshInstances: false,
    }],
    [assemble(COUNTER_POINTER), { kind: "wasm", entries: [{ name: "step", signature: "result-pointer" }] }],
    [assemble(HOSTILE_WAT["keeps a count in a table"] ?? ""), { kind: "wasm", freshInstances: true }],
    [assemble(HOSTILE_WAT["grows within a declared maximum"] ?? ""), { memory: { pages: 1, max: 3 } }],
    [script, { kind: "js", engine: engineHash(), entries: [{ name: "step", signature: "script" }], exports: [] }],
    [await buildScript(PURE_SCRIPT), { kind: "js", entries: [{ name: "run", signature: "script" }] }],
    [await bake(script), { kind: "baked", entries: [{ name: "step", signature: "multi-value" }], imports: [], memory: { pages: 256, max: 256 } }],
  ];
  for (const [artifact, expected] of rows) {
    const report = inspectModule(artifact);
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(report[field as keyof typeof report], value, field);
    assert.deepEqual([report.hash, report.size, report.refused, report.sample], [hashBytes(artifact), artifact.length, undefined, undefined]);
    assert.deepEqual(entriesOf(artifact), report.kind === "js" ? undefined : report.entries.map((entry) => entry.name));
  }
  assert.equal(rows.length, 7);
});

test("inspect: a sample call: its result and fuel", async () => {
  const sample = { entry: "step", input: stepInput({ value: canonical({ $tag: "Add", $value: { by: 3 } }) }), fuelLimit: 1_000_000 } as const;
  assert.deepEqual(inspectModule(assemble(COUNTER_MULTI), { sample }).sample?.fuelUsed, 3);
  const script = inspectModule(await buildScript(COUNTER_SCRIPT), { sample }).sample;
  assert.ok(script?.kind === "ok" && script.fuelUsed > 500 && script.fuelUsed < 10_000);
  assert.equal(inspectModule(assemble(COUNTER_MULTI), { sample: { ...sample, fuelLimit: 2 } }).sample?.kind, "failed");
});

test("inspect: refused modules: the byte, the reason, and what can be read all the same", () => {
  const rows: readonly (readonly [name: string, artifact: Uint8Array, expected: object, reason: RegExp, offset: "offset" | "none"])[] = [
    ["an import", assemble(`(module (import "env" "now" (func (result i64))) ${COUNTER_MULTI.slice("(module".length)}`), { kind: "wasm", imports: ["env.now: function"] }, /^imports "env\.now"/, "offset"],
    ["SIMD", assemble(stepModule("(drop (v128.const i64x2 0 0))")), { kind: "wasm", exports: ["memory: memory", "alloc: function", "step: function"] }, /SIMD/, "offset"],
    ["no entry", assemble(`(module (memory (export "memory") 1) (func (export "alloc") (param i32) (result i32) (i32.const 0)))`), { kind: "wasm", functions: 1 }, /neither "step" nor "run"/, "offset"],
    ["cut off", assemble(COUNTER_MULTI).slice(0, 60), { kind: "wasm", exports: [] }, /ends too early/, "offset"],
    ["another engine", canonical({ abi: 1, kind: "js", engine: `sha256:${"0".repeat(64)}`, bundle: new Uint8Array() }), { kind: "js", engine: `sha256:${"0".repeat(64)}` }, /needs the engine sha256:0000/, "none"],
    ["a bundle that throws", canonical({ abi: 1, kind: "js", engine: engineHash(), bundle: new TextEncoder().encode("nothing()") }), { kind: "js", bundleSize: 9 }, /'nothing' is not defined/, "none"],
    ["anything else", new Uint8Array([1, 2, 3]), { kind: "unknown", entries: [] }, /neither WebAssembly/, "none"],
  ];
  for (const [name, artifact, expected, reason, offset] of rows) {
    const report = inspectModule(artifact);
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(report[field as keyof typeof report], value, `${name}: ${field}`);
    assert.equal(report.refused?.code, "module.refused", name);
    if (name === "a bundle that throws") assert.equal(entriesOf(artifact), undefined, "a bundle is not run");
    else assert.throws(() => entriesOf(artifact), { code: "module.refused" }, name);
    assert.match(report.refused?.reason ?? "", reason, name);
    assert.equal(typeof report.refused?.offset, offset === "offset" ? "number" : "undefined", name);
  }
  assert.equal(rows.length, 7);
});
