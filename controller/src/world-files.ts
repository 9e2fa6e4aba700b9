// A world's files, from a folder or from a commit, and the sync map among them.

import type { Dirent } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { AosError } from "@agentos/kernel";
import type { Oid } from "./git/objects.ts";
import type { ListedEntry, ObjectStore } from "./git/store.ts";
import { parseSyncMap, SYNC_FILE, type SyncMap } from "./sync/sync-map.ts";

/** Files of a world by path, `/` between segments. */
export interface WorldFiles {
  /** What a person would call it: a folder or a commit. */
  readonly place: string;
  read(path: string): Promise<Uint8Array | undefined>;
  /** Every file below a folder, sorted by path; none when there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /**
   * What stands at a path, on the way to it or below it and is passed over, sorted by path: a link or a repository of its own. A folder and
   * a commit do not hold the same there.
   */
  passedOver(path: string): Promise<readonly PassedOver[]>;
}

export interface PassedOver {
  readonly path: string;
  readonly what: "link" | "repository";
}

const FILE_BYTES_MAX = 16 << 20;

export function filesOfFolder(folder: string): WorldFiles {
  const start = join(folder, "x").length - 1;
  const inWorld = (path: string): string => path.slice(start).split(sep).join("/");
  const below = async (path: string): Promise<readonly Dirent[]> => (await readdir(join(folder, path), { recursive: true, withFileTypes: true }).catch(absent)) ?? [];
  return {
    place: folder,
    read: (path) => readFile(join(folder, path)).catch(absent),
    async list(path) {
      return (await below(path)).filter((entry) => entry.isFile()).map((entry) => inWorld(join(entry.parentPath, entry.name))).sort(byText);
    },
    async passedOver(path) {
      for (const step of stepsTo(path)) {
        if ((await lstat(join(folder, step)).catch(absent))?.isSymbolicLink() === true) return [{ path: step, what: "link" }];
      }
      const found = (await below(path)).flatMap((entry): readonly PassedOver[] => {
        if (entry.isSymbolicLink()) return [{ path: inWorld(join(entry.parentPath, entry.name)), what: "link" }];
        return entry.name === ".git" ? [{ path: inWorld(entry.parentPath), what: "repository" }] : [];
      });
      return found.filter(isTold).sort(byPath);
    },
  };
}

export function filesOfCommit(store: ObjectStore, commit: Oid): WorldFiles {
  const below = async (path: string): Promise<readonly ListedEntry[]> => {
    const entry = await store.findPath(commit, path);
    if (entry?.mode !== "40000") return [];
    return (await store.listTree(entry.oid, { depth: "all" })).map((listed) => ({ ...listed, path: `${path}/${listed.path}` }));
  };
  return {
    place: `commit ${commit.slice(0, 12)}`,
    read: (path) => store.readPath(commit, path),
    async list(path) {
      return (await below(path)).filter(({ mode }) => mode === "100644" || mode === "100755").map((entry) => entry.path).sort(byText);
    },
    async passedOver(path) {
      for (const step of stepsTo(path)) {
        const what = PASSED_OVER.get((await store.findPath(commit, step))?.mode ?? "");
        if (what !== undefined) return [{ path: step, what }];
      }
      const found = (await below(path)).flatMap((entry): readonly PassedOver[] => {
        const what = PASSED_OVER.get(entry.mode);
        return what === undefined ? [] : [{ path: entry.path, what }];
      });
      return found.filter(isTold).sort(byPath);
    },
  };
}

/** By the mode of a tree's entry. */
const PASSED_OVER: ReadonlyMap<string, PassedOver["what"]> = new Map([["120000", "link"], ["160000", "repository"]]);

/** `a/b/c` → `a`, `a/b`, `a/b/c`. */
function stepsTo(path: string): readonly string[] {
  const names = path.split("/");
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

/** An editor locks a file that is being edited by a link of such a name, which leads nowhere. */
function isTold({ path }: PassedOver): boolean {
  return !path.slice(path.lastIndexOf("/") + 1).startsWith(".#");
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

function byPath(a: PassedOver, b: PassedOver): number {
  return byText(a.path, b.path);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
