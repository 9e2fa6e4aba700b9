// Puts a file or a directory that exists already at a path of a tree: its node is named there, nothing is copied.

import { AosError, compareText, encodeTree, parsePath, trees, type Blobs, type Hash } from "@agentos/kernel";

/**
 * @param at.entry - replaces a file that is there; a directory takes an empty place alone
 * @returns the new root
 * @throws AosError `tree.not_directory`, `tree.is_directory`, and as trees.readTree
 */
export async function placeEntry(blobs: Blobs, root: Hash, at: { readonly path: string; readonly entry: Omit<trees.TreeEntry, "name"> }): Promise<Hash> {
  return placeIn(blobs, await trees.readTree(blobs, root), { ...at, names: parsePath(at.path) });
}

interface Placing {
  readonly path: string;
  readonly names: readonly string[];
  readonly entry: Omit<trees.TreeEntry, "name">;
}

async function placeIn(blobs: Blobs, tree: trees.Tree, { path, names, entry }: Placing): Promise<Hash> {
  const [name = "", ...rest] = names;
  const there = tree.entries.find((one) => one.name === name);
  let placed: trees.TreeEntry;
  if (rest.length > 0) {
    if (there?.kind === "file") throw new AosError("tree.not_directory", `${path}: ${name}: path is not a directory`);
    const inner = there === undefined ? { entries: [] } : await trees.readTree(blobs, there.hash);
    placed = { name, kind: "dir", hash: await placeIn(blobs, inner, { path, names: rest, entry }), size: 0, mode: 0o755 };
  } else {
    if (there?.kind === "dir" || (there !== undefined && entry.kind === "dir")) throw new AosError("tree.is_directory", `${path}: there is a ${there.kind === "dir" ? "directory" : "file"} already`);
    placed = { ...entry, name };
  }
  const entries = [...tree.entries.filter((one) => one.name !== name), placed].sort((a, b) => compareText(a.name, b.name));
  return blobs.put(encodeTree({ ...tree, entries }));
}
