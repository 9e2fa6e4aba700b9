import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode } from "../air/cbor.ts";
import { hashBytes } from "../air/hash.ts";
import { bundleOf } from "../air/load.ts";
import { InvariantError } from "../air/error.ts";
import type { Encodable, Hash, Value } from "../air/value.ts";
import { fieldOf } from "../testing/fetch-world.ts";
import { nativeModules, type NativePure } from "../testing/native-modules.ts";
import { inPureWorld, type PureWorld, type PureWorldOptions } from "../testing/pure-world.ts";
import { LIMITS } from "./limits.ts";
import { applyRefusals, MIGRATION_MOST, misfits, takeover } from "./migrate.ts";
import { encodeRecord } from "./record.ts";
import { shadow } from "./shadow.ts";
import { countedTrie } from "../testing/counted-trie.ts";
import { trieGet, trieSize, type Leaf, type Node } from "./trie.ts";
import { cellKey, type Cell } from "./world.ts";

const text = { text: {} };
const OLD = { record: { id: text, body: text } };
const NEW = { record: { id: text, body: text, words: { nat: {} } } };

interface NotesOptions {
  readonly state?: unknown;
  /** State of the second reducer, `demo/Tags@1`. */
  readonly tags?: unknown;
  readonly migrations?: readonly unknown[];
  readonly input?: unknown;
  /** Key of the second reducer; `none`: it has no cells. */
  readonly tagsKey?: unknown;
}

/** Notes by id, tags by id; `demo/Move@1` carries notes over. */
function notesAir({ state = OLD, tags = OLD, migrations = [], input, tagsKey = text }: NotesOptions = {}): readonly unknown[] {
  const schema = (name: string, type: unknown): unknown => ({ $kind: "defschema", name, type });
  // An event routed by a key has a field of its type.
  const tag = tagsKey === "none" || tagsKey === text ? "demo/Note@1" : "demo/Tag@1";
  const reducer = (name: string, of: string, key: string, event: string): unknown => ({ $kind: "defmodule", name, module_kind: "reducer", ...(tagsKey === "none" && key === "demo/TagId@1" ? {} : { key_schema: key }), abi: { reducer: { state: of, event } } });
  const given = input ?? { record: { reducer: text, key: text, state: OLD } };
  return [
    schema("demo/Id@1", text), schema("demo/TagId@1", tagsKey === "none" ? text : tagsKey), schema("demo/Note@1", OLD), schema("demo/Tag@1", { record: { id: tagsKey === "none" ? text : tagsKey, body: text } }), schema("demo/NoteState@1", state), schema("demo/TagState@1", tags), schema("demo/Given@1", given), schema("demo/Made@1", { option: NEW }),
    reducer("demo/Notes@1", "demo/NoteState@1", "demo/Id@1", "demo/Note@1"), reducer("demo/Tags@1", "demo/TagState@1", "demo/TagId@1", tag),
    { $kind: "defmodule", name: "demo/Move@1", module_kind: "pure", abi: { pure: { input: "demo/Given@1", output: "demo/Made@1", context: "sys/PureContext@1" } } },
    {
      $kind: "manifest", air_version: "1", schemas: ["demo/Id@1", "demo/TagId@1", "demo/Note@1", "demo/Tag@1", "demo/NoteState@1", "demo/TagState@1", "demo/Given@1", "demo/Made@1"].map((name) => ({ name })),
      modules: [{ name: "demo/Notes@1" }, { name: "demo/Tags@1" }, { name: "demo/Move@1" }], plans: [], effects: [], caps: [], policies: [],
      routing: { events: [{ event: "demo/Note@1", reducer: "demo/Notes@1", key_field: "id" }, { event: tag, reducer: "demo/Tags@1", ...(tagsKey === "none" ? {} : { key_field: "id" }) }] },
      ...(migrations.length === 0 ? {} : { migrations }),
    },
  ];
}

/** Counts words; deletes what is empty; refuses to touch what says so. */
const countWords: NativePure = (given) => {
  const state = fieldOf(given, "state") ?? null;
  const body = String(fieldOf(state, "body"));
  if (body === "trap") throw new Error("no way");
  if (body === "odd") return 7;
  if (body === "huge") return { id: "x", body: "y".repeat(LIMITS.stateBytes), words: 1 };
  return body === "" ? null : { id: String(fieldOf(state, "id")), body, words: body.split(" ").length };
};

function optionsOf(air: readonly unknown[], pure: NativePure = countWords): PureWorldOptions {
  const modules = nativeModules();
  const keep = (_: Value, event: Value): { readonly state: Encodable } => ({ state: event as Encodable });
  const made = [["demo/Notes@1", modules.define("notes", keep)], ["demo/Tags@1", modules.define("tags", keep)], ["demo/Move@1", modules.definePure("move", pure)]] as const;
  return { air, modules, artifacts: made.map(([, { artifact }]) => artifact), moduleHashes: new Map<string, Hash>(made.map(([name, { hash }]) => [name, hash])) };
}
const MOVE = [{ reducer: "demo/Notes@1", module: "demo/Move@1" }];
const note = (world: PureWorld, id: string, body: string): unknown => world.send("demo/Note@1", { id, body });
function stateOf(world: PureWorld, reducer: string, id: string): unknown {
  const cell = trieGet(world.world.cells, cellKey(reducer, canonical(id)));
  return cell === undefined ? undefined : Object.fromEntries(decode(cell.state) as ReadonlyMap<string, Value>);
}

test("migration: cells carried over: new state, null deletes, a record a cell by key, other reducers' cells untouched", async () => {
  await inPureWorld(optionsOf(notesAir()), async (world) => {
    for (const [id, body] of [["b", "one two"], ["a", "one"], ["c", ""]] as const) note(world, id, body);
    const tags = stateOf(world, "demo/Tags@1", "a");
    const control = await world.prepare(notesAir({ state: NEW, migrations: MOVE }));
    const records = world.apply(control);
    assert.deepEqual(records?.map(({ kind }) => kind), ["applied", "migrated", "migrated", "migrated"]);
    const [applied] = records ?? [];
    assert.deepEqual(world.of("migrated").map(({ key, state, module, fuel, cause }) => [decode(key ?? canonical(null)), state !== undefined, module, fuel, cause]), [
      ["a", true, "demo/Move@1", 1, applied?.seq], ["b", true, "demo/Move@1", 1, applied?.seq], ["c", false, "demo/Move@1", 1, applied?.seq],
    ]);
    assert.deepEqual(stateOf(world, "demo/Notes@1", "b"), { id: "b", body: "one two", words: 2 });
    assert.equal(stateOf(world, "demo/Notes@1", "c"), undefined);
    assert.deepEqual(stateOf(world, "demo/Tags@1", "a"), tags);
  });
});

test("migration: an input of the module: reducer, key and old state, a context at time and height 0", async () => {
  const given: Value[] = [];
  const watch: NativePure = (input, ctx) => {
    given.push(input, ctx);
    return countWords(input, ctx);
  };
  await inPureWorld(optionsOf(notesAir(), watch), async (world) => {
    note(world, "a", "one");
    const control = await world.prepare(notesAir({ state: NEW, migrations: MOVE }));
    world.apply(control);
    assert.deepEqual(given[0], new Map<Value, Value>([["key", "a"], ["state", new Map([["id", "a"], ["body", "one"]])], ["reducer", "demo/Notes@1"]]));
    assert.deepEqual(given[1], new Map<Value, Value>([["module", "demo/Move@1"], ["manifest_hash", control.manifestHash], ["journal_height", 0], ["logical_now_ns", 0]]), "and no entropy");
    assert.ok(given.length >= 4, "rehearsed, then run");
  });
});

const refused: readonly { readonly name: string; readonly body?: string; readonly next: NotesOptions; readonly reason: RegExp }[] = [
  { name: "no migration", next: { state: NEW }, reason: /^\$\.words: record field is missing$/ },
  { name: "a module that traps", body: "trap", next: { state: NEW, migrations: MOVE }, reason: /^demo\/Move@1: no way$/ },
  { name: "a result of another shape", body: "odd", next: { state: NEW, migrations: MOVE }, reason: /^demo\/Move@1: \$: expected record, got int$/ },
  { name: "a result over the limit", body: "huge", next: { state: NEW, migrations: MOVE }, reason: /^demo\/Move@1: a state of \d+ bytes is over/ },
  { name: "an input that the cell does not fit", next: { state: NEW, migrations: MOVE, input: { record: { reducer: text, key: { nat: {} }, state: OLD } } }, reason: /^demo\/Move@1: \$\.key: expected nat, got text$/ },
  { name: "a state that would read differently", next: { state: { record: { id: text, body: text, more: { option: text } } } }, reason: /^the state would read differently$/ },
];
for (const { name, body = "one", next, reason } of refused) {
  test(`migration: ${name}: a misfit with its reason, nothing happened, no apply record can be stepped`, async () => {
    await inPureWorld(optionsOf(notesAir()), async (world) => {
      note(world, "a", "one");
      note(world, "b", body);
      const control = await world.prepare(notesAir(next));
      const before = world.world;
      const { misfits } = takeover(world.world, control, world.shelf.modules);
      assert.match(misfits.at(-1)?.reason ?? "", reason);
      assert.deepEqual(misfits.at(-1)?.key, canonical("b"));
      assert.equal(world.apply(control), undefined);
      const forced = { kind: "applied", manifest: control.manifestHash, bundle: hashBytes(bundleOf(control)), commit: "c", decision: null, ...world.stamp() } as const;
      assert.throws(() => world.take(forced), InvariantError);
      assert.equal(world.world, before);
    });
  });
}

test("migration: what one change may write: up to the bound it is applied, beyond it the reducer is named", async () => {
  await inPureWorld(optionsOf(notesAir()), async (world) => {
    for (const id of ["a", "b", "c", "d"]) note(world, id, "y".repeat(989));
    note(world, "gone", "");
    const control = await world.prepare(notesAir({ state: NEW, migrations: MOVE }));
    const before = world.world;
    const records = (world.apply(control) ?? []).slice(1).reduce((sum, made) => sum + encodeRecord(made).length, 0);
    const states = 4 * canonical({ id: "a", body: "y".repeat(989), words: 1 }).length;
    const rows: readonly (readonly [name: string, most: { readonly records: number; readonly states: number }, refused: string | undefined])[] = [
      ["as many bytes as there are", { records, states }, undefined],
      ["a byte of records less", { records: records - 1, states }, `more than ${records - 1} bytes of records`],
      ["a byte of state less", { records, states: states - 1 }, `more than ${states - 1} bytes of state`],
    ];
    let count = 0;
    for (const [name, most, refused] of rows) {
      const found = applyRefusals(before, control, world.shelf.modules, most);
      assert.deepEqual(found.map(({ reducer, key }) => [reducer, key]), refused === undefined ? [] : [["demo/Notes@1", undefined]], name);
      if (refused !== undefined) assert.ok(found[0]?.reason.startsWith(`carrying its cells over is ${refused}, too much for one change: `), found[0]?.reason);
      count++;
    }
    assert.equal(count, 3);
  });
});

test("takeover: state types the same, refs and names aside: no cell is looked at, however many there are", async () => {
  await inPureWorld(optionsOf(notesAir()), async (world) => {
    for (let id = 0; id < 40; id++) note(world, String(id), "one");
    const same = await world.prepare(notesAir({ state: { ref: "demo/Note@1" } }));
    const other = await world.prepare(notesAir({ state: NEW, migrations: MOVE }));
    const counted = countedTrie<Cell>(world.world.cells);
    assert.deepEqual(takeover({ ...world.world, cells: counted.trie }, same, world.shelf.modules), { migrated: [], misfits: [] });
    assert.equal(counted.reads(), 0);
    assert.equal(takeover({ ...world.world, cells: counted.trie }, other, world.shelf.modules).migrated.length, 40);
    assert.ok(counted.reads() > 0, "the counter counts");
    assert.ok(world.apply(same) !== undefined);
  });
});

/** The same trie, each leaf of it somewhere else: `load` tells which are fetched, `made` what is found there. */
function apart<V>(node: Node<V> | undefined, load: (leaf: Leaf<V>) => void, made = (value: V): V => value): Node<V> | undefined {
  if (node === undefined || node.kind === "stub") return node;
  if (node.kind === "branch") return { ...node, children: node.children.map((child) => apart(child, load, made)) };
  const source = {
    load() {
      load(node);
      return { ...node, value: made(node.value) };
    },
  };
  return { kind: "stub", size: 1, digest: new Uint8Array(32), at: { file: 0, offset: 0, bytes: 0 }, source };
}

test("takeover: the state type of one reducer changes: its cells are read once each, those of another not at all", async () => {
  await inPureWorld(optionsOf(notesAir()), async (world) => {
    for (let id = 0; id < 40; id++) note(world, String(id), "one");
    const other = await world.prepare(notesAir({ state: NEW, migrations: MOVE }));
    const loaded: string[] = [];
    const cells = { node: apart(world.world.cells.node, ({ value }) => loaded.push(value.reducer)) };
    assert.equal(takeover({ ...world.world, cells }, other, world.shelf.modules).migrated.length, 40);
    assert.deepEqual(loaded, new Array(40).fill("demo/Notes@1"));
    assert.ok(trieSize(cells) > 40, "there are cells of another reducer");
  });
});

test("migration: over the bound of a change: refused in a shadow, where nothing is run; a journal that holds one is replayed", async () => {
  await inPureWorld(optionsOf(notesAir()), async (world) => {
    const large = canonical("x".repeat(1_000_000));
    const count = Math.ceil(MIGRATION_MOST.records / large.length);
    for (let id = 0; id < count; id++) note(world, String(id), "one");
    const control = await world.prepare(notesAir({ state: NEW, migrations: MOVE }));
    const cells = { node: apart(world.world.cells.node, () => undefined, (cell) => ({ ...cell, key: large })) };
    const of = { ...world.world, cells };
    const report = shadow({ world: of, next: control, nextBundle: hashBytes(bundleOf(control)), head: { commit: "c" }, recorded: [], scenarios: [] }, world.shelf);
    assert.match(report.misfits.map(({ reducer, reason }) => `${reducer}: ${reason}`).join(), /^demo\/Notes@1: carrying its cells over is more than 33554432 bytes of records/);
    assert.deepEqual(report.runs, { baseline: "skipped", candidate: "skipped" });
    assert.deepEqual(misfits(of, control, world.shelf.modules), [], "what replay asks");
  });
});

test("takeover: cells that fit as they are, in a type that changed: stay, with no record", async () => {
  const options = optionsOf(notesAir());
  await inPureWorld({ ...options, air: notesAir({ tags: { option: OLD } }) }, async (world) => {
    note(world, "a", "one");
    assert.deepEqual(world.apply(await world.prepare(notesAir({ tags: OLD })))?.map(({ kind }) => kind), ["applied"]);
  });
});

const keyChanges: readonly { readonly name: string; readonly before?: unknown; readonly after: unknown; readonly reasons: readonly RegExp[]; readonly migrations?: readonly unknown[] }[] = [
  { name: "the same type under another name", after: { ref: "demo/Id@1" }, reasons: [] },
  { name: "a wider type", after: { option: text }, reasons: [] },
  { name: "another type", after: { nat: {} }, reasons: [/^the key: \$: expected nat, got text$/, /^the key: \$: expected nat, got text$/] },
  { name: "no key any more", after: "none", reasons: [/^the key: the reducer has no key any more$/, /^the key: the reducer has no key any more$/] },
  { name: "a key where there was none", before: "none", after: text, reasons: [/^the key: the cell has none, and the reducer asks for one$/] },
  { name: "another type, and a migration that keeps one cell and deletes the other", after: { nat: {} }, migrations: [{ reducer: "demo/Tags@1", module: "demo/Move@1" }], reasons: [/^demo\/Move@1: the key: \$: expected nat, got text$/] },
];
for (const { name, before = text, after, reasons, migrations = [] } of keyChanges) {
  test(`takeover: a reducer's key becomes ${name}: ${reasons.length === 0 ? "its cells stay" : `${reasons.length} misfits, in a shadow as at an apply`}`, async () => {
    const options = optionsOf(notesAir({ tagsKey: before }));
    await inPureWorld({ ...options, air: notesAir({ tagsKey: before }) }, async (world) => {
      note(world, "a", "one");
      note(world, "b", "");
      const control = await world.prepare(notesAir({ tagsKey: after, migrations, ...(migrations.length === 0 ? {} : { tags: NEW }) }));
      const { misfits } = takeover(world.world, control, world.shelf.modules);
      assert.deepEqual(misfits.map(({ reducer }) => reducer), reasons.map(() => "demo/Tags@1"));
      for (const [index, reason] of reasons.entries()) assert.match(misfits[index]?.reason ?? "", reason);
      const report = shadow({ world: world.world, next: control, nextBundle: hashBytes(bundleOf(control)), head: { commit: "c" }, recorded: [], scenarios: [] }, world.shelf);
      assert.deepEqual(report.misfits.map(({ reason }) => reason), misfits.map(({ reason }) => reason));
      assert.equal(world.apply(control) === undefined, reasons.length > 0);
    });
  });
}

test("takeover: a reducer that goes while it has cells: a misfit each", async () => {
  await inPureWorld(optionsOf(notesAir()), async (world) => {
    note(world, "a", "one");
    const air = notesAir() as readonly Record<string, unknown>[];
    const gone = air.map((node) => (node["$kind"] === "manifest" ? { ...node, modules: [{ name: "demo/Notes@1" }], routing: { events: [] } } : node)).filter((node) => node["name"] !== "demo/Tags@1" && node["name"] !== "demo/Move@1");
    const { misfits } = takeover(world.world, await world.prepare(gone), world.shelf.modules);
    assert.deepEqual(misfits.map(({ reducer }) => reducer), ["demo/Tags@1"]);
  });
});
