// Workspace trees in a blob store: read, walk, compare, change, annotate. A tree is named by its root hash and never changes:
// each change stores new nodes and gives a new root. The rules of names, nodes and errors are those of air/tree.ts.

import { AosError } from "../air/error.ts";
import { compareText } from "../air/text.ts";
import * as pure from "../air/tree.ts";
import {
  decodeAnnotations, decodeTree, dirEntry, EMPTY_TREE, EMPTY_TREE_HASH, encodeTree, parsePath, type Annotations, type Mode, type Tree, type TreeEntry,
} from "../air/tree-node.ts";
import type { Hash } from "../air/value.ts";
import type { Blobs } from "../ports.ts";
import { changing, need, reading, type ReadBlobs } from "./nodes.ts";

export type { Annotations, Mode, Tree, TreeEntry } from "../air/tree-node.ts";
export type { ByteRange, PathEntry } from "../air/tree.ts";
export { EMPTY_TREE_HASH } from "../air/tree-node.ts";
export type { ReadBlobs } from "./nodes.ts";
export { need as readBlob } from "./nodes.ts";

// --- reading

/** One node: the entries of a directory. @throws AosError `tree.missing` (outside), `tree.node` */
export async function readTree(blobs: ReadBlobs, hash: Hash): Promise<Tree> {
  return hash === EMPTY_TREE_HASH ? EMPTY_TREE : decodeTree(await need(blobs, hash));
}

/** The entry at a path, undefined where there is none. @throws AosError `tree.path`, `tree.missing`, `tree.node` */
export function findPath(blobs: ReadBlobs, root: Hash, path: string): Promise<TreeEntry | undefined> {
  return reading(blobs, (store) => pure.findEntry(store, root, path));
}

/**
 * The bytes of a file, or of a half-open range of it.
 *
 * @param at.bytesMax - refuses to load a file that is larger, before it is loaded
 * @throws AosError `tree.not_found`, `tree.not_file`, `tree.range`, `tree.too_large`, and as `findPath`
 */
export async function readFile(
  blobs: ReadBlobs, root: Hash, at: { readonly path: string; readonly range?: pure.ByteRange; readonly bytesMax?: number },
): Promise<Uint8Array> {
  const held = new Map<Hash, Uint8Array>();
  const size = (await reading(blobs, (store) => pure.findEntry(store, root, at.path), held))?.size ?? 0;
  if (at.bytesMax !== undefined && size > at.bytesMax) throw new AosError("tree.too_large", `${at.path}: its ${size} bytes are over ${at.bytesMax}`);
  return reading(blobs, (store) => pure.readFile(store, root, at), held);
}

/** The annotations of the root, a directory or a file; undefined where none were ever set. @throws AosError `tree.not_found`, and as `findPath` */
export function annotations(blobs: ReadBlobs, root: Hash, path?: string): Promise<Annotations | undefined> {
  return reading(blobs, (store) => pure.getAnnotations(store, root, path));
}

/** An annotations node by its hash. @throws AosError `tree.missing` (outside), `tree.node` */
export async function readAnnotations(blobs: ReadBlobs, hash: Hash): Promise<Annotations> {
  return decodeAnnotations(await need(blobs, hash));
}

export interface WalkOptions {
  /** The directory; the root without it. */
  readonly path?: string;
  /** Its own entries (the default), or all below it. */
  readonly scope?: "dir" | "subtree";
  /** Only paths after this one. */
  readonly after?: string;
}

/**
 * Entries in the order of their paths from the root, by bytes. Nodes are read as the walk comes to them, and none that has
 * nothing after `after`: a page costs what it shows.
 *
 * @throws AosError `tree.not_found`, `tree.not_directory`, and as `findPath`
 */
export async function* walkTree(blobs: ReadBlobs, root: Hash, options: WalkOptions = {}): AsyncGenerator<pure.PathEntry> {
  const { path, scope = "dir", after } = options;
  const tree = await directoryAt(blobs, root, path);
  yield* walk(blobs, tree, { prefix: path === undefined ? "" : `${path}/`, scope, after });
}

interface Walk {
  readonly prefix: string;
  readonly scope: "dir" | "subtree";
  readonly after: string | undefined;
}

async function* walk(blobs: ReadBlobs, tree: Tree, at: Walk): AsyncGenerator<pure.PathEntry> {
  for (const { item: entry, below } of stops(tree.entries, ({ kind }) => at.scope === "subtree" && kind === "dir")) {
    const path = at.prefix + entry.name;
    if (!below && isAfter(path, at.after)) yield { ...entry, path };
    if (!below || isPassed(`${path}/`, at.after)) continue;
    yield* walk(blobs, await readTree(blobs, entry.hash), { ...at, prefix: `${path}/` });
  }
}

/**
 * Where a walk through a directory stops, in the order of paths: at each item, and once more for what is below it. The two need
 * not follow each other: `a`, `a-b`, `a/x`, since `-` comes before `/`.
 */
function stops<T extends { readonly name: string }>(items: readonly T[], opens: (item: T) => boolean): readonly { readonly item: T; readonly below: boolean }[] {
  const both = items.flatMap((item) => {
    const own = { at: item.name, item, below: false };
    return opens(item) ? [own, { at: `${item.name}/`, item, below: true }] : [own];
  });
  return both.sort((a, b) => compareText(a.at, b.at));
}

function isAfter(path: string, after: string | undefined): boolean {
  return after === undefined || compareText(path, after) > 0;
}

/** Whether every path that begins so comes before `after`, or is it. */
function isPassed(prefix: string, after: string | undefined): boolean {
  return after !== undefined && !after.startsWith(prefix) && compareText(prefix, after) < 0;
}

async function directoryAt(blobs: ReadBlobs, root: Hash, path: string | undefined): Promise<Tree> {
  if (path === undefined) return readTree(blobs, root);
  const entry = await findPath(blobs, root, path);
  if (entry === undefined) throw new AosError("tree.not_found", `${path}: missing path segment`);
  if (entry.kind !== "dir") throw new AosError("tree.not_directory", `${path}: path is not a directory`);
  return readTree(blobs, entry.hash);
}

// --- comparing

/** A path at which two trees differ: what is there on each side, one of them at least. */
export interface TreeDifference {
  readonly path: string;
  readonly old: TreeEntry | undefined;
  readonly now: TreeEntry | undefined;
}

/**
 * Every file and directory that came, went, or differs in kind, content, mode or annotations, in the order of paths.
 * Directories count too: one differs with anything below it. Nodes are read as the comparison comes to them, none that both
 * trees share. What the roots themselves are annotated with is not compared: a root is no entry.
 *
 * @param options.prefix - a file: only it is compared; a directory: only what is below it
 * @throws AosError `tree.not_found` when neither tree has the prefix, and as `findPath`
 */
export async function* diffTrees(
  blobs: ReadBlobs, roots: { readonly before: Hash; readonly after: Hash }, options: { readonly prefix?: string } = {},
): AsyncGenerator<TreeDifference> {
  const { prefix } = options;
  if (prefix === undefined) {
    if (roots.before === roots.after) return;
    return yield* differences(blobs, { old: await readTree(blobs, roots.before), now: await readTree(blobs, roots.after) }, "");
  }
  const [old, now] = [await findPath(blobs, roots.before, prefix), await findPath(blobs, roots.after, prefix)];
  if (old === undefined && now === undefined) throw new AosError("tree.not_found", `${prefix}: path not found`);
  if (same(old, now)) return;
  if (old?.kind === "file" || now?.kind === "file") return yield { path: prefix, old, now };
  yield* differences(blobs, { old: await treeOf(blobs, old), now: await treeOf(blobs, now) }, `${prefix}/`);
}

async function* differences(blobs: ReadBlobs, trees: { readonly old: Tree; readonly now: Tree }, prefix: string): AsyncGenerator<TreeDifference> {
  const names = new Set([...trees.old.entries, ...trees.now.entries].map((entry) => entry.name));
  const olds = new Map(trees.old.entries.map((entry) => [entry.name, entry]));
  const nows = new Map(trees.now.entries.map((entry) => [entry.name, entry]));
  const changed = [...names].map((name) => ({ name, old: olds.get(name), now: nows.get(name) })).filter(({ old, now }) => !same(old, now));
  for (const { item: { name, old, now }, below } of stops(changed, (item) => item.old?.kind === "dir" || item.now?.kind === "dir")) {
    if (below) yield* differences(blobs, { old: await treeOf(blobs, old), now: await treeOf(blobs, now) }, `${prefix}${name}/`);
    else yield { path: prefix + name, old, now };
  }
}

function same(a: TreeEntry | undefined, b: TreeEntry | undefined): boolean {
  return a?.kind === b?.kind && a?.hash === b?.hash && a?.mode === b?.mode && a?.annotations_hash === b?.annotations_hash;
}

async function treeOf(blobs: ReadBlobs, entry: TreeEntry | undefined): Promise<Tree> {
  return entry?.kind === "dir" ? readTree(blobs, entry.hash) : EMPTY_TREE;
}

// --- changing

/**
 * Writes a file, and the directories on the way to it. A file that is there keeps its annotations, and its mode unless another
 * is given; a new one is 0644.
 *
 * @returns the new root and the hash of the bytes; all is stored
 * @throws AosError `tree.is_directory`, `tree.not_directory`, `tree.mode`, and as `findPath`
 */
export async function writeFile(
  blobs: Blobs, root: Hash, file: { readonly path: string; readonly bytes: Uint8Array; readonly mode?: number },
): Promise<{ readonly root: Hash; readonly blob: Hash }> {
  const held = new Map<Hash, Uint8Array>();
  // Hashing the bytes is what costs: the nodes on the way are there before.
  await reading(blobs, (store) => pure.findEntry(store, root, file.path), held);
  return changing(blobs, (store) => pure.writeFile(store, root, file), held);
}

/**
 * Removes a file or an empty directory. Directories that become empty stay.
 *
 * @returns the new root
 * @throws AosError `tree.not_found`, `tree.not_empty`, `tree.not_directory`, and as `findPath`
 */
export function removePath(blobs: Blobs, root: Hash, path: string): Promise<Hash> {
  return changing(blobs, (store) => pure.removeEntry(store, root, path));
}

/**
 * Sets and, with null, deletes annotations of the root, a directory or a file. When the last one is deleted, an empty map stays.
 *
 * @param change.patch - hashes of stored blobs by key
 * @throws AosError `tree.not_found`, and as `findPath`
 */
export function annotate(
  blobs: Blobs, root: Hash, change: { readonly path?: string; readonly patch: ReadonlyMap<string, Hash | null> },
): Promise<{ readonly root: Hash; readonly annotations: Hash }> {
  return changing(blobs, (store) => pure.setAnnotations(store, root, change));
}

/** A file as it shall be, its bytes stored already. Without `mode` and `annotations_hash` it keeps those of the file that is there. */
export interface FileEdit {
  readonly hash: Hash;
  readonly size: number;
  readonly mode?: Mode;
  readonly annotations_hash?: Hash;
}

/**
 * Many changes at once: each node on the way is read and stored once, however many paths go through it.
 *
 * @param edits - by path: a file to write, or null to remove what is there, a directory with all that is in it. What is removed
 *   may be written anew below the same path: `{"a": null, "a/b": file}` makes a directory of a file.
 * @returns the new root
 * @throws AosError `tree.not_found` (nothing to remove), `tree.is_directory`, `tree.not_directory`, and as `findPath`
 */
export async function changeTree(blobs: Blobs, root: Hash, edits: ReadonlyMap<string, FileEdit | null>): Promise<Hash> {
  if (edits.size === 0) return root;
  const all = [...edits].map(([path, edit]) => ({ path, names: parsePath(path), edit }));
  return blobs.put(encodeTree(await changeNode(blobs, await readTree(blobs, root), all)));
}

interface Edit {
  readonly path: string;
  /** What is left of the path below the node. */
  readonly names: readonly string[];
  readonly edit: FileEdit | null;
}

async function changeNode(blobs: Blobs, tree: Tree, edits: readonly Edit[]): Promise<Tree> {
  const entries = new Map(tree.entries.map((entry) => [entry.name, entry]));
  const groups = new Map<string, { own?: Edit; readonly below: Edit[] }>();
  for (const edit of edits) {
    const [name = "", ...names] = edit.names;
    const group = groups.get(name) ?? { below: [] };
    groups.set(name, group);
    if (names.length === 0) group.own = edit;
    else group.below.push({ ...edit, names });
  }
  for (const [name, { own, below }] of groups) {
    let entry = entries.get(name);
    if (own !== undefined) entry = changeEntry(name, entry, own);
    const [first] = below;
    if (first !== undefined) {
      if (entry?.kind === "file") throw new AosError("tree.not_directory", `${first.path}: ${name}: path is not a directory`);
      const inner = await changeNode(blobs, await treeOf(blobs, entry), below);
      entry = dirEntry(name, await blobs.put(encodeTree(inner)));
    }
    if (entry === undefined) entries.delete(name);
    else entries.set(name, entry);
  }
  return { ...tree, entries: [...entries.values()].sort((a, b) => compareText(a.name, b.name)) };
}

function changeEntry(name: string, entry: TreeEntry | undefined, { path, edit }: Edit): TreeEntry | undefined {
  if (edit === null) {
    if (entry === undefined) throw new AosError("tree.not_found", `${path}: path not found`);
    return undefined;
  }
  if (entry?.kind === "dir") throw new AosError("tree.is_directory", `${path}: path is a directory`);
  const annotated = edit.annotations_hash ?? entry?.annotations_hash;
  return {
    name, kind: "file", hash: edit.hash, size: edit.size, mode: edit.mode ?? entry?.mode ?? 0o644,
    ...(annotated === undefined ? {} : { annotations_hash: annotated }),
  };
}
