// Blobs on disk: one file a blob, named by its hash, written beside and renamed into place; or many small ones in a segment.

import { createHash } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AosError } from "../../air/error.ts";
import { bytesEqual, parseHash, rawToHash } from "../../air/hash.ts";
import type { Hash } from "../../air/value.ts";
import type { Blobs } from "../../ports.ts";
import { draftIn, except, makeFolder, outside, syncFolder, writeNewFile } from "../durable.ts";
import { hashOf } from "./digest.ts";
import { blobSegments, type Segments } from "./segments.ts";

/**
 * The blobs under the folder `dir`: `<first 2 hex digits>/<other 62>`, and those that were stored together in segments. The
 * folder is made by the first `put`.
 *
 * `get` hashes what it reads and throws AosError `blob.corrupt` when that is not the name; putting the bytes again mends
 * the file. Both throw AosError `blob.io` when the disk refuses; a put then leaves the store as it was.
 */
export function fileBlobs(dir: string): Blobs {
  function pathOf(hash: Hash): string {
    const digits = parseHash(hash).slice("sha256:".length);
    return join(dir, digits.slice(0, 2), digits.slice(2));
  }

  const segments = blobSegments(dir);

  async function get(hash: Hash): Promise<Uint8Array | undefined> {
    const first = fromSegment(segments, hash);
    if (first.bytes !== undefined) return first.bytes;
    const path = pathOf(hash);
    const bytes = await readFile(path).catch(except("ENOENT")).catch(outside("blob.io", path));
    if (bytes !== undefined) return hashOf(bytes) === hash ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : corrupt(path, hash);
    // Another process may have stored it in a segment since, or have put segments together.
    segments.refresh();
    const { bytes: found, path: wrong } = fromSegment(segments, hash);
    return found ?? (wrong === undefined ? undefined : corrupt(wrong, hash));
  }

  async function put(bytes: Uint8Array): Promise<Hash> {
    const copy = new Uint8Array(bytes);
    const hash = hashOf(copy);
    // Listing the segments is little beside what writing costs.
    if (segments.find(hash) === undefined) segments.refresh();
    if (fromSegment(segments, hash).bytes === undefined) await store(pathOf(hash), copy).catch(outside("blob.io", dir));
    return hash;
  }

  async function putStream(pieces: AsyncIterable<Uint8Array>): Promise<Hash> {
    const digest = createHash("sha256");
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces) {
        digest.update(piece);
        yield piece;
      }
    }
    const work = async (): Promise<Hash> => {
      await makeFolder(dir);
      const draft = await draftIn(dir);
      await writeNewFile(draft, counted());
      const hash = rawToHash(digest.digest());
      await place(draft, pathOf(hash));
      return hash;
    };
    return work().catch(outside("blob.io", dir));
  }

  return { get, put, putStream };
}

/** @returns the bytes; or the segment that should have them, and has others or cannot be read */
function fromSegment(segments: Segments, hash: Hash): { readonly bytes?: Uint8Array; readonly path?: string } {
  const place = segments.find(hash);
  const bytes = place === undefined ? undefined : segments.read(place);
  if (bytes !== undefined && hashOf(bytes) === hash) return { bytes };
  const wrong = bytes === undefined ? segments.damaged() : place?.path;
  return wrong === undefined ? {} : { path: wrong };
}

function corrupt(path: string, hash: Hash): never {
  throw new AosError("blob.corrupt", `${path}: the bytes are not those of ${hash}`, { class: "unverified", at: { file: path }, hint: "restore the file from a copy" });
}

/** Gives a finished draft its name. */
async function place(draft: string, path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await makeFolder(folder);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}

async function store(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const there = await readFile(path).catch(except("ENOENT"));
  if (there !== undefined && bytesEqual(there, bytes)) return settle(path, folder);
  await makeFolder(folder);
  const draft = await draftIn(folder);
  await writeNewFile(draft, [bytes]);
  await place(draft, path);
}

/** A file that is already there may be the work of a put that has not ended, or that a crash cut short. */
async function settle(path: string, folder: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await syncFolder(folder);
}
