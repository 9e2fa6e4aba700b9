import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
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

/** Collects what nobody holds any more. */
function collectGarbage(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

test("recorded window: no more of the journal is held at a time than the window, with snapshots and without", async () => {
  const { parts, store } = world;
  const gc = collectGarbage();
  const rows: readonly (readonly [string, WindowWanted])[] = [["the last 20", { last: 20 }], ["since a seq", { sinceSeq: parts.journal.nextSeq - 40 }], ["since a time", { sinceNs: world.atNs }]];
  let looks = 0;
  for (const [what, wanted] of rows) {
    for (const snapshots of [undefined, store]) {
      // The bytes of a record stay while any part of it does, decoded or not.
      const made: WeakRef<ArrayBuffer>[] = [];
      let most = 0;
      const look = async (): Promise<void> => {
        // What was handed out in this task is held by it until the task is over.
        await new Promise((resolve) => setImmediate(resolve));
        gc();
        most = Math.max(most, made.filter((held) => held.deref() !== undefined).length);
        looks++;
      };
      const journal: Pick<Journal, "nextSeq" | "read"> = {
        nextSeq: parts.journal.nextSeq,
        async *read(fromSeq) {
          for await (const { firstSeq, records } of parts.journal.read(fromSeq)) {
            const copies = records.map((bytes) => new Uint8Array(bytes));
            made.push(...copies.map((bytes) => new WeakRef(bytes.buffer)));
            yield { firstSeq, records: copies };
            if (made.length % 50 < records.length) await look();
          }
          await look();
        },
      };
      const { turns } = await recordedWindow({ ...source(parts, snapshots), journal }, wanted);
      const held = turns.flat().length;
      assert.ok(most >= held / 2 && most <= held + 60, `${what}: ${most} of ${made.length} records held, the window has ${held}`);
    }
  }
  assert.ok(looks > 30, `${looks} looks`);
});
