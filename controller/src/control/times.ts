// When a record came into the journal: the time that the input of its turn carries.

import { decodeRecord, isInput, type Journal } from "@agentos/kernel";
import type { Times } from "./views.ts";

/** What is waited for is asked about again and again: times once read are kept, up to so many. */
const KEPT_MAX = 4_096;

export function journalTimes(journal: Pick<Journal, "read" | "nextSeq">): Times {
  const kept = new Map<number, bigint>();
  return async (seqs) => {
    const found = new Map<number, bigint>();
    for (const seq of new Set(seqs)) {
      const ns = kept.get(seq) ?? (await timeOf(journal, seq));
      if (ns === undefined) continue;
      found.set(seq, ns);
      if (kept.size >= KEPT_MAX) kept.clear();
      kept.set(seq, ns);
    }
    return found;
  };
}

async function timeOf(journal: Pick<Journal, "read" | "nextSeq">, seq: number): Promise<bigint | undefined> {
  if (seq >= journal.nextSeq) return undefined;
  for await (const turn of journal.read(seq)) {
    const [first] = turn.records;
    const record = first === undefined ? undefined : decodeRecord(first);
    return record !== undefined && isInput(record) ? record.now_ns : undefined;
  }
  return undefined;
}
