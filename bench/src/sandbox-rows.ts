// What is measured of the sandbox: single calls as authors' modules get them, each beside the same work in a fresh instance; what
// admission and a new process cost.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleReducer, canonical, canonicalBare, createModuleRunner, plain, type Hash } from "@agentos/kernel";
import { COUNTER_MULTI } from "@agentos/kernel/testing";
import wabt from "wabt";
import { duration, expect, median } from "./measure.ts";
import type { Size } from "./rows.ts";

/** The part of the host's WebAssembly that a bare instance needs; our library settings know no DOM. */
interface HostWasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
}
const host = (globalThis as unknown as { readonly WebAssembly: HostWasm }).WebAssembly;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly alloc: (size: number) => number;
  readonly step: (at: number, size: number) => readonly [at: number, size: number];
}

/** One line of the table. */
interface SandboxRow {
  readonly name: string;
  readonly calls: number;
  readonly call: () => void;
  /** The same work in another way, and what that is. */
  readonly beside?: { readonly name: string; readonly calls: number; readonly call: () => void };
  /** The p50 it must not be over, ns, or the least rate against what is beside it. */
  readonly reach?: { readonly p50: number } | { readonly rate: number };
}

interface Timed {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

const HEAD = ["sandbox", "p50", "p99", "per second", "beside", "p50", "p99", "per second", "rate", "reach"];

/** Measures every row and gives the table. */
export async function sandboxTable(size: Size): Promise<string> {
  const lines = [HEAD];
  for (const row of await sandboxRows(size)) {
    console.error(`${row.name} …`);
    const [own, other] = timedInTurn(row);
    const rate = other === undefined ? undefined : other.p50 / own.p50;
    lines.push([row.name, ...cells(own), row.beside?.name ?? "", ...(other === undefined ? ["", "", ""] : cells(other)), rate === undefined ? "" : `${rate.toFixed(2)}×`, reachOf(row, own, rate)]);
  }
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const isText = (column: number): boolean => column === 0 || column === 4;
  return lines.map((line) => line.map((cell, column) => (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ").trimEnd()).join("\n");
}

function cells({ p50, p99, perSecond }: Timed): readonly string[] {
  return [duration(p50), duration(p99), `${Math.round(perSecond)}/s`];
}

/** `missed` where a row does not reach what it should. */
function reachOf({ reach }: SandboxRow, { p50 }: Timed, rate = Number.NaN): string {
  if (reach === undefined) return "";
  return "p50" in reach ? `≤ ${duration(reach.p50)}${p50 <= reach.p50 ? "" : " missed"}` : `≥ ${reach.rate}×${rate >= reach.rate ? "" : " missed"}`;
}

/** Parts that a row and what is beside it are cut into, so that both see the same machine. */
const PARTS = 20;

/** Every call on its own clock, after a tenth as many that are not counted; a part of the row, a part of what is beside it, and again. */
function timedInTurn({ calls, call, beside }: SandboxRow): readonly [Timed, Timed | undefined] {
  const own: number[] = [];
  const other: number[] = [];
  callAll(Math.ceil(calls / 10), call);
  if (beside !== undefined) callAll(Math.ceil(beside.calls / 10), beside.call);
  for (let part = 1; part <= PARTS; part++) {
    own.push(...callAll(Math.floor((calls * part) / PARTS) - own.length, call));
    if (beside !== undefined) other.push(...callAll(Math.floor((beside.calls * part) / PARTS) - other.length, beside.call));
  }
  return [timedOf(own), beside === undefined ? undefined : timedOf(other)];
}

/** Nanoseconds of each call. */
function callAll(calls: number, call: () => void): readonly number[] {
  const took: number[] = [];
  for (let index = 0; index < calls; index++) {
    const before = performance.now();
    call();
    took.push((performance.now() - before) * 1e6);
  }
  return took;
}

function timedOf(took: readonly number[]): Timed {
  const sorted = [...took].sort((a, b) => a - b);
  const all = sorted.reduce((sum, one) => sum + one, 0);
  return { p50: median(sorted), p99: sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN, perSecond: (sorted.length * 1e9) / all };
}

async function sandboxRows(size: Size): Promise<readonly SandboxRow[]> {
  const tools = await wabt();
  const assemble = (text: string): Uint8Array => tools.parseWat("bench.wat", text, { multi_value: true }).toBinary({}).buffer;
  const [calls, fresh, slow] = size === "full" ? [20_000, 4_000, 7] : [50, 20, 1];
  const runner = createModuleRunner();
  const caller = async (artifact: Uint8Array, input: Uint8Array): Promise<() => void> => {
    const wasmHash = await runner.add(artifact);
    return () => expect(runner.call({ wasmHash, entry: "step", input, fuelLimit: 1_000_000_000 }).kind === "ok", "a call that ends well");
  };
  const one = assemble(COUNTER_MULTI);
  const seventeen = assemble(COUNTER_MULTI.replace('(memory (export "memory") 1)', '(memory (export "memory") 17)'));
  const counted = stepInput(new Uint8Array([7]), null);
  const rows: SandboxRow[] = [
    { name: "call, raw WASM of 1 page", calls, call: await caller(one, counted), beside: { name: "a fresh instance", calls: fresh, call: inFreshInstance(one, counted) } },
    { name: "call, raw WASM of 17 pages", calls, call: await caller(seventeen, counted), beside: { name: "a fresh instance", calls: fresh, call: inFreshInstance(seventeen, counted) }, reach: { rate: 3 } },
  ];
  const counter = await script(COUNTER);
  const add = { $tag: "Add", $value: { by: 3 } };
  rows.push({ name: "call, TypeScript counter", calls, reach: { p50: 45_000 }, call: await caller(counter, stepInput(canonicalBare({ count: 5, last: "Add" }), add)) });
  const keeper = await script(KEEPER);
  for (const [name, entries] of [["4 KB", 42], ["40 KB", 420]] as const) {
    const state = canonicalBare({ items: Array.from({ length: entries }, (_, i) => ({ id: `item-${i}`, at: 1_700_000_000 + i, name: "a thing that is kept", tags: ["a", "b"], n: i, digest: new Uint8Array(32) })) });
    expect(Math.abs(state.length / (entries * 97) - 1) < 0.15, `a state of ${state.length} bytes for ${name}`);
    rows.push({ name: `call, TypeScript, state of ${name}`, calls: Math.ceil(calls / (entries / 4)), call: await caller(keeper, stepInput(state, { n: 1 })) });
  }
  const sums = assemble(SUMS);
  rows.push({ name: "1 M loop iterations, metered", calls: slow * 10, call: await caller(sums, counted), beside: { name: "the raw module", calls: slow * 10, call: inOneInstance(sums, counted) } });
  const large = assemble(largeModule(size === "full" ? 1_000_000 : 20_000));
  rows.push({ name: `admit a module of ${(large.length / 1e6).toFixed(2)} MB`, calls: slow, call: admitting(large), beside: { name: "V8's own compile", calls: slow, call: () => void new host.Module(large) } });
  return [...rows, ...coldRows(counter, slow)];
}

/** A process of its own, from its first line to the first answer of a TypeScript module; with the cache filled and without. */
function coldRows(artifact: Uint8Array, times: number): readonly SandboxRow[] {
  const program = fileURLToPath(new URL("./cold-start.js", import.meta.url));
  const dir = mkdtempSync(join(tmpdir(), "aos-bench-"));
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "module.cbor");
  writeFileSync(file, artifact);
  const start = (cacheDir: string): void => void execFileSync(process.execPath, [program, file, cacheDir]);
  return [
    { name: "new process, first TypeScript call, cached", calls: times, call: () => start(join(dir, "cache")), beside: { name: "without a cache", calls: times, call: () => start("") } },
    { name: "new process that loads the kernel alone", calls: times, call: () => void execFileSync(process.execPath, [program]) },
  ];
}

function stepInput(state: Uint8Array, event: Parameters<typeof canonical>[0]): Uint8Array {
  return plain({ version: 1, state, event: { schema: "bench/Event@1", value: canonical(event) } });
}

async function script(text: string): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), "aos-bench-"));
  try {
    writeFileSync(join(folder, "module.ts"), text);
    return (await bundleReducer({ entry: join(folder, "module.ts") })).artifact;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function exchange({ memory, alloc, step }: Exports, input: Uint8Array): void {
  const pointer = alloc(input.length);
  new Uint8Array(memory.buffer).set(input, pointer);
  const [at, length] = step(pointer, input.length);
  expect(new Uint8Array(memory.buffer).slice(at, at + length).length > 0, "an output");
}

function inFreshInstance(bytes: Uint8Array, input: Uint8Array): () => void {
  const module = new host.Module(bytes);
  return () => exchange(new host.Instance(module, {}).exports as unknown as Exports, input);
}

/** Always the same instance, and nothing put back: no way to run a module, only what its code alone costs. */
function inOneInstance(bytes: Uint8Array, input: Uint8Array): () => void {
  const exports = new host.Instance(new host.Module(bytes), {}).exports as unknown as Exports;
  return () => exchange({ ...exports, memory: exports.memory, alloc: () => 1024, step: exports.step }, input);
}

function admitting(artifact: Uint8Array): () => void {
  return () => {
    let hash: Hash | undefined;
    void createModuleRunner().add(artifact).then((added) => (hash = added));
    expect(hash === undefined, "admission is done by the time `add` returns");
  };
}

const COUNTER = `import { reduce, event } from "@agentos/kernel/sdk";
export default reduce((state, command) => {
  const count = command.$tag === "Add" ? (state?.count ?? 0) + command.$value.by : 0;
  return { state: { count, last: command.$tag }, events: [event("bench/Counted@1", { count })] };
});
`;

const KEEPER = `import { reduce } from "@agentos/kernel/sdk";
export default reduce((state, { n }) => ({ state: { ...state, items: state.items.map((item, i) => i === n ? { ...item, n: item.n + 1 } : item) } }));
`;

/** A million rounds of shifts and sums. */
const SUMS = COUNTER_MULTI.replace("(call $count (local.get 0))", `(call $sum (local.get 0))`).replace(
  "(func (export \"step\")",
  `(func $sum (param i32) (local $i i32) (local $h i32)
    (loop $again
      (local.set $h (i32.xor (i32.add (i32.rotl (local.get $h) (i32.const 5)) (local.get $i)) (i32.shr_u (local.get $h) (i32.const 3))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 1000000))))
    (i32.store8 (i32.const 24) (i32.and (local.get $h) (i32.const 15))))
  (func (export "step")`,
);

/** A module of about so many bytes: the counter, and functions of arithmetic, stores and loops that are never called. */
function largeModule(bytes: number): string {
  const body = Array.from({ length: 20 }, (_, i) => `(i32.store offset=${i * 4} (local.get 0) (i32.mul (i32.load offset=${i * 8} (local.get 0)) (i32.const ${i * 977 + 300})))`).join(" ");
  const one = `(func (param i32) (result i32) (local i32 i64) ${body} (loop (local.set 1 (i32.sub (local.get 1) (i32.const 1))) (br_if 0 (local.get 1))) (local.get 1))`;
  return COUNTER_MULTI.replace(/\)$/, `${one.repeat(Math.ceil(bytes / 345))})`);
}
