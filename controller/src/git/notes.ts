// Trees of git notes: reads every fan-out that git writes, writes one (2/38), and keeps all entries that are no notes.

import { AosError } from "@agentos/kernel";
import { editTree } from "./edit-tree.ts";
import type { EditedTree, PathChange, TreeSource } from "./edit-tree.ts";
import { isOid } from "./objects.ts";
import type { Oid, TreeEntry } from "./objects.ts";

/** A blob that the repository has. */
export interface StoredBlob {
  readonly oid: Oid;
}

/** What a commit on a ref of notes changes; `null` takes away. */
export interface NotesChanges {
  /** By the object that is annotated. */
  readonly notes: ReadonlyMap<Oid, Uint8Array | null>;
  /** Other files by path, e.g. `journal/d00/d00/s00`. */
  readonly entries: ReadonlyMap<string, Uint8Array | StoredBlob | null>;
}

/**
 * Every note of a tree: annotated object → blob of the note, in byte order of the annotated object.
 *
 * @throws AosError `notes.duplicate` (class unverified) when one object has two notes in different places
 */
export async function readNotes(source: TreeSource, tree: Oid | null): Promise<ReadonlyMap<Oid, Oid>> {
  const found = tree === null ? [] : await notesBelow(source, tree, "");
  const sorted = [...found].sort((a, b) => (a.target < b.target ? -1 : a.target > b.target ? 1 : 0));
  const notes = new Map<Oid, Oid>();
  for (const { target, blob } of sorted) {
    if (notes.has(target)) throw duplicate(target);
    notes.set(target, blob);
  }
  return notes;
}

/**
 * The blob of one object's note, or undefined. Reads only the folders on the way.
 *
 * @throws AosError `notes.duplicate` as readNotes
 */
export async function noteFor(source: TreeSource, tree: Oid | null, target: Oid): Promise<Oid | undefined> {
  let found: Oid | undefined;
  let folder = tree;
  for (let depth = 0; folder !== null; depth += 2) {
    const entries: readonly TreeEntry[] = await source.readTree(folder);
    const rest = target.slice(depth);
    const note = entries.find((entry) => entry.name === rest && isFile(entry));
    if (note !== undefined && found !== undefined) throw duplicate(target);
    found ??= note?.oid;
    folder = entries.find((entry) => entry.name === rest.slice(0, 2) && isFanOut(entry, depth))?.oid ?? null;
  }
  return found;
}

/**
 * A tree of notes with changes. Each note written lies at `<2 hex>/<38 hex>`; wherever else the base has a note for the same
 * object, it goes. Notes that other tools left flat at the top, or deeper inside a folder that changes, move to the same
 * form. All else stays: folders without a change are neither read nor written.
 *
 * @throws AosError `notes.path` for an entry whose path looks like a note's, `git.path`, `notes.duplicate`
 */
export async function buildNotesTree(source: TreeSource, base: Oid | null, changes: NotesChanges): Promise<EditedTree> {
  const paths = new Map<string, PathChange>();
  for (const [path, bytes] of changes.entries) {
    const [top = ""] = path.split("/");
    if (/^(?:[0-9a-f]{2}|[0-9a-f]{40})$/i.test(top))
      throw new AosError("notes.path", `${path}: an entry beside the notes must not look like one`, { hint: "its first folder must not be 2 or 40 hex digits" });
    paths.set(path, fileChange(bytes));
  }
  const moves = base === null ? [] : await strays(source, base, changes.notes);
  for (const { from } of moves) paths.set(from, { kind: "remove" });
  for (const { target, blob } of moves) {
    if (changes.notes.has(target)) continue;
    const path = notePath(target);
    if (paths.get(path)?.kind === "link" || (await hasNoteAt(source, base, target))) throw duplicate(target);
    paths.set(path, { kind: "link", oid: blob, mode: "100644" });
  }
  for (const [target, bytes] of changes.notes) paths.set(notePath(target), fileChange(bytes));
  return editTree(source, base, paths);
}

function notePath(target: Oid): string {
  return `${target.slice(0, 2)}/${target.slice(2)}`;
}

function fileChange(content: Uint8Array | StoredBlob | null): PathChange {
  if (content === null) return { kind: "remove" };
  return "oid" in content ? { kind: "link", oid: content.oid, mode: "100644" } : { kind: "write", bytes: content, mode: "100644" };
}

interface Note {
  readonly target: Oid;
  readonly blob: Oid;
  /** The path where it lies. */
  readonly from: string;
}

/**
 * The notes that are not at their place and lie where something changes: flat ones at the top (the top is always rewritten),
 * and those in sub-folders of the folders that get a note.
 */
async function strays(source: TreeSource, base: Oid, notes: ReadonlyMap<Oid, unknown>): Promise<readonly Note[]> {
  const top = await source.readTree(base);
  const found: Note[] = top.flatMap((entry) => (isFile(entry) && isOid(entry.name) ? [{ target: entry.name, blob: entry.oid, from: entry.name }] : []));
  const touched = new Set([...notes.keys(), ...found.map(({ target }) => target)].map((target) => target.slice(0, 2)));
  for (const entry of top) {
    if (!isFanOut(entry, 0) || !touched.has(entry.name)) continue;
    for (const sub of await source.readTree(entry.oid)) {
      if (!isFanOut(sub, 2)) continue;
      found.push(...(await notesBelow(source, sub.oid, entry.name + sub.name, `${entry.name}/${sub.name}`)));
    }
  }
  return found;
}

async function hasNoteAt(source: TreeSource, base: Oid | null, target: Oid): Promise<boolean> {
  const folder = base === null ? undefined : (await source.readTree(base)).find((entry) => entry.name === target.slice(0, 2) && isFanOut(entry, 0));
  return folder !== undefined && (await source.readTree(folder.oid)).some((entry) => entry.name === target.slice(2) && isFile(entry));
}

/** @param digits - the digits of the annotated objects that the folders down to here spell */
async function notesBelow(source: TreeSource, tree: Oid, digits: string, place = ""): Promise<readonly Note[]> {
  const entries = await source.readTree(tree);
  const lists = entries.map(async (entry): Promise<readonly Note[]> => {
    const path = place === "" ? entry.name : `${place}/${entry.name}`;
    if (isFanOut(entry, digits.length)) return notesBelow(source, entry.oid, digits + entry.name, path);
    const target = digits + entry.name;
    return isFile(entry) && isOid(target) ? [{ target, blob: entry.oid, from: path }] : [];
  });
  return (await Promise.all(lists)).flat();
}

function isFile({ mode }: TreeEntry): boolean {
  return mode === "100644" || mode === "100755";
}

/** Is this a folder that spells two more digits, `depth` digits down? */
function isFanOut({ mode, name }: TreeEntry, depth: number): boolean {
  return mode === "40000" && depth < 38 && /^[0-9a-f]{2}$/.test(name);
}

function duplicate(target: Oid): AosError {
  return new AosError("notes.duplicate", `notes: object ${target} has two notes in different places`, {
    class: "unverified",
    hint: "git would glue them together; find the commit that added the second with git log on the notes ref",
  });
}
