// The files of a folder as a workspace would hold them: names, hashes, modes; what a workspace cannot hold is told, all at once.

import { createHash } from "node:crypto";
import { closeSync, constants, lstatSync, openSync, readdirSync, readFileSync, readSync, type Stats } from "node:fs";
import { AosError, compareText, hashBytes, type Hash } from "@agentos/kernel";
import { filesOver } from "./files-over.ts";
import { isAlwaysIgnored, type IgnoreRules, type Place } from "./ignore-rules.ts";
import { lookedAt, type KnownFolder, type LookedAt, type StatCache } from "./stat-cache.ts";
import type { FileFacts } from "./three-way.ts";

export interface Scan {
  /** By path on disk below the folder, `/` between names: what is new of them over those of the cache. */
  readonly files: ReadonlyMap<string, LookedAt>;
  /** Files whose bytes were read. */
  readonly hashed: number;
}
/** Bytes that were read for their hash and are wanted afterwards, of any number of scans: as many as there is room for. */
export interface KeptBytes {
  readonly files: Map<Hash, Uint8Array>;
  /** What may still be kept. */
  room: number;
}
export interface FileProblem {
  readonly path: string;
  readonly what: string;
}

export interface ScanOptions {
  readonly rules: IgnoreRules;
  readonly cache: StatCache;
  /** Where the bytes that are read go; `leave`: nobody wants them. */
  readonly bytes: KeptBytes | "leave";
  /** The paths to look at; of all others what the cache has of them is taken as it is. All are looked at unless told. */
  readonly paths?: ReadonlySet<string>;
  readonly onFile?: () => void;
}

const PROBLEMS_SHOWN = 20;
/** Of all bytes that are kept, and of one file. */
const KEPT_BYTES = 64 << 20;
const KEPT_FILE_BYTES = 1 << 20;
/** One object for all: what is gone since its folder was read is no error. */
const LOOK = { bigint: false, throwIfNoEntry: false } as const;
const { S_IFMT, S_IFDIR, S_IFREG, S_IFLNK } = constants;

export function keptBytes(room: number = KEPT_BYTES): KeptBytes {
  return { files: new Map(), room };
}

/**
 * Reads a folder; one that is not there holds no files. Of a file that looks as the cache has it only that look is taken.
 *
 * @throws AosError `sync.files` with every path that a workspace cannot hold, in `data.problems` too
 */
export function scanFolder(folder: string, options: ScanOptions): Scan {
  const { rules, cache, onFile } = options;
  const wanted = options.paths === undefined ? undefined : withFolders(options.paths);
  const takenMs = Date.now();
  const changes = new Map<string, LookedAt | undefined>();
  const walked = new Set<string>();
  const problems: FileProblem[] = [];
  const kept = options.bytes === "leave" ? keptBytes(0) : options.bytes;
  let hashed = 0;

  function walk(place: Place, path: string): void {
    const [full, prefix] = path === "" ? [folder, ""] : [`${folder}/${path}`, `${path}/`];
    const before = rowsOf(cache.folder(path), (name) => gone(prefix + name));
    walked.add(path);
    const taken = namesIn(full, prefix, problems).filter((name) => {
      if (isAlwaysIgnored(name)) return false;
      if (wanted?.has(prefix + name) === false) return false;
      const stats = lstatSync(`${full}/${name}`, LOOK);
      if (stats === undefined) return false;
      if ((stats.mode & S_IFMT) === S_IFDIR) {
        const inner = rules.enter(place, name);
        if (inner.ignored && (!rules.reopens || inner.closed)) return false;
        walk(inner, prefix + name);
        return !inner.ignored;
      }
      if (rules.isIgnored(place, name)) return false;
      onFile?.();
      if (!before.isSame(name, stats)) take(`${full}/${name}`, prefix + name, stats);
      return true;
    });
    before.end();
    problems.push(...collisions(taken, prefix));
  }

  function gone(path: string): void {
    if (wanted?.has(path) !== false) changes.set(path, undefined);
  }

  function take(full: string, path: string, stats: Stats): void {
    const kind = stats.mode & S_IFMT;
    if (kind === S_IFREG) changes.set(path, lookedAt(factsOf(full, stats), stats, takenMs));
    else problems.push({ path, what: kind === S_IFLNK ? "a symbolic link" : "neither a file nor a folder" });
  }

  function factsOf(full: string, { size, mode }: Stats): FileFacts {
    return { hash: hashOf(full, size), size, mode: (mode & 0o111) === 0 ? 0o644 : 0o755 };
  }

  function hashOf(full: string, size: number): Hash {
    hashed++;
    if (size > Math.min(kept.room, KEPT_FILE_BYTES)) return hashFile(full);
    const bytes = readFileSync(full);
    const hash = hashBytes(bytes);
    if (!kept.files.has(hash)) kept.room -= bytes.length;
    kept.files.set(hash, bytes);
    return hash;
  }

  walk(rules.top, "");
  for (const path of cache.folders()) if (!walked.has(path)) for (const name of cache.folder(path)?.names ?? []) gone(path === "" ? name : `${path}/${name}`);
  refuse(folder, problems);
  return { files: filesOver(cache.files, changes), hashed };
}

/** These paths and all folders above them. */
function withFolders(paths: ReadonlySet<string>): ReadonlySet<string> {
  const all = new Set<string>();
  for (const path of paths) {
    all.add(path);
    for (let end = path.lastIndexOf("/"); end > 0 && !all.has(path.slice(0, end)); end = path.lastIndexOf("/", end - 1)) all.add(path.slice(0, end));
  }
  return all;
}

/** The rows of a folder, gone through in the order of names, beside the files that are there. */
function rowsOf(known: KnownFolder | undefined, onGone: (name: string) => void): { isSame(name: string, stats: Stats): boolean; end(): void } {
  const names = known?.names ?? [];
  let at = 0;
  return {
    isSame(name, stats) {
      for (let row = names[at]; row !== undefined; row = names[++at]) {
        if (row === name) return known?.isSame(at++, stats) === true;
        if (compareText(row, name) > 0) break;
        onGone(row);
      }
      return false;
    },
    end() {
      for (const name of names.slice(at)) onGone(name);
    },
  };
}

/** @throws AosError `sync.files` when there are problems */
export function refuse(place: string, problems: readonly FileProblem[]): void {
  if (problems.length === 0) return;
  const told = problems.slice(0, PROBLEMS_SHOWN).map(({ path, what }) => `${path} (${what})`);
  const more = problems.length - told.length;
  throw new AosError("sync.files", `${place}: ${problems.length === 1 ? "1 path" : `${problems.length} paths`} cannot be in a workspace: ${told.join(", ")}${more > 0 ? ` and ${more} more` : ""}`, {
    at: { file: problems[0]?.path ?? "" }, hint: 'rename or remove them, or leave them out: "ignore" in aos.sync.json', data: { problems },
  });
}

/** Sorted. A name that is not UTF-8 is a problem, and left out. */
function namesIn(path: string, prefix: string, problems: FileProblem[]): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(path);
  } catch (error) {
    if (prefix === "" && error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  const together = names.join("/");
  if (together.includes("\ufffd")) {
    const wrong = readdirSync(path, { encoding: "buffer" }).filter((name) => !Buffer.from(name.toString("utf8"), "utf8").equals(name));
    for (const name of wrong) problems.push({ path: prefix + name.toString("latin1").replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`), what: "its name is not UTF-8" });
    const lost = new Set(wrong.map((name) => name.toString("utf8")));
    names = names.filter((name) => !lost.has(name));
  }
  // Both orders are one where no letter takes two units.
  return /[\ud800-\udfff]/.test(together) ? names.toSorted(compareText) : names.toSorted();
}

/** Names without capital letters and accents: two of them are two on every system. */
const PLAIN = /^[\0-@[-~]*$/;

/** Names of one folder that some systems take for one: they differ in case or in how accents are written. */
export function collisions(names: readonly string[], prefix: string): readonly FileProblem[] {
  if (PLAIN.test(names.join("/"))) return [];
  const seen = new Map<string, string>();
  return names.flatMap((name) => {
    const folded = name.normalize("NFC").toLowerCase();
    const other = seen.get(folded);
    seen.set(folded, other ?? name);
    return other === undefined ? [] : [{ path: prefix + name, what: `the same name as ${prefix}${other} on some systems` }];
  });
}

const PIECE_BYTES = 1 << 20;
const piece = Buffer.allocUnsafe(PIECE_BYTES);

/** The hash of a file, read in pieces. */
export function hashFile(path: string): Hash {
  const digest = createHash("sha256");
  const file = openSync(path, "r");
  try {
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) digest.update(piece.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return `sha256:${digest.digest("hex")}` as Hash;
}
