// The latest receipts of a world, which may answer again in rehearsals: where they stand in the journal, read when they are asked for.

import { readFile, rename, writeFile } from "node:fs/promises";
import { decodeRecord, hashBytes, type DurableTurn, type Journal, type JournalRecord, type RecordedReceipt } from "@agentos/kernel";
import { jsonObject } from "../json-object.ts";

/** Receipts kept for rehearsals; older ones answer nothing. */
const RECORDED_MAX = 1000;
/** The position is written down whenever so many records are not covered by it. */
const SAVE_RECORDS = 10_000;
/** A start that had to read so many writes it down at once. */
const SAVE_READ_RECORDS = 1_000;

/** Collects the receipts of a whole journal with their intents, the latest of them. */
export function receiptBook(): { take(records: readonly JournalRecord[]): void; readonly recorded: readonly RecordedReceipt[] } {
  const intents = new Map<number, JournalRecord<"intent">>();
  const recorded: RecordedReceipt[] = [];
  return {
    recorded,
    take(records) {
      for (const record of records) {
        if (record.kind === "intent") intents.set(record.seq, record);
        const intent = record.kind === "receipt" ? intents.get(record.intent_seq) : undefined;
        if (record.kind !== "receipt" || intent === undefined) continue;
        intents.delete(record.intent_seq);
        recorded.push({ intent, receipt: record });
        if (recorded.length > RECORDED_MAX) recorded.shift();
      }
    },
  };
}

/** Where a receipt and the intent it answers stand. */
type Pair = readonly [intentSeq: number, receiptSeq: number];

export interface KeptBook {
  /** Takes the next durable turn. */
  take(turn: Pick<DurableTurn, "records" | "bytes">): void;
  /** Hands out what reads the latest receipts as they are now, oldest first, whenever that is called. */
  recorded(): () => Promise<readonly RecordedReceipt[]>;
  /** Writes down how far the book goes, so that the next start reads on from there. Never rejects. */
  save(): Promise<void>;
}

/**
 * Opens the book of a journal. What `path` says is taken up where the journal goes on from it; anything else is read again from
 * the journal's start.
 *
 * @param options.onProblem - called when the book could not be written; it goes on without
 */
export async function openBook(path: string, journal: Pick<Journal, "read" | "nextSeq">, options: { readonly onProblem: (error: unknown) => void }): Promise<KeptBook> {
  const kept = await readKept(path, journal);
  const pairs: Pair[] = [...(kept?.pairs ?? [])];
  let nextSeq = kept?.nextSeq ?? 0;
  let savedSeq = nextSeq;
  let last: Uint8Array | undefined;
  let read = new Map<number, RecordedReceipt>();
  let saving: Promise<void> = Promise.resolve();

  function take(records: readonly JournalRecord[], lastBytes: Uint8Array | undefined): void {
    for (const record of records) if (record.kind === "receipt" && record.seq >= nextSeq) pairs.push([record.intent_seq, record.seq]);
    if (pairs.length > 2 * RECORDED_MAX) pairs.splice(0, pairs.length - RECORDED_MAX);
    nextSeq = Math.max(nextSeq, (records.at(-1)?.seq ?? -1) + 1);
    last = lastBytes ?? last;
  }

  function save(): Promise<void> {
    if (last === undefined || savedSeq === nextSeq) return saving;
    const text = `${JSON.stringify(sealed({ next_seq: nextSeq, last: hashBytes(last), receipts: pairs.slice(-RECORDED_MAX) }))}\n`;
    savedSeq = nextSeq;
    saving = saving.then(async () => {
      await writeFile(`${path}.draft`, text, { mode: 0o600 });
      await rename(`${path}.draft`, path);
    }).catch(options.onProblem);
    return saving;
  }

  async function readPairs(wanted: readonly Pair[]): Promise<readonly RecordedReceipt[]> {
    const missing = wanted.filter(([, seq]) => !read.has(seq));
    const records = await recordsAt(journal, missing.flat());
    for (const [intentSeq, seq] of missing) {
      const [intent, receipt] = [records.get(intentSeq), records.get(seq)];
      if (intent?.kind === "intent" && receipt?.kind === "receipt") read.set(seq, { intent, receipt });
    }
    const found = wanted.flatMap(([, seq]) => read.get(seq) ?? []);
    read = new Map(found.map((one) => [one.receipt.seq, one]));
    return found;
  }

  for await (const turn of journal.read(nextSeq)) take(turn.records.map(decodeRecord), turn.records.at(-1));
  if (nextSeq - savedSeq >= SAVE_READ_RECORDS) await save();

  return {
    take({ records, bytes }) {
      take(records, bytes.at(-1));
      if (nextSeq - savedSeq >= SAVE_RECORDS) void save();
    },
    recorded() {
      const now = pairs.slice(-RECORDED_MAX);
      return () => readPairs(now);
    },
    save,
  };
}

/** Reads single records; those that stand near each other in one go. */
async function recordsAt(journal: Pick<Journal, "read">, seqs: readonly number[]): Promise<ReadonlyMap<number, JournalRecord>> {
  const wanted = [...new Set(seqs)].sort((a, b) => a - b);
  const found = new Map<number, JournalRecord>();
  let index = 0;
  while (index < wanted.length) {
    const from = wanted[index] ?? 0;
    for await (const { firstSeq, records } of journal.read(from)) {
      const end = firstSeq + records.length;
      for (let seq = wanted[index]; seq !== undefined && seq < end; seq = wanted[++index]) {
        const bytes = records[seq - firstSeq];
        if (bytes !== undefined) found.set(seq, decodeRecord(bytes));
      }
      const next = wanted[index];
      if (next === undefined || next - end > NEAR_RECORDS) break;
    }
    // A journal that ends before: nothing further is in it.
    if (wanted[index] === from) break;
  }
  return found;
}

/** Reading on over so many records costs no more than looking up where the next one stands. */
const NEAR_RECORDS = 64;

interface Kept {
  readonly nextSeq: number;
  readonly pairs: readonly Pair[];
}

/** The book as it was written down; undefined where it is not there, damaged, or of another journal than this. */
async function readKept(path: string, journal: Pick<Journal, "read" | "nextSeq">): Promise<Kept | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  const { check, ...kept } = (text === undefined ? undefined : jsonObject(text)) ?? {};
  const { next_seq: nextSeq, last, receipts } = kept;
  if (sealed(kept).check !== check || !isSeq(nextSeq) || nextSeq === 0 || nextSeq > journal.nextSeq) return undefined;
  if (!Array.isArray(receipts) || receipts.length > RECORDED_MAX || !receipts.every((pair) => isPair(pair, nextSeq))) return undefined;
  for await (const { firstSeq, records } of journal.read(nextSeq - 1)) {
    const bytes = records[nextSeq - 1 - firstSeq];
    return bytes !== undefined && hashBytes(bytes) === last ? { nextSeq, pairs: receipts as readonly Pair[] } : undefined;
  }
  return undefined;
}

function sealed<T extends object>(kept: T): T & { readonly check: string } {
  return { ...kept, check: hashBytes(Buffer.from(JSON.stringify(kept))) };
}

function isSeq(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isPair(value: unknown, endSeq: number): value is Pair {
  return Array.isArray(value) && value.length === 2 && value.every((seq) => isSeq(seq) && seq < endSeq);
}
