// A folder and its workspace as they are now, side by side.

import { join } from "node:path";
import { AosError, decodePath, encodePath, trees, type Hash } from "@agentos/kernel";
import type { Resolved, WorkspaceLink, Workspaces } from "@agentos/controller";
import { ignoreRules, type IgnoreRules } from "./ignore-rules.ts";
import { collisions, refuse, scanFolder, type FileFacts, type FileProblem, type Scan } from "./scan.ts";
import { readStatCache, writeStatCache } from "./stat-cache.ts";
import { readSyncState, stateFiles, type StateFiles, type SyncState } from "./sync-state.ts";
import type { Files } from "./three-way.ts";

/** Where a link is worked on. */
export interface LinkPlace {
  readonly link: WorkspaceLink;
  /** The world's folder, which is the top of its repository. */
  readonly root: string;
  readonly gitDir: string;
  readonly workspaces: Pick<Workspaces, "blobs" | "resolve">;
  readonly onFile?: () => void;
}

/** The files of one tree below a link's path. */
export interface RemoteFiles {
  /** By path on disk. */
  readonly files: Files;
  /** Every file's path in the workspace, those that no disk can have among them. */
  readonly paths: readonly string[];
  /** Names that stand for no file name, or for one file on some systems. */
  readonly problems: readonly FileProblem[];
}

export interface LinkState {
  readonly head: number;
  /** What the link names: its version, or the head; undefined: there is no such workspace yet. */
  readonly found: Resolved["found"];
  /** The workspace's root, all of it. */
  readonly root: Hash;
  readonly remote: RemoteFiles;
  readonly base: Files | undefined;
  readonly local: Scan;
  readonly rules: IgnoreRules;
  readonly state: SyncState;
  readonly memory: StateFiles;
}

/** @throws AosError `sync.files`, `sync.state`, `sync.not_folder`, `workspace.version`, and what the world answers */
export async function lookAtLink(place: LinkPlace): Promise<LinkState> {
  const { link, workspaces } = place;
  const resolved = await workspaces.resolve(link.workspace, link.version);
  if (link.version !== undefined && resolved.found === undefined) {
    throw new AosError("workspace.version", `${refText(link)}: there is no such version`, { hint: resolved.head === 0 ? `there is no workspace ${link.workspace}` : `the latest is ${resolved.head}` });
  }
  const memory = stateFiles(place.gitDir, link);
  const state = await readSyncState(memory.state);
  if (link.version === undefined && state.base !== undefined && state.base.version > resolved.head) {
    throw new AosError("sync.unpublished", `${refText(link)}: version ${state.base.version} was in step with ${link.dir}, and only version ${resolved.head} can be seen here`, {
      class: "outside", hint: `what was pushed is published in a moment: try again. If the world was begun anew: rm '${memory.state}'`,
    });
  }
  const root = resolved.found?.root ?? trees.EMPTY_TREE_HASH;
  const remote = await remoteFiles(workspaces.blobs, root, link);
  const base = state.base === undefined ? undefined : state.base.root === root ? remote.files : (await remoteFiles(workspaces.blobs, state.base.root, link)).files;
  const rules = ignoreRules({ root: place.root, dir: link.dir, patterns: link.ignore });
  const local = scanFolder(join(place.root, link.dir), { rules, cache: readStatCache(memory.stats), ...(place.onFile === undefined ? {} : { onFile: place.onFile }) });
  if (local.hashed > 0) writeStatCache(memory.stats, local.files, local.takenNs);
  return { head: resolved.head, found: resolved.found, root, remote, base, local, rules, state, memory };
}

async function remoteFiles(blobs: trees.ReadBlobs, root: Hash, link: WorkspaceLink): Promise<RemoteFiles> {
  const { path } = link;
  const files = new Map<string, FileFacts>();
  const paths: string[] = [];
  const problems: FileProblem[] = [];
  const folders = new Map<string, Set<string>>();
  if (path !== undefined) {
    const entry = await trees.findPath(blobs, root, path).catch(notThere);
    if (entry === undefined) return { files, paths, problems };
    if (entry.kind !== "dir") throw new AosError("sync.not_folder", `${refText(link)}: a file, and ${link.dir} is a folder`, { hint: "a link joins two folders: name the one that the file is in" });
  }
  const start = path === undefined ? 0 : path.length + 1;
  for await (const { path: found, kind, hash, size, mode } of trees.walkTree(blobs, root, { scope: "subtree", ...(path === undefined ? {} : { path }) })) {
    if (kind !== "file") continue;
    paths.push(found);
    const disk = diskPath(found.slice(start));
    if (disk === undefined) {
      problems.push({ path: found, what: "its name stands for no file name" });
      continue;
    }
    files.set(disk, { hash, size, mode });
    const names = disk.split("/");
    for (const [at, name] of names.entries()) {
      const folder = names.slice(0, at).map((each) => `${each}/`).join("");
      folders.set(folder, (folders.get(folder) ?? new Set()).add(name));
    }
  }
  for (const [folder, names] of folders) problems.push(...collisions([...names], folder));
  return { files, paths, problems };
}

function notThere(error: unknown): undefined {
  if (error instanceof AosError && (error.code === "tree.not_found" || error.code === "tree.not_directory")) return undefined;
  throw error;
}

/** The path on disk that a workspace path stands for; undefined where it stands for none. */
export function diskPath(path: string): string | undefined {
  try {
    return decodePath(path);
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}

/** The path in the workspace of a path on disk below the link's folder. */
export function workspacePath(link: WorkspaceLink, path: string): string {
  return link.path === undefined ? encodePath(path) : `${link.path}/${encodePath(path)}`;
}

/** `WORKSPACE@VERSION/PATH`, as it is written in the sync map. */
export function refText({ workspace, version, path }: Pick<WorkspaceLink, "workspace" | "version" | "path">): string {
  return `${workspace}${version === undefined ? "" : `@${version}`}${path === undefined ? "" : `/${path}`}`;
}

/** @throws AosError `sync.files` when the workspace holds what this disk cannot */
export function requireDiskNames(link: WorkspaceLink, { problems }: RemoteFiles): void {
  refuse(`workspace ${refText(link)}`, problems);
}
