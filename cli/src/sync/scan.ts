// The files of a folder as a workspace would hold them: names, hashes, modes; what a workspace cannot hold is told, all at once.

import { createHash } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync, type BigIntStats, type Dirent } from "node:fs";
import { join } from "node:path";
import { AosError, compareText, hashBytes, type Hash } from "@agentos/kernel";
import type { IgnoreRules, Place } from "./ignore-rules.ts";
import { lookedAt, type LookedAt, type StatCache } from "./stat-cache.ts";
import type { FileFacts } from "./three-way.ts";

export interface Scan {
  /** By path on disk below the folder, `/` between names. */
  readonly files: ReadonlyMap<string, LookedAt>;
  /** Files whose bytes were read. */
  readonly hashed: number;
  /** The bytes of some of them, by hash: all of them unless they are too many. */
  readonly read: ReadonlyMap<Hash, Uint8Array>;
}
export interface FileProblem {
  readonly path: string;
  readonly what: string;
}

export interface ScanOptions {
  readonly rules: IgnoreRules;
  readonly cache: StatCache;
  /** Whether the bytes that are read are wanted afterwards; they are given as long as there is room for them. */
  readonly bytes: "keep" | "leave";
  readonly onFile?: () => void;
}

const PROBLEMS_SHOWN = 20;
/** Of the bytes that are kept, all together, and of one file. */
const KEPT_BYTES = 64 << 20;
const KEPT_FILE_BYTES = 1 << 20;

/**
 * Reads a folder; one that is not there holds no files.
 *
 * @throws AosError `sync.files` with every path that a workspace cannot hold, in `data.problems` too
 */
export function scanFolder(folder: string, options: ScanOptions): Scan {
  const takenNs = BigInt(Date.now()) * 1_000_000n;
  const files = new Map<string, LookedAt>();
  const problems: FileProblem[] = [];
  const read = new Map<Hash, Uint8Array>();
  let [hashed, room] = [0, options.bytes === "keep" ? KEPT_BYTES : 0];

  function walk(place: Place, prefix: string): void {
    const entries = entriesOf(join(folder, prefix), problems, prefix);
    const names: string[] = [];
    for (const entry of entries) {
      const path = prefix + entry.name;
      if (entry.isDirectory()) {
        const inner = options.rules.enter(place, entry.name);
        if (inner.ignored && (!options.rules.reopens || inner.closed)) continue;
        if (!inner.ignored) names.push(entry.name);
        walk(inner, `${path}/`);
      } else if (!options.rules.isIgnored(place, entry.name)) {
        names.push(entry.name);
        take(path, entry);
      }
    }
    problems.push(...collisions(names, prefix));
  }

  function take(path: string, entry: Dirent): void {
    if (!entry.isFile()) {
      problems.push({ path, what: entry.isSymbolicLink() ? "a symbolic link" : "neither a file nor a folder" });
      return;
    }
    const full = `${folder}/${path}`;
    const stats = lstatSync(full, { bigint: true });
    files.set(path, options.cache.find(path, stats) ?? lookedAt(factsOf(full, stats), stats, takenNs));
    options.onFile?.();
  }

  function factsOf(full: string, { size, mode }: BigIntStats): FileFacts {
    return { hash: hashOf(full, Number(size)), size: Number(size), mode: (mode & 0o111n) === 0n ? 0o644 : 0o755 };
  }

  function hashOf(full: string, size: number): Hash {
    hashed++;
    if (size > Math.min(room, KEPT_FILE_BYTES)) return hashFile(full);
    const bytes = readFileSync(full);
    const hash = hashBytes(bytes);
    read.set(hash, bytes);
    room -= bytes.length;
    return hash;
  }

  walk(options.rules.top, "");
  refuse(folder, problems);
  return { files, hashed, read };
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

/** Sorted by name. A name that is not UTF-8 is a problem, and left out. */
function entriesOf(path: string, problems: FileProblem[], prefix: string): readonly Dirent[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (prefix === "" && error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  const suspects = entries.some(({ name }) => name.includes("\ufffd"));
  const wrong = suspects ? readdirSync(path, { encoding: "buffer" }).filter((name) => !Buffer.from(name.toString("utf8"), "utf8").equals(name)) : [];
  for (const name of wrong) problems.push({ path: prefix + name.toString("latin1").replaceAll(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`), what: "its name is not UTF-8" });
  const lost = new Set(wrong.map((name) => name.toString("utf8")));
  return entries.filter(({ name }) => !lost.has(name)).sort((a, b) => compareText(a.name, b.name));
}

/** Names of one folder that some systems take for one: they differ in case or in how accents are written. */
export function collisions(names: readonly string[], prefix: string): readonly FileProblem[] {
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
