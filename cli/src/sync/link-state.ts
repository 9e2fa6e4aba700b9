// A folder and its workspace as they are now, side by side.

import { lstatSync } from "node:fs";
import { dirname, join } from "node:path";
import { AosError, trees, type Hash } from "@agentos/kernel";
import type { Resolved, WorkspaceLink, Workspaces } from "@agentos/controller";
import { sweepDrafts } from "./drafts.ts";
import { differingPaths, sameFiles } from "./files-over.ts";
import { ignoreRules, type IgnoreRules } from "./ignore-rules.ts";
import { filesSince, knownFiles, nodeReader, remoteFiles, type ReadNode, type RemoteFiles } from "./remote-files.ts";
import { refuse, scanFolder, type Scan, type ScanOptions } from "./scan.ts";
import { readStatCache, type LookedAt, type StatCache } from "./stat-cache.ts";
import { readSyncState, stateFiles, type StateFiles, type SyncState } from "./sync-state.ts";
import { same, type FileFacts, type Files } from "./three-way.ts";

/** Where a link is worked on. */
export interface LinkPlace {
  readonly link: WorkspaceLink;
  /** The world's folder, which is the top of its repository. */
  readonly root: string;
  readonly gitDir: string;
  readonly workspaces: Pick<Workspaces, "blobs" | "resolve" | "versions">;
  readonly onFile?: () => void;
}

/** What both had in step is known without its annotations, which are those of the workspace then. */
export type Tree = Omit<RemoteFiles, "annotated"> & { readonly annotated: RemoteFiles["annotated"] | undefined };

export interface LinkState {
  readonly head: number;
  /** What the link names: its version, or the head; undefined: there is no such workspace yet. */
  readonly found: Resolved["found"];
  readonly folder: "here" | "missing";
  /** Does the world take versions of workspaces? */
  readonly takes: "versions" | "none";
  /** The workspace's root, all of it. */
  readonly root: Hash;
  readonly remote: Tree;
  readonly base: Tree | undefined;
  /** Where not all of the folder was looked at, the rest as it was when it last was. */
  readonly local: Scan;
  readonly rules: IgnoreRules;
  readonly state: SyncState;
  readonly memory: StateFiles;
  readonly cache: StatCache;
}

interface LookOptions {
  readonly look: "all" | "unsettled";
  readonly bytes: ScanOptions["bytes"];
  readonly annotations: "all" | "new";
}

/**
 * @param options.look - at all of the folder, or, once both were in step, at what the workspace changed since and what is still to be settled
 * @param options.bytes - of files that are read for their hash: where they go, if they are wanted afterwards
 * @param options.annotations - whether those are wanted that the workspace had already when both were in step
 * @throws AosError `sync.linked`, `sync.link`, `sync.files`, `sync.state`, `sync.not_folder`, `workspace.version`, and what the world answers
 */
export async function lookAtLink(place: LinkPlace, { look, bytes, annotations }: LookOptions): Promise<LinkState> {
  const { link, workspaces } = place;
  const isHere = isFolderHere(place);
  const resolved = await workspaces.resolve(link.workspace, link.version);
  if (link.version !== undefined && resolved.found === undefined) {
    throw new AosError("workspace.version", `${refText(link)}: there is no such version`, { hint: resolved.head === 0 ? `there is no workspace ${link.workspace}` : `the latest is ${resolved.head}` });
  }
  const memory = stateFiles(place.gitDir, link);
  sweepDrafts(dirname(memory.state));
  const state = await readSyncState(memory.state);
  if (link.version === undefined && state.base !== undefined && state.base.version > resolved.head) {
    throw new AosError("sync.unpublished", `${refText(link)}: version ${state.base.version} was in step with ${link.dir}, and only version ${resolved.head} can be seen here`, {
      class: "outside", hint: `what was pushed is published in a moment: try again. If the world was begun anew: rm '${memory.state}'`,
    });
  }
  const root = resolved.found?.root ?? trees.EMPTY_TREE_HASH;
  const cache = readStatCache(memory.stats);
  const read = nodeReader(workspaces.blobs);
  const known = state.base === undefined || annotations === "all" ? undefined : cache.filesOf(state.base.root);
  const { remote, base } = await treesOf(read, { root, base: state.base?.root, known }, link);
  const rules = ignoreRules({ root: place.root, dir: link.dir, patterns: link.ignore });
  const paths = look === "all" || base === undefined ? {} : { paths: unsettled(state, { base, remote }) };
  const local = scanFolder(join(place.root, link.dir), { rules, cache, bytes, ...paths, ...(place.onFile === undefined ? {} : { onFile: place.onFile }) });
  return { head: resolved.head, found: resolved.found, folder: isHere ? "here" : "missing", takes: resolved.unrouted === true ? "none" : "versions", root, remote, base, local, rules, state, memory, cache };
}

/** What lies behind a symbolic link is not of the world: a push would read it, and a pull write there. @returns whether the folder is there */
function isFolderHere({ root, link }: Pick<LinkPlace, "root" | "link">): boolean {
  const names = link.dir.split("/");
  for (const path of names.map((_, at) => names.slice(0, at + 1).join("/"))) {
    const stats = lstatSync(join(root, path), { throwIfNoEntry: false });
    if (stats === undefined) return false;
    if (stats.isSymbolicLink()) throw new AosError("sync.linked", `${path}: a symbolic link, and links are not followed`, { at: { file: path }, hint: "put a folder in its place, or name another one" });
    if (!stats.isDirectory()) throw new AosError("sync.link", `${path}: a file, and a link joins a folder to a workspace`, { at: { file: path }, hint: "name the folder that it is in" });
  }
  return true;
}

/** Paths that the workspace changed since both were in step, that a pull which was cut off began to write, and that are in conflict. */
function unsettled({ pull, conflicts }: SyncState, { base, remote }: { readonly base: Tree; readonly remote: Tree }): ReadonlySet<string> {
  const paths = [...differingPaths<FileFacts>(base.files, remote.files)].filter((path) => !same(base.files.get(path), remote.files.get(path)));
  return new Set([...paths, ...(pull?.files.keys() ?? []), ...conflicts.keys()]);
}

/** Both trees: what is known of the one that was in step is not read again. */
async function treesOf(
  read: ReadNode, { root, base, known }: { readonly root: Hash; readonly base: Hash | undefined; readonly known: Files | undefined }, link: WorkspaceLink,
): Promise<{ readonly remote: Tree; readonly base: Tree | undefined }> {
  if (known !== undefined && base === root) {
    const both: Tree = { ...knownFiles(known, link), annotated: undefined };
    return { remote: both, base: both };
  }
  const since = known === undefined || base === undefined ? undefined : await filesSince(read, { before: base, after: root }, link, known);
  if (since !== undefined) return { remote: since.after, base: since.before };
  const remote = await remoteFiles(read, root, link);
  return { remote, base: base === undefined ? undefined : base === root ? remote : await remoteFiles(read, base, link) };
}

/**
 * Remembers what the files here were when they were looked at, for the next time.
 *
 * @param now - the files as they are, where they are not those of the scan any more
 * @param step - the tree that is in step with the folder, and its files; undefined: none is known to be
 */
export function rememberFiles(seen: LinkState, step: { readonly root: Hash; readonly files: Files } | undefined, now?: ReadonlyMap<string, LookedAt>): void {
  const { local, remote, cache } = seen;
  const files: ReadonlyMap<string, LookedAt> = now ?? local.files;
  const whole = step !== undefined && remote.problems.length === 0 && sameFiles<FileFacts>(files, step.files, same);
  const root = whole ? step.root : step === undefined && cache.holds(files, cache.root) ? cache.root : undefined;
  if (local.hashed === 0 && now === undefined && (step === undefined || cache.holds(files, root))) return;
  cache.write(files, root);
}

/** `WORKSPACE@VERSION/PATH`, as it is written in the sync map. */
export function refText({ workspace, version, path }: Pick<WorkspaceLink, "workspace" | "version" | "path">): string {
  return `${workspace}${version === undefined ? "" : `@${version}`}${path === undefined ? "" : `/${path}`}`;
}

/** @throws AosError `sync.files` when the workspace holds what this disk cannot */
export function requireDiskNames(link: WorkspaceLink, { problems }: Pick<Tree, "problems">): void {
  refuse(`workspace ${refText(link)}`, problems);
}
