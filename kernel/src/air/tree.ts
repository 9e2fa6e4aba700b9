// What can be done with a workspace tree: read, write, remove, list, compare, annotate. Each change gives a new root.

import { AosError } from "./error.ts";
import { compareText } from "./text.ts";
import {
  decodeAnnotations, dirEntry, EMPTY_TREE, encodeAnnotations, encodeTree, loadTree, mustGet, parsePath, putBytes, type Annotations, type EntryKind,
  type Mode, type Tree, type TreeEntry, type TreeStore,
} from "./tree-node.ts";
import type { Hash } from "./value.ts";

function refuse(code: string, path: string, what: string): never {
  throw new AosError(`tree.${code}`, `${path}: ${what}`);
}

// --- reading

/**
 * The entry at a path; undefined where there is none.
 *
 * @throws AosError `tree.path`, `tree.missing`, `tree.node`
 */
export function findEntry(store: TreeStore, root: Hash, path: string): TreeEntry | undefined {
  let tree: Tree | undefined = loadTree(store, root);
  let found: TreeEntry | undefined;
  for (const name of parsePath(path)) {
    found = tree?.entries.find((entry) => entry.name === name);
    if (found === undefined) return undefined;
    tree = found.kind === "dir" ? loadTree(store, found.hash) : undefined;
  }
  return found;
}

function fileAt(store: TreeStore, root: Hash, path: string): TreeEntry {
  const entry = findEntry(store, root, path);
  if (entry === undefined) return refuse("not_found", path, "path not found");
  return entry.kind === "file" ? entry : refuse("not_file", path, "path is not a file");
}

/** A half-open range of bytes. */
export interface ByteRange { readonly start: number; readonly end: number }

/**
 * The bytes of a file, or of a range of it.
 *
 * @throws AosError `tree.not_found`, `tree.not_file`, `tree.range` for a range that does not lie in the file, and as `findEntry`
 */
export function readFile(store: TreeStore, root: Hash, at: { readonly path: string; readonly range?: ByteRange }): Uint8Array {
  const { hash } = fileAt(store, root, at.path);
  const bytes = mustGet(store, hash);
  if (at.range === undefined) return bytes;
  const { start, end } = at.range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end || end > bytes.length) {
    return refuse("range", at.path, `${start} to ${end} is not a range of its ${bytes.length} bytes`);
  }
  return bytes.subarray(start, end);
}

export interface PathEntry extends TreeEntry { readonly path: string }

/** All that is below a tree node, paths beginning with `prefix`. */
function below(store: TreeStore, tree: Tree, prefix: string): readonly PathEntry[] {
  return tree.entries.flatMap((entry): readonly PathEntry[] => {
    const own = { ...entry, path: prefix + entry.name };
    return entry.kind === "file" ? [own] : [own, ...below(store, loadTree(store, entry.hash), `${own.path}/`)];
  });
}

function directoryAt(store: TreeStore, root: Hash, path: string | undefined): Tree {
  let tree = loadTree(store, root);
  for (const name of parsePath(path)) {
    const entry = tree.entries.find((candidate) => candidate.name === name);
    if (entry === undefined) return refuse("not_found", path ?? "", "missing path segment");
    if (entry.kind !== "dir") return refuse("not_directory", path ?? "", "path is not a directory");
    tree = loadTree(store, entry.hash);
  }
  return tree;
}

interface ListOptions {
  /** The directory; the root without it. */
  readonly path?: string;
  /** Its own entries, or all below it. */
  readonly scope?: "dir" | "subtree";
  /** Only paths after this one. */
  readonly cursor?: string;
  /** At most so many; 0 and absent: all. */
  readonly limit?: number;
}

/**
 * Lists a directory, paths from the root, sorted by their bytes: a directory comes before what is in it.
 *
 * @returns `nextCursor` where there is more
 * @throws AosError `tree.not_found`, `tree.not_directory`, `tree.limit`, `tree.path`, `tree.missing`, `tree.node`
 */
export function listTree(store: TreeStore, root: Hash, options: ListOptions = {}): { readonly entries: readonly PathEntry[]; readonly nextCursor?: string } {
  const { path, scope = "dir", cursor, limit = 0 } = options;
  if (!Number.isSafeInteger(limit) || limit < 0) return refuse("limit", String(limit), "a limit is a whole number, 0 for all");
  const prefix = path === undefined ? "" : `${path}/`;
  const tree = directoryAt(store, root, path);
  const all = scope === "subtree" ? [...below(store, tree, prefix)].sort(byPath) : tree.entries.map((entry) => ({ ...entry, path: prefix + entry.name }));
  const rest = cursor === undefined ? all : all.filter((entry) => compareText(entry.path, cursor) > 0);
  if (limit === 0 || rest.length <= limit) return { entries: rest };
  const entries = rest.slice(0, limit);
  return { entries, nextCursor: (entries.at(-1) as PathEntry).path };
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return compareText(a.path, b.path);
}

// --- changing

/** Changes what a directory has under a name; undefined removes it. */
type Change = (entry: TreeEntry | undefined) => TreeEntry | undefined;
/** Makes directories that are not there, or refuses. */
type Missing = "create" | "refuse";

function withEntry(tree: Tree, name: string, entry: TreeEntry | undefined): Tree {
  const others = tree.entries.filter((other) => other.name !== name);
  const entries = entry === undefined ? others : [...others, entry].sort((a, b) => compareText(a.name, b.name));
  return { ...tree, entries };
}

/** The new node of a tree in which the entry at `names` is changed. */
function changeAt(store: TreeStore, tree: Tree, walk: { readonly names: readonly string[]; readonly path: string; readonly missing: Missing; readonly change: Change }): Hash {
  const [name = "", ...names] = walk.names;
  const entry = tree.entries.find((candidate) => candidate.name === name);
  if (names.length === 0) return putBytes(store, encodeTree(withEntry(tree, name, walk.change(entry))));
  if (entry === undefined && walk.missing === "refuse") return refuse("not_found", walk.path, "path not found");
  if (entry?.kind === "file") return refuse("not_directory", walk.path, `${name}: path is not a directory`);
  const inner = entry === undefined ? EMPTY_TREE : loadTree(store, entry.hash);
  const hash = changeAt(store, inner, { ...walk, names });
  return putBytes(store, encodeTree(withEntry(tree, name, dirEntry(name, hash))));
}

/**
 * Writes a file, and the directories on the way to it. A file that is there keeps its annotations, and its mode unless another is
 * given; a new one is 0644.
 *
 * @returns the new root and the hash of the bytes, which are put too
 * @throws AosError `tree.is_directory`, `tree.not_directory`, `tree.mode`, `tree.path`, `tree.missing`, `tree.node`
 */
export function writeFile(
  store: TreeStore, root: Hash, file: { readonly path: string; readonly bytes: Uint8Array; readonly mode?: number },
): { readonly root: Hash; readonly blob: Hash } {
  const { path, bytes, mode } = file;
  if (mode !== undefined && mode !== 0o644 && mode !== 0o755) return refuse("mode", path, `mode ${mode.toString(8)} is neither 644 nor 755`);
  const names = parsePath(path);
  const change: Change = (entry) => {
    if (entry?.kind === "dir") return refuse("is_directory", path, "path is a directory");
    const annotations = entry?.annotations_hash === undefined ? {} : { annotations_hash: entry.annotations_hash };
    const kept: Mode = mode ?? entry?.mode ?? 0o644;
    return { name: names.at(-1) ?? "", kind: "file", hash: blob, size: bytes.length, mode: kept, ...annotations };
  };
  const tree = loadTree(store, root);
  const blob = putBytes(store, bytes);
  return { root: changeAt(store, tree, { names, path, missing: "create", change }), blob };
}


/**
 * Removes a file or an empty directory. Directories that become empty stay.
 *
 * @returns the new root
 * @throws AosError `tree.not_found`, `tree.not_empty`, `tree.not_directory`, `tree.path`, `tree.missing`, `tree.node`
 */
export function removeEntry(store: TreeStore, root: Hash, path: string): Hash {
  const change: Change = (entry) => {
    if (entry === undefined) return refuse("not_found", path, "path not found");
    if (entry.kind === "dir" && loadTree(store, entry.hash).entries.length > 0) return refuse("not_empty", path, "directory not empty");
    return undefined;
  };
  return changeAt(store, loadTree(store, root), { names: parsePath(path), path, missing: "refuse", change });
}

// --- comparing

interface TreeChange {
  readonly path: string;
  /** What it is now; what it was, where it is gone. */
  readonly kind: EntryKind;
  readonly oldHash?: Hash;
  readonly newHash?: Hash;
  /** Where the entry is a file on that side. A change of the mode alone has equal hashes. */
  readonly oldMode?: Mode;
  readonly newMode?: Mode;
}

/**
 * Compares two trees: every file and directory that came, went, or differs in kind, content, mode or annotations, sorted by
 * path. Directories count too: one changes with anything below it.
 *
 * @param options.prefix - a file: only it is compared; a directory: only what is below it
 * @throws AosError `tree.not_found` when neither tree has the prefix, `tree.path`, `tree.missing`, `tree.node`
 */
export function diffTrees(store: TreeStore, roots: { readonly before: Hash; readonly after: Hash }, options: { readonly prefix?: string } = {}): readonly TreeChange[] {
  const { prefix } = options;
  const { before, after } = roots;
  if (prefix === undefined) return diffNodes(store, { before: loadTree(store, before), after: loadTree(store, after) }, "").toSorted(byPath);
  const [old, now] = [findEntry(store, before, prefix), findEntry(store, after, prefix)];
  if (old === undefined && now === undefined) return refuse("not_found", prefix, "path not found");
  if (old?.kind === "file" || now?.kind === "file") return entryChange(prefix, old, now);
  const treeOf = (entry: TreeEntry | undefined): Tree => (entry === undefined ? EMPTY_TREE : loadTree(store, entry.hash));
  return diffNodes(store, { before: treeOf(old), after: treeOf(now) }, `${prefix}/`).toSorted(byPath);
}

function entryChange(path: string, old: TreeEntry | undefined, now: TreeEntry | undefined): readonly TreeChange[] {
  const same = old?.kind === now?.kind && old?.hash === now?.hash && old?.mode === now?.mode && old?.annotations_hash === now?.annotations_hash;
  const kind = (now ?? old)?.kind;
  if (same || kind === undefined) return [];
  return [{
    path, kind,
    ...(old && { oldHash: old.hash }), ...(now && { newHash: now.hash }),
    ...(old?.kind === "file" && { oldMode: old.mode }), ...(now?.kind === "file" && { newMode: now.mode }),
  }];
}

function diffNodes(store: TreeStore, trees: { readonly before: Tree; readonly after: Tree }, prefix: string): readonly TreeChange[] {
  const before = new Map(trees.before.entries.map((entry) => [entry.name, entry]));
  const after = new Map(trees.after.entries.map((entry) => [entry.name, entry]));
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names.flatMap((name): readonly TreeChange[] => {
    const [old, now] = [before.get(name), after.get(name)];
    const own = entryChange(prefix + name, old, now);
    if (own.length === 0) return [];
    const treeOf = (entry: TreeEntry | undefined): Tree => (entry?.kind === "dir" ? loadTree(store, entry.hash) : EMPTY_TREE);
    return [...own, ...diffNodes(store, { before: treeOf(old), after: treeOf(now) }, `${prefix}${name}/`)];
  });
}

// --- annotations

/**
 * The annotations of the root, a directory or a file; undefined where none were ever set.
 *
 * @throws AosError `tree.not_found`, `tree.path`, `tree.missing`, `tree.node`
 */
export function getAnnotations(store: TreeStore, root: Hash, path?: string): Annotations | undefined {
  const hash = annotationsHash(store, root, path);
  return hash === undefined ? undefined : decodeAnnotations(mustGet(store, hash));
}

function annotationsHash(store: TreeStore, root: Hash, path: string | undefined): Hash | undefined {
  if (path === undefined) return loadTree(store, root).annotations_hash;
  const entry = findEntry(store, root, path);
  if (entry === undefined) return refuse("not_found", path, "path not found");
  return entry.kind === "file" ? entry.annotations_hash : loadTree(store, entry.hash).annotations_hash;
}

/**
 * Sets and, with null, deletes annotations of the root, a directory or a file. When the last one is deleted, an empty map stays.
 *
 * @returns the new root and the hash of the annotations
 * @throws AosError as `getAnnotations`
 */
export function setAnnotations(
  store: TreeStore, root: Hash, change: { readonly path?: string; readonly patch: ReadonlyMap<string, Hash | null> },
): { readonly root: Hash; readonly annotations: Hash } {
  const { path, patch } = change;
  const next = new Map(getAnnotations(store, root, path));
  for (const [key, hash] of patch) {
    if (hash === null) next.delete(key);
    else next.set(key, hash);
  }
  const annotations = putBytes(store, encodeAnnotations(next));
  const tree = loadTree(store, root);
  if (path === undefined) return { root: putBytes(store, encodeTree({ ...tree, annotations_hash: annotations })), annotations };
  const annotate: Change = (entry) => {
    if (entry === undefined) return refuse("not_found", path, "path not found");
    if (entry.kind === "file") return { ...entry, annotations_hash: annotations };
    return dirEntry(entry.name, putBytes(store, encodeTree({ ...loadTree(store, entry.hash), annotations_hash: annotations })));
  };
  return { root: changeAt(store, tree, { names: parsePath(path), path, missing: "refuse", change: annotate }), annotations };
}
