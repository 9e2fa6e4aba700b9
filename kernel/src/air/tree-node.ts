// Workspace trees as stored nodes: their one encoding, and the rules for names and paths.

import { canonical, decodeCanonical } from "./cbor.ts";
import { AosError } from "./error.ts";
import { hashBytes, hashValue, isHash } from "./hash.ts";
import { compareText } from "./text.ts";
import { isSegment, readTreeBytes, writeTreeBytes } from "./tree-bytes.ts";
import { isList, isMap } from "./value-path.ts";
import type { Hash, Value } from "./value.ts";

export { isSegment } from "./tree-bytes.ts";

export type EntryKind = "file" | "dir";
/** Permission bits: 0644 or 0755 for files, always 0755 for directories. */
export type Mode = 0o644 | 0o755;
export interface TreeEntry {
  readonly name: string;
  readonly kind: EntryKind;
  /** Of a file's bytes, of a directory's node. */
  readonly hash: Hash;
  /** Bytes of a file; 0 for a directory. */
  readonly size: number;
  readonly mode: Mode;
  /** Of a file. A directory keeps its annotations in its own node. */
  readonly annotations_hash?: Hash;
}
export interface Tree {
  /** Strictly ascending by name. */
  readonly entries: readonly TreeEntry[];
  readonly annotations_hash?: Hash;
}
/** Hashes of blobs by key. */
export type Annotations = ReadonlyMap<string, Hash>;

export const EMPTY_TREE: Tree = { entries: [] };
/** The root of a workspace with nothing in it. */
export const EMPTY_TREE_HASH = hashValue({ entries: [] });
const DIR_MODE = 0o755;

/** The bytes of a tree node; their hash names it. */
export function encodeTree(tree: Tree): Uint8Array {
  const bytes = writeTreeBytes(tree);
  if (bytes !== undefined) return bytes;
  const entries = tree.entries.map(({ name, kind, hash, size, mode, annotations_hash }) => ({ name, kind, hash, size, mode, annotations_hash }));
  return canonical({ entries, annotations_hash: tree.annotations_hash });
}

/**
 * Reads a tree node.
 *
 * @throws AosError `tree.node` when the bytes are not exactly what `encodeTree` writes of a tree whose names, order, kinds, sizes and
 *   modes keep the rules
 */
export function decodeTree(bytes: Uint8Array): Tree {
  const tree = readTreeBytes(bytes);
  if (tree !== undefined) return tree;
  const fields = fieldsOf(decodeNode(bytes), "tree", ["entries", "annotations_hash"]);
  const list = fields.get("entries") ?? null;
  if (!isList(list)) return refuse("tree", "has no entries");
  const entries = list.map(readEntry);
  for (const [index, { name }] of entries.entries()) {
    const before = entries[index - 1];
    if (before !== undefined && compareText(before.name, name) >= 0) return refuse(name, "is out of order or there twice");
  }
  return { entries, ...annotationsOf(fields, "tree") };
}

function decodeNode(bytes: Uint8Array): Value {
  try {
    return decodeCanonical(bytes);
  } catch (cause) {
    if (!(cause instanceof AosError)) throw cause;
    throw new AosError("tree.node", `workspace tree: ${cause.message}`, { cause });
  }
}

function refuse(place: string, what: string): never {
  throw new AosError("tree.node", `workspace tree: ${place} ${what}`);
}

function fieldsOf(value: Value, place: string, known: readonly string[]): ReadonlyMap<Value, Value> {
  if (!isMap(value)) return refuse(place, "is not a map");
  for (const key of value.keys()) if (!known.includes(key as string)) return refuse(place, `has the unknown field ${JSON.stringify(String(key))}`);
  return value;
}

function readEntry(value: Value): TreeEntry {
  const fields = fieldsOf(value, "an entry", ["name", "kind", "hash", "size", "mode", "annotations_hash"]);
  const name = fields.get("name");
  if (typeof name !== "string" || !isSegment(name)) return refuse("an entry", "has a name that no file can have");
  const [kind, hash, size, mode] = ["kind", "hash", "size", "mode"].map((field) => fields.get(field));
  if (kind !== "file" && kind !== "dir") return refuse(name, "is neither a file nor a directory");
  if (typeof hash !== "string" || !isHash(hash)) return refuse(name, "has no hash");
  if (typeof size !== "number" || size < 0 || (kind === "dir" && size !== 0)) return refuse(name, "has a size that it cannot have");
  if (mode !== DIR_MODE && (mode !== 0o644 || kind === "dir")) return refuse(name, "has a mode that it cannot have");
  const annotations = annotationsOf(fields, name);
  if (kind === "dir" && annotations.annotations_hash !== undefined) return refuse(name, "is a directory and keeps its annotations in its own node");
  return { name, kind, hash, size, mode, ...annotations };
}

function annotationsOf(fields: ReadonlyMap<Value, Value>, place: string): { readonly annotations_hash?: Hash } {
  const hash = fields.get("annotations_hash");
  if (hash === undefined) return {};
  return typeof hash === "string" && isHash(hash) ? { annotations_hash: hash } : refuse(place, "has annotations that are no hash");
}

/** An entry for a directory node. */
export function dirEntry(name: string, hash: Hash): TreeEntry {
  return { name, kind: "dir", hash, size: 0, mode: DIR_MODE };
}

/** The bytes of an annotations node. */
export function encodeAnnotations(annotations: Annotations): Uint8Array {
  return canonical(annotations);
}

/** Reads an annotations node. @throws AosError `tree.node` when it is not a canonical map of texts to hashes */
export function decodeAnnotations(bytes: Uint8Array): Annotations {
  const value = decodeNode(bytes);
  if (!isMap(value)) return refuse("annotations", "are not a map");
  return new Map([...value].map(([key, hash]) => {
    if (typeof key !== "string" || typeof hash !== "string" || !isHash(hash)) return refuse("annotations", "hold something else than hashes by text");
    return [key, hash] as const;
  }));
}

/** Reads the name of a workspace. @throws AosError `tree.workspace_name` */
export function parseWorkspaceName(text: string): string {
  if (isSegment(text)) return text;
  throw new AosError("tree.workspace_name", `${JSON.stringify(text)}: invalid workspace name`, { hint: NAME_HINT });
}

const NAME_HINT = "names are made of letters, digits and . _ ~ -";

/**
 * Splits a path into its names. Without text it is the root's, which has none.
 *
 * @throws AosError `tree.path` for an empty path, a slash at either end or two in a row, and for names that no entry can have
 */
export function parsePath(path: string | undefined): readonly string[] {
  if (path === undefined) return [];
  const segments = path.split("/");
  if (segments.includes("")) throw new AosError("tree.path", `${JSON.stringify(path)}: invalid path`, { hint: "write names with one slash between them" });
  const wrong = segments.find((segment) => !isSegment(segment));
  if (wrong !== undefined) throw new AosError("tree.path", `${JSON.stringify(path)}: invalid path segment ${JSON.stringify(wrong)}`, { hint: NAME_HINT });
  return segments;
}

/** Where nodes and file contents are kept, by their hash. `put` may be called for bytes that are there already. */
export interface TreeStore {
  get(hash: Hash): Uint8Array | undefined;
  put(hash: Hash, bytes: Uint8Array): void;
}

/** A store over another that keeps what is put to itself: `added` is what a caller has to store for the new root to be there. */
export function stagedStore(get: (hash: Hash) => Uint8Array | undefined): TreeStore & { readonly added: ReadonlyMap<Hash, Uint8Array> } {
  const added = new Map<Hash, Uint8Array>();
  return { added, get: (hash) => added.get(hash) ?? get(hash), put: (hash, bytes) => void added.set(hash, bytes) };
}

/** Stores bytes under their hash. */
export function putBytes(store: TreeStore, bytes: Uint8Array): Hash {
  const hash = hashBytes(bytes);
  store.put(hash, bytes);
  return hash;
}

/** Bytes that must be there. @throws AosError `tree.missing` */
export function mustGet(store: TreeStore, hash: Hash): Uint8Array {
  const bytes = store.get(hash);
  if (bytes === undefined) throw new AosError("tree.missing", `workspace: ${hash} is not in the store`, { class: "outside" });
  return bytes;
}

/** Loads a tree node; the empty one need not be stored. @throws AosError `tree.missing`, `tree.node` */
export function loadTree(store: TreeStore, hash: Hash): Tree {
  return hash === EMPTY_TREE_HASH ? EMPTY_TREE : decodeTree(mustGet(store, hash));
}
