// A world is opened: from its newest good snapshot and the turns since, or from its whole journal.

import { canonical } from "./air/cbor.ts";
import { AosError } from "./air/error.ts";
import { bytesEqual } from "./air/hash.ts";
import type { Hash } from "./air/value.ts";
import { LIMITS } from "./core/limits.ts";
import { decodeRecord, type Input } from "./core/record.ts";
import { StateLost } from "./core/snapshot.ts";
import type { World } from "./core/world.ts";
import { fold, type ControlShelf } from "./fold.ts";
import type { Journal } from "./ports.ts";
import { passedOver, type PassedOver, type Snapshots } from "./snapshots.ts";

/** How a world came up. */
export interface Opened {
  /** The seq of the snapshot it was taken up from; undefined without one. */
  readonly snapshotSeq: number | undefined;
  /** Records replayed since. */
  readonly replayed: number;
  /** Snapshots that were not trusted, newest first. */
  readonly passed: readonly PassedOver[];
}

/**
 * Replays a journal onto its newest good snapshot, comparing every derived record. A snapshot that turns out bad while the
 * tail is replayed is passed over like one that cannot be read.
 *
 * @returns no world for an empty journal; `last`: the bytes of its last record
 * @throws AosError `replay.divergence`, `world.other`, `sandbox.version`, and what the journal throws
 */
export async function openWorld(
  journal: Journal,
  shelf: ControlShelf,
  options: { readonly world: Hash; readonly sandbox: string; readonly snapshots: Snapshots | undefined },
): Promise<{ readonly world: World | undefined; readonly last: Uint8Array | undefined; readonly opened: Opened }> {
  await checkGenesis(journal, options);
  let passed: readonly PassedOver[] = [];
  for (;;) {
    const start = await options.snapshots?.load(journal, passed);
    passed = start?.passed ?? passed;
    const fromSeq = start?.world?.nextSeq ?? 0;
    try {
      const tail = tailOf(journal, fromSeq);
      const world = await fold(tail.turns(), shelf, start?.world);
      const opened = { snapshotSeq: start?.world?.nextSeq, replayed: (world?.nextSeq ?? 0) - fromSeq, passed };
      return { world, last: tail.last(), opened };
    } catch (error) {
      if (!(error instanceof StateLost) || start?.file === undefined) throw error;
      passed = [...passed, passedOver(start.file, error)];
    }
  }
}

/** The turns from a seq on, where a turn begins, and the last record of all. */
function tailOf(journal: Journal, fromSeq: number): { turns(): AsyncGenerator<readonly Uint8Array[]>; last(): Uint8Array | undefined } {
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
async function checkGenesis(journal: Journal, build: { readonly world: Hash; readonly sandbox: string }): Promise<void> {
  const genesis = await genesisOf(journal);
  if (genesis === undefined) return;
  if (genesis.world !== build.world) throw new AosError("world.other", `the journal is of world ${genesis.world}, not ${build.world}`);
  const hint = "run it with the release that made it";
  if (genesis.sandbox !== build.sandbox) throw new AosError("sandbox.version", `the world pins sandbox ${genesis.sandbox}, this build is ${build.sandbox}`, { hint });
  if (!bytesEqual(canonical(genesis.limits), canonical({ ...LIMITS }))) throw new AosError("sandbox.version", "the world pins other limits than those of this build", { hint });
}

/** The first record, where it is a genesis; what else it may be is for the replay to refuse. */
async function genesisOf(journal: Journal): Promise<Input<"genesis"> | undefined> {
  for await (const { records: [first] } of journal.read(0)) {
    const record = first === undefined ? undefined : decodeRecord(first);
    return record?.kind === "genesis" ? record : undefined;
  }
  return undefined;
}
