// Everything local can be rebuilt from the published tip: journal and blobs of a controller that has none.

import { AosError, bytesEqual, decodeRecord, turnsOf, type Blobs, type Journal, type JournalTurn } from "@agentos/kernel";
import type { ObjectStore } from "../git/store.ts";
import { publishedBlobs, readLastSeals, readSeals, readSegment, type Seal } from "./published.ts";
import { encodeSegment, segmentHash, segmentNumber } from "./segment.ts";

/**
 * Copies what is published into the local stores, from where the local journal ends; returns how many records the journal has
 * then. An interrupted copy goes on where it stopped. Signatures are for verifyPublished, before; replay is for whoever opens
 * the journal, after.
 *
 * @throws AosError `segment.*`, `blob.*`, `seal.*` (unverified)
 */
export async function restore(store: ObjectStore, local: { readonly journal: Journal; readonly blobs: Blobs }): Promise<number> {
  const { journal, blobs } = local;
  const seals = await readSeals(store);
  const tip = seals.at(-1);
  if (tip === undefined) return journal.nextSeq;
  const published = await publishedBlobs(store, tip.oid);
  for (const hash of published.all()) {
    const bytes = await published.get(hash);
    if (bytes !== undefined) await blobs.put(bytes);
  }
  for (const seal of seals) {
    if (seal.checkpoint.lastSeq < journal.nextSeq) continue;
    const { segment } = await readSegment(store, seal);
    const turns: JournalTurn[] = [...turnsOf(segment.records)].map((records) => ({ firstSeq: firstSeq(records), records }));
    await journal.append(turns.filter((turn) => turn.firstSeq >= journal.nextSeq));
  }
  return journal.nextSeq;
}

/**
 * Does the local journal go on from what was published? The segments from the one that holds `fromSeq` on, at least the last
 * one, are made again from local records and must have the hash that their seals name; the segments themselves are not read.
 * Each segment names the one before it, so the last one vouches for all; that the local records before `fromSeq` are those is
 * not looked at.
 *
 * @param options.place - the folder of the local journal, for people
 * @param options.tip - what is published; undefined: nothing
 * @throws AosError `journal.behind`, `journal.other` (unverified)
 */
export async function checkPublished(
  store: ObjectStore,
  journal: Pick<Journal, "nextSeq" | "read">,
  options: { readonly place: string; readonly tip: Seal | undefined; readonly fromSeq: number },
): Promise<void> {
  const { place, tip, fromSeq } = options;
  const hint = `to go on from what is published, move ${place} away: the controller rebuilds it (what is only there, unpublished, is lost to the world then)`;
  if (tip === undefined) return;
  if (journal.nextSeq <= tip.checkpoint.lastSeq) {
    throw new AosError("journal.behind", `${place}: the local journal ends before seq ${journal.nextSeq}, the published one goes to seq ${tip.checkpoint.lastSeq}`, { class: "unverified", at: { seq: journal.nextSeq }, hint });
  }
  const { before, seals } = await readLastSeals(store, tip.oid, fromSeq);
  let previous: Uint8Array = before === undefined ? new Uint8Array(32) : rawOf(before);
  const local = recordsOf(journal, seals[0]?.checkpoint.firstSeq ?? 0);
  for (const seal of seals) {
    const { firstSeq: first, lastSeq, journalHead, segment } = seal.checkpoint;
    const records: Uint8Array[] = [];
    for (let seq = first; seq <= lastSeq; seq++) records.push((await local.next()).value ?? new Uint8Array(0));
    if (segmentHash(encodeSegment({ number: segmentNumber(segment), firstSeq: first, previous, records })) !== journalHead) {
      const seq = await firstDifference(store, seal, records);
      throw new AosError("journal.other", `${place}: seq ${seq}: the local journal is not what was published (commit ${seal.oid.slice(0, 12)})`, { class: "unverified", at: { seq }, hint });
    }
    previous = rawOf(seal);
  }
  await local.return(undefined);
}

function rawOf({ checkpoint }: Seal): Uint8Array {
  return Buffer.from(checkpoint.journalHead.slice(7), "hex");
}

async function* recordsOf(journal: Pick<Journal, "read">, fromSeq: number): AsyncGenerator<Uint8Array, undefined> {
  for await (const turn of journal.read(fromSeq)) yield* turn.records.slice(Math.max(0, fromSeq - turn.firstSeq));
  return undefined;
}

async function firstDifference(store: ObjectStore, seal: Seal, local: readonly Uint8Array[]): Promise<number> {
  const { segment } = await readSegment(store, seal);
  const index = local.findIndex((bytes, at) => !bytesEqual(bytes, segment.records[at] ?? new Uint8Array(0)));
  return segment.firstSeq + Math.max(0, index);
}

function firstSeq(records: readonly Uint8Array[]): number {
  const [first] = records;
  return first === undefined ? 0 : decodeRecord(first).seq;
}
