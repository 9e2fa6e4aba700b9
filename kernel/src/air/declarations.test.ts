import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { randomCase, randomType, seeded } from "../testing/random-air.ts";
import { BUILTIN_SCHEMAS } from "./catalog.ts";
import { declarationsOf } from "./declarations.ts";
import { fixtureControl } from "./fixture-world.ts";
import { bundleOf, loadBundle, loadFiles } from "./load.ts";
import { compileNormalizer } from "./normalize.ts";
import type { ControlPlane, DefSchema, TypeExpr } from "./types.ts";
import type { Hash, Name, Value } from "./value.ts";

const EXAMPLES = new URL("../../../examples/", import.meta.url);

/** The fixture with these schemas instead of its own, and nothing else of interest. */
function withSchemas(types: ReadonlyMap<string, TypeExpr>): ControlPlane {
  const control = fixtureControl();
  const schemas = new Map<string, DefSchema>([...types].map(([name, type]) => [name, { kind: "defschema", name: name as Name, type }]));
  const { routing: _, triggers: __, ...manifest } = control.manifest;
  return { ...control, manifest, schemas: new Map([...BUILTIN_SCHEMAS, ...schemas]), modules: new Map(), plans: new Map(), effects: new Map() };
}

function example(folder: string): ControlPlane {
  const at = new URL(`${folder}/air/`, EXAMPLES);
  const files = readdirSync(at).map((path) => ({ path, text: readFileSync(new URL(path, at), "utf8") }));
  const code = `sha256:${"ab".repeat(32)}` as Hash;
  const { control } = loadFiles(files, { moduleHashes: new Map([["demo/CounterSM@1", code], ["demo/SafeUpgrade@1", code]]) });
  assert.ok(control !== undefined);
  return control;
}

function text(kind: "text" | "nat" | "bytes"): TypeExpr {
  return { kind };
}

/** Checks files with the compiler of this repository; returns what it says. */
function compile(files: ReadonlyMap<string, string>): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), "aos-types-"));
  try {
    for (const [name, content] of files) writeFileSync(join(folder, name), content);
    const options = {
      target: "es2023", lib: ["es2023"], module: "nodenext", types: [], strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true,
      noUnusedLocals: true, noUnusedParameters: true, verbatimModuleSyntax: true, allowImportingTsExtensions: true, noEmit: true,
      paths: { "@agentos/kernel/sdk": [fileURLToPath(new URL("../sdk/index.d.ts", import.meta.url))] },
    };
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
    const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
    const { stdout, status } = spawnSync(process.execPath, [tsc, "--pretty", "false", "-p", "."], { cwd: folder, encoding: "utf8" });
    const errors = stdout.split("\n").filter((line) => line.includes(": error TS"));
    assert.equal(status === 0, errors.length === 0, `the compiler ran to its end: ${status} ${stdout}`);
    return errors;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const COUNTER = `// Types of this world's schemas. Written by \`aos types\`: what is changed here is lost.

import type { Int, Variant } from "@agentos/kernel/sdk";

/** \`demo/CounterEvent@1\` */
export type CounterEvent = Variant<{ Start: Start; Tick: Tick }>;

/** \`demo/CounterPc@1\` */
export type CounterPc = Variant<{ Counting: null; Done: null; Idle: null }>;

/** \`demo/CounterState@1\` */
export interface CounterState {
  readonly pc: CounterPc;
  readonly remaining: Int;
}

/** \`demo/Start@1\` */
export interface Start {
  readonly target: Int;
}

/** \`demo/Tick@1\` */
export type Tick = null;
`;

test("declarationsOf: the counter: its types, its events, what reducers may ask for", () => {
  const declarations = declarationsOf(example("00-counter"));
  assert.ok(declarations.startsWith(COUNTER), declarations);
  assert.match(declarations, /export interface Events \{\n  readonly "demo\/CounterEvent@1": CounterEvent;\n  readonly "demo\/Start@1": Start;\n  readonly "demo\/Tick@1": Tick;\n\}/);
  assert.match(declarations, /export interface Effects \{\n  readonly "blob\.get": SysBlobGetParams;\n  readonly "blob\.put": SysBlobPutParams;\n  readonly "timer\.set": SysTimerSetParams;\n\}/);
  const upgrade = declarationsOf(example("06-safe-upgrade"));
  assert.match(upgrade, /readonly "http\.request": SysHttpRequestReceipt;/);
  assert.match(upgrade, /readonly "demo\/UpgradeFetchRequest@1": UpgradeFetchRequest;/);
});

test("declarationsOf: the same world from its bundle, or listed in another order: the same text", () => {
  const control = fixtureControl();
  const declarations = declarationsOf(control);
  assert.equal(declarationsOf(loadBundle(bundleOf(control))), declarations);
  const reversed = { ...control, schemas: new Map([...control.schemas].reverse()), effects: new Map([...control.effects].reverse()) };
  assert.equal(declarationsOf(reversed), declarations);
});

test("declarationsOf: names: versions, clashes and words of its own get a suffix", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["demo/State@1", "State_Demo"], ["other/State@1", "State_Other"], ["demo/State@2", "State_2"], ["demo/fetch_plan.v-2@1", "FetchPlanV2"], ["demo/Int@1", "Int_Demo"],
    ["demo/Events@1", "Events_Demo"], ["demo/Foo@1", "Foo_Demo"], ["demo/foo@1", "Foo_Demo_2"], ["a.b-c/Zone@12", "Zone_12"], ["demo/key@1", "Key"], ["demo/SysTimerFired@1", "SysTimerFired"],
  ];
  const declarations = declarationsOf(withSchemas(new Map(rows.map(([name]) => [name, text("text")]))));
  const found = new Map([...declarations.matchAll(/\/\*\* `(.+)` \*\/\nexport type ([A-Za-z0-9_]+) =/g)].map(([, schema, name]) => [schema, name]));
  const sorted = (list: readonly (readonly [unknown, unknown])[]): readonly string[] => list.map(([a, b]) => `${a} ${b}`).sort();
  assert.deepEqual(sorted([...found]), sorted(rows));
  assert.doesNotMatch(declarations, /import/, "nothing that is not used");
});

const USE = `import { effect, event, reduce } from "@agentos/kernel/sdk";
import type { Effects, Event, Events, Receipts, State } from "./world.ts";

export default reduce<State, Event>((state, input) => {
  const now: State = state ?? { count: 0, last: null, tags: [] };
  switch (input.$tag) {
    case "Start": {
      const params: Effects["timer.set"] = { deliver_at_ns: 5n, key: input.$value.id };
      return { state: { ...now, count: BigInt(now.count) + 1n }, effects: [effect("timer.set", params)] };
    }
    case "Done": {
      const done: Events["demo/Done@1"] = input.$value;
      return { state: { ...now, last: done.status, tags: [...now.tags, done.id] }, events: [event("demo/Done@1", done)] };
    }
    case "Fired": {
      const receipt: Receipts["timer.set"] = input.$value.receipt;
      return { state: { ...now, tags: [receipt.key ?? "none"] } };
    }
  }
});

// @ts-expect-error an option is null, not left out
export const noLast: State = { count: 0, tags: [] };
// @ts-expect-error a count is no text
export const textCount: State = { count: "0", last: null, tags: [] };
// @ts-expect-error no such field
export const extra: State = { count: 0, last: null, tags: [], more: 1 };
// @ts-expect-error no such arm
export const noArm: Event = { $tag: "Stop", $value: null };
// @ts-expect-error an arm with a value has one
export const noValue: Event = { $tag: "Start" };
// @ts-expect-error the value of another arm
export const otherValue: Event = { $tag: "Done", $value: { id: "a", url: "b", extra: {} } };
// @ts-expect-error no such event
export type NoEvent = Events["demo/None@1"];
// @ts-expect-error no such effect
export type NoEffect = Effects["mail.sent"];
// @ts-expect-error a state is not changed in place
export const change = (state: State): void => { state.count = 1; };
export const secret: Effects["mail.send"] = { to: "a", token: { $tag: "secret", $value: { alias: "demo/token", version: 1 } } };
export const plain: Effects["mail.send"] = { to: "a", token: { $tag: "literal", $value: "b" } };
// @ts-expect-error bytes are no text
export const bytes: Effects["blob.put"] = { blob_ref: "sha256:", bytes: "AA==" };
`;

const KINDS_USE = `import type { All, Long } from "./kinds.ts";

export const all: All = {
  ints: new Map<number | bigint, string[]>([[1, ["a"]], [2n ** 60n, []]]), none: null, unit: null, "odd-key": new Uint8Array([1]), uuids: { "0": null }, empty: {}, nested: [[null, 1], []],
};
export const noInts: All = { ...all, ints: {} };
export const some: string | undefined = all.ints instanceof Map ? all.ints.get(1)?.[0] : undefined;
export const long: Long = { $tag: "ArmNumberThree" };
// @ts-expect-error an int map is not indexed by text
export const byText: All = { ...all, ints: { a: ["x"] } };
// @ts-expect-error nothing is in an empty record
export const notEmpty: All = { ...all, empty: { a: 1 } };
// @ts-expect-error nobody knows whether there is an entry
export const sure: null = all.uuids["1"];
`;
const KINDS: ReadonlyMap<string, TypeExpr> = new Map<string, TypeExpr>([
  ["demo/All@1", { kind: "record", fields: new Map<string, TypeExpr>([
    ["ints", { kind: "map", key: "int", value: { kind: "list", item: text("text") } }],
    ["none", { kind: "option", item: { kind: "option", item: text("nat") } }],
    ["unit", { kind: "option", item: { kind: "unit" } }],
    ["odd-key", text("bytes")],
    ["uuids", { kind: "map", key: "uuid", value: { kind: "unit" } }],
    ["empty", { kind: "record", fields: new Map() }],
    ["nested", { kind: "list", item: { kind: "set", item: { kind: "option", item: text("nat") } } }],
  ]) }],
  ["demo/Long@1", { kind: "variant", arms: new Map(["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight"].map((word) => [`ArmNumber${word}`, { kind: "unit" } as TypeExpr])) }],
  ["demo/Never@1", { kind: "variant", arms: new Map() }],
]);

const INT_MAP = `import type { Int } from "@agentos/kernel/sdk";
export const intMap = <V>(entries: readonly (readonly [Int, V])[]): ReadonlyMap<Int, V> => new Map(entries);
`;

/** A value as a reducer gets it, as TypeScript. */
function literalText(value: Value): string {
  if (value === null || typeof value === "boolean" || typeof value === "number") return String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `new Uint8Array([${[...value].join()}])`;
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(literalText).join()}]`;
  assert.ok(value instanceof Map);
  const entries = [...(value as ReadonlyMap<Value, Value>)];
  if (entries.every(([key]) => typeof key === "string")) return `{${entries.map(([key, inner]) => `${literalText(key)}: ${literalText(inner)}`).join()}}`;
  return `intMap([${entries.map(([key, inner]) => `[${literalText(key)}, ${literalText(inner)}]`).join()}])`;
}

test("declarationsOf: with the SDK and a compiler: right code passes, wrong code does not, values are of their types", () => {
  const random = seeded(9);
  const cases = Array.from({ length: 120 }, (_, index) => ({ name: `t/Case${index}@1`, ...randomCase(random) }));
  const normal = cases.map(({ type, value }) => compileNormalizer(new Map(), type)(value));
  const types = new Map(cases.map(({ name, type }) => [name, type]));
  for (let index = 0; index < 80; index++) types.set(`t/Deep${index}@1`, randomType(random, 4));
  const values = cases.map((_, index) => `export const value${index}: Case${index} = ${literalText(normal[index] as Value)};\n`).join("");
  const files = new Map([
    ["world.ts", declarationsOf(fixtureControl())], ["use.ts", USE],
    ["counter.ts", declarationsOf(example("00-counter"))], ["upgrade.ts", declarationsOf(example("06-safe-upgrade"))],
    ["kinds.ts", declarationsOf(withSchemas(KINDS))], ["kinds-use.ts", KINDS_USE],
    ["random.ts", declarationsOf(withSchemas(types))],
    ["random-use.ts", `import type { ${cases.map((_, index) => `Case${index}`).join(", ")} } from "./random.ts";\n${INT_MAP}${values}`],
    ["empty.ts", declarationsOf(withSchemas(new Map()))],
  ]);
  assert.deepEqual(compile(files), []);
  const wrong = compile(new Map([["world.ts", declarationsOf(fixtureControl())], ["use.ts", `${USE}export const wrong: State = null;\n`]]));
  assert.deepEqual(wrong.map((line) => line.replace(/\(.*/, "")), ["use.ts"], "the compiler does look");
});
