// A tree with some files written, linked or removed: reads and writes only the folders on the way to them.

import { AosError } from "@agentos/kernel";
import { blobObject, isEntryName, treeObject } from "./objects.ts";
import type { GitObject, Mode, Oid, TreeEntry } from "./objects.ts";

/** Where trees are read from; an ObjectStore is one. */
export interface TreeSource {
  readTree(oid: Oid): Promise<readonly TreeEntry[]>;
}

type FileMode = Exclude<Mode, "40000" | "160000">;
/** What becomes of a path: new bytes, an object that exists already, or nothing (a folder goes with all that is in it). */
export type PathChange =
  | { readonly kind: "write"; readonly bytes: Uint8Array; readonly mode: FileMode }
  | { readonly kind: "link"; readonly oid: Oid; readonly mode: Mode }
  | { readonly kind: "remove" };

/** A tree and the objects that the repository needs to have it: nothing that the base has already. */
export interface EditedTree {
  readonly tree: Oid;
  readonly objects: readonly GitObject[];
}

/** The tree without entries. */
export const EMPTY_TREE: GitObject = treeObject([]);

/**
 * Applies changes by path (`a/b/c`) to a tree; `null` starts from nothing. Folders that become empty go. Removing what is not
 * there changes nothing. Costs one read and one write for each folder on the way to a change, whatever else the tree holds.
 *
 * @throws AosError `git.path` for a path that cannot be one, or that runs through a file or over a folder
 */
export async function editTree(
  source: TreeSource,
  base: Oid | null,
  changes: ReadonlyMap<string, PathChange>,
): Promise<EditedTree> {
  const steps = [...changes].map(([path, change]) => ({ path, names: splitPath(path), change }));
  const edited = await editFolder(source, base, steps);
  return edited ?? { tree: EMPTY_TREE.oid, objects: [EMPTY_TREE] };
}

interface Step {
  /** Whole path, for errors. */
  readonly path: string;
  /** What is left of it below this folder. */
  readonly names: readonly string[];
  readonly change: PathChange;
}

function splitPath(path: string): readonly string[] {
  const names = path.split("/");
  if (!names.every(isEntryName)) throw new AosError("git.path", `${JSON.stringify(path)}: not a path inside a repository`);
  return names;
}

/** @returns undefined when nothing is left in the folder */
async function editFolder(source: TreeSource, base: Oid | null, steps: readonly Step[]): Promise<EditedTree | undefined> {
  const entries = new Map(base === null ? [] : (await source.readTree(base)).map((entry) => [entry.name, entry]));
  const results = await Promise.all(
    [...groupByName(steps)].map(async ([name, group]) => ({ name, ...(await editEntry(source, entries.get(name), group)) })),
  );
  for (const { name, entry } of results)
    if (entry === undefined) entries.delete(name);
    else entries.set(name, { ...entry, name });
  if (entries.size === 0) return undefined;
  const tree = treeObject([...entries.values()]);
  if (tree.oid === base) return { tree: base, objects: [] };
  return { tree: tree.oid, objects: [...results.flatMap(({ objects }) => objects), tree] };
}

function groupByName(steps: readonly Step[]): ReadonlyMap<string, readonly Step[]> {
  const groups = new Map<string, Step[]>();
  for (const step of steps) {
    const name = step.names[0] ?? "";
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [step]);
    else group.push(step);
  }
  return groups;
}

interface EditedEntry {
  readonly entry: { readonly mode: Mode; readonly oid: Oid } | undefined;
  readonly objects: readonly GitObject[];
}

async function editEntry(source: TreeSource, existing: TreeEntry | undefined, group: readonly Step[]): Promise<EditedEntry> {
  const isFolder = existing?.mode === "40000";
  const here = group.find(({ names }) => names.length === 1);
  if (here !== undefined) {
    if (group.length > 1) throw inTheWay(here, "it would be a file and a folder at once");
    if (here.change.kind === "remove") return { entry: undefined, objects: [] };
    if (isFolder && here.change.mode !== "40000") throw inTheWay(here, "a folder is there");
    return placed(here.change);
  }
  const [first] = group;
  if (existing !== undefined && !isFolder && first !== undefined) throw inTheWay(first, `${existing.name} is a file`);
  const below = await editFolder(source, existing?.oid ?? null, group.map((step) => ({ ...step, names: step.names.slice(1) })));
  if (below === undefined) return { entry: undefined, objects: [] };
  return { entry: { mode: "40000", oid: below.tree }, objects: below.objects };
}

function placed(change: Exclude<PathChange, { kind: "remove" }>): EditedEntry {
  if (change.kind === "link") return { entry: { mode: change.mode, oid: change.oid }, objects: [] };
  const blob = blobObject(change.bytes);
  return { entry: { mode: change.mode, oid: blob.oid }, objects: [blob] };
}

function inTheWay({ path }: Step, what: string): AosError {
  return new AosError("git.path", `${path}: cannot be written: ${what}`);
}
