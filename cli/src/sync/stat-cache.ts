// What files were when they were last looked at: a file that looks the same is not read again for its hash. Where all of them were
// as a workspace has them, that is kept too, so that its tree need not be read to know what is in it.
//
//   mark (8 bytes), hash of the workspace's root (32; zero: none), count (4)
//   for each file: hash (32), size (6), mode (2), changed (8, ns), entry changed (8, ns; 0: look again), inode (8), length of the path (2), the path
//   SHA-256 of all that (32)

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync, type BigIntStats } from "node:fs";
import { dirname } from "node:path";
import type { Hash } from "@agentos/kernel";
import { same, type FileFacts } from "./three-way.ts";

/** A file as it was looked at. */
export interface LookedAt extends FileFacts {
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  /** Would it look otherwise if it were changed again? Not where it was changed a moment before. */
  readonly look: "settled" | "again";
}

export interface StatCache {
  /** The file as it was, where it has not changed since; undefined: read it. */
  find(path: string, stats: BigIntStats): LookedAt | undefined;
  /** The files of the tree with this root, where they are known; without problems among them. */
  filesOf(root: Hash): ReadonlyMap<string, FileFacts> | undefined;
  /** The root it was written with. */
  readonly root: Hash | undefined;
  /** Is this what would be written? */
  holds(files: ReadonlyMap<string, FileFacts>, root: Hash | undefined): boolean;
  /** @param root - the root of the workspace whose files below the link are exactly these, where there is one */
  write(files: ReadonlyMap<string, LookedAt>, root: Hash | undefined): void;
}

/** A file changed that shortly before it was looked at may be changed again without looking so. */
const TICK_NS = 20_000_000n;

/** @param takenNs - when, in ns since 1970, or before */
export function lookedAt(facts: FileFacts, { mtimeNs, ctimeNs, ino }: BigIntStats, takenNs: bigint): LookedAt {
  const { hash, size, mode } = facts;
  return { hash, size, mode, mtimeNs, ctimeNs, ino, look: ctimeNs + TICK_NS < takenNs ? "settled" : "again" };
}

interface Row extends LookedAt {
  /** Where it is in the file. */
  readonly at: number;
}
interface Cache {
  readonly bytes: Buffer;
  readonly root: Hash | undefined;
  readonly rows: ReadonlyMap<string, Row>;
}

const MARK = Buffer.from("aosstat2", "latin1");
const HEAD_BYTES = 44;
const ROW_BYTES = 66;
const DIGEST_BYTES = 32;
const NO_ROOT = "0".repeat(64);

/** Reads a cache; one that cannot be read holds nothing. */
export function readStatCache(file: string): StatCache {
  const found = parse(file);
  return {
    root: found?.root,
    find(path, stats) {
      const row = found?.rows.get(path);
      const same = row !== undefined && row.ctimeNs === stats.ctimeNs && row.mtimeNs === stats.mtimeNs && row.ino === stats.ino && row.size === Number(stats.size);
      return same ? row : undefined;
    },
    filesOf: (root) => (found?.root === root ? found.rows : undefined),
    holds(files, root) {
      if (found === undefined || found.root !== root || found.rows.size !== files.size) return false;
      for (const [path, file] of files) if (!same(file, found.rows.get(path))) return false;
      return true;
    },
    write(files, root) {
      mkdirSync(dirname(file), { recursive: true });
      const draft = `${file}.${process.pid}`;
      writeFileSync(draft, bytesFor(found, files, root));
      renameSync(draft, file);
    },
  };
}

/** What is to be written, without its digest. Where the paths are those of before, what they are is all that is new. */
function bytesFor(before: Cache | undefined, files: ReadonlyMap<string, LookedAt>, root: Hash | undefined): Buffer {
  const old = before !== undefined && before.rows.size === files.size ? patched(before, files) : undefined;
  const all = old ?? wholeOf(files);
  all.write(root === undefined ? NO_ROOT : digitsOf(root), 8, "hex");
  createHash("sha256").update(all.subarray(0, -DIGEST_BYTES)).digest().copy(all, all.length - DIGEST_BYTES);
  return all;
}

/** Undefined where a path is new. */
function patched({ bytes, rows }: Cache, files: ReadonlyMap<string, LookedAt>): Buffer | undefined {
  const all = Buffer.from(bytes);
  for (const [path, file] of files) {
    const row = rows.get(path);
    if (row === undefined) return undefined;
    if (row !== file) writeRow(all, row.at, file);
  }
  return all;
}

function wholeOf(files: ReadonlyMap<string, LookedAt>): Buffer {
  const paths = [...files.keys()].map((path) => Buffer.from(path));
  const all = Buffer.alloc(HEAD_BYTES + DIGEST_BYTES + paths.reduce((sum, { length }) => sum + ROW_BYTES + length, 0));
  MARK.copy(all);
  all.writeUInt32BE(files.size, 40);
  let at = HEAD_BYTES;
  for (const [index, file] of [...files.values()].entries()) {
    const path = paths[index] ?? Buffer.alloc(0);
    writeRow(all, at, file);
    all.writeUInt16BE(path.length, at + 64);
    path.copy(all, at + ROW_BYTES);
    at += ROW_BYTES + path.length;
  }
  return all;
}

/** All of a row but its path. */
function writeRow(all: Buffer, at: number, { hash, size, mode, mtimeNs, ctimeNs, ino, look }: LookedAt): void {
  all.write(digitsOf(hash), at, "hex");
  all.writeUIntBE(size, at + 32, 6);
  all.writeUInt16BE(mode, at + 38);
  all.writeBigInt64BE(mtimeNs, at + 40);
  all.writeBigInt64BE(look === "settled" ? ctimeNs : 0n, at + 48);
  all.writeBigUInt64BE(ino, at + 56);
}

function digitsOf(hash: Hash): string {
  return hash.slice("sha256:".length);
}

function parse(file: string): Cache | undefined {
  const bytes = bytesOf(file);
  if (bytes === undefined || bytes.length < HEAD_BYTES + DIGEST_BYTES || !bytes.subarray(0, MARK.length).equals(MARK)) return undefined;
  const end = bytes.length - DIGEST_BYTES;
  if (!createHash("sha256").update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end))) return undefined;
  const rows = new Map<string, Row>();
  const digits = bytes.toString("hex", 8, 40);
  let at = HEAD_BYTES;
  for (let left = bytes.readUInt32BE(40); left > 0; left--) {
    const length = bytes.readUInt16BE(at + 64);
    rows.set(bytes.toString("utf8", at + ROW_BYTES, at + ROW_BYTES + length), {
      at, hash: `sha256:${bytes.toString("hex", at, at + 32)}` as Hash, size: bytes.readUIntBE(at + 32, 6), mode: bytes.readUInt16BE(at + 38) === 0o755 ? 0o755 : 0o644,
      mtimeNs: bytes.readBigInt64BE(at + 40), ctimeNs: bytes.readBigInt64BE(at + 48), ino: bytes.readBigUInt64BE(at + 56), look: "settled",
    });
    at += ROW_BYTES + length;
  }
  return { bytes, root: digits === NO_ROOT ? undefined : (`sha256:${digits}` as Hash), rows };
}

function bytesOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
