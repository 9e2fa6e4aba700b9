// The bytes of a tree node without the way over values: a workspace has many nodes, and a node many entries alike.
//
// What is written here is what `canonical` writes, and read is nothing else: all other bytes are for the general reader to judge.

import { isHash } from "./hash.ts";
import { compareText } from "./text.ts";
import type { Mode, Tree, TreeEntry } from "./tree-node.ts";
import type { Hash } from "./value.ts";

const SEGMENT = /^[A-Za-z0-9._~-]+$/;

/** Is this a name of a tree entry: letters, digits and `. _ ~ -`, but not `.` and `..`? */
export function isSegment(text: string): boolean {
  return SEGMENT.test(text) && text !== "." && text !== "..";
}

// A letter stands for the byte of its number: heads of CBOR, and the names of fields in the order of maps.
const MARK = "\xd9\xd9\xf7";
const HASH = "dhashxG";
const KINDS = { file: "dkinddfile", dir: "dkindcdir" } as const;
const MODES: Readonly<Record<Mode, string>> = { 0o644: "dmode\x19\x01\xa4", 0o755: "dmode\x19\x01\xed" };
const [NAME, SIZE, ANNOTATIONS, ENTRIES] = ["dname", "dsize", "pannotations_hashxG", "gentries"];
const HASH_CHARS = "sha256:".length + 64;
const [UINT, TEXT, LIST, MAP] = [0, 3, 4, 5];
const SIZE_MAX = 0xffff_ffff;

/** Undefined for a node that holds what cannot be written here. */
export function writeTreeBytes({ entries, annotations_hash }: Tree): Uint8Array | undefined {
  const parts = [MARK, headOf(MAP, annotations_hash === undefined ? 1 : 2), ENTRIES, headOf(LIST, entries.length)];
  for (const { name, kind, hash, size, mode, annotations_hash: annotations } of entries) {
    if (!isSegment(name) || !isHash(hash) || !Number.isInteger(size) || size < 0 || size > SIZE_MAX || (annotations !== undefined && !isHash(annotations))) return undefined;
    parts.push(headOf(MAP, annotations === undefined ? 5 : 6), HASH, hash, KINDS[kind], MODES[mode], NAME, headOf(TEXT, name.length), name, SIZE, headOf(UINT, size));
    if (annotations !== undefined) parts.push(ANNOTATIONS, annotations);
  }
  if (annotations_hash !== undefined) parts.push(ANNOTATIONS, annotations_hash);
  const text = parts.join("");
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Undefined for all that is not exactly what is written of a tree which keeps the rules. */
export function readTreeBytes(bytes: Uint8Array): Tree | undefined {
  const from: Source = { text: lettersOf(bytes), at: 0 };
  if (!take(from, MARK)) return undefined;
  const fields = takeHead(from, MAP);
  if ((fields !== 1 && fields !== 2) || !take(from, ENTRIES)) return undefined;
  const count = takeHead(from, LIST);
  if (count === undefined) return undefined;
  const entries: TreeEntry[] = [];
  for (let before = ""; entries.length < count; ) {
    const entry = takeEntry(from);
    if (entry === undefined || (before !== "" && compareText(before, entry.name) >= 0)) return undefined;
    before = entry.name;
    entries.push(entry);
  }
  const annotations = fields === 2 ? takeHash(from, ANNOTATIONS) : undefined;
  if ((fields === 2 && annotations === undefined) || from.at !== from.text.length) return undefined;
  return annotations === undefined ? { entries } : { entries, annotations_hash: annotations };
}

interface Source {
  readonly text: string;
  at: number;
}

function takeEntry(from: Source): TreeEntry | undefined {
  const fields = takeHead(from, MAP);
  const hash = takeHash(from, HASH);
  const kind = take(from, KINDS.file) ? "file" : take(from, KINDS.dir) ? "dir" : undefined;
  const mode = take(from, MODES[0o644]) ? 0o644 : take(from, MODES[0o755]) ? 0o755 : undefined;
  if (hash === undefined || kind === undefined || mode === undefined || !take(from, NAME)) return undefined;
  const length = takeHead(from, TEXT) ?? 0;
  const name = from.text.slice(from.at, from.at + length);
  from.at += length;
  if (!isSegment(name) || !take(from, SIZE)) return undefined;
  const size = takeHead(from, UINT);
  if (size === undefined || (kind === "dir" && (size !== 0 || mode !== 0o755 || fields !== 5))) return undefined;
  if (fields === 5) return { name, kind, hash, size, mode };
  const annotations = fields === 6 ? takeHash(from, ANNOTATIONS) : undefined;
  return annotations === undefined ? undefined : { name, kind, hash, size, mode, annotations_hash: annotations };
}

function take(from: Source, expected: string): boolean {
  if (!from.text.startsWith(expected, from.at)) return false;
  from.at += expected.length;
  return true;
}

function takeHash(from: Source, field: string): Hash | undefined {
  if (!take(from, field)) return undefined;
  const hash = from.text.slice(from.at, from.at + HASH_CHARS);
  from.at += HASH_CHARS;
  return isHash(hash) ? hash : undefined;
}

/** A head of that kind in its shortest form. */
function takeHead(from: Source, kind: number): number | undefined {
  const { text, at } = from;
  const head = text.charCodeAt(at) - kind * 32;
  if (head >= 0 && head < 24) {
    from.at++;
    return head;
  }
  const width = head === 24 ? 1 : head === 25 ? 2 : head === 26 ? 4 : 0;
  if (width === 0 || at + width >= text.length) return undefined;
  let value = 0;
  for (let next = at + 1; next <= at + width; next++) value = value * 256 + text.charCodeAt(next);
  if (value < (width === 1 ? 24 : width === 2 ? 0x100 : 0x1_0000)) return undefined;
  from.at = at + 1 + width;
  return value;
}

function headOf(kind: number, value: number): string {
  const width = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x1_0000 ? 2 : 4;
  let text = "";
  for (let place = width - 1; place >= 0; place--) text += String.fromCharCode(Math.floor(value / 256 ** place) % 256);
  return String.fromCharCode(kind * 32 + (width === 0 ? value : width === 1 ? 24 : width === 2 ? 25 : 26)) + text;
}

/** As many as a call takes as its arguments. */
const LETTERS = 8192;

function lettersOf(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += LETTERS) text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + LETTERS));
  return text;
}
