// Durable turns of a world too small to need a repository: for tests of what happens to turns after they are durable.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  canonical, createModuleRunner, decodeRecord, encodeRecord, memoryBlobs, memoryJournal, openHost, systemClock, systemEntropy,
  type Blobs, type DurableTurn, type Hash, type Host, type JournalRecord,
} from "@agentos/kernel";
import { generateKey } from "../git/keys.ts";
import { initRepo, type Repo } from "../git/repo.ts";
import { openStore, type ObjectStore } from "../git/store.ts";
import { openSealer } from "../publish/seal.ts";

interface SmallTurns {
  readonly host: Host;
  readonly blobs: Blobs;
  /** Records one controller step and hands back its turn, as of a world in which a commit is in force. */
  next(detail?: string): Promise<DurableTurn>;
}

const COMMIT = "c".repeat(40);
export const WORLD = `sha256:${"a".repeat(64)}` as Hash;

export async function smallTurns(): Promise<SmallTurns> {
  const blobs = memoryBlobs();
  const journal = memoryJournal();
  const host = await openHost({
    journal, blobs, clock: systemClock(), entropy: systemEntropy(), signer: generateKey("ctl").key, modules: createModuleRunner(), adapters: [], sandbox: "test", world: WORLD,
  });
  let last: DurableTurn | undefined;
  host.onTurn((turn) => (last = turn));
  let first = true;
  return {
    host, blobs,
    async next(detail = "x") {
      await host.transition("held", detail);
      if (last === undefined) throw new Error("a turn is durable when it resolves");
      const turn: DurableTurn = { ...last, world: { ...last.world, commit: COMMIT } };
      if (!first) return turn;
      first = false;
      const bytes: Uint8Array[] = [];
      for await (const { records } of journal.read(0)) bytes.push(...records);
      return { records: bytes.map(decodeRecord), bytes, world: turn.world };
    },
  };
}

export interface SealedTurns {
  readonly folder: string;
  readonly repo: Repo;
  readonly store: ObjectStore;
  /** Every record that is sealed, as bytes. */
  readonly records: readonly Uint8Array[];
  /** What the sealed records speak of. */
  readonly body: Hash;
  remove(): Promise<void>;
}

/** Four seals of two turns each in a bare repository; the second brings a blob. Nobody's decisions are in it: it is no world that verifies. */
export async function sealedTurns(): Promise<SealedTurns> {
  const folder = await mkdtemp(join(tmpdir(), "aos-sealed-"));
  const repo = await initRepo(folder, { kind: "bare" });
  const store = openStore(repo.commonDir);
  const turns = await smallTurns();
  const body = await turns.blobs.put(Buffer.from("a body"));
  const sealer = await openSealer({ store, key: generateKey("ctl").key, principal: "ctl", world: WORLD, blobs: turns.blobs, noteOf: async () => "note" });
  const records: Uint8Array[] = [];
  for (let count = 0; count < 8; count++) {
    const turn = await turns.next();
    const made = count === 2 ? speakingOf(turn, body) : turn;
    sealer.add(made);
    records.push(...made.bytes);
    if (count % 2 === 1) await sealer.seal();
  }
  return {
    folder, repo, store, records, body,
    async remove() {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The turn with a receipt in place of its input, whose payload names a blob. */
function speakingOf(turn: DurableTurn, body: Hash): DurableTurn {
  const [input] = turn.records;
  if (input === undefined) throw new Error("a turn has an input");
  const receipt: JournalRecord = {
    kind: "receipt", seq: input.seq, intent: WORLD, intent_seq: 0, adapter: "http", status: "ok", payload: canonical({ body_ref: body }), started_ns: 1n, finished_ns: 2n,
    signer: new Uint8Array(32), signature: new Uint8Array(64), now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32),
  };
  return { ...turn, records: [receipt], bytes: [encodeRecord(receipt)] };
}
