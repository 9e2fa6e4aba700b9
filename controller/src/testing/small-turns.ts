// Durable turns of a world too small to need a repository: for tests of what happens to turns after they are durable.

import { createModuleRunner, decodeRecord, memoryBlobs, memoryJournal, openHost, systemClock, systemEntropy, type Blobs, type DurableTurn, type Hash, type Host } from "@agentos/kernel";
import { generateKey } from "../git/keys.ts";

export interface SmallTurns {
  readonly host: Host;
  readonly blobs: Blobs;
  /** Records one controller step and hands back its turn, as of a world in which a commit is in force. */
  next(detail?: string): Promise<DurableTurn>;
}

export const COMMIT = "c".repeat(40);
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
