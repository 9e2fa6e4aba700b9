// A world is opened: from its newest good snapshot and the turns since, or from its whole journal.

import { canonical } from "./air/cbor.ts";
import { AosError } from "./air/error.ts";
import { bytesEqual } from "./air/hash.ts";
import type { Hash } from "./air/value.ts";
import { LIMITS } from "./core/limits.ts";
import { decodeRecord, type Input } from "./core/record.ts";
import { stateRoot, type World } from "./core/world.ts";
import { fold, type ControlShelf } from "./fold.ts";
import type { Journal } from "./ports.ts";
import { maybeOfSnapshot, passedOver, type PassedOver, type Snapshots } from "./snapshots.ts";

/** What a world of `nextSeq` records is, as somebody vouches for it. */
export interface WorldCheckpoint {
  readonly nextSeq: number;
  /** Its state root. */
  readonly root: Hash;
}

type ReadJournal = Pick<Journal, "nextSeq" | "read">;

/** How a world came up. */
export interface Opened {
  /** The seq of the snapshot it was taken up from; undefined without one. */
  readonly snapshotSeq: number | undefined;
  /** The world as that snapshot holds it; it can be read until another is taken. */
  readonly snapshot: World | undefined;
  /** Records replayed since. */
  readonly replayed: number;
  /** Snapshots that were not trusted, newest first. */
  readonly passed: readonly PassedOver[];
}

/**
 * Replays a journal onto its newest good snapshot, comparing every derived record. A snapshot that turns out bad while the
 * tail is replayed, that does not lead to what the journal holds, or not to the checkpoint, is passed over like one that cannot be
 * read: where the journal itself is wrong, replaying all of it says so. A checkpoint from before the snapshot is not looked at.
 *
 * @returns no world for an empty journal; `last`: the bytes of its last record
 * @throws AosError `replay.divergence`, `replay.checkpoint`, `world.other`, `sandbox.version`, and what the journal throws
 */
export async function openWorld(
  journal: ReadJournal,
  shelf: ControlShelf,
  options: { readonly world: Hash; readonly sandbox: string; readonly snapshots: Snapshots | undefined; readonly checkpoint?: WorldCheckpoint },
): Promise<{ readonly world: World | undefined; readonly last: Uint8Array | undefined; readonly opened: Opened }> {
  await checkGenesis(journal, options);
  let passed: readonly PassedOver[] = [];
  for (;;) {
    const start = await options.snapshots?.load(journal, passed);
    passed = start?.passed ?? passed;
    const fromSeq = start?.world?.nextSeq ?? 0;
    try {
      const tail = tailOf(journal, fromSeq);
      if (start?.world !== undefined) checkRoot(start.world, options.checkpoint);
      const world = await fold(tail.turns(), shelf, start?.world, (now) => checkRoot(now, options.checkpoint));
      const opened = { snapshotSeq: start?.world?.nextSeq, snapshot: start?.world, replayed: (world?.nextSeq ?? 0) - fromSeq, passed };
      return { world, last: tail.last(), opened };
    } catch (error) {
      if (!maybeOfSnapshot(error) || start?.file === undefined) throw error;
      passed = [...passed, passedOver(start.file, error)];
    }
  }
}

/** @throws AosError `replay.checkpoint` (unverified) */
function checkRoot(world: World, checkpoint: WorldCheckpoint | undefined): void {
  if (world.nextSeq !== checkpoint?.nextSeq) return;
  const root = stateRoot(world);
  if (root === checkpoint.root) return;
  throw new AosError("replay.checkpoint", `seq ${world.nextSeq - 1}: the state after it has the root ${root}, and what is published says ${checkpoint.root}`, { class: "unverified", at: { seq: world.nextSeq - 1 }, hint: "run `aos verify`" });
}

/** The turns from a seq on, where a turn begins, and the last record of all. */
function tailOf(journal: ReadJournal, fromSeq: number): { turns(): AsyncGenerator<readonly Uint8Array[]>; last(): Uint8Array | undefined } {
  let last: Uint8Array | undefined;
  return {
    async *turns() {
      for await (const { firstSeq, records } of journal.read(Math.max(0, fromSeq - 1))) {
        last = records.at(-1);
        if (firstSeq >= fromSeq) yield records;
      }
    },
    last: () => last,
  };
}

/** Refuses a journal that is not this world's or not this build's. */
async function checkGenesis(journal: ReadJournal, build: { readonly world: Hash; readonly sandbox: string }): Promise<void> {
  const genesis = await genesisOf(journal);
  if (genesis === undefined) return;
  if (genesis.world !== build.world) throw new AosError("world.other", `the journal is of world ${genesis.world}, not ${build.world}`);
  const hint = "run it with the release that made it";
  if (genesis.sandbox !== build.sandbox) throw new AosError("sandbox.version", `the world pins sandbox ${genesis.sandbox}, this build is ${build.sandbox}`, { hint });
  if (!bytesEqual(canonical(genesis.limits), canonical({ ...LIMITS }))) throw new AosError("sandbox.version", "the world pins other limits than those of this build", { hint });
}

/** The first record, where it is a genesis; what else it may be is for the replay to refuse. */
async function genesisOf(journal: ReadJournal): Promise<Input<"genesis"> | undefined> {
  for await (const { records: [first] } of journal.read(0)) {
    const record = first === undefined ? undefined : decodeRecord(first);
    return record?.kind === "genesis" ? record : undefined;
  }
  return undefined;
}
