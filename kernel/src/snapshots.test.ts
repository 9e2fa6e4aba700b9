import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySnapshots } from "./adapters/snapshots/memory.ts";
import { AosError } from "./air/error.ts";
import { hashValue } from "./air/hash.ts";
import { cellsOf } from "./core/cells.ts";
import { trieEntries, trieGet, trieSize } from "./core/trie.ts";
import { stateRoot, type PlanInstance, type World } from "./core/world.ts";
import { controlShelf, fold, type ControlShelf } from "./fold.ts";
import { openWorld } from "./opening.ts";
import type { FilePart, Journal, SnapshotStore } from "./ports.ts";
import { openSnapshots, recordAt } from "./snapshots.ts";
import { journalOf, leftBy, openOn, recordsOf, turnsIn, type HostParts } from "./testing/host-kit.ts";
import { NOTES_ACTS, notesBegun, noteOffer, notesParts } from "./testing/notes-kit.ts";
import { assertOpens, TEST_SANDBOX, TEST_WORLD_ID } from "./testing/test-world.ts";

const IDENTITY = { world: TEST_WORLD_ID, sandbox: TEST_SANDBOX };

interface Told {
  readonly worlds: readonly World[];
  readonly seqs: readonly number[];
}

/** A notes world told in acts, with a snapshot after each; the world and the seq of each. */
async function told(parts: HostParts, snapshots: SnapshotStore, acts = NOTES_ACTS): Promise<Told> {
  const host = await openOn(parts, { snapshots });
  const worlds: World[] = [];
  for (const act of acts) {
    await act(host, parts);
    await host.snapshot();
    worlds.push(host.world);
  }
  await host.stop();
  assert.equal(worlds.length, acts.length);
  return { worlds, seqs: worlds.map(({ nextSeq }) => nextSeq) };
}

/** A world of two acts, and the newest of its snapshots. */
async function twoActs(): Promise<Told & { readonly parts: HostParts; readonly snapshots: SnapshotStore; readonly newest: Omit<FilePart, "offset">; readonly shelf: ControlShelf }> {
  const parts = notesParts();
  const snapshots = memorySnapshots();
  const ended = await told(parts, snapshots, NOTES_ACTS.slice(0, 2));
  const newest = (await snapshots.list()).at(-1);
  assert.ok(newest !== undefined);
  return { parts, snapshots, ...ended, newest, shelf: controlShelf(parts.modules, parts.blobs) };
}

/** The bytes of every file of a store, by number. */
async function bytesOf(store: SnapshotStore): Promise<ReadonlyMap<number, string>> {
  return new Map((await store.list()).map(({ file, bytes }) => [file, Buffer.from(store.read({ file, offset: 0, bytes })).toString("hex")]));
}

async function open(parts: HostParts, snapshots: SnapshotStore, journal: Journal = parts.journal, shelf = controlShelf(parts.modules, parts.blobs)): ReturnType<typeof openWorld> {
  return openWorld(journal, shelf, { ...IDENTITY, snapshots: openSnapshots(snapshots, shelf, IDENTITY) });
}

/** The store of another, with a file's bytes changed. */
async function harmed(store: SnapshotStore, file: number, change: (bytes: Uint8Array) => Uint8Array): Promise<SnapshotStore> {
  const copy = memorySnapshots();
  for (const { file: one, bytes } of await store.list()) {
    const whole = store.read({ file: one, offset: 0, bytes });
    await copy.write(one, (async function* () {
      yield one === file ? change(whole) : whole;
    })());
  }
  return copy;
}

test("snapshot: a world of everything: opened from any of its snapshots it is the same, value by value (I6)", async () => {
  const parts = notesParts();
  const snapshots = memorySnapshots();
  const { worlds } = await told(parts, snapshots);
  const live = worlds.at(-1) as World;
  assert.deepEqual([live.cells, live.plans, live.intents, live.held, live.spent].map((trie) => trieSize<unknown>(trie) > 0), [true, true, true, true, true]);
  const replayed = await fold((await turnsIn(parts.journal)).map(({ records }) => records), controlShelf(parts.modules, parts.blobs));
  assert.ok(replayed !== undefined);
  const files = (await snapshots.list()).map(({ file }) => file);
  assert.equal(files.length, 4);
  while (files.length > 0) {
    const { world, opened } = await open(parts, snapshots);
    assert.ok(world !== undefined);
    assert.equal(opened.snapshotSeq, Math.floor((files.pop() as number) / 2));
    assert.equal(opened.replayed, live.nextSeq - opened.snapshotSeq);
    assert.equal(stateRoot(world), stateRoot(replayed));
    for (const name of ["cells", "intents", "held", "spent", "waiting"] as const) assert.deepEqual([...trieEntries<unknown>(world[name])], [...trieEntries<unknown>(replayed[name])], name);
    for (const [id, plan] of trieEntries(world.plans)) {
      assert.deepEqual(plainPlan(plan), plainPlan(trieGet(replayed.plans, id) as PlanInstance));
    }
    await snapshots.remove((await snapshots.list()).map(({ file }) => file).slice(-1));
  }
});

function plainPlan({ control, def, ...rest }: PlanInstance): unknown {
  return { ...rest, manifest: control.manifestHash, name: def.name };
}

test("snapshot: the same journal, snapshots at the same seqs: the same bytes, live, replayed, and after a restart", async () => {
  const parts = notesParts();
  const live = memorySnapshots();
  const { seqs } = await told(parts, live);
  const turns = await turnsIn(parts.journal);
  for (const how of ["in memory", "opened anew each time"]) {
    const store = memorySnapshots();
    let shelf = controlShelf(parts.modules, parts.blobs);
    let kept = openSnapshots(store, shelf, IDENTITY);
    let world: World | undefined;
    let from = 0;
    for (const seq of seqs) {
      if (how !== "in memory") {
        shelf = controlShelf(parts.modules, parts.blobs);
        kept = openSnapshots(store, shelf, IDENTITY);
        world = (await kept.load(await journalOf(turns.filter(({ firstSeq }) => firstSeq < seq)))).world;
      }
      world = await fold(turns.filter(({ firstSeq }) => firstSeq >= from && firstSeq < seq).map(({ records }) => records), shelf, world);
      assert.ok(world !== undefined && world.nextSeq === seq);
      await kept.take(world, { last: (await recordAt(parts.journal, seq - 1)) as Uint8Array, mode: "changes" });
      if (how === "in memory") assert.equal(stateRoot(world), stateRoot(kept.settle(world)));
      from = seq;
    }
    assert.deepEqual(await bytesOf(store), await bytesOf(live), how);
  }
});

test("snapshot: full: the same bytes whatever was written before; older files go, the world goes on", async () => {
  const parts = notesParts();
  const snapshots = memorySnapshots();
  const host = await openOn(parts, { snapshots });
  for (const act of NOTES_ACTS) {
    await act(host, parts);
    await host.snapshot();
  }
  const taken = await host.snapshot("full");
  assert.deepEqual([taken.seq, taken.file, taken.root], [host.world.nextSeq, 2 * host.world.nextSeq + 1, stateRoot(host.world)]);
  assert.deepEqual((await snapshots.list()).map(({ file }) => file), [taken.file]);
  const shelf = controlShelf(parts.modules, parts.blobs);
  const replayed = await fold((await turnsIn(parts.journal)).map(({ records }) => records), shelf);
  const fresh = memorySnapshots();
  await openSnapshots(fresh, shelf, IDENTITY).take(replayed as World, { last: (await recordAt(parts.journal, taken.seq - 1)) as Uint8Array, mode: "full" });
  assert.deepEqual(await bytesOf(fresh), await bytesOf(snapshots));
  assert.deepEqual(await host.snapshot("full"), taken, "the same again writes nothing");
  await host.submit(noteOffer("note 3", "after"));
  await host.snapshot();
  assert.equal((await snapshots.list()).length, 2);
  await assertOpens({ ...parts, snapshots }, { modules: parts.modules, live: host.world });
  await host.stop();
});

test("snapshot: after few changes in many cells: few bytes, and what is loaded to write them is little", async () => {
  const inner = memorySnapshots();
  let reads = 0;
  const { host } = await notesBegun({ snapshots: { ...inner, read: (part: FilePart) => (reads++, inner.read(part)) } });
  await Promise.all(Array.from({ length: 3000 }, (_, index) => host.submit(noteOffer(`many ${index}`, "x"))));
  const whole = await host.snapshot();
  reads = 0;
  await host.submit(noteOffer("many 17", "y"));
  assert.ok(reads > 3 && reads < 25, `${reads} reads for a turn of one cell`);
  reads = 0;
  await host.submit(noteOffer("many 17", "z"));
  assert.equal(reads, 0, "what a turn read is in memory");
  const little = await host.snapshot();
  assert.ok(reads < 25, `${reads} reads to write it down`);
  assert.ok(little.bytes * 50 < whole.bytes, `${little.bytes} of ${whole.bytes} bytes`);
  await host.stop();
});

test("snapshot: chains: written anew when most of it is old, and then one file is left", async () => {
  const snapshots = memorySnapshots();
  const { parts, host } = await notesBegun({ snapshots });
  const large = "x".repeat(60_000);
  let rewrites = 0;
  let most = 0;
  for (let round = 0; round < 60; round++) {
    await host.submit(noteOffer(`note ${round % 3}`, `${large}${round}`));
    const { file } = await host.snapshot();
    const files = await snapshots.list();
    if (file % 2 === 1) {
      rewrites++;
      assert.deepEqual(files.map((one) => one.file), [file]);
    }
    most = Math.max(most, files.reduce((sum, { bytes }) => sum + bytes, 0));
  }
  assert.ok(rewrites >= 3 && rewrites < 10, `${rewrites} rewrites`);
  assert.ok(most < 2_500_000, `at most ${most} bytes`);
  await assertOpens({ ...parts, snapshots }, { modules: parts.modules, live: host.world });
  await host.stop();
});

test("snapshot: a deleted cell: gone from the root, the listing and the bytes of the next full snapshot", async () => {
  const snapshots = memorySnapshots();
  const { host } = await notesBegun({ snapshots });
  const before = cellsOf(host.world, "demo/Notes@1", { limit: 100 }).cells.map(({ hash }) => hash).sort();
  await host.submit(noteOffer("a secret", "that must go"));
  await host.snapshot();
  const needle = Buffer.from("that must go").toString("hex");
  const has = async (): Promise<boolean> => [...(await bytesOf(snapshots)).values()].some((bytes) => bytes.includes(needle));
  assert.equal(await has(), true);
  await host.submit(noteOffer("a secret", ""));
  assert.deepEqual(cellsOf(host.world, "demo/Notes@1", { limit: 100 }).cells.map(({ hash }) => hash).sort(), before);
  await host.snapshot();
  assert.equal(await has(), true, "an older file holds it still");
  await host.snapshot("full");
  assert.equal(await has(), false);
  await host.stop();
});

test("snapshot: a newest file cut at any byte: passed over and told, the one before is taken up, the same world", async () => {
  const { parts, snapshots, worlds, seqs, newest: { file, bytes }, shelf } = await twoActs();
  const root = stateRoot(worlds.at(-1) as World);
  let cuts = 0;
  for (let length = 0; length < bytes; length += length > bytes - 600 || length < 40 ? 1 : 97, cuts++) {
    const { world, opened } = await open(parts, await harmed(snapshots, file, (whole) => whole.subarray(0, length)), parts.journal, shelf);
    assert.equal(stateRoot(world as World), root);
    assert.deepEqual([opened.snapshotSeq, opened.passed.map((one) => one.file)], [seqs[0], [file]], `cut at ${length}`);
  }
  assert.ok(cuts > 640, `${cuts} cuts`);
});

test("snapshot: any byte of the newest file flipped: passed over, or refused when that node is asked for; never another world", async () => {
  const { parts, snapshots, worlds, seqs, newest: { file, bytes }, shelf } = await twoActs();
  const root = stateRoot(worlds.at(-1) as World);
  const expected = [...trieEntries((worlds[1] as World).cells)];
  const outcomes = new Map<string, number>();
  for (let at = 0; at < bytes; at += 7) {
    const store = await harmed(snapshots, file, (whole) => whole.map((byte, index) => (index === at ? byte ^ 0x20 : byte)));
    const { world, opened } = await open(parts, store, parts.journal, shelf);
    assert.equal(stateRoot(world as World), root);
    let outcome = opened.snapshotSeq === seqs[1] ? "taken up" : "passed over";
    try {
      const entries = [...trieEntries((world as World).cells)];
      assert.deepEqual(entries, expected, `byte ${at}`);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "StateLost") throw error;
      assert.match(error.message, /snapshot/);
      outcome = "refused later";
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  assert.ok((outcomes.get("refused later") ?? 0) > 100 && (outcomes.get("passed over") ?? 0) > 50, JSON.stringify([...outcomes]));
});

test("snapshot: state that cannot be read in the middle of a turn: the host stops, nothing is recorded of it", async () => {
  const first = notesParts();
  const inner = memorySnapshots();
  await told(first, inner, NOTES_ACTS.slice(0, 1));
  const parts = await leftBy(first);
  let broken = false;
  const snapshots: SnapshotStore = {
    ...inner,
    read(part) {
      const bytes = inner.read(part);
      if (broken) bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      return bytes;
    },
  };
  const host = await openOn(parts, { snapshots });
  const before = parts.journal.nextSeq;
  broken = true;
  const isCorrupt = (error: unknown): boolean => error instanceof AosError && error.code === "snapshot.corrupt" && error.class === "unverified";
  await assert.rejects(host.submit(noteOffer("note 7", "new")), isCorrupt);
  await assert.rejects(host.submit(noteOffer("note 8", "new")), isCorrupt);
  assert.equal(parts.journal.nextSeq, before);
  await host.stop();
  // The same while the tail is replayed: that snapshot is passed over, and the journal has the whole world.
  broken = false;
  const tail = await leftBy(parts);
  const good = await openOn(tail, { snapshots: inner });
  await good.submit(noteOffer("note 7", "new"));
  await good.stop();
  let spoilt = 0;
  const { world, opened } = await open(tail, { ...inner, read: (part) => (part.bytes > 300 && spoilt++ > 1 ? new Uint8Array(part.bytes) : inner.read(part)) });
  assert.equal(stateRoot(world as World), stateRoot(good.world));
  assert.deepEqual([opened.snapshotSeq, opened.passed.length, opened.passed[0]?.code], [undefined, 1, "snapshot.corrupt"]);
});

test("snapshot: of another history, world or sandbox, ahead of the journal, or with a file missing: passed over, with the reason", async () => {
  const parts = notesParts();
  const snapshots = memorySnapshots();
  const { seqs, worlds } = await told(parts, snapshots, NOTES_ACTS.slice(0, 2));
  const turns = await turnsIn(parts.journal);
  const [first, second] = [2 * (seqs[0] ?? 0) + 1, 2 * (seqs[1] ?? 0)];
  const missing = await harmed(snapshots, -1, (bytes) => bytes);
  await missing.remove([first]);
  const shorter = await journalOf(turns.filter(({ firstSeq }) => firstSeq + 4 < (seqs[1] ?? 0)));
  // Another history: the last turn of the second act went otherwise.
  const other = notesParts();
  const host = await openOn({ ...other, journal: await journalOf(turns.slice(0, -1)), blobs: parts.blobs });
  await host.submit(noteOffer("note 37", "otherwise"));
  const rows: readonly (readonly [string, SnapshotStore, Journal, readonly RegExp[], World["nextSeq"] | undefined])[] = [
    ["as it is", snapshots, parts.journal, [], seqs[1]],
    ["a file missing", missing, parts.journal, [/file \d+, which it needs, is not there/], undefined],
    ["the journal was cut", snapshots, shorter, [/the journal ends before it/], seqs[0]],
    ["no journal at all", snapshots, await journalOf([]), [/the journal ends before it/, /the journal ends before it/], undefined],
  ];
  assert.equal(rows.length, 4);
  for (const [what, store, journal, reasons, seq] of rows) {
    const { opened } = await open(parts, store, journal);
    assert.equal(opened.snapshotSeq, seq, what);
    assert.equal(opened.passed.length, reasons.length, what);
    for (const [index, reason] of reasons.entries()) assert.match(opened.passed[index]?.reason ?? "", reason, what);
  }
  const grown = await journalOf([...turns.slice(0, -1), { firstSeq: turns.at(-1)?.firstSeq ?? 0, records: turns.at(-1)?.records.map((bytes, at, all) => (at === all.length - 1 ? Uint8Array.of(1, ...bytes) : bytes)) ?? [] }]);
  const shelf = controlShelf(parts.modules, parts.blobs);
  const loaded = await openSnapshots(snapshots, shelf, IDENTITY).load(grown);
  assert.match(loaded.passed[0]?.reason ?? "", /another record before it/);
  for (const identity of [{ ...IDENTITY, world: hashValue("another") }, { ...IDENTITY, sandbox: "test-2" }]) {
    const { passed, world } = await openSnapshots(snapshots, shelf, identity).load(parts.journal);
    assert.deepEqual([passed.map(({ code }) => code), world], [["snapshot.other", "snapshot.other"], undefined]);
  }
  assert.equal(second, 2 * (worlds[1] as World).nextSeq);
  await host.stop();
});

test("cells: listed page by page: one reducer's, each once, of a world in memory and of one opened; a bad cursor is refused", async () => {
  const parts = notesParts();
  const snapshots = memorySnapshots();
  const { worlds } = await told(parts, snapshots, NOTES_ACTS.slice(0, 2));
  const { world } = await open(parts, snapshots);
  for (const one of [worlds[1] as World, world as World]) {
    const keys: string[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page = cellsOf(one, "demo/Notes@1", { limit: 7, ...(after === undefined ? {} : { after }) });
      assert.ok(page.cells.length <= 7 && page.cells.every(({ reducer }) => reducer === "demo/Notes@1"));
      keys.push(...page.cells.map(({ key }) => Buffer.from(key ?? []).toString("hex")));
      after = page.next;
      pages++;
    } while (after !== undefined);
    assert.deepEqual([keys.length, new Set(keys).size, pages], [30, 30, 5]);
    assert.equal(cellsOf(one, "demo/Counter@1", { limit: 7 }).cells.length, 1);
    assert.deepEqual(cellsOf(one, "demo/Other@1", { limit: 7 }), { cells: [], next: undefined });
  }
  assert.throws(() => cellsOf(world as World, "demo/Notes@1", { limit: 1, after: "zz" }), (error) => error instanceof AosError && error.code === "cells.cursor");
  assert.notEqual((await recordsOf(parts.journal, "stepped")).length, 0);
});
