// The published journal as a reader sees it: the seals of refs/notes/aos, their segments, and the blobs they brought.

import { AosError, hashBytes, isHash, type Hash } from "@agentos/kernel";
import { readRef } from "../git/refs.ts";
import type { Commit, Oid } from "../git/objects.ts";
import type { ObjectStore } from "../git/store.ts";
import { parseSealMessage, type Checkpoint } from "./seal-message.ts";
import { decodeSegment, segmentHash, segmentPath, type Segment } from "./segment.ts";

export const NOTES_REF = "refs/notes/aos";

export interface Seal {
  readonly oid: Oid;
  readonly commit: Commit;
  readonly checkpoint: Checkpoint;
}

/**
 * The seals from the first to the tip.
 *
 * @throws AosError `seal.message`, `seal.merge` (unverified) when the history is not a line of seals
 */
export async function readSeals(store: ObjectStore, ref = NOTES_REF): Promise<readonly Seal[]> {
  const seals: Seal[] = [];
  for await (const seal of sealsDown(store, await readRef(store.gitDir, ref))) seals.push(seal);
  return seals.reverse();
}

/**
 * The seals from the one that holds the record `fromSeq` to `tip`, at least the tip, and the one before them.
 *
 * @throws AosError as readSeals
 */
export async function readLastSeals(store: ObjectStore, tip: Oid, fromSeq: number): Promise<{ readonly before: Seal | undefined; readonly seals: readonly Seal[] }> {
  const seals: Seal[] = [];
  for await (const seal of sealsDown(store, tip)) {
    const [last] = seals.slice(-1);
    if (last !== undefined && last.checkpoint.firstSeq <= fromSeq) return { before: seal, seals: seals.reverse() };
    seals.push(seal);
  }
  return { before: undefined, seals: seals.reverse() };
}

/** From a commit to the first. */
async function* sealsDown(store: ObjectStore, from: Oid | undefined): AsyncGenerator<Seal> {
  let oid = from;
  while (oid !== undefined) {
    const commit = await store.readCommit(oid);
    if (commit.parents.length > 1) throw new AosError("seal.merge", `commit ${oid}: a seal has one parent, this has ${commit.parents.length}`, { class: "unverified" });
    yield { oid, commit, checkpoint: parseSealMessage(commit.message, oid) };
    oid = commit.parents[0];
  }
}

/** The tip's seal alone; undefined when nothing was published. */
export async function readTip(store: ObjectStore, ref = NOTES_REF): Promise<Seal | undefined> {
  const oid = await readRef(store.gitDir, ref);
  if (oid === undefined) return undefined;
  const commit = await store.readCommit(oid);
  return { oid, commit, checkpoint: parseSealMessage(commit.message, oid) };
}

/**
 * The segment a seal vouches for, read from a tree (the seal's own, or a later one that still holds it).
 *
 * @throws AosError `segment.missing`, `segment.head`, `segment.invalid` (unverified) naming the file and the commit
 */
export async function readSegment(store: ObjectStore, seal: Pick<Seal, "oid" | "checkpoint">, tree: Oid = seal.oid): Promise<{ readonly segment: Segment; readonly bytes: Uint8Array }> {
  const at = `commit ${seal.oid}: ${seal.checkpoint.segment}`;
  const bytes = await store.readPath(tree, seal.checkpoint.segment);
  if (bytes === undefined) throw new AosError("segment.missing", `${at} is not there`, { class: "unverified" });
  if (segmentHash(bytes) !== seal.checkpoint.journalHead) throw new AosError("segment.head", `${at} is not what Journal-Head says`, { class: "unverified", data: { segment: bytes } });
  return { segment: decodeSegment(bytes), bytes };
}

export interface PublishedBlobs {
  all(): readonly Hash[];
  has(hash: Hash): boolean;
  /** @throws AosError `blob.corrupt` (unverified) when the bytes are not those of the name */
  get(hash: Hash): Promise<Uint8Array | undefined>;
}

/** A blob store over the `blobs/` entries of a published tree; content is checked against its name. */
export async function publishedBlobs(store: ObjectStore, tip: Oid): Promise<PublishedBlobs> {
  const where = new Map<Hash, Oid>();
  const folder = await store.findPath(tip, "blobs");
  if (folder !== undefined) {
    for (const entry of await store.listTree(folder.oid, { depth: "all" })) where.set(hashOfPath(entry.path), entry.oid);
  }
  return {
    all: () => [...where.keys()],
    has: (hash) => where.has(hash),
    async get(hash) {
      const oid = where.get(hash);
      if (oid === undefined) return undefined;
      const bytes = await store.readBlob(oid);
      if (hashBytes(bytes) !== hash) throw new AosError("blob.corrupt", `blobs/…/${hash.slice(7)}: the bytes have another hash`, { class: "unverified" });
      return bytes;
    },
  };
}

function hashOfPath(path: string): Hash {
  const hash = `sha256:${path.slice(path.lastIndexOf("/") + 1)}`;
  if (!isHash(hash)) throw new AosError("blob.name", `blobs/${path}: not the name of a blob`, { class: "unverified" });
  return hash;
}

/** Path of a blob that a segment brought. */
export function blobPath(segment: number, hash: Hash): string {
  return `${segmentPath("blobs", segment)}/${hash.slice(7)}`;
}
