// The same blobs on disk, in pieces: large ones as streams, many small ones with few waits for the disk.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AosError } from "../../air/error.ts";
import { parseHash } from "../../air/hash.ts";
import type { Hash } from "../../air/value.ts";
import { draftIn, except, makeFolder, outside, syncFolder, writeAt } from "../durable.ts";
import { hashOf } from "./digest.ts";
import { blobSegments, SEGMENT_BLOB_BYTES } from "./segments.ts";

export interface BlobStreams {
  /** Bytes of a blob; undefined when it is not there. */
  size(hash: Hash): Promise<number | undefined>;
  /** Those of the blobs that are not there, each once, in order; the others are there durably. */
  missing(hashes: Iterable<Hash>): Promise<readonly Hash[]>;
  /** The bytes in pieces. Whoever reads them to the end checks them. @throws AosError `blob.missing` when it is not there */
  read(hash: Hash): AsyncIterable<Uint8Array>;
  /**
   * Stores a blob that comes in pieces; durable when it resolves.
   *
   * @throws AosError `blob.too_large`, `blob.hash` when the bytes are not those of `expected`: nothing is stored then
   */
  write(expected: Hash, pieces: AsyncIterable<Uint8Array>, options: { readonly bytesMax: number }): Promise<{ readonly size: number }>;
  /**
   * Stores blobs, small ones many in a file; all are durable when it resolves, with few waits for the disk however many they are.
   * What is there already is not written. @returns their hashes, in order
   */
  writeAll(blobs: AsyncIterable<Uint8Array>): Promise<readonly Hash[]>;
}

/** Blobs that `writeAll` holds in memory before it writes them: so many bytes, and so many blobs, however small they are. */
const GROUP_BYTES = 32 << 20;
const GROUP_COUNT = 16_384;
/** From that many on, a folder is listed rather than asked for each. */
const LIST_COUNT = 8;

/** @param dir - the folder of `fileBlobs` */
export function fileBlobStreams(dir: string): BlobStreams {
  function pathOf(hash: Hash): string {
    const digits = parseHash(hash).slice("sha256:".length);
    return join(dir, digits.slice(0, 2), digits.slice(2));
  }

  const segments = blobSegments(dir);

  async function size(hash: Hash): Promise<number | undefined> {
    const path = pathOf(hash);
    const inSegment = segments.find(hash)?.length;
    if (inSegment !== undefined) return inSegment;
    const found = await stat(path).catch(except("ENOENT")).catch(outside("blob.io", path));
    if (found !== undefined) return found.isFile() ? found.size : undefined;
    segments.refresh();
    return segments.find(hash)?.length;
  }

  async function missing(hashes: Iterable<Hash>): Promise<readonly Hash[]> {
    segments.refresh();
    const all = new Set(hashes);
    const asked = new Set([...all].filter((hash) => segments.find(hash) === undefined));
    // What is said to be there may have been given its name a moment ago.
    if (asked.size < all.size) await syncFolder(segments.folder).catch(outside("blob.io", segments.folder));
    const folders = new Map<string, Hash[]>();
    for (const hash of asked) {
      const folder = dirname(pathOf(hash));
      const known = folders.get(folder) ?? [];
      folders.set(folder, known);
      known.push(hash);
    }
    for (const [folder, inside] of folders) {
      const found = await present(folder, inside);
      if (found.length > 0) await syncFolder(folder).catch(outside("blob.io", folder));
      for (const hash of found) asked.delete(hash);
    }
    return [...asked];
  }

  /** Those that have a file of their own. */
  async function present(folder: string, hashes: readonly Hash[]): Promise<readonly Hash[]> {
    if (hashes.length < LIST_COUNT) {
      const found = await Promise.all(hashes.map((hash) => stat(pathOf(hash)).catch(except("ENOENT")).catch(outside("blob.io", folder))));
      return hashes.filter((_, at) => found[at]?.isFile() === true);
    }
    const names = new Set(await readdir(folder).catch(except("ENOENT")).catch(outside("blob.io", folder)));
    return hashes.filter((hash) => names.has(basename(pathOf(hash))));
  }

  async function* read(hash: Hash): AsyncGenerator<Uint8Array> {
    if ((await size(hash)) === undefined) throw new AosError("blob.missing", `${hash}: the world has no such blob`);
    const bytes = smallBytes(hash);
    if (bytes !== undefined) return yield bytes;
    try {
      for await (const piece of createReadStream(pathOf(hash))) yield piece as Uint8Array;
    } catch (error) {
      outside("blob.io", pathOf(hash))(error);
    }
  }

  /** What a segment has; undefined where it has none of it, or other bytes. Segments may be put together meanwhile. */
  function smallBytes(hash: Hash): Uint8Array | undefined {
    for (const attempt of ["as known", "refreshed"] as const) {
      if (attempt === "refreshed") segments.refresh();
      const place = segments.find(hash);
      const bytes = place === undefined ? undefined : segments.read(place);
      if (bytes !== undefined && hashOf(bytes) === hash) return bytes;
      if (place === undefined) return undefined;
    }
    return undefined;
  }

  async function write(expected: Hash, pieces: AsyncIterable<Uint8Array>, { bytesMax }: { readonly bytesMax: number }): Promise<{ readonly size: number }> {
    const path = pathOf(expected);
    const draft = await startDraft(dirname(path));
    try {
      const digest = createHash("sha256");
      let position = 0;
      for await (const piece of pieces) {
        if (position + piece.length > bytesMax) throw new AosError("blob.too_large", `${expected}: more than ${bytesMax} bytes`);
        digest.update(piece);
        await writeAt(draft.handle, piece, position);
        position += piece.length;
      }
      const found = `sha256:${digest.digest("hex")}`;
      if (found !== expected) throw new AosError("blob.hash", `${expected}: the bytes have the hash ${found}`);
      await draft.handle.datasync();
      await draft.handle.close();
      await rename(draft.path, path);
      await syncFolder(dirname(path));
      return { size: position };
    } catch (error) {
      await draft.handle.close().catch(() => undefined);
      await rm(draft.path, { force: true });
      return outside("blob.io", path)(error);
    }
  }

  async function writeAll(blobs: AsyncIterable<Uint8Array>): Promise<readonly Hash[]> {
    const hashes: Hash[] = [];
    const folders = new Set<string>();
    let group = new Map<Hash, Uint8Array>();
    let bytes = 0;
    for await (const blob of blobs) {
      const hash = hashOf(blob);
      hashes.push(hash);
      group.set(hash, blob);
      bytes += blob.length;
      if (bytes < GROUP_BYTES && group.size < GROUP_COUNT) continue;
      for (const folder of await writeGroup(group).catch(outside("blob.io", dir))) folders.add(folder);
      [group, bytes] = [new Map(), 0];
    }
    for (const folder of await writeGroup(group).catch(outside("blob.io", dir))) folders.add(folder);
    await Promise.all([...folders].map(syncFolder)).catch(outside("blob.io", dir));
    return hashes;
  }

  /** Small ones in one segment, large ones in files of their own. @returns the folders of these files, whose names are not durable yet */
  async function writeGroup(group: ReadonlyMap<Hash, Uint8Array>): Promise<readonly string[]> {
    const lacked = new Set(await missing(group.keys()));
    const small = new Map([...group].filter(([hash, blob]) => lacked.has(hash) && blob.length <= SEGMENT_BLOB_BYTES));
    const own = [...group].filter(([hash]) => lacked.has(hash) && (small.size < 2 || !small.has(hash)));
    await Promise.all(own.map(([hash, blob]) => writeOne(pathOf(hash), blob)));
    if (small.size >= 2) await segments.write(small);
    return own.map(([hash]) => dirname(pathOf(hash)));
  }

  return { size, missing, read, write, writeAll };
}

async function startDraft(folder: string): Promise<{ readonly path: string; readonly handle: Awaited<ReturnType<typeof open>> }> {
  await makeFolder(folder).catch(outside("blob.io", folder));
  const path = await draftIn(folder).catch(outside("blob.io", folder));
  return { path, handle: await open(path, "wx").catch(outside("blob.io", path)) };
}

/** A file has its name only once its bytes are on disk, so one of the right size is the blob. */
async function writeOne(path: string, bytes: Uint8Array): Promise<void> {
  const there = await stat(path).catch(except("ENOENT"));
  if (there?.size === bytes.length) return;
  const draft = await startDraft(dirname(path));
  try {
    await writeAt(draft.handle, bytes, 0);
    await draft.handle.datasync();
    await draft.handle.close();
    await rename(draft.path, path);
  } catch (error) {
    await draft.handle.close().catch(() => undefined);
    await rm(draft.path, { force: true });
    throw error;
  }
}
