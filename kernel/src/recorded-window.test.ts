import assert from "node:assert/strict";
import { test } from "node:test";
import { memorySnapshots } from "./adapters/snapshots/memory.ts";
import { stateRoot } from "./core/world.ts";
import { controlShelf, type ControlShelf } from "./fold.ts";
import type { Journal, SnapshotStore } from "./ports.ts";
import { recordedWindow, type WindowSource, type WindowWanted } from "./recorded-window.ts";
import { end, openOn, type HostParts } from "./testing/host-kit.ts";
import { NOTES_ACTS, noteOffer, notesParts } from "./testing/notes-kit.ts";
import { TEST_SANDBOX, TEST_WORLD_ID } from "./testing/test-world.ts";

const NOTES = 120;

/** A world of notes whose journal grows to about five hundred records, with snapshots on the way. */
async function recorded(): Promise<{ readonly parts: HostParts; readonly store: SnapshotStore; readonly taken: readonly number[]; readonly atNs: bigint }> {
  const parts = notesParts();
  const store = memorySnapshots();
  const host = await openOn(parts, { snapshots: store, snapshotPace: { records: 1_000_000, ms: 3_600_000 } });
  const taken: number[] = [];
  let atNs = 0n;
  for (const act of NOTES_ACTS) await act(host, parts);
  for (let note = 0; note < NOTES; note++) {
    if (note % 40 === 20) taken.push((await host.snapshot()).seq);
    if (note === 110) atNs = host.world.logicalNs;
    parts.clock.advance(1_000_000n);
    await host.submit(noteOffer(`more ${note % 7}`, String(note)));
  }
  await end(host, parts);
  return { parts, store, taken, atNs };
}

const world = await recorded();

interface Counted extends WindowSource {
  /** Records that were read, and turns stepped again. */
  readonly counts: { read: number };
}

function source({ journal, modules, blobs }: HostParts, store: SnapshotStore | undefined): Counted & { readonly shelf: ControlShelf } {
  const counts = { read: 0 };
  const counted: Pick<Journal, "nextSeq" | "read"> = {
    nextSeq: journal.nextSeq,
    async *read(fromSeq) {
      for await (const turn of journal.read(fromSeq)) {
        counts.read += turn.records.length;
        yield turn;
      }
    },
  };
  return { journal: counted, shelf: controlShelf(modules, blobs), snapshots: store === undefined ? undefined : { store, world: TEST_WORLD_ID, sandbox: TEST_SANDBOX }, counts };
}

test("recorded window: with snapshots and without: the same turns after the same world, and only the tail of the journal is read", async () => {
  const { parts, store, taken, atNs } = world;
  const { nextSeq } = parts.journal;
  const [first, , third] = taken;
  assert.ok(taken.length === 3 && first !== undefined && third !== undefined && nextSeq >= 400, `${taken.join(" ")} of ${nextSeq}`);
  // How many records it may read of the journal: the tail since a snapshot, once for the turns and at most once for the world.
  const tail = (seq: number): number => 2 * (nextSeq - seq) + 20;
  const rows: readonly (readonly [string, WindowWanted, number])[] = [
    ["the last 20", { last: 20 }, tail(third)],
    ["the last one", { last: 1 }, tail(third)],
    ["since a seq behind the last snapshot", { sinceSeq: third + 7 }, tail(third)],
    ["since the last snapshot", { sinceSeq: third }, tail(third)],
    ["since a time", { sinceNs: atNs }, tail(third)],
    ["since a seq between snapshots", { sinceSeq: first + 11 }, tail(first)],
    ["more than there is", { last: 100_000 }, 3 * nextSeq],
    ["since before the first control plane", { sinceSeq: 0 }, 3 * nextSeq],
  ];
  let count = 0;
  for (const [what, wanted, most] of rows) {
    const [plain, quick] = [source(parts, undefined), source(parts, store)];
    const [whole, window] = [await recordedWindow(plain, wanted), await recordedWindow(quick, wanted)];
    assert.deepEqual(window.turns, whole.turns, what);
    assert.equal(stateRoot(window.world), stateRoot(whole.world), what);
    assert.equal(window.world.nextSeq, window.turns[0]?.[0]?.seq, what);
    assert.ok(quick.counts.read <= most, `${what}: read ${quick.counts.read} records, at most ${most} of ${nextSeq}`);
    count++;
  }
  assert.equal(count, 8);
  assert.equal((await recordedWindow(source(parts, store), { last: 20 })).turns.length, 20);
});

test("recorded window: nothing in it: shadow.window; a snapshot that is damaged: passed over", async () => {
  const { parts, store, taken } = world;
  for (const wanted of [{ last: 0 }, { sinceSeq: parts.journal.nextSeq }, { sinceNs: 1n << 62n }] satisfies readonly WindowWanted[]) {
    await assert.rejects(recordedWindow(source(parts, store), wanted), { code: "shadow.window" });
  }
  const last = taken.at(-1) ?? 0;
  const damaged: SnapshotStore = { ...store, read: (part) => (part.file >> 1 === last ? new Uint8Array(part.bytes) : store.read(part)) };
  const window = await recordedWindow(source(parts, damaged), { last: 5 });
  assert.equal(stateRoot(window.world), stateRoot((await recordedWindow(source(parts, undefined), { last: 5 })).world));
});
