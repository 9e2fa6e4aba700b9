// A persistent map whose Merkle root depends on its content alone, never on the order it was built in (I7).

import { compareBytes, sha256, utf8 } from "../air/hash.ts";

export interface Leaf<V> {
  readonly kind: "leaf";
  readonly path: Uint8Array;
  readonly key: string;
  readonly value: V;
  digest?: Uint8Array;
  stored?: Stub<V>;
}
export interface Branch<V> {
  readonly kind: "branch";
  readonly size: number;
  /** Sixteen places, by the nibble of the path at this depth. */
  readonly children: readonly (Node<V> | undefined)[];
  digest?: Uint8Array;
  stored?: Stub<V>;
}
/** A node that is somewhere else: what it holds is loaded when it is asked for. Of size 1 it is a leaf, of more a branch. */
export interface Stub<V> {
  readonly kind: "stub";
  readonly size: number;
  readonly digest: Uint8Array;
  readonly at: Place;
  readonly source: NodeSource<V>;
}
/** Where a source keeps a node. Only the source reads meaning into the numbers. */
export interface Place {
  readonly file: number;
  readonly offset: number;
  readonly bytes: number;
}
/** Answers with what the digest says or not at all: a function of the stub, whatever it keeps in memory. */
export interface NodeSource<V> {
  load(stub: Stub<V>): Leaf<V> | Branch<V>;
}
export type Node<V> = Leaf<V> | Branch<V> | Stub<V>;

/**
 * Text keys to values. A key's path is its SHA-256, but for a key `<group> <rest>`, whose path begins with that of `<group>`:
 * entries of a group stand together. n entries under a node make nothing (0), a leaf (1) or a branch.
 */
export type Trie<V> = { readonly node: Node<V> | undefined };

/** How much of a group's path the paths of its entries share: 2^24 groups are told apart, the few that are not stand mixed. */
const GROUP_BYTES = 3;
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
    const here: Leaf<V> | Branch<V> = loaded(node);
    if (here.kind === "leaf") return here.key === key ? here.value : undefined;
    node = here.children[nibble(path, depth)];
  }
  return undefined;
}

export function trieSet<V>(trie: Trie<V>, key: string, value: V): Trie<V> {
  return { node: insert(trie.node, { kind: "leaf", path: pathOf(key), key, value }, 0) };
}

/** The same trie when the key is absent. */
export function trieDelete<V>(trie: Trie<V>, key: string): Trie<V> {
  const node = remove(trie.node, pathOf(key), { key, depth: 0 });
  return node === trie.node ? trie : { node };
}

/** Entries in the order of their paths: stable, but not the order of the keys. */
export function* trieEntries<V>(trie: Trie<V>): Generator<readonly [string, V]> {
  for (const leaf of leavesOf(trie.node, { within: undefined, after: undefined, depth: 0 })) yield [leaf.key, leaf.value];
}

/**
 * The entries of a group, `<group>` and `<group> <rest>`, in the order of their paths; no other is loaded but on the way.
 *
 * @param after - the path of an entry, there or not: only entries behind it
 * @returns path, key, value of each
 */
export function* trieGroup<V>(trie: Trie<V>, group: string, after?: Uint8Array): Generator<readonly [Uint8Array, string, V]> {
  const within = pathOf(group).subarray(0, GROUP_BYTES);
  for (const { path, key, value } of leavesOf(trie.node, { within, after, depth: 0 })) {
    if (key === group || key.startsWith(`${group} `)) yield [path, key, value];
  }
}

/**
 * Merkle root: 32 zero bytes when empty, SHA-256(00 ‖ path ‖ digest(value)) of a leaf, SHA-256(01 ‖ sixteen children) of a
 * branch. Only nodes that are new since the last call are hashed.
 *
 * @param digest - 32 bytes that stand for a value; the same function at every call on one trie
 */
export function trieRoot<V>(trie: Trie<V>, digest: (value: V) => Uint8Array): Uint8Array {
  return trie.node === undefined ? NONE : nodeDigest(trie.node, digest);
}

/** The part of the root that a node stands for; kept on the node. */
export function nodeDigest<V>(node: Node<V>, digest: (value: V) => Uint8Array): Uint8Array {
  if (node.kind === "stub" || node.digest !== undefined) return node.digest as Uint8Array;
  const parts = node.kind === "leaf" ? [node.path, digest(node.value)] : node.children.map((child) => (child === undefined ? NONE : nodeDigest(child, digest)));
  const bytes = new Uint8Array(1 + 32 * parts.length);
  bytes[0] = node.kind === "leaf" ? 0 : 1;
  parts.forEach((part, index) => bytes.set(part, 1 + 32 * index));
  node.digest = sha256(bytes);
  return node.digest;
}

/** A leaf as it is in a trie, its path made from its key. */
export function leafOf<V>(key: string, value: V): Leaf<V> {
  return { kind: "leaf", path: pathOf(key), key, value };
}

/** What a node is; a stub is loaded. */
export function loaded<V>(node: Node<V>): Leaf<V> | Branch<V> {
  return node.kind === "stub" ? node.source.load(node) : node;
}

export function sizeOf<V>(node: Node<V> | undefined): number {
  if (node === undefined) return 0;
  return node.kind === "leaf" ? 1 : node.size;
}

/** Paths of keys used lately: most are looked up and then written. Long keys are not worth the memory. */
const paths = new Map<string, Uint8Array>();
const PATHS_MAX = 4096;
const KEPT_KEY_CHARS = 256;

/** The key asked for last: nearly always the same text, looked up and then written. */
let latestKey = "";
let latestPath: Uint8Array | undefined;

function pathOf(key: string): Uint8Array {
  if (key !== latestKey || latestPath === undefined) {
    latestPath = keptPath(key);
    latestKey = key;
  }
  return latestPath;
}

function keptPath(key: string): Uint8Array {
  const kept = paths.get(key);
  if (kept !== undefined) return kept;
  const path = sha256(utf8(key));
  const space = key.indexOf(" ");
  if (space >= 0) {
    path.copyWithin(GROUP_BYTES, 0, 32 - GROUP_BYTES);
    path.set(pathOf(key.slice(0, space)).subarray(0, GROUP_BYTES));
  }
  if (paths.size >= PATHS_MAX) paths.clear();
  if (key.length <= KEPT_KEY_CHARS) paths.set(key, path);
  return path;
}

function nibble(path: Uint8Array, depth: number): number {
  const byte = path[depth >> 1] ?? 0;
  return depth % 2 === 0 ? byte >> 4 : byte & 15;
}

function insert<V>(node: Node<V> | undefined, leaf: Leaf<V>, depth: number): Node<V> {
  if (node === undefined) return leaf;
  const here = loaded(node);
  if (here.kind === "leaf" && here.key === leaf.key) return leaf;
  const children: (Node<V> | undefined)[] = here.kind === "branch" ? [...here.children] : new Array(16).fill(undefined);
  if (here.kind === "leaf") children[nibble(here.path, depth)] = node;
  const place = nibble(leaf.path, depth);
  const before = children[place];
  const after = insert(before, leaf, depth + 1);
  children[place] = after;
  const size = here.kind === "leaf" ? sizeOf(after) + (before === node ? 0 : 1) : here.size - sizeOf(before) + sizeOf(after);
  return { kind: "branch", size, children };
}

function remove<V>(node: Node<V> | undefined, path: Uint8Array, { key, depth }: { readonly key: string; readonly depth: number }): Node<V> | undefined {
  if (node === undefined) return undefined;
  const here = loaded(node);
  if (here.kind === "leaf") return here.key === key ? undefined : node;
  const place = nibble(path, depth);
  const before = here.children[place];
  const after = remove(before, path, { key, depth: depth + 1 });
  if (after === before) return node;
  const children = [...here.children];
  children[place] = after;
  const left = children.filter((child) => child !== undefined);
  if (left.length === 1 && sizeOf(left[0]) === 1) return left[0];
  return { kind: "branch", size: here.size - 1, children };
}

/** Where a walk is: `within` a path's beginning and `after` a path, as far as they still say something at this depth. */
interface Walk {
  readonly within: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
  readonly depth: number;
}

function* leavesOf<V>(node: Node<V> | undefined, walk: Walk): Generator<Leaf<V>> {
  if (node === undefined) return;
  const here = loaded(node);
  const { within, after, depth } = walk;
  if (here.kind === "leaf") {
    if (startsWith(here.path, within) && (after === undefined || compareBytes(here.path, after) > 0)) yield here;
    return;
  }
  const only = within !== undefined && depth < 2 * within.length ? nibble(within, depth) : undefined;
  const from = after === undefined ? 0 : nibble(after, depth);
  for (let place = only ?? from; place <= (only ?? 15); place++) {
    if (place < from) continue;
    yield* leavesOf(here.children[place], { within, after: place === from ? after : undefined, depth: depth + 1 });
  }
}

function startsWith(path: Uint8Array, start: Uint8Array | undefined): boolean {
  return start === undefined || start.every((byte, index) => path[index] === byte);
}
