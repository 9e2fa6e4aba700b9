// The sealer: durable turns become one signed commit on refs/notes/aos, the only commit point of what is published.

import {
  AosError, assert, decode, isHash, stateRoot, type Blobs, type DurableTurn, type Hash, type JournalRecord, type Value, type World,
} from "@agentos/kernel";
import type { SigningKey } from "../git/ed25519.ts";
import { parseOid, type Oid } from "../git/objects.ts";
import { appendSigned } from "../git/signed-ref.ts";
import type { ObjectStore } from "../git/store.ts";
import { blobPath, NOTES_REF, publishedBlobs, readSegment, readTip } from "./published.ts";
import { receiptLines } from "./receipt-lines.ts";
import { sealMessage, type Checkpoint } from "./seal-message.ts";
import { encodeSegment, segmentHash, segmentPath } from "./segment.ts";

export interface SealerOptions {
  readonly store: ObjectStore;
  readonly key: SigningKey;
  /** The controller's principal name; its mail address is `<name>@aos`. */
  readonly principal: string;
  readonly world: Hash;
  readonly blobs: Blobs;
  /** The note of a commit that came into force; written in the seal that holds its record. */
  readonly noteOf: (record: JournalRecord<"applied">) => Promise<string>;
}
export interface Sealer {
  /** Seq of the last record that is sealed; -1 when none is. */
  readonly sealedSeq: number;
  /** Records that wait for the next seal, and their bytes. */
  readonly pending: { readonly records: number; readonly bytes: number };
  add(turn: DurableTurn): void;
  /** Seals what waits; undefined when nothing does. @throws AosError `seal.fenced` when another writer moved the ref */
  seal(): Promise<Oid | undefined>;
}

const EPOCH = 1;

/** Opens at the published tip; `journalHead` of the tip's segment must be what the local journal holds. */
export async function openSealer(options: SealerOptions): Promise<Sealer> {
  const { store } = options;
  const tip = await readTip(store);
  let expected = tip?.oid ?? null;
  let number = tip === undefined ? 0 : (await readSegment(store, tip)).segment.number + 1;
  let head = tip === undefined ? new Uint8Array(32) : rawOf(tip.checkpoint.journalHead);
  let sealedSeq = tip?.checkpoint.lastSeq ?? -1;
  const already = tip === undefined ? undefined : await publishedBlobs(store, tip.oid);
  const published = new Set<Hash>();
  let waiting: DurableTurn[] = [];
  let waitingBytes = 0;
  let sealing: Promise<Oid | undefined> = Promise.resolve(undefined);

  async function sealNow(): Promise<Oid | undefined> {
    const turns = waiting;
    const [first, last] = [turns[0]?.records[0], turns.at(-1)];
    // The first seal holds the record that says whose keys count.
    if (first === undefined || last === undefined || last.world.commit === undefined) return undefined;
    const bytes = waitingBytes;
    [waiting, waitingBytes] = [[], 0];
    try {
      return await write(turns, last.world);
    } catch (error) {
      [waiting, waitingBytes] = [[...turns, ...waiting], waitingBytes + bytes];
      throw error;
    }
  }

  /** The notes of the commits that these records put in force. */
  async function notesOf(records: readonly JournalRecord[]): Promise<Map<Oid, Uint8Array>> {
    const found = new Map<Oid, Uint8Array>();
    for (const record of records) {
      if (record.kind === "applied") found.set(parseOid(record.commit), new TextEncoder().encode(await options.noteOf(record)));
    }
    return found;
  }

  async function write(turns: readonly DurableTurn[], world: World): Promise<Oid> {
    const records = turns.flatMap((turn) => turn.records);
    const firstSeq = sealedSeq + 1;
    assert(records[0]?.seq === firstSeq, "a seal begins where the last one ended (I9)");
    const segment = encodeSegment({ number, firstSeq, previous: head, records: turns.flatMap((turn) => turn.bytes) });
    const checkpoint: Checkpoint = {
      firstSeq, lastSeq: firstSeq + records.length - 1, segment: segmentPath("journal", number), journalHead: segmentHash(segment), stateRoot: stateRoot(world),
      world: parseOid(world.commit ?? "0".repeat(40)), receipts: records.filter((record) => record.kind === "receipt").length, epoch: EPOCH,
    };
    const entries = new Map<string, Uint8Array>([[checkpoint.segment, segment]]);
    if (checkpoint.receipts > 0) entries.set(segmentPath("receipts", number), receiptLines(options.world, records));
    const brought = await newBlobs(records);
    for (const [hash, bytes] of brought) entries.set(blobPath(number, hash), bytes);
    const timeSeconds = Number((records.findLast((record) => "now_ns" in record)?.now_ns ?? 0n) / 1_000_000_000n);
    const done = await appendSigned({
      store, ref: NOTES_REF, key: options.key, identity: { name: options.principal, email: `${options.principal}@aos` }, message: sealMessage(number, records, checkpoint),
      timeSeconds, changes: { notes: await notesOf(records), entries }, expected,
    });
    if (done.kind === "stale") {
      throw new AosError("seal.fenced", `${NOTES_REF} moved to ${done.tip ?? "nothing"} under this controller: somebody else seals`, { class: "refused", hint: "stop the other controller, then start this one again" });
    }
    for (const hash of brought.keys()) published.add(hash);
    [expected, head, sealedSeq, number] = [done.commit, rawOf(checkpoint.journalHead), checkpoint.lastSeq, number + 1];
    return done.commit;
  }

  /** The blobs these records speak of that the store holds and no seal has brought yet. */
  async function newBlobs(records: readonly JournalRecord[]): Promise<ReadonlyMap<Hash, Uint8Array>> {
    const found = new Map<Hash, Uint8Array>();
    const bring = async (hash: Hash): Promise<Uint8Array | undefined> => {
      if (published.has(hash) || found.has(hash) || already?.has(hash) === true) return undefined;
      const bytes = await options.blobs.get(hash);
      if (bytes !== undefined) found.set(hash, bytes);
      return bytes;
    };
    for (const record of records) {
      for (const hash of hashesIn(record)) {
        const bytes = await bring(hash);
        if (record.kind === "applied" && hash === record.bundle && bytes !== undefined) for (const module of textHashes(decode(bytes))) await bring(module);
      }
    }
    return found;
  }

  return {
    get sealedSeq() {
      return sealedSeq;
    },
    get pending() {
      return { records: waiting.reduce((sum, turn) => sum + turn.records.length, 0), bytes: waitingBytes };
    },
    add(turn) {
      if ((turn.records.at(-1)?.seq ?? -1) <= sealedSeq) return;
      waiting.push(turn);
      waitingBytes += turn.bytes.reduce((sum, bytes) => sum + bytes.length, 0);
    },
    seal() {
      sealing = sealing.catch(() => undefined).then(sealNow);
      return sealing;
    },
  };
}

function hashesIn(record: JournalRecord): readonly Hash[] {
  switch (record.kind) {
    case "applied":
      return [record.bundle];
    case "receipt":
      return textHashes(decode(record.payload));
    case "intent":
      return textHashes(decode(record.params));
    default:
      return [];
  }
}

function textHashes(value: Value): readonly Hash[] {
  if (typeof value === "string") return isHash(value) ? [value] : [];
  if (value instanceof Map) return [...value.values()].flatMap(textHashes);
  return Array.isArray(value) ? (value as readonly Value[]).flatMap(textHashes) : [];
}

function rawOf(hash: Hash): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(hash.slice(7), "hex"));
}

