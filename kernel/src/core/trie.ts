// A persistent map whose Merkle root depends on its content alone, never on the order it was built in (I7).

import { sha256, utf8 } from "../air/hash.ts";

interface Leaf<V> {
  readonly kind: "leaf";
  readonly path: Uint8Array;
  readonly key: string;
  readonly value: V;
  digest?: Uint8Array;
}
interface Branch<V> {
  readonly kind: "branch";
  readonly size: number;
  /** Sixteen places, by the nibble of the path at this depth. */
  readonly children: readonly (Node<V> | undefined)[];
  digest?: Uint8Array;
}
type Node<V> = Leaf<V> | Branch<V>;

/** Text keys to values. A key's path is its SHA-256; n entries under a node make nothing (0), a leaf (1) or a branch. */
export type Trie<V> = { readonly node: Node<V> | undefined };

const EMPTY: Trie<never> = { node: undefined };
const NONE = new Uint8Array(32);

export function emptyTrie<V>(): Trie<V> {
  return EMPTY;
}

export function trieSize<V>(trie: Trie<V>): number {
  return sizeOf(trie.node);
}

export function trieGet<V>(trie: Trie<V>, key: string): V | undefined {
  let node = trie.node;
  if (node === undefined) return undefined;
  const path = pathOf(key);
  for (let depth = 0; node !== undefined; depth++) {
    if (node.kind === "leaf") return node.key === key ? node.value : undefined;
    node = node.children[nibble(path, depth)];
  }
  return undefined;
}

export function trieSet<V>(trie: Trie<V>, key: string, value: V): Trie<V> {
  return { node: insert(trie.node, { kind: "leaf", path: pathOf(key), key, value }, 0) };
}

/** The same trie when the key is absent. */
export function trieDelete<V>(trie: Trie<V>, key: string): Trie<V> {
  const node = remove(trie.node, pathOf(key), key, 0);
  return node === trie.node ? trie : { node };
}

/** Entries in the order of their paths: stable, but not the order of the keys. */
export function* trieEntries<V>(trie: Trie<V>): Generator<readonly [string, V]> {
  if (trie.node !== undefined) yield* walk(trie.node);
}

/**
 * Merkle root: 32 zero bytes when empty, SHA-256(00 ‖ path ‖ digest(value)) of a leaf, SHA-256(01 ‖ sixteen children) of a
 * branch. Only nodes that are new since the last call are hashed.
 *
 * @param digest - 32 bytes that stand for a value; the same function at every call on one trie
 */
export function trieRoot<V>(trie: Trie<V>, digest: (value: V) => Uint8Array): Uint8Array {
  return trie.node === undefined ? NONE : digestOf(trie.node, digest);
}

/** Paths of keys used lately: most are looked up and then written. Long keys are not worth the memory. */
const paths = new Map<string, Uint8Array>();
const PATHS_MAX = 4096;
const KEPT_KEY_CHARS = 256;

function pathOf(key: string): Uint8Array {
  const kept = paths.get(key);
  if (kept !== undefined) return kept;
  const path = sha256(utf8(key));
  if (paths.size >= PATHS_MAX) paths.clear();
  if (key.length <= KEPT_KEY_CHARS) paths.set(key, path);
  return path;
}

function nibble(path: Uint8Array, depth: number): number {
  const byte = path[depth >> 1] ?? 0;
  return depth % 2 === 0 ? byte >> 4 : byte & 15;
}

function sizeOf<V>(node: Node<V> | undefined): number {
  if (node === undefined) return 0;
  return node.kind === "leaf" ? 1 : node.size;
}

function insert<V>(node: Node<V> | undefined, leaf: Leaf<V>, depth: number): Node<V> {
  if (node === undefined || (node.kind === "leaf" && node.key === leaf.key)) return leaf;
  const children: (Node<V> | undefined)[] = node.kind === "branch" ? [...node.children] : new Array(16).fill(undefined);
  if (node.kind === "leaf") children[nibble(node.path, depth)] = node;
  const place = nibble(leaf.path, depth);
  const before = children[place];
  const after = insert(before, leaf, depth + 1);
  children[place] = after;
  const size = node.kind === "leaf" ? sizeOf(after) + (before === node ? 0 : 1) : node.size - sizeOf(before) + sizeOf(after);
  return { kind: "branch", size, children };
}

function remove<V>(node: Node<V> | undefined, path: Uint8Array, key: string, depth: number): Node<V> | undefined {
  if (node === undefined) return undefined;
  if (node.kind === "leaf") return node.key === key ? undefined : node;
  const place = nibble(path, depth);
  const before = node.children[place];
  const after = remove(before, path, key, depth + 1);
  if (after === before) return node;
  const children = [...node.children];
  children[place] = after;
  const left = children.filter((child) => child !== undefined);
  if (left.length === 1 && left[0]?.kind === "leaf") return left[0];
  return { kind: "branch", size: node.size - 1, children };
}

function* walk<V>(node: Node<V>): Generator<readonly [string, V]> {
  if (node.kind === "leaf") yield [node.key, node.value];
  else for (const child of node.children) if (child !== undefined) yield* walk(child);
}

function digestOf<V>(node: Node<V>, digest: (value: V) => Uint8Array): Uint8Array {
  if (node.digest !== undefined) return node.digest;
  const parts = node.kind === "leaf" ? [node.path, digest(node.value)] : node.children.map((child) => (child === undefined ? NONE : digestOf(child, digest)));
  const bytes = new Uint8Array(1 + 32 * parts.length);
  bytes[0] = node.kind === "leaf" ? 0 : 1;
  parts.forEach((part, index) => bytes.set(part, 1 + 32 * index));
  node.digest = sha256(bytes);
  return node.digest;
}
