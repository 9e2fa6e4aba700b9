// Two trees of workspaces compared, with what is in the files and what they are annotated with.

import { AosError, fromUtf8, hashBytes, trees, writeJson, type Hash } from "@agentos/kernel";
import type { Workspaces } from "@agentos/controller";
import type { DiffRow, DiffSide } from "./render/ws-diff.ts";

/** Larger files are told to differ, and not how. */
const FILE_BYTES_MAX = 4 << 20;

interface CompareOptions {
  /** Only what is at or below this path. */
  readonly prefix?: string;
  /** Whether contents are wanted. */
  readonly contents: "read" | "leave";
}

/** Files that differ, and what is annotated otherwise, by path; the root's annotations are at the empty path. @throws AosError as trees.diffTrees */
export async function compareVersions(workspaces: Pick<Workspaces, "blobs">, roots: { readonly before: Hash; readonly after: Hash }, options: CompareOptions): Promise<readonly DiffRow[]> {
  const { blobs } = workspaces;
  const rows: DiffRow[] = [];
  const { prefix } = options;
  if (prefix === undefined) rows.push(...annotated("", await folderNotes(blobs, roots.before), await folderNotes(blobs, roots.after)));
  for await (const { path, old, now } of trees.diffTrees(blobs, roots, prefix === undefined ? {} : { prefix })) {
    const sides = await Promise.all([old, now].map((entry) => sideOf(blobs, entry, options)));
    const notes = await Promise.all([old, now].map((entry) => notesOf(blobs, entry)));
    const [before, after] = sides;
    const differ = before?.hash !== after?.hash || before?.mode !== after?.mode;
    const [row] = annotated(path, notes[0], notes[1]);
    if (differ || row !== undefined) rows.push({ path, old: before, now: after, annotations: row?.annotations ?? [] });
  }
  return rows;
}

async function sideOf(blobs: trees.ReadBlobs, entry: trees.TreeEntry | undefined, { contents }: CompareOptions): Promise<DiffSide | undefined> {
  if (entry?.kind !== "file") return undefined;
  const { mode, hash, size } = entry;
  const bytes = contents === "leave" || size > FILE_BYTES_MAX ? undefined : await trees.readBlob(blobs, hash);
  return { mode, hash, size, bytes };
}

type Notes = ReadonlyMap<string, string>;

async function notesOf(blobs: trees.ReadBlobs, entry: trees.TreeEntry | undefined): Promise<Notes> {
  if (entry === undefined) return new Map();
  return entry.kind === "dir" ? folderNotes(blobs, entry.hash) : textsOf(blobs, entry.annotations_hash);
}

async function folderNotes(blobs: trees.ReadBlobs, root: Hash): Promise<Notes> {
  return textsOf(blobs, (await trees.readTree(blobs, root)).annotations_hash);
}

async function textsOf(blobs: trees.ReadBlobs, hash: Hash | undefined): Promise<Notes> {
  if (hash === undefined) return new Map();
  const found = await trees.readAnnotations(blobs, hash);
  return new Map(await Promise.all([...found].map(async ([key, value]) => [key, await noteText(blobs, value)] as const)));
}

/** What a value says, its JSON where that is no text, or its hash where it is neither or not stored. */
async function noteText(blobs: trees.ReadBlobs, hash: Hash): Promise<string> {
  const bytes = await blobs.get(hash);
  if (bytes === undefined || hashBytes(bytes) !== hash) return hash;
  try {
    return fromUtf8(bytes);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    const { annotationJson } = await import("./sync/annotations.ts");
    const json = annotationJson(bytes);
    return json === undefined ? hash : writeJson(json);
  }
}

function annotated(path: string, old: Notes = new Map(), now: Notes = new Map()): readonly DiffRow[] {
  const keys = [...new Set([...old.keys(), ...now.keys()])].filter((key) => old.get(key) !== now.get(key)).sort((a, b) => (a < b ? -1 : 1));
  return keys.length === 0 ? [] : [{ path, old: undefined, now: undefined, annotations: keys.map((key) => ({ key, old: old.get(key), now: now.get(key) })) }];
}
