// A trie goes into a store of nodes, and what the store holds of it leaves memory.

import { assert } from "../air/error.ts";
import { bytesEqual } from "../air/hash.ts";
import { loaded, nodeDigest, sizeOf, type Branch, type Leaf, type Node, type NodeSource, type Place, type Stub, type Trie } from "./trie.ts";

/** Nodes written or found at once, between two rests of `packTrie`. */
const PACK_ENTRIES = 512;

export interface Packing<V> {
  readonly digest: (value: V) => Uint8Array;
  /** Keeps a leaf, or a branch whose children are all stubs, and tells where. */
  readonly write: (node: Leaf<V> | Branch<V>) => Place;
  readonly source: NodeSource<V>;
}

/**
 * Writes a trie, children before their parents, but for what `base` holds in the same place. What is written depends on the
 * two and on nothing else. Rests, by yielding, so often that between two rests there is little to do.
 *
 * @param base - the root of an earlier trie of this source; undefined: everything is written
 * @returns the stub of the root; each node that was written or found knows its own, for `settleTrie`
 */
export function* packTrie<V>(node: Node<V>, base: Stub<V> | undefined, packing: Packing<V>): Generator<void, Stub<V>> {
  yield* hashSlowly(node, packing.digest);
  return yield* packNode(node, base, packing);
}

export interface Settling<V> {
  readonly source: NodeSource<V>;
  /** Is this file one that stays? */
  readonly stays: (file: number) => boolean;
  /** Where stubs of files that go are found anew: the root of a trie written since. */
  readonly root: Stub<V> | undefined;
}

/** The same trie, what a source keeps of it as stubs, so that memory holds the rest alone; no stub is of a file that goes. */
export function settleTrie<V>(trie: Trie<V>, settling: Settling<V>): Trie<V> {
  const node = trie.node === undefined ? undefined : settled(trie.node, settling.root, settling);
  return node === trie.node ? trie : { node };
}

function* packNode<V>(node: Node<V>, base: Stub<V> | undefined, packing: Packing<V>): Generator<void, Stub<V>> {
  const digest = nodeDigest(node, packing.digest);
  if (base !== undefined && bytesEqual(digest, base.digest)) {
    if (node.kind !== "stub") node.stored = base;
    return base;
  }
  const here = loaded(node);
  const stub: Stub<V> = { kind: "stub", size: sizeOf(here), digest, at: packing.write(here.kind === "leaf" ? here : yield* packChildren(here, base, packing)), source: packing.source };
  if (node.kind !== "stub") node.stored = stub;
  return stub;
}

function* packChildren<V>(branch: Branch<V>, base: Stub<V> | undefined, packing: Packing<V>): Generator<void, Branch<V>> {
  const before = base === undefined || base.size === 1 ? undefined : loaded(base);
  const children: (Stub<V> | undefined)[] = [];
  for (const [place, child] of branch.children.entries()) {
    children.push(child === undefined ? undefined : yield* packNode(child, stubIn(before, place), packing));
    if (child !== undefined && sizeOf(child) <= PACK_ENTRIES && branch.size > PACK_ENTRIES) yield;
  }
  return { kind: "branch", size: branch.size, children };
}

function* hashSlowly<V>(node: Node<V>, digest: (value: V) => Uint8Array): Generator<void> {
  if (node.kind === "branch" && node.digest === undefined && node.size > PACK_ENTRIES) {
    for (const child of node.children) if (child !== undefined) yield* hashSlowly(child, digest);
  }
  nodeDigest(node, digest);
  if (sizeOf(node) > PACK_ENTRIES / 16) yield;
}

function settled<V>(node: Node<V>, beside: Stub<V> | undefined, settling: Settling<V>): Node<V> {
  if (node.kind === "stub") return settling.stays(node.at.file) ? node : found(node, beside);
  if (node.stored?.source === settling.source && settling.stays(node.stored.at.file)) return node.stored;
  if (node.kind === "leaf") return node;
  const before = beside === undefined || beside.size === 1 ? undefined : loaded(beside);
  const children = node.children.map((child, place) => (child === undefined ? undefined : settled(child, stubIn(before, place), settling)));
  if (children.every((child, place) => child === node.children[place])) return node;
  return { kind: "branch", size: node.size, children, ...(node.digest === undefined ? {} : { digest: node.digest }) };
}

/** The child of a node that was loaded, in this place. */
function stubIn<V>(node: Leaf<V> | Branch<V> | undefined, place: number): Stub<V> | undefined {
  const child = node?.kind === "branch" ? node.children[place] : undefined;
  if (child === undefined) return undefined;
  assert(child.kind === "stub", "what a source holds, it holds whole");
  return child;
}

/** A branch never moves; a leaf does, when what stood beside it comes or goes, and is then taken into memory. */
function found<V>(stub: Stub<V>, beside: Stub<V> | undefined): Node<V> {
  if (beside !== undefined && bytesEqual(beside.digest, stub.digest)) return beside;
  const leaf = loaded(stub);
  assert(leaf.kind === "leaf", "a branch that did not change since is where it was");
  return { kind: "leaf", path: leaf.path, key: leaf.key, value: leaf.value, digest: stub.digest };
}
