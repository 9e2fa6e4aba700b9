// What a process that died left behind: turns that are in the local journal and in no seal.

import { decodeRecord, fold, type DurableTurn, type Host, type Journal, type JournalTurn, type World } from "@agentos/kernel";
import { SEAL_BYTES_MAX } from "../publish/seal.ts";

/**
 * The turns from `fromSeq` on, to be sealed. What fits into one seal comes as one, which cites the world of now; for more, the
 * journal is replayed once more, since each seal cites the world after its last record: from the snapshot that the world was opened
 * from, unless it is of a later time than the last seal.
 */
export async function backlogOf(journal: Pick<Journal, "read" | "nextSeq">, host: Pick<Host, "world" | "shelf" | "opened">, options: { readonly fromSeq: number; readonly bytesMax?: number }): Promise<readonly DurableTurn[]> {
  const turns: JournalTurn[] = [];
  if (options.fromSeq < journal.nextSeq) for await (const turn of journal.read(options.fromSeq)) turns.push(turn);
  const records = turns.flatMap((turn) => turn.records);
  if (records.length === 0) return [];
  const bytes = records.reduce((sum, record) => sum + record.length, 0);
  if (bytes <= (options.bytesMax ?? SEAL_BYTES_MAX)) return [durable(records, host.world)];
  const found: DurableTurn[] = [];
  const { snapshot } = host.opened;
  let world: World | undefined = snapshot !== undefined && snapshot.nextSeq <= options.fromSeq ? snapshot : undefined;
  const begin = world?.nextSeq ?? 0;
  for await (const turn of journal.read(begin)) {
    if (turn.firstSeq < begin) continue;
    world = await fold([turn.records], host.shelf, world);
    if (world !== undefined && turn.firstSeq >= options.fromSeq) found.push(durable(turn.records, world));
  }
  return found;
}

function durable(records: readonly Uint8Array[], world: World): DurableTurn {
  return { records: records.map(decodeRecord), bytes: records, world };
}
