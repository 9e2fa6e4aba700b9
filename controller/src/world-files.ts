// A world's files, from a folder or from a commit, and the sync map among them.

import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { AosError } from "@agentos/kernel";
import type { Oid } from "./git/objects.ts";
import type { ObjectStore } from "./git/store.ts";
import { parseSyncMap, SYNC_FILE, type SyncMap } from "./sync/sync-map.ts";

/** Files of a world by path, `/` between segments. */
export interface WorldFiles {
  /** What a person would call it: a folder or a commit. */
  readonly place: string;
  read(path: string): Promise<Uint8Array | undefined>;
  /** Every file below a folder, sorted by path; none when there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
}

const FILE_BYTES_MAX = 16 << 20;

export function filesOfFolder(folder: string): WorldFiles {
  return {
    place: folder,
    read: (path) => readFile(join(folder, path)).catch(absent),
    async list(below) {
      const entries = await readdir(join(folder, below), { recursive: true, withFileTypes: true }).catch(absent);
      const start = join(folder, "x").length - 1;
      return (entries ?? []).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(start).split(sep).join("/")).sort(byText);
    },
  };
}

export function filesOfCommit(store: ObjectStore, commit: Oid): WorldFiles {
  return {
    place: `commit ${commit.slice(0, 12)}`,
    read: (path) => store.readPath(commit, path),
    async list(below) {
      const entry = await store.findPath(commit, below);
      if (entry === undefined || entry.mode !== "40000") return [];
      const listed = await store.listTree(entry.oid, { depth: "all" });
      return listed.filter(({ mode }) => mode === "100644" || mode === "100755").map(({ path }) => `${below}/${path}`).sort(byText);
    },
  };
}

/** @throws AosError `sync.missing`, `world.file`, and as parseSyncMap */
export async function readSyncMap(files: WorldFiles): Promise<SyncMap> {
  const bytes = await files.read(SYNC_FILE);
  if (bytes === undefined) throw new AosError("sync.missing", `${files.place}: no ${SYNC_FILE}, so this is not a world`, { hint: "run `aos init DIR`, or use --world" });
  return parseSyncMap(textOf(bytes, SYNC_FILE));
}

/** @throws AosError `world.file` for what is not there any more, is too large or no text */
export async function readText(files: WorldFiles, path: string): Promise<string> {
  const bytes = await files.read(path);
  if (bytes === undefined) throw new AosError("world.file", `${files.place}: ${path} went away while it was read`, { class: "outside" });
  return textOf(bytes, path);
}

function textOf(bytes: Uint8Array, path: string): string {
  if (bytes.length > FILE_BYTES_MAX) throw new AosError("world.file", `${path}: ${bytes.length} bytes is over the limit of ${FILE_BYTES_MAX}`, { at: { file: path } });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new AosError("world.file", `${path}: not UTF-8`, { at: { file: path } });
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "EISDIR") return undefined;
  throw error;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
