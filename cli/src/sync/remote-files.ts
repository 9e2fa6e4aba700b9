// What a workspace has below a link's path, read from its tree: files by their names on disk, and what is annotated.

import { AosError, decodePath, encodePath, trees, type Hash } from "@agentos/kernel";
import type { WorkspaceLink } from "@agentos/controller";
import { filesOver } from "./files-over.ts";
import { collisions, type FileProblem } from "./scan.ts";
import type { FileFacts, Files } from "./three-way.ts";

/** The files of one tree below a link's path. */
export interface RemoteFiles {
  /** By path on disk. */
  readonly files: Files;
  /** Every file's path in the workspace, those that no disk can have among them. */
  paths(): readonly string[];
  /** Names that stand for no file name, or for one file on some systems. */
  readonly problems: readonly FileProblem[];
  /** The annotations' nodes of files and folders, by path on disk; empty: of the link's own folder. */
  readonly annotated: ReadonlyMap<string, Hash>;
}

/** Reads nodes, each once. */
export type ReadNode = (hash: Hash) => Promise<trees.Tree>;

export function nodeReader(blobs: trees.ReadBlobs): ReadNode {
  const known = new Map<Hash, Promise<trees.Tree>>();
  return (hash) => {
    const node = known.get(hash) ?? trees.readTree(blobs, hash);
    known.set(hash, node);
    return node;
  };
}

/** @throws AosError `sync.not_folder`, and what reading the tree throws */
export async function remoteFiles(read: ReadNode, root: Hash, link: WorkspaceLink): Promise<RemoteFiles> {
  const files = new Map<string, FileFacts>();
  const paths: string[] = [];
  const problems: FileProblem[] = [];
  const annotated = new Map<string, Hash>();

  async function walk(tree: trees.Tree, at: { readonly path: string; readonly disk: string | undefined }): Promise<void> {
    if (tree.annotations_hash !== undefined && at.disk !== undefined) annotated.set(at.disk.slice(0, -1), tree.annotations_hash);
    const names: string[] = [];
    for (const entry of tree.entries) {
      const name = diskName(entry.name);
      const path = at.path + entry.name;
      const disk = name === undefined || at.disk === undefined ? undefined : at.disk + name;
      if (entry.kind === "dir") {
        const before = paths.length;
        await walk(await read(entry.hash), { path: `${path}/`, disk: disk === undefined ? undefined : `${disk}/` });
        // A folder without files is none on disk.
        if (name !== undefined && paths.length > before) names.push(name);
        continue;
      }
      if (name !== undefined) names.push(name);
      paths.push(path);
      if (disk === undefined) {
        problems.push({ path, what: "its name stands for no file name" });
        continue;
      }
      files.set(disk, entry);
      if (entry.annotations_hash !== undefined) annotated.set(disk, entry.annotations_hash);
    }
    if (at.disk !== undefined) problems.push(...collisions(names, at.disk));
  }

  const top = await folderAt(read, root, link);
  if (top !== undefined) await walk(top, { path: link.path === undefined ? "" : `${link.path}/`, disk: "" });
  return { files, paths: () => paths, problems, annotated };
}

/**
 * The same of two trees, where the files of one are known and there are no problems among them: what differs is read alone, and
 * `annotated` is told of what differs.
 *
 * @param known - the files of `before`, by path on disk
 * @returns undefined where reading all of it is to say what is wrong
 */
export async function filesSince(
  read: ReadNode, roots: { readonly before: Hash; readonly after: Hash }, link: WorkspaceLink, known: Files,
): Promise<{ readonly before: RemoteFiles; readonly after: RemoteFiles } | undefined> {
  const changes = new Map<string, FileFacts | undefined>();
  const [annotatedBefore, annotated] = [new Map<string, Hash>(), new Map<string, Hash>()];

  /** @returns whether all is well */
  async function compare(old: trees.Tree, now: trees.Tree, disk: string): Promise<boolean> {
    if (old.annotations_hash !== undefined) annotatedBefore.set(disk.slice(0, -1), old.annotations_hash);
    if (now.annotations_hash !== undefined) annotated.set(disk.slice(0, -1), now.annotations_hash);
    const [olds, nows] = [byName(old), byName(now)];
    for (const name of new Set([...olds.keys(), ...nows.keys()])) {
      const [was, is] = [olds.get(name), nows.get(name)];
      if (was?.kind === is?.kind && was?.hash === is?.hash && was?.mode === is?.mode && was?.annotations_hash === is?.annotations_hash) continue;
      const at = diskName(name);
      if (at === undefined) return false;
      const path = disk + at;
      if (was?.kind === "file") changes.set(path, undefined);
      if (was?.annotations_hash !== undefined) annotatedBefore.set(path, was.annotations_hash);
      if (is?.kind === "file") changes.set(path, is);
      if (is?.annotations_hash !== undefined) annotated.set(path, is.annotations_hash);
      if (was?.kind !== "dir" && is?.kind !== "dir") continue;
      if (!(await compare(await nodeOf(was), await nodeOf(is), `${path}/`))) return false;
    }
    return now.entries.length === 0 || collisions([...nows.keys()].flatMap((name) => diskName(name) ?? []), disk).length === 0;
  }

  const nodeOf = async (entry: trees.TreeEntry | undefined): Promise<trees.Tree> => (entry?.kind === "dir" ? read(entry.hash) : NOTHING);
  const [old, now] = [(await folderAt(read, roots.before, link)) ?? NOTHING, (await folderAt(read, roots.after, link)) ?? NOTHING];
  if (!(await compare(old, now, ""))) return undefined;
  return { before: { ...knownFiles(known, link), annotated: annotatedBefore }, after: { ...knownFiles(filesOver(known, changes), link), annotated } };
}

const NOTHING: trees.Tree = { entries: [] };

function byName(tree: trees.Tree): ReadonlyMap<string, trees.TreeEntry> {
  return new Map(tree.entries.map((entry) => [entry.name, entry]));
}

/** Files without problems among them. */
export function knownFiles(files: Files, link: WorkspaceLink): Omit<RemoteFiles, "annotated"> {
  return { files, problems: [], paths: () => [...files.keys()].map((path) => workspacePath(link, path)) };
}

/** The path in the workspace of a path on disk below the link's folder. */
export function workspacePath(link: WorkspaceLink, path: string): string {
  return link.path === undefined ? encodePath(path) : `${link.path}/${encodePath(path)}`;
}

/** The folder that a link names; undefined where there is none. */
async function folderAt(read: ReadNode, root: Hash, { workspace, path, dir }: WorkspaceLink): Promise<trees.Tree | undefined> {
  let tree = await read(root);
  for (const [at, name] of path?.split("/").entries() ?? []) {
    const entry = tree.entries.find((one) => one.name === name);
    if (entry?.kind === "file" && at === (path?.split("/").length ?? 0) - 1) {
      throw new AosError("sync.not_folder", `${workspace}/${path}: a file, and ${dir} is a folder`, { hint: "a link joins two folders: name the one that the file is in" });
    }
    if (entry?.kind !== "dir") return undefined;
    tree = await read(entry.hash);
  }
  return tree;
}

/** The path on disk that a workspace path stands for; undefined where it stands for none. */
export function diskPath(path: string): string | undefined {
  const names = path.split("/").map(diskName);
  return names.includes(undefined) ? undefined : names.join("/");
}

function diskName(name: string): string | undefined {
  if (!name.startsWith("~")) return name;
  try {
    return decodePath(name);
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}
