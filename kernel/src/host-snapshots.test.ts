import assert from "node:assert/strict";
import { cp, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openFileJournal } from "./adapters/journal/file.ts";
import { fileSnapshots } from "./adapters/snapshots/file.ts";
import { memorySnapshots } from "./adapters/snapshots/memory.ts";
import { AosError } from "./air/error.ts";
import { ZERO_HASH } from "./air/hash.ts";
import { stateRoot, type World } from "./core/world.ts";
import { controlShelf, fold, type ControlShelf } from "./fold.ts";
import type { Host } from "./host.ts";
import { openWorld, type WorldCheckpoint } from "./opening.ts";
import type { Journal, JournalTurn, SnapshotStore } from "./ports.ts";
import { recordedWindow } from "./recorded-window.ts";
import { openSnapshots, type TakenSnapshot } from "./snapshots.ts";
import { folder } from "./testing/folder.ts";
import { bytesRead } from "./testing/file-handles.ts";
import { end, journalOf, openOn, quiet, startOffer, turnsIn, type HostParts } from "./testing/host-kit.ts";
import { applyNotes, NOTES_ACTS, notesBegun, noteOffer, notesParts } from "./testing/notes-kit.ts";
import { assertOpens, TEST_SANDBOX, TEST_WORLD_ID } from "./testing/test-world.ts";

/** What a host says of the snapshots that it takes by itself. */
function heard(host: Host): (TakenSnapshot | AosError)[] {
  const outcomes: (TakenSnapshot | AosError)[] = [];
  host.onSnapshot((outcome) => outcomes.push(outcome));
  return outcomes;
}

test("host: so many records after the last snapshot: it takes the next by itself, and is opened from it", async () => {
  const parts = notesParts();
  const snapshots = memorySnapshots();
  const host = await openOn(parts, { snapshots, snapshotPace: { records: 50, ms: 3_600_000 } });
  const outcomes = heard(host);
  await applyNotes(host, parts);
  for (let index = 0; index < 100; index++) {
    await host.submit(noteOffer(`note ${index % 7}`, `${index}`));
    await quiet();
  }
  const seqs = outcomes.map((outcome) => (outcome instanceof AosError ? outcome.code : outcome.seq));
  assert.deepEqual(seqs, [50, 100, 150, 200]);
  assert.equal(await assertOpens({ ...parts, snapshots }, { modules: parts.modules, live: host.world }), 2);
  await end(host, parts);
});

test("host: so long after the last snapshot: the next turn brings one, a turn before that none, silence none", async () => {
  const parts = notesParts();
  const snapshots = memorySnapshots();
  const host = await openOn(parts, { snapshots, snapshotPace: { records: 1_000_000, ms: 60_000 } });
  const outcomes = heard(host);
  await applyNotes(host, parts);
  const turn = async (body: string): Promise<number> => {
    await host.submit(noteOffer("a", body));
    await quiet();
    return outcomes.length;
  };
  const rows: readonly (readonly [bigint, number])[] = [[59_000n, 0], [2_000n, 1], [0n, 1], [59_000n, 1], [1_000n, 2], [3_600_000n, 3]];
  assert.equal(rows.length, 6);
  for (const [index, [ms, expected]] of rows.entries()) {
    parts.clock.advance(ms * 1_000_000n);
    assert.equal(await turn(String(index)), expected, `row ${index}`);
  }
  parts.clock.advance(10n ** 15n);
  await quiet();
  assert.equal(outcomes.length, 3);
  await end(host, parts);
});

test("host: while a snapshot is written: turns are acknowledged, and the world is the same after it", async () => {
  const parts = notesParts();
  const inner = memorySnapshots();
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const snapshots: SnapshotStore = {
    ...inner,
    async write(file, pieces) {
      await inner.write(file, pieces);
      await gate;
    },
  };
  const host = await openOn(parts, { snapshots });
  await NOTES_ACTS[0]?.(host, parts);
  const taking = host.snapshot();
  await quiet();
  await NOTES_ACTS[1]?.(host, parts);
  const before = stateRoot(host.world);
  const seq = host.world.nextSeq;
  // The swap comes between two turns, also when more are on their way.
  const more = Array.from({ length: 20 }, (_, index) => host.submit(noteOffer(`more ${index}`, "x")));
  release();
  const taken = await taking;
  await Promise.all(more);
  assert.ok(taken.seq < seq);
  assert.notEqual(stateRoot(host.world), before);
  assert.equal(await assertOpens({ ...parts, snapshots }, { modules: parts.modules, live: host.world }), host.world.nextSeq - taken.seq);
  await Promise.all([host.snapshot(), host.snapshot("full"), host.snapshot()]);
  assert.equal(await assertOpens({ ...parts, snapshots }, { modules: parts.modules, live: host.world }), 0);
  await end(host, parts);
});

test("host: a snapshot that cannot be written: told, the world goes on, the next one is good", async () => {
  const parts = notesParts();
  const inner = memorySnapshots();
  let full = true;
  const snapshots: SnapshotStore = {
    ...inner,
    async write(file, pieces) {
      if (!full) return inner.write(file, pieces);
      // Half of it is taken, then the disk is full.
      for await (const piece of pieces) if (piece.length > 0) throw new AosError("snapshot.io", "the disk answered ENOSPC", { class: "outside" });
    },
  };
  const host = await openOn(parts, { snapshots, snapshotPace: { records: 20, ms: 3_600_000 } });
  const outcomes = heard(host);
  await NOTES_ACTS[0]?.(host, parts);
  await quiet();
  assert.ok(outcomes.length > 0 && outcomes.every((outcome) => outcome instanceof AosError && outcome.code === "snapshot.io"));
  await assert.rejects(host.snapshot(), (error) => error instanceof AosError && error.code === "snapshot.io");
  full = false;
  await NOTES_ACTS[1]?.(host, parts);
  await host.snapshot();
  await NOTES_ACTS[2]?.(host, parts);
  await assertOpens({ ...parts, snapshots }, { modules: parts.modules, live: host.world });
  await end(host, parts);
});

test("host: without a place for snapshots: none is taken, asking for one is an error", async () => {
  const parts = notesParts();
  const host = await openOn(parts);
  await assert.rejects(host.snapshot(), (error) => error instanceof AosError && error.code === "snapshot.none");
  assert.deepEqual(host.opened, { snapshotSeq: undefined, snapshot: undefined, replayed: 0, passed: [] });
  await end(host, parts);
  const after = await openOn({ ...notesParts(), snapshots: memorySnapshots() } as Parameters<typeof openOn>[0]);
  await after.stop();
  await assert.rejects(after.snapshot(), (error) => error instanceof AosError && error.code === "world.stopping");
});

test("host: opening: reads the tail since the last snapshot, whatever is before it", async (t) => {
  const dir = await folder(t);
  const parts = notesParts();
  const snapshots = fileSnapshots(join(dir, "snapshots"));
  const place = { dir: join(dir, "journal"), mode: "append" } as const;
  const host = await openOn({ ...parts, journal: await openFileJournal(place) }, { snapshots });
  await applyNotes(host, parts);
  const filler = "x".repeat(5_000);
  for (let round = 0; round < 6; round++) await Promise.all(Array.from({ length: 100 }, (_, index) => host.submit(noteOffer(`note ${index}`, `${filler}${round}`))));
  await host.snapshot();
  for (let index = 0; index < 10; index++) await host.submit(noteOffer(`note ${index}`, "last"));
  const { world } = host;
  await host.stop();
  const segment = (await readdir(place.dir)).find((name) => name.endsWith(".aosj"));
  const size = (await stat(join(place.dir, segment ?? ""))).size;
  assert.ok(size > 3_000_000, `${size} bytes of journal`);

  const readSince = await bytesRead(t);
  let calls = 0;
  const modules = { ...parts.modules, call: (call: Parameters<typeof parts.modules.call>[0]) => (calls++, parts.modules.call(call)) };
  const again = await openOn({ ...parts, modules, journal: await openFileJournal(place) }, { snapshots: fileSnapshots(join(dir, "snapshots")) });
  const { snapshot, ...opened } = again.opened;
  assert.deepEqual(opened, { snapshotSeq: world.nextSeq - 20, replayed: 20, passed: [] });
  assert.equal(snapshot?.nextSeq, opened.snapshotSeq);
  assert.equal(calls, 10);
  assert.equal(stateRoot(again.world), stateRoot(world));
  const bytes = readSince();
  assert.ok(bytes < 600_000, `${bytes} bytes read`);
  await again.stop();
});

test("host: opening: on its way the world must be what is vouched for; a snapshot of another state is passed over", async () => {
  const { parts, host } = await notesBegun();
  const { world } = host;
  const last = (await turnsIn(parts.journal)).at(-1)?.records.at(-1) ?? assert.fail();
  await host.submit(noteOffer("note 1", "later"));
  const live = host.world;
  const at = (of: World): WorldCheckpoint => ({ nextSeq: of.nextSeq, root: stateRoot(of) });
  const refused = (of: World): WorldCheckpoint => ({ ...at(of), root: ZERO_HASH });
  const taken = async (of: World): Promise<SnapshotStore> => {
    const snapshots = memorySnapshots();
    await openSnapshots(snapshots, host.shelf, { world: TEST_WORLD_ID, sandbox: TEST_SANDBOX }).take(of, { last, mode: "full" });
    return snapshots;
  };
  const [good, bad] = [await taken(world), await taken({ ...world, nextInstance: world.nextInstance + 1 })];
  const before: World = { ...world, nextSeq: world.nextSeq - 1 };
  const rows: readonly (readonly [what: string, snapshots: SnapshotStore | undefined, checkpoint: WorldCheckpoint | undefined, outcome: "taken up" | "passed over" | "refused" | "replayed"])[] = [
    ["a good snapshot, vouched for", good, at(world), "taken up"],
    ["a good snapshot, its end vouched for", good, at(live), "taken up"],
    ["another state, where nobody vouches", bad, undefined, "taken up"],
    ["another state, vouched for there", bad, at(world), "passed over"],
    ["another state, vouched for at the end", bad, at(live), "passed over"],
    ["another state, vouched for before it", bad, refused(before), "taken up"],
    ["no snapshot, vouched for", undefined, at(live), "replayed"],
    ["no snapshot, another root", undefined, refused(world), "refused"],
    ["a good snapshot, another root", good, refused(live), "refused"],
  ];
  for (const [what, snapshots, checkpoint, outcome] of rows) {
    const build = { world: TEST_WORLD_ID, sandbox: TEST_SANDBOX };
    const shelf = controlShelf(parts.modules, parts.blobs);
    const opening = openWorld(parts.journal, shelf, { ...build, snapshots: snapshots === undefined ? undefined : openSnapshots(snapshots, shelf, build), ...(checkpoint === undefined ? {} : { checkpoint }) });
    if (outcome === "refused") await assert.rejects(opening, { code: "replay.checkpoint", class: "unverified", at: { seq: (checkpoint?.nextSeq ?? 0) - 1 } }, what);
    else {
      const { opened } = await opening;
      assert.equal(opened.snapshotSeq === undefined ? (snapshots === undefined ? "replayed" : "passed over") : "taken up", outcome, what);
      assert.deepEqual(opened.passed.map(({ code }) => code), outcome === "passed over" ? ["replay.checkpoint"] : [], what);
    }
  }
  assert.equal(rows.length, 9);
  await end(host, parts);
});

test("host: opening: a snapshot that does not lead to what the journal holds: passed over and told; a journal that is wrong itself is refused", async () => {
  const { parts, host } = await notesBegun();
  const early = host.world;
  const lastOf = async (): Promise<Uint8Array> => (await turnsIn(parts.journal)).at(-1)?.records.at(-1) ?? assert.fail();
  const lastEarly = await lastOf();
  await host.submit(noteOffer("note 1", "later"));
  const late = host.world;
  const lastLate = await lastOf();
  // The plan that starts gets the number that the wrong state holds, and not that of the journal.
  const started = await host.submit(startOffer("later"));
  const live = host.world;
  const build = { world: TEST_WORLD_ID, sandbox: TEST_SANDBOX };
  const wrong = (of: World): World => ({ ...of, nextInstance: of.nextInstance + 1 });
  const store = async (worlds: readonly (readonly [World, Uint8Array])[]): Promise<SnapshotStore> => {
    const snapshots = memorySnapshots();
    for (const [of, last] of worlds) {
      const alone = memorySnapshots();
      const { file, bytes } = await openSnapshots(alone, host.shelf, build).take(of, { last, mode: "full" });
      await snapshots.write(file, (async function* () {
        yield alone.read({ file, offset: 0, bytes });
      })());
    }
    return snapshots;
  };
  const rows: readonly (readonly [what: string, snapshots: SnapshotStore, from: number | undefined, passed: number])[] = [
    ["both good", await store([[early, lastEarly], [late, lastLate]]), late.nextSeq, 0],
    ["the newest wrong", await store([[early, lastEarly], [wrong(late), lastLate]]), early.nextSeq, 1],
    ["both wrong", await store([[wrong(early), lastEarly], [wrong(late), lastLate]]), undefined, 2],
  ];
  const open = (journal: Journal, snapshots: SnapshotStore): ReturnType<typeof openWorld> => {
    const shelf = controlShelf(parts.modules, parts.blobs);
    return openWorld(journal, shelf, { ...build, snapshots: openSnapshots(snapshots, shelf, build) });
  };
  const turns = await turnsIn(parts.journal);
  // The same journal, its last record another than the one that follows.
  const forged = await journalOf(turns.map((turn, index) => (index < turns.length - 1 ? turn : { ...turn, records: [...turn.records.slice(0, -1), (turns.at(-2) ?? turn).records.at(-1) ?? new Uint8Array()] })));
  let opens = 0;
  for (const [what, snapshots, from, passed] of rows) {
    const { world, opened } = await open(parts.journal, snapshots);
    assert.equal(stateRoot(world as World), stateRoot(live), what);
    assert.deepEqual([opened.snapshotSeq, opened.passed.map(({ code }) => code)], [from, new Array(passed).fill("replay.divergence")], what);
    await assert.rejects(open(forged, snapshots), { code: "replay.divergence", class: "unverified", at: { seq: started.at(-1)?.seq } }, what);
    opens++;
  }
  assert.equal(opens, 3);
  const shelf = controlShelf(parts.modules, parts.blobs);
  const window = await recordedWindow({ journal: parts.journal, shelf, snapshots: { store: rows[2]?.[1] ?? assert.fail(), ...build } }, { sinceSeq: live.nextSeq - 1 }).catch((error: unknown) => error);
  assert.ok(window instanceof AosError && window.code === "shadow.window", "nothing begins with the last record");
  await host.submit(noteOffer("note 1", "last"));
  const { world: before } = await recordedWindow({ journal: parts.journal, shelf, snapshots: { store: rows[2]?.[1] ?? assert.fail(), ...build } }, { last: 1 });
  assert.equal(stateRoot(before), stateRoot(live), "a window's start is found past them as well");
  await end(host, parts);
});

test("crash: a journal cut at every byte of its last records, with snapshots: exactly the whole turns, and appending goes on (I2, I6)", async (t) => {
  const dir = await folder(t);
  const parts = notesParts();
  const place = { dir: join(dir, "journal"), mode: "append" } as const;
  const snapshots = fileSnapshots(join(dir, "snapshots"));
  const host = await openOn({ ...parts, journal: await openFileJournal(place) }, { snapshots });
  await NOTES_ACTS[0]?.(host, parts);
  await host.snapshot();
  await NOTES_ACTS[2]?.(host, parts);
  await host.snapshot();
  const last = await host.submit(noteOffer("note 1", "cut"));
  await host.submit(startOffer("cut"));
  await host.stop();
  const path = join(place.dir, "0000000000000000.aosj");
  const whole = await readFile(path);
  const worlds = await everyWorld(await turnsIn(await openFileJournal({ ...place, mode: "read" })), parts);
  const shelf = controlShelf(parts.modules, parts.blobs);
  let cuts = 0;
  const seen = new Set<number>();
  for (let length = whole.length - 1; !seen.has(last[0]?.seq ?? 0); length--, cuts++) {
    await truncate(path, length);
    const opened = await openFrom(await openFileJournal({ ...place, mode: "read" }), snapshots, shelf);
    const expected = worlds.get(opened.nextSeq);
    assert.ok(expected !== undefined, `cut at ${length}: whole turns`);
    assert.equal(stateRoot(opened), stateRoot(expected), `cut at ${length}`);
    seen.add(opened.nextSeq);
    if (cuts % 50 !== 0) continue;
    const copy = join(dir, `cut-${length}`);
    await cp(place.dir, join(copy, "journal"), { recursive: true });
    await cp(join(dir, "snapshots"), join(copy, "snapshots"), { recursive: true });
    const on = { ...place, dir: join(copy, "journal") };
    const cut = await openOn({ ...parts, journal: await openFileJournal(on) }, { snapshots: fileSnapshots(join(copy, "snapshots")) });
    await cut.submit(noteOffer("after", "the cut"));
    await cut.snapshot();
    const { world } = cut;
    await cut.stop();
    const next = await openOn({ ...parts, journal: await openFileJournal(on) }, { snapshots: fileSnapshots(join(copy, "snapshots")) });
    assert.deepEqual([stateRoot(next.world), next.opened.replayed, next.opened.passed], [stateRoot(world), 0, []]);
    await next.stop();
  }
  assert.ok(cuts > 500 && seen.size === 2, `${cuts} cuts, ${seen.size} worlds`);
});

/** The world after each turn, by its next seq. */
async function everyWorld(turns: readonly JournalTurn[], parts: HostParts): Promise<ReadonlyMap<number, World>> {
  const shelf = controlShelf(parts.modules, parts.blobs);
  const worlds = new Map<number, World>();
  let world: World | undefined;
  for (const { records } of turns) {
    world = await fold([records], shelf, world);
    assert.ok(world !== undefined);
    worlds.set(world.nextSeq, world);
  }
  return worlds;
}

async function openFrom(journal: Journal, snapshots: SnapshotStore, shelf: ControlShelf): Promise<World> {
  const identity = { world: TEST_WORLD_ID, sandbox: TEST_SANDBOX };
  const { world, opened } = await openWorld(journal, shelf, { ...identity, snapshots: openSnapshots(snapshots, shelf, identity) });
  assert.notEqual(opened.snapshotSeq, undefined);
  return world ?? assert.fail("there is a world");
}

test("crash: killed while a snapshot is written, at any byte: a draft is no snapshot, the world is opened from the one before", async (t) => {
  const dir = await folder(t);
  const snapshots = fileSnapshots(join(dir, "snapshots"));
  const { parts, host } = await notesBegun({ snapshots });
  await host.snapshot();
  await NOTES_ACTS[1]?.(host, parts);
  const taken = await host.snapshot();
  const [first, second] = (await readdir(join(dir, "snapshots"))).sort();
  const path = join(dir, "snapshots", second ?? "");
  const whole = await readFile(path);
  assert.equal(whole.length, taken.bytes);
  const live = { modules: parts.modules, live: host.world };
  let cuts = 0;
  for (let length = 0; length <= whole.length; length++) {
    if (length > 20 && length < whole.length - 60 && length % 211 !== 0) continue;
    cuts++;
    await rm(path, { force: true });
    await writeFile(`${path}.draft`, whole);
    await truncate(`${path}.draft`, length);
    assert.notEqual(await assertOpens({ ...parts, snapshots: fileSnapshots(join(dir, "snapshots")) }, live), 0);
  }
  assert.ok(cuts > 80, `${cuts} cuts`);
  await writeFile(path, whole);
  await host.submit(noteOffer("after", "the crash"));
  await host.snapshot();
  assert.ok((await readdir(join(dir, "snapshots"))).every((name) => !name.endsWith(".draft")));
  assert.ok(first !== undefined);
  await end(host, parts);
});
