// Journal records for those who follow them: what came last from memory, what lies further back from the journal.

import { decodeRecord, type DurableTurn, type Journal, type JournalRecord } from "@agentos/kernel";
import { eventStream, eventText, type EventStream } from "./event-stream.ts";
import { recordJson } from "./record-json.ts";

export interface RecordFeed {
  /** Takes a turn that is durable. Whoever follows hears of it after the loop had its turn. */
  take(turn: Pick<DurableTurn, "records" | "bytes">): void;
  /** Events from a seq on, without end: id is the seq, event the kind, data the record as JSON. */
  stream(options: { readonly from: number; readonly kinds: ReadonlySet<string> | undefined }): EventStream;
  /** There will be no more records: streams end once they have sent the last. Resolves when they have, or after a while. */
  end(): Promise<void>;
}

interface Entry {
  readonly record: JournalRecord;
  readonly size: number;
  /** Made once, for whoever comes first. */
  text: string | undefined;
}

/** What is kept in memory for followers, in bytes of records. */
const KEPT_BYTES_MAX = 4 << 20;
/** How long followers get for the last records. */
const END_MS = 3_000;
/** What one follower is given at a time. */
const BATCH_BYTES_MAX = 256 << 10;

export function recordFeed(journal: Pick<Journal, "read" | "nextSeq">): RecordFeed {
  /** The last records, in order and without gaps; empty while nobody follows. */
  const kept: Entry[] = [];
  let keptBytes = 0;
  let followers = 0;
  let waiting: (() => void)[] = [];
  let wakeDue = false;
  let ended: (() => void) | undefined;

  function wake(): void {
    wakeDue = false;
    const all = waiting;
    waiting = [];
    for (const go of all) go();
  }

  /** Resolves when there may be a record of that seq. */
  function more(seq: number, gone: AbortSignal): Promise<void> {
    if (journal.nextSeq > seq || gone.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const go = (): void => {
        gone.removeEventListener("abort", go);
        resolve();
      };
      waiting.push(go);
      gone.addEventListener("abort", go);
    });
  }

  async function batchFrom(seq: number): Promise<readonly Entry[]> {
    const first = kept[0]?.record.seq;
    return first !== undefined && seq >= first && seq < first + kept.length ? cut(kept, seq - first) : readBatch(journal, seq);
  }

  return {
    take({ records, bytes }) {
      if (followers === 0) return;
      for (const [index, record] of records.entries()) {
        const size = bytes[index]?.length ?? 0;
        kept.push({ record, size, text: undefined });
        keptBytes += size;
      }
      let dropped = 0;
      while (keptBytes > KEPT_BYTES_MAX && dropped < kept.length) keptBytes -= kept[dropped++]?.size ?? 0;
      if (dropped > 0) kept.splice(0, dropped);
      if (wakeDue) return;
      wakeDue = true;
      setImmediate(wake);
    },
    stream({ from, kinds }) {
      return eventStream(async (sink) => {
        followers++;
        try {
          for (let next = from; !sink.gone.aborted; ) {
            const batch = await batchFrom(next);
            const last = batch.at(-1);
            if (last === undefined) {
              if (ended !== undefined) return;
              await more(next, sink.gone);
              continue;
            }
            next = last.record.seq + 1;
            const text = batch.filter(({ record }) => kinds?.has(record.kind) ?? true).map(textOf).join("");
            if (text !== "") await sink.send(text);
          }
        } finally {
          followers--;
          if (followers === 0) [kept.length, keptBytes] = [0, 0];
          if (followers === 0) ended?.();
        }
      });
    },
    async end() {
      let late: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        ended = resolve;
        late = setTimeout(resolve, END_MS);
        wake();
        if (followers === 0) resolve();
      });
      clearTimeout(late);
    },
  };
}

function textOf(entry: Entry): string {
  const { record } = entry;
  return (entry.text ??= eventText({ id: record.seq, event: record.kind, data: JSON.stringify(recordJson(record)) }));
}

function cut(entries: readonly Entry[], start: number): readonly Entry[] {
  let bytes = 0;
  let end = start;
  while (end < entries.length && bytes < BATCH_BYTES_MAX) bytes += entries[end++]?.size ?? 0;
  return entries.slice(start, end);
}

async function readBatch(journal: Pick<Journal, "read" | "nextSeq">, from: number): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  if (from >= journal.nextSeq) return found;
  let size = 0;
  for await (const turn of journal.read(from)) {
    for (const [index, bytes] of turn.records.entries()) {
      if (turn.firstSeq + index < from || size >= BATCH_BYTES_MAX) continue;
      found.push({ record: decodeRecord(bytes), size: bytes.length, text: undefined });
      size += bytes.length;
    }
    if (size >= BATCH_BYTES_MAX) break;
  }
  return found;
}
