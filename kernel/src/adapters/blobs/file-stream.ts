// The same blobs on disk, in pieces: large ones as streams, many small ones with few waits for the disk.

import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AosError } from "../../air/error.ts";
import { hex, parseHash } from "../../air/hash.ts";
import type { Hash } from "../../air/value.ts";
import { except, makeFolder, outside, syncFolder, writeAt } from "../durable.ts";
import { hashOf } from "./digest.ts";

export interface BlobStreams {
  /** Bytes of a blob; undefined when it is not there. */
  size(hash: Hash): Promise<number | undefined>;
  /** The bytes in pieces. Whoever reads them to the end checks them. @throws AosError `blob.missing` when it is not there */
  read(hash: Hash): AsyncIterable<Uint8Array>;
  /**
   * Stores a blob that comes in pieces; durable when it resolves.
   *
   * @throws AosError `blob.too_large`, `blob.hash` when the bytes are not those of `expected`: nothing is stored then
   */
  write(expected: Hash, pieces: AsyncIterable<Uint8Array>, options: { readonly bytesMax: number }): Promise<{ readonly size: number }>;
  /** Stores blobs one after the other; all are durable when it resolves. What is there already is not written. @returns their hashes, in order */
  writeAll(blobs: AsyncIterable<Uint8Array>): Promise<readonly Hash[]>;
}

/** Blobs of `writeAll` that are written before one waits for the disk. */
const GROUP_COUNT = 512;
const GROUP_BYTES = 32 << 20;

/** @param dir - the folder of `fileBlobs` */
export function fileBlobStreams(dir: string): BlobStreams {
  function pathOf(hash: Hash): string {
    const digits = parseHash(hash).slice("sha256:".length);
    return join(dir, digits.slice(0, 2), digits.slice(2));
  }

  async function size(hash: Hash): Promise<number | undefined> {
    const path = pathOf(hash);
    const found = await stat(path).catch(except("ENOENT")).catch(outside("blob.io", path));
    return found?.isFile() === true ? found.size : undefined;
  }

  async function* read(hash: Hash): AsyncGenerator<Uint8Array> {
    if ((await size(hash)) === undefined) throw new AosError("blob.missing", `${hash}: the world has no such blob`);
    try {
      for await (const piece of createReadStream(pathOf(hash))) yield piece as Uint8Array;
    } catch (error) {
      outside("blob.io", pathOf(hash))(error);
    }
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
    const flush = async (): Promise<void> => {
      await Promise.all([...group].map(([hash, blob]) => writeOne(pathOf(hash), blob)));
      for (const hash of group.keys()) folders.add(dirname(pathOf(hash)));
      [group, bytes] = [new Map(), 0];
    };
    for await (const blob of blobs) {
      const hash = hashOf(blob);
      hashes.push(hash);
      group.set(hash, blob);
      bytes += blob.length;
      if (group.size >= GROUP_COUNT || bytes >= GROUP_BYTES) await flush().catch(outside("blob.io", dir));
    }
    await flush().catch(outside("blob.io", dir));
    await Promise.all([...folders].map(syncFolder)).catch(outside("blob.io", dir));
    return hashes;
  }

  return { size, read, write, writeAll };
}

async function startDraft(folder: string): Promise<{ readonly path: string; readonly handle: Awaited<ReturnType<typeof open>> }> {
  await makeFolder(folder).catch(outside("blob.io", folder));
  const path = join(folder, `.draft-${hex(randomBytes(8))}`);
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
