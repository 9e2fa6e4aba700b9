// Appends one signed commit to a ref: objects first, durable; then the ref, by compare-and-swap.

import { AosError, assert } from "@agentos/kernel";
import type { SigningKey } from "./ed25519.ts";
import { editTree } from "./edit-tree.ts";
import type { EditedTree, PathChange } from "./edit-tree.ts";
import { buildNotesTree } from "./notes.ts";
import type { NotesChanges } from "./notes.ts";
import { commitObject } from "./objects.ts";
import type { Oid } from "./objects.ts";
import { casRef, readRef } from "./refs.ts";
import type { ObjectStore } from "./store.ts";

/** What the new commit's tree is: the tip's with notes and entries changed, with files changed, or a tree that exists already. */
type TreeChange = NotesChanges | { readonly files: ReadonlyMap<string, PathChange> } | { readonly tree: Oid };

export interface Append {
  readonly store: ObjectStore;
  readonly ref: string;
  readonly key: SigningKey;
  readonly identity: { readonly name: string; readonly email: string };
  readonly message: string;
  /** The time asked for; the commit's is later where a parent's is not earlier, because dates must increase. */
  readonly timeSeconds: number;
  readonly changes: TreeChange;
  /** All parents, the tip among them; by default the tip alone. The first one's tree is what changes apply to. */
  readonly parents?: readonly Oid[];
  /** Where the ref must be (null: not exist); by default where it is found. */
  readonly expected?: Oid | null;
}

export type Appended =
  | { readonly kind: "updated"; readonly commit: Oid; readonly tree: Oid; readonly timeSeconds: number }
  /** Somebody else moved the ref, to `tip`; nothing points to what was written. */
  | { readonly kind: "stale"; readonly tip: Oid | undefined };

/**
 * Builds the tree and a signed commit on the ref's tip, writes all new objects as one pack, and moves the ref. After a kill at
 * any point the ref is old or new, never in between, and all it points to is there.
 *
 * @throws AosError as buildNotesTree, editTree, writePack and casRef
 */
export async function appendSigned(append: Append): Promise<Appended> {
  const { store, ref } = append;
  const expected = append.expected === undefined ? ((await readRef(store.gitDir, ref)) ?? null) : append.expected;
  const parents = append.parents ?? (expected === null ? [] : [expected]);
  assert(expected === null || parents.includes(expected), "a ref is extended, never rewritten: its tip is a parent");
  const commits = await Promise.all(parents.map((parent) => store.readCommit(parent)));
  const timeSeconds = Math.max(append.timeSeconds, ...commits.map(({ committer }) => committer.time + 1));
  const { tree, objects } = await changeTree(store, commits[0]?.tree ?? null, append.changes);
  const identity = { ...append.identity, time: timeSeconds, tz: "+0000" };
  const commit = commitObject({ tree, parents, author: identity, committer: identity, message: append.message }, append.key);
  const pack = await store.writePack([...objects, commit]);
  try {
    const outcome = await casRef(store.gitDir, ref, expected, commit.oid);
    if (outcome === "stale") return { kind: "stale", tip: await readRef(store.gitDir, ref) };
    return { kind: "updated", commit: commit.oid, tree, timeSeconds };
  } finally {
    await pack.release();
  }
}

async function changeTree(store: ObjectStore, base: Oid | null, changes: TreeChange): Promise<EditedTree> {
  if ("files" in changes) return editTree(store, base, changes.files);
  if ("notes" in changes) return buildNotesTree(store, base, changes);
  if ((await store.read(changes.tree))?.type === "tree") return { tree: changes.tree, objects: [] };
  throw new AosError("git.missing", `${store.gitDir}: tree ${changes.tree} is not there`);
}
