// What files were when they were last looked at: a file that looks the same is not read again for its hash. Where all of them were
// as a workspace has them, that is kept too, so that its tree need not be read to know what is in it. It is looked up as it lies on
// disk: only a file that is asked for becomes an object.
//
//   mark (8 bytes), hash of the workspace's root (32; zero: none), count (8), length of the names (8)
//   for each file, in columns: changed (8, ms), entry changed (8, ms; 0: look again), inode (8), size (8); then hash (32); then mode (1; 1: may be run)
//   the names: each folder and its files; a folder's path from its names and those from the next folder by a zero, names by slashes
//   SHA-256 of all that (32)
//
// Numbers are those of this machine: the file never leaves it.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { compareText, type Hash } from "@agentos/kernel";
import { draftIn } from "./drafts.ts";
import { sameFiles, type FilesOver } from "./files-over.ts";
import { same, type FileFacts } from "./three-way.ts";

/** How a file looks from outside. Milliseconds tell apart what is more than a quarter of a microsecond apart. */
export interface Look {
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}
/** A file as it was looked at. */
export interface LookedAt extends FileFacts, Look {
  /** Would it look otherwise if it were changed again? Not where it was changed a moment before. */
  readonly look: "settled" | "again";
}

/** The files of one folder, without those of the folders in it. */
export interface KnownFolder {
  /** Sorted. */
  readonly names: readonly string[];
  /** Has the file at this place of `names` not changed since? */
  isSame(at: number, stats: Stats): boolean;
}

export interface StatCache {
  /** What was known of all files, by path; what differs from it is told as `filesOver` it. */
  readonly files: ReadonlyMap<string, LookedAt>;
  /** Folders that hold files, by path; empty: the top. */
  folders(): Iterable<string>;
  folder(path: string): KnownFolder | undefined;
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
const TICK_MS = 20;

/** @param takenMs - when, since 1970, or before */
export function lookedAt({ hash, size, mode }: FileFacts, { mtimeMs, ctimeMs, ino }: Look, takenMs: number): LookedAt {
  return { hash, size, mode, mtimeMs, ctimeMs, ino, look: lookAfter({ ctimeMs }, takenMs) };
}

export function lookAfter({ ctimeMs }: Pick<Look, "ctimeMs">, takenMs: number): LookedAt["look"] {
  return ctimeMs + TICK_MS < takenMs ? "settled" : "again";
}

const MARK = Buffer.from("aosstat3", "latin1");
const HASH_BYTES = 32;
const HEAD_BYTES = MARK.length + HASH_BYTES + 16;
const ROW_BYTES = 4 * 8 + HASH_BYTES + 1;
const NO_ROOT = "0".repeat(64);

/** The columns of a file's bytes: views, so that what is written there is written in the file. */
interface Columns {
  readonly bytes: Buffer;
  readonly count: number;
  readonly mtimes: Float64Array;
  readonly ctimes: Float64Array;
  readonly inodes: Float64Array;
  readonly sizes: Float64Array;
  readonly hashes: Buffer;
  readonly modes: Buffer;
  readonly names: Buffer;
}

function columnsOf(bytes: Buffer, count: number): Columns {
  const numbers = (column: number): Float64Array => new Float64Array(bytes.buffer, bytes.byteOffset + HEAD_BYTES + column * count * 8, count);
  const hashes = HEAD_BYTES + 32 * count;
  const modes = hashes + HASH_BYTES * count;
  return {
    bytes, count, mtimes: numbers(0), ctimes: numbers(1), inodes: numbers(2), sizes: numbers(3),
    hashes: bytes.subarray(hashes, modes), modes: bytes.subarray(modes, modes + count), names: bytes.subarray(modes + count, bytes.length - HASH_BYTES),
  };
}

/** A folder's rows: from `first` on, one for each name. */
interface Folder {
  readonly first: number;
  readonly names: readonly string[];
}
interface Known {
  readonly columns: Columns;
  readonly root: Hash | undefined;
  readonly folders: ReadonlyMap<string, Folder>;
  readonly files: ReadonlyMap<string, LookedAt>;
}

const NO_FILES: ReadonlyMap<string, LookedAt> = new Map();

/** Reads a cache; one that cannot be read holds nothing. */
export function readStatCache(file: string): StatCache {
  const known = parse(file);
  const files = known?.files ?? NO_FILES;
  return {
    files, root: known?.root,
    folders: () => known?.folders.keys() ?? [],
    folder(path) {
      const folder = known?.folders.get(path);
      if (known === undefined || folder === undefined) return undefined;
      const { mtimes, ctimes, inodes, sizes } = known.columns;
      const { first, names } = folder;
      return { names, isSame: (at, { mtimeMs, ctimeMs, ino, size }) => ctimes[first + at] === ctimeMs && mtimes[first + at] === mtimeMs && inodes[first + at] === ino && sizes[first + at] === size };
    },
    filesOf: (root) => (known?.root === root ? files : undefined),
    holds: (some, root) => known !== undefined && known.root === root && sameFiles<FileFacts>(some, files, same),
    write(some, root) {
      mkdirSync(dirname(file), { recursive: true });
      const draft = draftIn(dirname(file));
      writeFileSync(draft, bytesFor(known, some, root));
      renameSync(draft, file);
    },
  };
}

/** What is to be written. Where the paths are those of before, what they are is all that is new. */
function bytesFor(before: Known | undefined, files: ReadonlyMap<string, LookedAt>, root: Hash | undefined): Buffer {
  const { bytes } = (before === undefined ? undefined : patched(before, files)) ?? wholeOf(files);
  bytes.write(root === undefined ? NO_ROOT : digitsOf(root), MARK.length, "hex");
  createHash("sha256").update(bytes.subarray(0, -HASH_BYTES)).digest().copy(bytes, bytes.length - HASH_BYTES);
  return bytes;
}

/** Undefined where the files are told otherwise than as what changed, or a path is new or gone. */
function patched({ columns, folders, files: base }: Known, files: ReadonlyMap<string, LookedAt>): Columns | undefined {
  const changes = files === base ? new Map<string, LookedAt>() : "over" in files && (files as FilesOver<LookedAt>).over.base === base ? (files as FilesOver<LookedAt>).over.changes : undefined;
  if (changes === undefined) return undefined;
  const all = columnsOf(aligned(columns.bytes.length, columns.bytes), columns.count);
  for (const [path, file] of changes) {
    const row = rowOf(folders, path);
    if (row === undefined || file === undefined) return undefined;
    writeRow(all, row, file);
  }
  return all;
}

function wholeOf(files: ReadonlyMap<string, LookedAt>): Columns {
  const folders = new Map<string, (readonly [name: string, file: LookedAt])[]>();
  for (const [path, file] of files) {
    const cut = path.lastIndexOf("/");
    const folder = path.slice(0, Math.max(0, cut));
    const inside = folders.get(folder) ?? [];
    if (inside.length === 0) folders.set(folder, inside);
    inside.push([path.slice(cut + 1), file]);
  }
  for (const inside of folders.values()) inside.sort(([a], [b]) => compareText(a, b));
  const names = Buffer.from([...folders].map(([folder, inside]) => `${folder}\0${inside.map(([name]) => name).join("/")}`).join("\0"));
  const all = columnsOf(aligned(HEAD_BYTES + files.size * ROW_BYTES + names.length + HASH_BYTES), files.size);
  MARK.copy(all.bytes);
  all.bytes.writeDoubleLE(files.size, MARK.length + HASH_BYTES);
  all.bytes.writeDoubleLE(names.length, MARK.length + HASH_BYTES + 8);
  names.copy(all.names);
  let row = 0;
  for (const inside of folders.values()) for (const [, file] of inside) writeRow(all, row++, file);
  return all;
}

/** All of a row but its name. */
function writeRow({ mtimes, ctimes, inodes, sizes, hashes, modes }: Columns, row: number, { hash, size, mode, mtimeMs, ctimeMs, ino, look }: LookedAt): void {
  mtimes[row] = mtimeMs;
  ctimes[row] = look === "settled" ? ctimeMs : 0;
  inodes[row] = ino;
  sizes[row] = size;
  hashes.write(digitsOf(hash), row * HASH_BYTES, "hex");
  modes[row] = mode === 0o755 ? 1 : 0;
}

function fileAt({ mtimes, ctimes, inodes, sizes, hashes, modes }: Columns, row: number): LookedAt {
  return {
    hash: `sha256:${hashes.toString("hex", row * HASH_BYTES, (row + 1) * HASH_BYTES)}` as Hash, size: sizes[row] ?? 0, mode: modes[row] === 1 ? 0o755 : 0o644,
    mtimeMs: mtimes[row] ?? 0, ctimeMs: ctimes[row] ?? 0, ino: inodes[row] ?? 0, look: ctimes[row] === 0 ? "again" : "settled",
  };
}

function digitsOf(hash: Hash): string {
  return hash.slice("sha256:".length);
}

function parse(file: string): Known | undefined {
  const bytes = bytesOf(file);
  if (bytes === undefined || bytes.length < HEAD_BYTES + HASH_BYTES || !bytes.subarray(0, MARK.length).equals(MARK)) return undefined;
  const [count, nameBytes] = [bytes.readDoubleLE(MARK.length + HASH_BYTES), bytes.readDoubleLE(MARK.length + HASH_BYTES + 8)];
  if (bytes.length !== HEAD_BYTES + count * ROW_BYTES + nameBytes + HASH_BYTES) return undefined;
  const end = bytes.length - HASH_BYTES;
  if (!createHash("sha256").update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end))) return undefined;
  const columns = columnsOf(bytes, count);
  const folders = new Map<string, Folder>();
  const texts = columns.names.toString("utf8").split("\0");
  let first = 0;
  for (let at = 0; at + 1 < texts.length; at += 2) {
    const names = (texts[at + 1] ?? "").split("/");
    folders.set(texts[at] ?? "", { first, names });
    first += names.length;
  }
  const digits = bytes.toString("hex", MARK.length, MARK.length + HASH_BYTES);
  return { columns, root: digits === NO_ROOT ? undefined : (`sha256:${digits}` as Hash), folders, files: filesIn(columns, folders) };
}

/** The rows as files, each made when it is asked for. */
function filesIn(columns: Columns, folders: ReadonlyMap<string, Folder>): ReadonlyMap<string, LookedAt> {
  function* mapped<R>(of: (path: string, row: number) => R): MapIterator<R> {
    for (const [folder, { first, names }] of folders) for (const [at, name] of names.entries()) yield of(folder === "" ? name : `${folder}/${name}`, first + at);
    return undefined;
  }
  const entries = (): MapIterator<[string, LookedAt]> => mapped((path, row) => [path, fileAt(columns, row)]);
  const files: ReadonlyMap<string, LookedAt> = {
    size: columns.count,
    has: (path) => rowOf(folders, path) !== undefined,
    get(path) {
      const row = rowOf(folders, path);
      return row === undefined ? undefined : fileAt(columns, row);
    },
    forEach(call) {
      for (const [path, file] of entries()) call(file, path, files);
    },
    entries, keys: () => mapped((path) => path), values: () => mapped((_, row) => fileAt(columns, row)), [Symbol.iterator]: entries,
  };
  return files;
}

/** By halving. */
function rowOf(folders: ReadonlyMap<string, Folder>, path: string): number | undefined {
  const cut = path.lastIndexOf("/");
  const folder = folders.get(path.slice(0, Math.max(0, cut)));
  if (folder === undefined) return undefined;
  const name = path.slice(cut + 1);
  let [low, high] = [0, folder.names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareText(folder.names[middle] ?? "", name) < 0) low = middle + 1;
    else high = middle;
  }
  return folder.names[low] === name ? folder.first + low : undefined;
}

function bytesOf(file: string): Buffer | undefined {
  try {
    const bytes = readFileSync(file);
    return bytes.byteOffset % 8 === 0 ? bytes : aligned(bytes.length, bytes);
  } catch {
    return undefined;
  }
}

/** New bytes that numbers may be laid over, filled with those of `from`. */
function aligned(length: number, from?: Buffer): Buffer {
  const bytes = Buffer.from(new ArrayBuffer(length));
  from?.copy(bytes);
  return bytes;
}
