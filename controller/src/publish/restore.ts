// Everything local can be rebuilt from the published tip: journal and blobs of a controller that has none.

import { AosError, bytesEqual, decodeRecord, turnsOf, type Blobs, type Journal, type JournalTurn } from "@agentos/kernel";
import type { ObjectStore } from "../git/store.ts";
import { publishedBlobs, readSeals, readSegment, readTip } from "./published.ts";

/** Copies the published journal and its blobs into empty local stores; returns how many records there were. */
export async function restore(store: ObjectStore, local: { readonly journal: Journal; readonly blobs: Blobs }): Promise<number> {
  const seals = await readSeals(store);
  const tip = seals.at(-1);
  if (tip === undefined) return 0;
  const published = await publishedBlobs(store, tip.oid);
  for (const hash of published.all()) {
    const bytes = await published.get(hash);
    if (bytes !== undefined) await local.blobs.put(bytes);
  }
  for (const seal of seals) {
    const { segment } = await readSegment(store, seal, tip.oid);
    const turns: JournalTurn[] = [...turnsOf(segment.records)].map((records) => ({ firstSeq: firstSeq(records), records }));
    await local.journal.append(turns);
  }
  return local.journal.nextSeq;
}

/**
 * Is what was published a prefix of the local journal? Compares the last published segment, whose chain covers the rest.
 *
 * @throws AosError `journal.behind`, `journal.other` (unverified)
 */
export async function checkPublished(store: ObjectStore, journal: Journal): Promise<void> {
  const tip = await readTip(store);
  if (tip === undefined) return;
  const { segment } = await readSegment(store, tip);
  let seq = segment.firstSeq;
  if (journal.nextSeq <= tip.checkpoint.lastSeq) {
    throw new AosError("journal.behind", `the local journal ends at seq ${journal.nextSeq - 1}, the published one at ${tip.checkpoint.lastSeq}`, {
      class: "unverified", hint: "move the local state folder away; the controller rebuilds it from the published journal",
    });
  }
  for await (const turn of journal.read(segment.firstSeq)) {
    for (const [index, bytes] of turn.records.entries()) {
      const at = turn.firstSeq + index;
      const published = segment.records[at - segment.firstSeq];
      if (at < segment.firstSeq) continue;
      if (published === undefined) return;
      if (!bytesEqual(bytes, published)) throw new AosError("journal.other", `seq ${at}: the local journal is not what was published`, { class: "unverified", at: { seq: at } });
      seq = at;
    }
    if (seq >= tip.checkpoint.lastSeq) return;
  }
}

function firstSeq(records: readonly Uint8Array[]): number {
  const [first] = records;
  return first === undefined ? 0 : decodeRecord(first).seq;
}
