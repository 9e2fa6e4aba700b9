// The files that a pull writes and removes, so that nothing is lost that somebody else wrote meanwhile.

import { closeSync, fchmodSync, fstatSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync, writeSync, type BigIntStats } from "node:fs";
import { dirname, join } from "node:path";
import { AosError, type Hash } from "@agentos/kernel";
import { DRAFT_PREFIX } from "./ignore-rules.ts";
import type { LinkPlace } from "./link-state.ts";
import { refuse, type FileProblem, type Scan } from "./scan.ts";
import { lookedAt, type LookedAt } from "./stat-cache.ts";
import type { FileFacts } from "./three-way.ts";

/** What becomes of one path below the folder. */
export interface FileToBe {
  readonly path: string;
  /** The new bytes; undefined: the file goes; `stays`: nothing is written. */
  readonly bytes: (() => Promise<Uint8Array>) | "stays" | undefined;
  readonly mode: 0o644 | 0o755;
  /** Of the file as it will be; null: none. */
  readonly hash: Hash | null;
}
type Place = Pick<LinkPlace, "root" | "link">;
type Kind = "folder" | "free" | "taken";

/** @throws AosError `sync.files`: a folder that stays, a link or a file on the way, a file that is left out stand where something is to be written */
export function refuseInTheWay(place: Place, local: Scan, files: readonly FileToBe[]): void {
  const problems: FileProblem[] = [];
  const gone = new Set(files.filter(({ bytes }) => bytes === undefined).map(({ path }) => path));
  const kinds = diskKinds(place, gone);
  for (const { path, bytes } of files) {
    if (bytes === undefined || bytes === "stays") continue;
    const taken = kinds.above(path);
    if (taken !== undefined) problems.push({ path, what: `${taken} is here, and no folder` });
    if (local.files.has(path)) continue;
    const kind = kinds.at(path);
    if (kind === "taken") problems.push({ path, what: "here is a file of that name that is left out" });
    if (kind === "folder" && !isEmptied(diskPath(place, path), `${path}/`, gone)) problems.push({ path, what: "a folder is here" });
  }
  refuse(`folder ${place.link.dir}`, problems);
}

/** What is on disk, each folder listed once; files that go count as gone but where a new one takes their name. */
function diskKinds(place: Place, gone: ReadonlySet<string>): { at(path: string): Kind; above(path: string): string | undefined } {
  const folders = new Map<string, ReadonlyMap<string, Kind> | undefined>();

  /** What a folder holds; undefined where there is no folder. */
  function inside(folder: string): ReadonlyMap<string, Kind> | undefined {
    if (folders.has(folder)) return folders.get(folder);
    const there = folder === "" || (at(folder) === "folder" && !gone.has(folder));
    const found = there ? entriesOf(diskPath(place, folder)) : undefined;
    folders.set(folder, found);
    return found;
  }

  function at(path: string): Kind {
    const cut = path.lastIndexOf("/");
    return inside(path.slice(0, Math.max(0, cut)))?.get(path.slice(cut + 1)) ?? "free";
  }

  function above(path: string): string | undefined {
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      const folder = path.slice(0, end);
      if (gone.has(folder)) return undefined;
      const kind = at(folder);
      if (kind !== "folder") return kind === "taken" ? folder : undefined;
    }
    return undefined;
  }

  return { at, above };
}

function entriesOf(path: string): ReadonlyMap<string, Kind> | undefined {
  try {
    return new Map(readdirSync(path, { withFileTypes: true }).map((entry) => [entry.name, entry.isDirectory() ? "folder" : "taken"] as const));
  } catch (error) {
    return absent(error);
  }
}

/** Will nothing be left in a folder once these files are gone? */
function isEmptied(folder: string, prefix: string, gone: ReadonlySet<string>): boolean {
  return readdirSync(folder, { withFileTypes: true }).every((entry) => {
    const path = prefix + entry.name;
    return entry.isDirectory() ? isEmptied(join(folder, entry.name), `${path}/`, gone) : gone.has(path);
  });
}

interface WriteOptions {
  /** Whether a pull that was cut off may have left some. */
  readonly drafts: "none" | "perhaps";
  readonly onFile?: (total: number) => void;
}

/**
 * Removals go first, since a file may stand where a folder is to be. A new file is written where it belongs: cut off, it is a
 * beginning of what it was to be. One that is there is replaced whole.
 *
 * @returns the files that were written, as they are
 * @throws AosError `sync.changed` at the first one that is not as it was looked at
 */
export async function writeFiles(place: Place, local: Scan, files: readonly FileToBe[], options: WriteOptions): Promise<ReadonlyMap<string, LookedAt>> {
  const folders = new Set<string>();
  const written = new Map<string, readonly [FileFacts, BigIntStats]>();
  for (const { path, bytes } of files) {
    if (bytes !== undefined) continue;
    requireUntouched(place, local, path);
    unlinkSync(diskPath(place, path));
    removeEmpty(place, dirname(path));
    options.onFile?.(files.length);
  }
  for (const { path, bytes, mode, hash } of files) {
    if (bytes === undefined || bytes === "stays" || hash === null) continue;
    const target = diskPath(place, path);
    const folder = dirname(target);
    if (!folders.has(folder)) {
      mkdirSync(folder, { recursive: true });
      if (options.drafts === "perhaps") removeDrafts(folder);
      folders.add(folder);
    }
    const content = await bytes();
    const stats = local.files.has(path) ? replace(place, local, { path, content, mode }) : create(place, { path, content, mode });
    written.set(path, [{ hash, size: content.length, mode }, stats]);
    options.onFile?.(files.length);
  }
  const takenNs = BigInt(Date.now()) * 1_000_000n;
  return new Map([...written].map(([path, [facts, seen]]) => [path, lookedAt(facts, seen, takenNs)]));
}

interface NewFile {
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: 0o644 | 0o755;
}

/** A file where none was. An empty folder may have been. */
function create(place: Place, { path, content, mode }: NewFile): BigIntStats {
  const target = diskPath(place, path);
  try {
    return writeNew(target, content, mode);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && (error.code === "EEXIST" || error.code === "EISDIR"))) throw error;
    if (!removeEmptyTree(target)) throw changed(place, path);
    return writeNew(target, content, mode);
  }
}

/** Removes a folder in which there are only folders. @returns whether it was one */
function removeEmptyTree(path: string): boolean {
  if (lstatSync(path).isDirectory() && readdirSync(path).every((name) => removeEmptyTree(join(path, name)))) {
    rmdirSync(path);
    return true;
  }
  return false;
}

function replace(place: Place, local: Scan, { path, content, mode }: NewFile): BigIntStats {
  const target = diskPath(place, path);
  const draft = join(dirname(target), `${DRAFT_PREFIX}${process.pid}`);
  writeNew(draft, content, mode);
  requireUntouched(place, local, path);
  renameSync(draft, target);
  return lstatSync(target, { bigint: true });
}

/** @param mode - exactly, whatever the umask. @throws `EEXIST` where something is */
function writeNew(path: string, content: Uint8Array, mode: number): BigIntStats {
  const file = openSync(path, "wx", mode);
  try {
    for (let at = 0; at < content.length; ) at += writeSync(file, content, at);
    const stats = fstatSync(file, { bigint: true });
    if (Number(stats.mode & 0o777n) === mode) return stats;
    fchmodSync(file, mode);
    return fstatSync(file, { bigint: true });
  } finally {
    closeSync(file);
  }
}

/** Drafts of a pull that was cut off. */
function removeDrafts(folder: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith(DRAFT_PREFIX)) rmSync(join(folder, name), { force: true });
}

/** Is the file as it was when it was looked at? What somebody wrote since then is not written over. */
function requireUntouched(place: Place, local: Scan, path: string): void {
  const was = local.files.get(path);
  const now = statsAt(diskPath(place, path));
  if (was !== undefined && now !== undefined && now.ino === was.ino && now.mtimeNs === was.mtimeNs && Number(now.size) === was.size) return;
  throw changed(place, path);
}

function changed({ link }: Place, path: string): AosError {
  return new AosError("sync.changed", `${join(link.dir, path)}: it changed while it was pulled`, { at: { file: path }, class: "outside", hint: "it was left as it is: pull again" });
}

function statsAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    return absent(error);
  }
}

/** Folders that a removed file leaves empty go, up to the link's own. */
function removeEmpty(place: Place, folder: string): void {
  for (let at = folder; at !== "."; at = dirname(at)) {
    try {
      rmdirSync(diskPath(place, at));
    } catch {
      return;
    }
  }
}

function diskPath({ root, link }: Place, path: string): string {
  return `${root}/${link.dir}/${path}`;
}

function absent(error: unknown): undefined {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
  throw error;
}
