// A workspace tree as a Git tree. What a folder becomes depends on its node alone, so what did not change is neither read nor made again.

import { compareText, decodeAnnotations, trees, type Blobs, type Hash } from "@agentos/kernel";
import { blobObject, treeObject, type GitObject, type Oid, type TreeEntry } from "../git/objects.ts";
import type { TreeSource } from "../git/edit-tree.ts";
import { encodeAnnotationsFile, type AnnotationValue, type AnnotationValues } from "./annotations-file.ts";
import { ANNOTATIONS_FILE, gitNameOf } from "./git-name.ts";

export interface ToGit {
  /** Where the workspace's nodes and files are. */
  readonly blobs: Pick<Blobs, "get">;
  readonly git: TreeSource;
  /** Takes every object that the new tree needs and the base has not. */
  add(object: GitObject): Promise<void>;
}
/** A workspace tree and the Git tree it became. */
export interface GitTwin {
  readonly root: Hash;
  readonly tree: Oid;
}

/** Files read at a time. */
const FILES_AT_ONCE = 32;

/**
 * Makes the Git tree of a workspace tree: files with their bytes and modes under their real names, folders, and in a folder that
 * has annotations, or files that do, a file which tells them. `treeOfGit` gives the same root back.
 *
 * @param base - an earlier version; what it has is not made again
 * @throws AosError `tree.missing` (outside), `tree.node`
 */
export async function gitTreeOf(to: ToGit, root: Hash, base?: GitTwin): Promise<Oid> {
  return folderOf({ ...to, made: new Map() }, root, base);
}

interface Making extends ToGit {
  /** Folders that were made, by their nodes: a tree may hold one of them at many places. */
  readonly made: Map<Hash, Oid>;
}

async function folderOf(making: Making, hash: Hash, base: GitTwin | undefined): Promise<Oid> {
  if (base?.root === hash) return base.tree;
  const known = making.made.get(hash);
  if (known !== undefined) return known;
  const tree = await trees.readTree(making.blobs, hash);
  const before = await beforeOf(making, base);
  const entries: TreeEntry[] = [];
  const annotations = await annotationsEntry(making, tree, before);
  if (annotations !== undefined) entries.push(annotations);
  for (let at = 0; at < tree.entries.length; at += FILES_AT_ONCE) {
    entries.push(...(await Promise.all(tree.entries.slice(at, at + FILES_AT_ONCE).filter(({ kind }) => kind === "file").map((entry) => fileEntry(making, entry, before)))));
  }
  for (const entry of tree.entries) {
    if (entry.kind !== "dir") continue;
    const name = gitNameOf(entry.name);
    const was = before?.air.get(entry.name);
    const oid = before?.git.get(name)?.oid;
    const twin = was?.kind === "dir" && oid !== undefined ? { root: was.hash, tree: oid } : undefined;
    entries.push({ mode: "40000", name, oid: await folderOf(making, entry.hash, twin) });
  }
  const object = treeObject(entries);
  if (object.oid !== base?.tree) await making.add(object);
  making.made.set(hash, object.oid);
  return object.oid;
}

/** A folder of the version before, in both forms. */
interface Before {
  readonly tree: trees.Tree;
  readonly air: ReadonlyMap<string, trees.TreeEntry>;
  readonly git: ReadonlyMap<string, TreeEntry>;
}

async function beforeOf(making: Making, base: GitTwin | undefined): Promise<Before | undefined> {
  if (base === undefined) return undefined;
  const tree = await trees.readTree(making.blobs, base.root);
  const git = await making.git.readTree(base.tree);
  return { tree, air: new Map(tree.entries.map((entry) => [entry.name, entry])), git: new Map(git.map((entry) => [entry.name, entry])) };
}

async function fileEntry(making: Making, entry: trees.TreeEntry, before: Before | undefined): Promise<TreeEntry> {
  const name = gitNameOf(entry.name);
  const mode = entry.mode === 0o755 ? "100755" : "100644";
  const was = before?.air.get(entry.name);
  const oid = was?.kind === "file" && was.hash === entry.hash ? before?.git.get(name)?.oid : undefined;
  if (oid !== undefined) return { mode, name, oid };
  const object = blobObject(await trees.readBlob(making.blobs, entry.hash));
  await making.add(object);
  return { mode, name, oid: object.oid };
}

async function annotationsEntry(making: Making, tree: trees.Tree, before: Before | undefined): Promise<TreeEntry | undefined> {
  const told = markOf(tree);
  if (told === "") return undefined;
  const kept = before !== undefined && markOf(before.tree) === told ? before.git.get(ANNOTATIONS_FILE) : undefined;
  if (kept !== undefined) return kept;
  const files = new Map<string, AnnotationValues>();
  for (const { name, annotations_hash: hash } of tree.entries) if (hash !== undefined) files.set(gitNameOf(name), await valuesOf(making, hash));
  const folder = tree.annotations_hash === undefined ? undefined : await valuesOf(making, tree.annotations_hash);
  const object = blobObject(encodeAnnotationsFile({ folder, files }));
  await making.add(object);
  return { mode: "100644", name: ANNOTATIONS_FILE, oid: object.oid };
}

/** Says which annotations a folder and its files have; empty for none. */
function markOf(tree: trees.Tree): string {
  const files = tree.entries.filter(({ annotations_hash: hash }) => hash !== undefined).map(({ name, annotations_hash: hash }) => `${name} ${hash}`);
  return [...(tree.annotations_hash === undefined ? [] : [tree.annotations_hash]), ...files].join("\n");
}

async function valuesOf({ blobs }: Making, hash: Hash): Promise<AnnotationValues> {
  const found = [...decodeAnnotations(await trees.readBlob(blobs, hash))].sort(([a], [b]) => compareText(a, b));
  return new Map(await Promise.all(found.map(async ([key, value]) => [key, await valueOf(blobs, value)] as const)));
}

async function valueOf(blobs: ToGit["blobs"], hash: Hash): Promise<AnnotationValue> {
  const bytes = await blobs.get(hash);
  return bytes === undefined ? { hash } : { bytes };
}
