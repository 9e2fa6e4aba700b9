// A Git tree as a workspace tree, the other way round: every object becomes a blob of the world.

import { AosError, compareText, encodeAnnotations, encodeTree, type Blobs, type Hash, type trees } from "@agentos/kernel";
import type { Oid, TreeEntry } from "../git/objects.ts";
import { decodeAnnotationsFile, type AnnotationValues, type FolderAnnotations } from "./annotations-file.ts";
import { ANNOTATIONS_FILE, nameOfGit } from "./git-name.ts";

/** Where Git's objects are read; an ObjectStore is one. */
export interface GitSource {
  readTree(commitOrTree: Oid): Promise<readonly TreeEntry[]>;
  readBlob(oid: Oid): Promise<Uint8Array>;
}

const NONE: FolderAnnotations = { folder: undefined, files: new Map() };

/**
 * Stores the workspace tree of a commit's or a tree's files, and gives its root.
 *
 * @throws AosError `workspace.git_mode` for links and submodules, `workspace.git_name`, `workspace.annotations`, each naming the path; `git.*`
 */
export async function treeOfGit(git: GitSource, commitOrTree: Oid, blobs: Pick<Blobs, "put">): Promise<Hash> {
  return folderOf(git, commitOrTree, { blobs, prefix: "" });
}

interface Place {
  readonly blobs: Pick<Blobs, "put">;
  readonly prefix: string;
}

async function folderOf(git: GitSource, oid: Oid, place: Place): Promise<Hash> {
  const listed = await git.readTree(oid);
  const told = listed.find(({ name, mode }) => name === ANNOTATIONS_FILE && mode !== "40000");
  const path = place.prefix + ANNOTATIONS_FILE;
  const annotations = told === undefined ? NONE : decodeAnnotationsFile(await git.readBlob(told.oid), path);
  const entries: trees.TreeEntry[] = [];
  for (const entry of listed) if (entry !== told) entries.push(await entryOf(git, entry, { ...place, annotations }));
  const stray = [...annotations.files.keys()].find((name) => !listed.some((entry) => entry !== told && entry.name === name && entry.mode !== "40000"));
  if (stray !== undefined) throw new AosError("workspace.annotations", `${path}: /files/${stray}: there is no such file in the folder`, { at: { file: path, pointer: `/files/${stray}` } });
  entries.sort((a, b) => compareText(a.name, b.name));
  const folder = annotations.folder === undefined ? {} : { annotations_hash: await storeAnnotations(place.blobs, annotations.folder) };
  return place.blobs.put(encodeTree({ entries, ...folder }));
}

async function entryOf(git: GitSource, entry: TreeEntry, place: Place & { readonly annotations: FolderAnnotations }): Promise<trees.TreeEntry> {
  const path = place.prefix + entry.name;
  const name = named(entry.name, path);
  switch (entry.mode) {
    case "40000":
      return { name, kind: "dir", hash: await folderOf(git, entry.oid, { ...place, prefix: `${path}/` }), size: 0, mode: 0o755 };
    case "100644":
    case "100755": {
      const bytes = await git.readBlob(entry.oid);
      const values = place.annotations.files.get(entry.name);
      return {
        name, kind: "file", hash: await place.blobs.put(bytes), size: bytes.length, mode: entry.mode === "100755" ? 0o755 : 0o644,
        ...(values === undefined ? {} : { annotations_hash: await storeAnnotations(place.blobs, values) }),
      };
    }
    default:
      throw new AosError("workspace.git_mode", `${path}: a ${entry.mode === "120000" ? "symbolic link" : "submodule"}; a workspace has files and folders alone`, { at: { file: path } });
  }
}

function named(name: string, path: string): string {
  try {
    return nameOfGit(name);
  } catch (error) {
    throw error instanceof AosError ? error.retold(`${path}: ${error.message}`, { at: { file: path } }) : error;
  }
}

async function storeAnnotations(blobs: Pick<Blobs, "put">, values: AnnotationValues): Promise<Hash> {
  const hashes = new Map<string, Hash>();
  for (const [key, value] of values) hashes.set(key, "hash" in value ? value.hash : await blobs.put(value.bytes));
  return blobs.put(encodeAnnotations(hashes));
}
