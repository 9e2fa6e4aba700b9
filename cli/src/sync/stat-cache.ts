// What files were when they were last read: a file that looks the same is not read again for its hash.

import { mkdirSync, readFileSync, renameSync, writeFileSync, type BigIntStats } from "node:fs";
import { dirname } from "node:path";
import { isHash, type Hash } from "@agentos/kernel";

/** Size, time of the last change of content and of the entry (ns), inode, hash. */
type Row = readonly [size: string, mtime: string, ctime: string, inode: string, hash: Hash];

export interface StatCache {
  /** The hash of a file that has not changed since it was read; undefined: read it. */
  find(path: string, stats: BigIntStats): Hash | undefined;
}

const VERSION = 1;
/** A file changed that shortly before it was read may be changed again without looking so. */
const TICK_NS = 20_000_000n;

/** Reads a cache; one that cannot be read holds nothing. */
export function readStatCache(file: string): StatCache {
  const found = parse(file);
  return {
    find(path, stats) {
      const row = found?.files[path];
      if (found === undefined || row === undefined || stats.ctimeNs + TICK_NS >= found.takenNs) return undefined;
      const same = row[0] === String(stats.size) && row[1] === String(stats.mtimeNs) && row[2] === String(stats.ctimeNs) && row[3] === String(stats.ino);
      return same && isHash(row[4]) ? row[4] : undefined;
    },
  };
}

/** @param takenNs - when the first of the files was looked at */
export function writeStatCache(file: string, files: Iterable<readonly [string, { readonly stats: BigIntStats; readonly hash: Hash }]>, takenNs: bigint): void {
  const rows: Record<string, Row> = Object.create(null) as Record<string, Row>;
  for (const [path, { stats, hash }] of files) rows[path] = [String(stats.size), String(stats.mtimeNs), String(stats.ctimeNs), String(stats.ino), hash];
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ version: VERSION, taken: String(takenNs), files: rows }));
  renameSync(draft, file);
}

function parse(file: string): { readonly takenNs: bigint; readonly files: Readonly<Record<string, Row>> } | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { version, taken, files } = value as { readonly [field: string]: unknown };
    if (version !== VERSION || typeof taken !== "string" || !/^\d{1,20}$/.test(taken) || typeof files !== "object" || files === null) return undefined;
    const rows = Object.entries(files).filter((entry): entry is [string, Row] => Array.isArray(entry[1]) && entry[1].length === 5);
    return { takenNs: BigInt(taken), files: Object.assign(Object.create(null) as Record<string, Row>, Object.fromEntries(rows)) };
  } catch {
    return undefined;
  }
}
