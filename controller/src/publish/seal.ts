// The sealer: durable turns become signed commits on refs/notes/aos, the only commit point of what is published.

import { AosError, assert, stateRoot, type Blobs, type DurableTurn, type Hash, type JournalRecord, type World } from "@agentos/kernel";
import type { SigningKey } from "../git/ed25519.ts";
import type { StoredBlob } from "../git/notes.ts";
import { parseOid, type Oid } from "../git/objects.ts";
import { appendSigned, type Appended } from "../git/signed-ref.ts";
import type { ObjectStore } from "../git/store.ts";
import { blobPath, NOTES_REF, readSegment, readTip } from "./published.ts";
import { receiptLines } from "./receipt-lines.ts";
import { sealBlobs } from "./seal-blobs.ts";
import { sealMessage, type Checkpoint } from "./seal-message.ts";
import { encodeSegment, segmentHash, segmentPath } from "./segment.ts";
import { withheldHashes } from "./withheld.ts";

interface SealerOptions {
  readonly store: ObjectStore;
  readonly key: SigningKey;
  /** The controller's principal name; its mail address is `<name>@aos`. */
  readonly principal: string;
  readonly world: Hash;
  readonly blobs: Blobs;
  /** The note of a commit that came into force; written in the seal that holds its record. */
  readonly noteOf: (record: JournalRecord<"applied">) => Promise<string>;
  /** A seal takes no further turn once its records have this many bytes; 8 MiB unless told. */
  readonly segmentBytes?: number;
  /** Blobs are written ahead of their seal once so many bytes of them are in memory; 64 MiB unless told. */
  readonly blobBytes?: number;
  /** Where hashes of secrets in clear are kept from one opening to the next; in memory only unless told. */
  readonly withheldAt?: string;
}
export interface Sealer {
  /** Seq of the last record that is sealed; -1 when none is. */
  readonly sealedSeq: number;
  /** Records that wait for the next seal, and their bytes. */
  readonly pending: { readonly records: number; readonly bytes: number };
  add(turn: DurableTurn): void;
  /**
   * Seals what waits, or as much of it as a seal takes; undefined when nothing does.
   *
   * @throws AosError `seal.fenced` when another writer moved the ref: what waits goes on waiting then
   */
  seal(): Promise<Oid | undefined>;
}

const EPOCH = 1;
/** Well below what a reader refuses, whatever the last turn adds. */
export const SEAL_BYTES_MAX = 8 << 20;
const BLOB_BYTES = 64 << 20;

/** Opens at the published tip; `journalHead` of the tip's segment must be what the local journal holds. */
export async function openSealer(options: SealerOptions): Promise<Sealer> {
  const { store } = options;
  const tip = await readTip(store);
  let expected = tip?.oid ?? null;
  let number = tip === undefined ? 0 : (await readSegment(store, tip)).segment.number + 1;
  let head = tip === undefined ? new Uint8Array(32) : rawOf(tip.checkpoint.journalHead);
  let sealedSeq = tip?.checkpoint.lastSeq ?? -1;
  const blobs = sealBlobs(store, options.blobs, { tip: tip?.oid, bytesMax: options.blobBytes ?? BLOB_BYTES, withheld: await withheldHashes(options.withheldAt) });
  const waiting: DurableTurn[] = [];
  let pending = { records: 0, bytes: 0 };
  let sealing: Promise<Oid | undefined> = Promise.resolve(undefined);

  async function sealNow(): Promise<Oid | undefined> {
    // The first seal holds the record that says whose keys count.
    if (waiting.at(-1)?.world.commit === undefined) return undefined;
    const turns = waiting.slice(0, countFor(waiting, { bytesMax: options.segmentBytes ?? SEAL_BYTES_MAX, begun: sealedSeq >= 0 }));
    const oid = await write(turns);
    waiting.splice(0, turns.length);
    pending = minus(pending, sizeOf(turns));
    return oid;
  }

  /** The notes of the commits that these records put in force. */
  async function notesOf(records: readonly JournalRecord[]): Promise<Map<Oid, Uint8Array>> {
    const found = new Map<Oid, Uint8Array>();
    for (const record of records) {
      if (record.kind === "applied") found.set(parseOid(record.commit), new TextEncoder().encode(await options.noteOf(record)));
    }
    return found;
  }

  async function write(turns: readonly DurableTurn[]): Promise<Oid> {
    const records = turns.flatMap((turn) => turn.records);
    const world: World | undefined = turns.at(-1)?.world;
    const firstSeq = sealedSeq + 1;
    assert(world?.commit !== undefined && records[0]?.seq === firstSeq && records.at(-1)?.seq === world.nextSeq - 1, "a seal begins where the last one ended and cites the world after its last record (I9)");
    const segment = encodeSegment({ number, firstSeq, previous: head, records: turns.flatMap((turn) => turn.bytes) });
    const checkpoint: Checkpoint = {
      firstSeq, lastSeq: world.nextSeq - 1, segment: segmentPath("journal", number), journalHead: segmentHash(segment), stateRoot: stateRoot(world),
      world: parseOid(world.commit), receipts: records.filter((record) => record.kind === "receipt").length, epoch: EPOCH,
    };
    const entries = new Map<string, Uint8Array | StoredBlob>([[checkpoint.segment, segment]]);
    if (checkpoint.receipts > 0) entries.set(segmentPath("receipts", number), receiptLines(options.world, records));
    const timeSeconds = Number((records.findLast((record) => "now_ns" in record)?.now_ns ?? 0n) / 1_000_000_000n);
    const brought = await blobs.bring(records);
    let done: Appended;
    try {
      for (const [hash, blob] of brought.blobs) entries.set(blobPath(number, hash), blob);
      done = await appendSigned({
        store, ref: NOTES_REF, key: options.key, identity: { name: options.principal, email: `${options.principal}@aos` }, message: sealMessage(number, records, checkpoint),
        timeSeconds, changes: { notes: await notesOf(records), entries }, expected,
      });
    } finally {
      await brought.release();
    }
    if (done.kind === "stale") {
      throw new AosError("seal.fenced", `${NOTES_REF} moved to ${done.tip ?? "nothing"} under this controller: somebody else seals`, { class: "refused", hint: "stop the other controller, then start this one again" });
    }
    blobs.sealed(brought);
    [expected, head, sealedSeq, number] = [done.commit, rawOf(checkpoint.journalHead), checkpoint.lastSeq, number + 1];
    return done.commit;
  }

  return {
    get sealedSeq() {
      return sealedSeq;
    },
    get pending() {
      return pending;
    },
    add(turn) {
      if ((turn.records.at(-1)?.seq ?? -1) <= sealedSeq) return;
      waiting.push(turn);
      pending = minus(pending, { records: -turn.records.length, bytes: -sizeOf([turn]).bytes });
    },
    seal() {
      sealing = sealing.catch(() => undefined).then(sealNow);
      return sealing;
    },
  };
}

/** How many turns go into the next seal: what fits, at least one, and at first as many as put a control plane in force. */
function countFor(waiting: readonly DurableTurn[], limit: { readonly bytesMax: number; readonly begun: boolean }): number {
  let bytes = 0;
  for (const [index, turn] of waiting.entries()) {
    bytes += sizeOf([turn]).bytes;
    if (bytes > limit.bytesMax && index > 0 && (limit.begun || waiting[index - 1]?.world.commit !== undefined)) return index;
  }
  return waiting.length;
}

interface Size {
  readonly records: number;
  readonly bytes: number;
}

function sizeOf(turns: readonly DurableTurn[]): Size {
  const bytes = turns.reduce((sum, turn) => sum + turn.bytes.reduce((size, record) => size + record.length, 0), 0);
  return { records: turns.reduce((sum, turn) => sum + turn.records.length, 0), bytes };
}

function minus(a: Size, b: Size): Size {
  return { records: a.records - b.records, bytes: a.bytes - b.bytes };
}

function rawOf(hash: Hash): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(hash.slice(7), "hex"));
}
