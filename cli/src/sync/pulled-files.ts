// The files that a pull writes and removes, so that nothing is lost that somebody else wrote meanwhile.

import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { AosError, type Hash } from "@agentos/kernel";
import { draftIn } from "./drafts.ts";
import type { LinkPlace } from "./link-state.ts";
import { writeNew } from "./new-file.ts";
import { refuse, type FileProblem, type Scan } from "./scan.ts";
import { lookAfter, lookedAt, type LookedAt } from "./stat-cache.ts";

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
  const written = new Map<string, Writable<LookedAt>>();
  for (const { path, bytes } of files) {
    if (bytes !== undefined) continue;
    requireUntouched(place, local, path);
    unlinkSync(diskPath(place, path));
    removeEmpty(place, dirname(path));
    options.onFile?.(files.length);
  }
  for (const { path, bytes, mode, hash } of files) {
    if (bytes === undefined || bytes === "stays" || hash === null) continue;
    const folder = diskPath(place, path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    if (!folders.has(folder)) {
      mkdirSync(folder, { recursive: true });
      folders.add(folder);
    }
    const content = await bytes();
    const stats = local.files.has(path) ? replace(place, local, { path, content, mode }) : create(place, { path, content, mode });
    // Of 10,000 of the system's answers a good part would be moved about in memory.
    written.set(path, lookedAt({ hash, size: content.length, mode }, stats, 0));
    options.onFile?.(files.length);
  }
  const takenMs = Date.now();
  for (const file of written.values()) file.look = lookAfter(file, takenMs);
  return written;
}

type Writable<T> = { -readonly [field in keyof T]: T[field] };

interface NewFile {
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: 0o644 | 0o755;
}

/** A file where none was. An empty folder may have been. */
function create(place: Place, { path, content, mode }: NewFile): Stats {
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

function replace(place: Place, local: Scan, { path, content, mode }: NewFile): Stats {
  const target = diskPath(place, path);
  const draft = draftIn(dirname(target));
  try {
    writeNew(draft, content, mode);
    requireUntouched(place, local, path);
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  return lstatSync(target);
}

/** Is the file as it was when it was looked at? What somebody wrote since then is not written over. */
function requireUntouched(place: Place, local: Scan, path: string): void {
  const was = local.files.get(path);
  const now = statsAt(diskPath(place, path));
  if (was !== undefined && now !== undefined && now.ino === was.ino && now.mtimeMs === was.mtimeMs && now.size === was.size) return;
  throw changed(place, path);
}

function changed({ link }: Place, path: string): AosError {
  return new AosError("sync.changed", `${join(link.dir, path)}: it changed while it was pulled`, { at: { file: path }, class: "outside", hint: "it was left as it is: pull again" });
}

function statsAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
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
