// A world for a test: built, run, and then always replayed from its journal with its state roots compared.

import assert from "node:assert/strict";
import { loadFiles } from "../air/load.ts";
import { hashValue } from "../air/hash.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Encodable, Hash } from "../air/value.ts";
import { memoryBlobs } from "../adapters/blobs/memory.ts";
import { ed25519Signer } from "../adapters/signer.ts";
import { memoryJournal } from "../adapters/journal/memory.ts";
import { memorySnapshots } from "../adapters/snapshots/memory.ts";
import { decode, canonical } from "../air/cbor.ts";
import { decodeRecord, type JournalRecord, type RecordKind } from "../core/record.ts";
import { stateRoot, type World } from "../core/world.ts";
import { controlShelf, fold } from "../fold.ts";
import { openHost, type Host } from "../host.ts";
import { openWorld } from "../opening.ts";
import type { Adapter, Blobs, Journal, ModuleRunner, SnapshotStore } from "../ports.ts";
import { openSnapshots } from "../snapshots.ts";
import { manualClock, type ManualClock } from "./manual-clock.ts";

export interface TestWorldOptions {
  /** AIR nodes as plain JSON objects, one manifest among them. */
  readonly air: readonly unknown[];
  readonly modules: ModuleRunner;
  readonly artifacts?: readonly Uint8Array[];
  readonly moduleHashes?: ReadonlyMap<string, Hash>;
  readonly adapters?: readonly Adapter[];
  readonly journal?: Journal;
  readonly blobs?: Blobs;
  readonly snapshots?: SnapshotStore;
}
export interface TestWorld {
  readonly host: Host;
  readonly clock: ManualClock;
  readonly blobs: Blobs;
  /** Sends an event and waits until the world is settled; returns all records made since. */
  send(schema: string, value: Encodable): Promise<readonly JournalRecord[]>;
  /** Loads other AIR and applies it. */
  apply(air: readonly unknown[]): Promise<readonly JournalRecord[]>;
  /** Every record so far. */
  records(): readonly JournalRecord[];
  of<K extends RecordKind>(kind: K): readonly JournalRecord<K>[];
}

export const TEST_WORLD_ID = hashValue("a world for tests");
export const TEST_SANDBOX = "test-1";

/** Builds AIR, failing with every diagnostic. */
export function controlFrom(air: readonly unknown[], moduleHashes: ReadonlyMap<string, Hash> = new Map()): ControlPlane {
  const files = air.map((node, index) => ({ path: `air/${index}.air.json`, text: JSON.stringify(node) }));
  const { control, diagnostics } = loadFiles(files, { moduleHashes });
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  assert.deepEqual(errors, [], "the world's AIR is valid");
  assert.ok(control !== undefined, "AIR without errors gives a control plane");
  return control;
}

/**
 * Runs `use` on a fresh world with the AIR applied and a snapshot taken, then stops it, opens its journal on fresh memory from
 * the start, from that snapshot and from one taken at the end, and compares the roots: no test that runs a world can forget to.
 */
export async function withWorld(options: TestWorldOptions, use: (world: TestWorld) => Promise<void>): Promise<void> {
  const journal = options.journal ?? memoryJournal();
  const blobs = options.blobs ?? memoryBlobs();
  const snapshots = options.snapshots ?? memorySnapshots();
  const clock = manualClock(1_700_000_000_000_000_000n);
  let draws = 0;
  const host = await openHost({
    journal, blobs, clock, snapshots, signer: ed25519Signer(new Uint8Array(32).fill(1)), adapters: options.adapters ?? [], modules: options.modules,
    sandbox: TEST_SANDBOX, world: TEST_WORLD_ID, entropy: { bytes: (count) => new Uint8Array(count).fill(draws++ % 256) },
  });
  const made: JournalRecord[] = [];
  for await (const turn of journal.read(0)) for (const bytes of turn.records) made.push(decodeRecord(bytes));
  host.onTurn((turn) => made.push(...turn.records));
  const apply = (air: readonly unknown[]): Promise<readonly JournalRecord[]> =>
    host.apply({ control: controlFrom(air, options.moduleHashes), artifacts: options.artifacts ?? [], commit: "0".repeat(40), base: undefined, decision: null });
  const since = async (act: () => Promise<unknown>): Promise<readonly JournalRecord[]> => {
    const from = made.length;
    await act();
    await host.settled();
    return made.slice(from);
  };
  if (host.world.control === undefined) await apply(options.air);
  await host.snapshot();
  host.startEffects();
  await use({
    host, clock, blobs,
    send: (schema, value) => since(() => host.submit({ schema, value: decode(canonical(value)), key: undefined, sender: "test" })),
    apply: (air) => since(() => apply(air)),
    records: () => made,
    of: <K extends RecordKind>(kind: K) => made.filter((record): record is JournalRecord<K> => record.kind === kind),
  });
  await host.settled();
  const live = host.world;
  const parts = { modules: options.modules, live };
  await assertOpens({ journal, blobs, snapshots }, parts);
  await host.snapshot();
  assert.equal(await assertOpens({ journal, blobs, snapshots }, parts), 0, "nothing is replayed after a snapshot of the whole journal");
  await host.stop();
  await assertReplays(journal, blobs, parts);
}

/** Opens a world from its newest snapshot and compares the state root with the world that ran; returns how many records were replayed. */
export async function assertOpens(
  stores: { readonly journal: Journal; readonly blobs: Blobs; readonly snapshots: SnapshotStore },
  expected: { readonly modules: ModuleRunner; readonly live: World },
): Promise<number> {
  const shelf = controlShelf(expected.modules, stores.blobs);
  const identity = { world: expected.live.id, sandbox: expected.live.sandbox };
  const { world, opened } = await openWorld(stores.journal, shelf, { ...identity, snapshots: openSnapshots(stores.snapshots, shelf, identity) });
  assert.deepEqual(opened.passed, [], "every snapshot is good");
  assert.notEqual(opened.snapshotSeq, undefined, "it was opened from a snapshot");
  assert.ok(world !== undefined);
  assert.equal(stateRoot(world), stateRoot(expected.live), "a snapshot and the turns since end in the same state (I6)");
  return opened.replayed;
}

/** Replays a journal from its first record and compares the state root with the world that ran. */
export async function assertReplays(journal: Journal, blobs: Blobs, expected: { readonly modules: ModuleRunner; readonly live: World }): Promise<void> {
  const turns: (readonly Uint8Array[])[] = [];
  for await (const turn of journal.read(0)) turns.push(turn.records);
  assert.notEqual(turns.length, 0, "there is a journal to replay");
  const replayed = await fold(turns, controlShelf(expected.modules, blobs));
  assert.ok(replayed !== undefined);
  assert.equal(stateRoot(replayed), stateRoot(expected.live), "the replay ends in the same state (I6)");
  assert.equal(replayed.nextSeq, expected.live.nextSeq);
}
