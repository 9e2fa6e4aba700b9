// Writing files so that they outlive a power loss: what the journal, the blobs and the lock share.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { hex } from "../air/bytes.ts";
import { AosError } from "../air/error.ts";

/** Makes a folder and its parents, their names durable. A folder that is there stays as it is. */
export async function makeFolder(dir: string): Promise<void> {
  const path = resolve(dir);
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** Makes the names in a folder durable, as `fdatasync` does for the bytes of a file. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const DRAFT_PREFIX = ".draft-";
/** A draft that nobody wrote to for so long has no writer: it was cut off. */
const ABANDONED_MS = 3_600_000;

/** A path in a folder, which is there, for a draft: a file that gets its name once it is whole. Drafts there that nobody will finish are removed. */
export async function draftIn(folder: string): Promise<string> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(DRAFT_PREFIX)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(except("ENOENT"));
    if (found !== undefined && found.mtimeMs + ABANDONED_MS < Date.now()) await rm(path, { force: true });
  }
  return join(folder, `${DRAFT_PREFIX}${hex(randomBytes(8))}`);
}

/** Makes a new file of these bytes, durable but for its name; leaves nothing behind when it fails, with `EEXIST` for one. */
export async function writeNewFile(path: string, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const handle = await open(path, "wx");
  try {
    let position = 0;
    for await (const piece of pieces) {
      await writeAt(handle, piece, position);
      position += piece.length;
    }
    await handle.datasync();
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
}

/** Writes all bytes at a position; the system may take them in more than one go. */
export async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/**
 * A flag for files that are appended to: on Linux a write to them returns when its bytes are durable, one call for two. Elsewhere 0; of
 * macOS the flag promises less than its sync does.
 */
export const SYNCED = process.platform === "linux" ? constants.O_DSYNC : 0;

/** {@link writeAt} to a file opened with {@link SYNCED}; the bytes are durable when it resolves. */
export async function writeDurably(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  await writeAt(handle, bytes, position);
  if (SYNCED === 0) await handle.datasync();
}

/** The system's name of an error, such as `ENOENT`; undefined when it has none. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Turns one system error into undefined and lets all others through: `await open(path).catch(except("ENOENT"))`. */
export function except(errno: string): (error: unknown) => undefined {
  return (error) => {
    if (errnoOf(error) === errno) return undefined;
    throw error;
  };
}

/** Gives a system error a code, a place and a hint, and lets all others through: `await work().catch(outside("blob.io", dir))`. */
export function outside(code: string, path: string): (error: unknown) => never {
  return (error) => {
    const errno = errnoOf(error);
    if (errno === undefined || error instanceof AosError) throw error;
    throw new AosError(code, `${path}: the disk answered ${errno}`, {
      class: "outside",
      at: { file: path },
      hint: "is the disk full, or the folder not readable or writable?",
      cause: error,
    });
  };
}
