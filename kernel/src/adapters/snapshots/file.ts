// Snapshots on disk: one file each, written beside and renamed into place, read part by part.

import { closeSync, openSync, readSync } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AosError } from "../../air/error.ts";
import type { FilePart, SnapshotStore } from "../../ports.ts";
import { errnoOf, except, makeFolder, outside, syncFolder, writeNewFile } from "../durable.ts";

const FILE_NAME = /^(\d{16})(\.full)?\.aoss$/;

/** `<seq, 16 digits>.aoss` for an even number, which is twice the seq; `<seq>.full.aoss` for the odd one behind it. */
export function snapshotName(file: number): string {
  return `${String(Math.floor(file / 2)).padStart(16, "0")}${file % 2 === 0 ? "" : ".full"}.aoss`;
}

/**
 * The snapshots in the folder `dir`, which the first write makes. The caller holds the world's lock.
 *
 * Every method throws AosError `snapshot.io` (outside) when the disk refuses.
 */
export function fileSnapshots(dir: string): SnapshotStore {
  const open = new Map<number, number>();
  let removed: readonly number[] = [];

  function handleOf(file: number): number {
    const kept = open.get(file);
    if (kept !== undefined) return kept;
    const handle = openSync(join(dir, snapshotName(file)), "r");
    open.set(file, handle);
    return handle;
  }

  function forget(files: Iterable<number>): void {
    for (const file of files) {
      const handle = open.get(file);
      if (handle !== undefined) closeSync(handle);
      open.delete(file);
    }
  }

  /** What was removed the last time is closed, what is removed now stays open. */
  async function remove(files: readonly number[]): Promise<void> {
    const there = new Set((await filesIn(dir)).map(({ file }) => file));
    const gone = files.filter((file) => there.has(file));
    if (gone.length === 0) return;
    forget(removed);
    removed = gone;
    for (const file of gone) {
      handleOf(file);
      await rm(join(dir, snapshotName(file)));
    }
    await syncFolder(dir);
  }

  async function write(file: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    await makeFolder(dir);
    for (const name of await readdir(dir)) if (name.endsWith(".draft")) await rm(join(dir, name), { force: true });
    const path = join(dir, snapshotName(file));
    await writeNewFile(`${path}.draft`, pieces);
    await rename(`${path}.draft`, path);
    forget([file]);
    await syncFolder(dir);
  }

  return {
    list: () => filesIn(dir).catch(outside("snapshot.io", dir)),
    read(part) {
      try {
        return partOf(handleOf(part.file), part) ?? missing(dir, part);
      } catch (error) {
        return errnoOf(error) === "ENOENT" ? missing(dir, part) : outside("snapshot.io", dir)(error);
      }
    },
    write: (file, pieces) => write(file, pieces).catch(outside("snapshot.io", dir)),
    remove: (files) => remove(files).catch(outside("snapshot.io", dir)),
    async close() {
      forget(open.keys());
      removed = [];
    },
  };
}

/** Removes the snapshots of more records than the journal has; for when its end was cut off. */
export async function dropSnapshots(dir: string, options: { readonly beyondSeq: number }): Promise<readonly string[]> {
  const store = fileSnapshots(dir);
  const gone = (await store.list()).map(({ file }) => file).filter((file) => Math.floor(file / 2) > options.beyondSeq);
  await store.remove(gone);
  await store.close();
  return gone.map((file) => join(dir, snapshotName(file)));
}

async function filesIn(dir: string): Promise<readonly { readonly file: number; readonly bytes: number }[]> {
  const found: { readonly file: number; readonly bytes: number }[] = [];
  for (const name of (await readdir(dir).catch(except("ENOENT"))) ?? []) {
    const [, digits, full] = FILE_NAME.exec(name) ?? [];
    if (digits !== undefined) found.push({ file: 2 * Number(digits) + (full === undefined ? 0 : 1), bytes: (await stat(join(dir, name))).size });
  }
  return found.sort((a, b) => a.file - b.file);
}

function partOf(handle: number, { offset, bytes }: FilePart): Uint8Array | undefined {
  const out = new Uint8Array(bytes);
  let length = 0;
  while (length < bytes) {
    const count = readSync(handle, out, length, bytes - length, offset + length);
    if (count === 0) return undefined;
    length += count;
  }
  return out;
}

function missing(dir: string, { file, offset, bytes }: FilePart): never {
  const path = join(dir, snapshotName(file));
  throw new AosError("snapshot.missing", `${path}: no ${bytes} bytes from byte ${offset} on`, {
    class: "unverified", at: { file: path }, hint: "remove the folder of snapshots: the world is replayed from its journal",
  });
}
