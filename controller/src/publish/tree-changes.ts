// What one tree has that another has not: reads only folders that differ, so a seal costs the same however much is published.

import { compareText } from "@agentos/kernel";
import type { Mode, Oid, TreeEntry } from "../git/objects.ts";
import type { TreeSource } from "../git/edit-tree.ts";

/** A file that was added (no `before`), removed (no `after`) or changed. */
export interface TreeChange {
  readonly path: string;
  readonly before: { readonly oid: Oid; readonly mode: Mode } | undefined;
  readonly after: { readonly oid: Oid; readonly mode: Mode } | undefined;
}

/** Published paths have at most five names; a folder deeper than this is shown as one entry. */
const DEPTH_MAX = 8;

/** Changes from one tree to another (null: nothing), in byte order of the folders' names. */
export async function treeChanges(source: TreeSource, before: Oid | null, after: Oid | null): Promise<readonly TreeChange[]> {
  return below(source, { before, after, prefix: "", depth: 0 });
}

interface Folder {
  readonly before: Oid | null;
  readonly after: Oid | null;
  readonly prefix: string;
  readonly depth: number;
}

async function below(source: TreeSource, { before, after, prefix, depth }: Folder): Promise<readonly TreeChange[]> {
  if (before === after) return [];
  const [old, now] = [await entriesOf(source, before), await entriesOf(source, after)];
  const found: TreeChange[] = [];
  for (const name of [...new Set([...old.keys(), ...now.keys()])].sort(compareText)) {
    const [was, is] = [old.get(name), now.get(name)];
    if (was?.oid === is?.oid && was?.mode === is?.mode) continue;
    const path = prefix + name;
    const [oldFolder, newFolder] = [folderOf(was, depth), folderOf(is, depth)];
    if (oldFolder !== null || newFolder !== null) found.push(...(await below(source, { before: oldFolder, after: newFolder, prefix: `${path}/`, depth: depth + 1 })));
    const [oldFile, newFile] = [oldFolder === null ? was : undefined, newFolder === null ? is : undefined];
    if (oldFile !== undefined || newFile !== undefined) found.push({ path, before: oldFile, after: newFile });
  }
  return found;
}

async function entriesOf(source: TreeSource, tree: Oid | null): Promise<ReadonlyMap<string, TreeEntry>> {
  return new Map(tree === null ? [] : (await source.readTree(tree)).map((entry) => [entry.name, entry]));
}

function folderOf(entry: TreeEntry | undefined, depth: number): Oid | null {
  return entry?.mode === "40000" && depth < DEPTH_MAX ? entry.oid : null;
}
