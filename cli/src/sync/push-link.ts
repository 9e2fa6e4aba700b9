// Pushes a folder into its workspace: what changed here becomes one version of it, or nothing does.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AosError, hashBytes, trees, utf8, type Hash } from "@agentos/kernel";
import { MESSAGE_KEY, type StagedBlobs, type WorkspaceLink } from "@agentos/controller";
import { annotationChanges, type AnnotationChange } from "./annotations.ts";
import { filesOver } from "./files-over.ts";
import { lookAtLink, refText, rememberFiles, type LinkPlace, type LinkState } from "./link-state.ts";
import { hasMarks, textOf } from "./merge-text.ts";
import type { Outlet } from "./outlet.ts";
import { diskPath, workspacePath } from "./remote-files.ts";
import { writeInStep } from "./sync-state.ts";
import { planPush, type FileFacts, type Files, type Step } from "./three-way.ts";

export interface PushOptions {
  readonly extra: "keep" | "prune";
  /** What the world has newer, and conflicts that nobody resolved. */
  readonly newer: "refuse" | "overwrite";
  readonly mode: "push" | "dry-run";
  /** What the version is about. */
  readonly message: string | undefined;
  readonly owner: () => Promise<string>;
  readonly nowNs: bigint;
  /** A file went out. */
  readonly onSent?: (total: number) => void;
}
export interface Change {
  readonly path: string;
  readonly act: "add" | "change" | "remove" | "annotate";
}
export interface LinkPushed {
  readonly ref: string;
  readonly dir: string;
  readonly changes: readonly Change[];
  /** The version that was there before; 0: none. */
  readonly from: number;
  /** The version now; with `dry-run` what it would be. */
  readonly version: number;
  /** It was sent, and nobody waited for the answer. */
  readonly sent?: true;
}

/** Larger files go one by one, as streams. */
const STREAM_BYTES = 4 << 20;

/**
 * @throws AosError `sync.pinned` for a link to one version; `sync.behind` when the workspace has what this folder has not seen,
 *   `sync.raced` when it got it meanwhile, `sync.conflict` for conflicts that are still marked (all refused); `sync.changed` when
 *   a file changed while it was sent; as lookAtLink
 */
export async function pushLink(outlet: Outlet, place: LinkPlace, options: PushOptions): Promise<LinkPushed> {
  const { link } = place;
  if (link.version !== undefined) throw new AosError("sync.pinned", `${refText(link)}: one version, which stays as it is`, { hint: `to change the workspace, link ${link.workspace} without a version` });
  const seen = await lookAtLink(place, { look: "all", bytes: "keep", annotations: "new" });
  const { told, inStep } = await pushSeen(outlet, place, { seen, options }).catch((error: unknown) => {
    rememberWhatWasRead(seen);
    throw error;
  });
  rememberFiles(seen, inStep);
  return told;
}

/** So that the next push need not read it again; where that fails too, what failed first is what is told. */
function rememberWhatWasRead(seen: LinkState): void {
  try {
    rememberFiles(seen, undefined);
  } catch {
    // The next push reads it again.
  }
}

interface InStep {
  readonly root: Hash;
  readonly files: Files;
}

async function pushSeen(
  outlet: Outlet, place: LinkPlace, { seen, options }: { readonly seen: LinkState; readonly options: PushOptions },
): Promise<{ readonly told: LinkPushed; readonly inStep: InStep | undefined }> {
  const { link } = place;
  if (options.newer === "refuse") await refuseConflicts(place, seen);
  const { steps, behind } = planPush({ base: seen.base?.files, local: seen.local.files, remote: seen.remote.files, covers: (path) => seen.rules.covers(path) }, options);
  const annotations = await annotationChanges(place, seen, options);
  refuseBehind(link, seen, [...behind, ...annotations.behind]);
  const changes: readonly Change[] = [
    ...steps.map(({ path, act }): Change => ({ path, act: act === "remove" ? "remove" : seen.remote.files.has(path) ? "change" : "add" })),
    ...annotations.changes.map(({ path }): Change => ({ path, act: "annotate" })),
  ];
  const told = { ref: refText(link), dir: link.dir, changes, from: seen.head };
  const nothing = changes.length === 0 && seen.head > 0;
  if (options.mode === "dry-run") return { told: { ...told, version: nothing ? seen.head : seen.head + 1 }, inStep: undefined };
  if (nothing) {
    await remember(seen, seen.head, seen.root);
    return { told: { ...told, version: seen.head }, inStep: { root: seen.root, files: seen.remote.files } };
  }
  const root = await newRoot(outlet.staged, { link, seen, steps, annotations: annotations.changes, message: options.message });
  await sendFiles(outlet, { place, seen, steps, options });
  const version = await commit(outlet, place, { seen, root, options });
  if (version === "sent") return { told: { ...told, version: seen.head, sent: true }, inStep: undefined };
  await remember(seen, version, root);
  return { told: { ...told, version }, inStep: { root, files: after(seen, steps) } };
}

/** The workspace's files once these steps are done. */
function after({ remote, local }: LinkState, steps: readonly Step[]): Files {
  return filesOver<FileFacts>(remote.files, new Map(steps.map(({ path }) => [path, local.files.get(path)])));
}

async function refuseConflicts(place: LinkPlace, { state, local }: LinkState): Promise<void> {
  const open: string[] = [];
  for (const [path, hash] of state.conflicts) {
    const file = local.files.get(path);
    const text = file === undefined ? undefined : textOf(await readFile(join(place.root, place.link.dir, path)));
    if ((file?.hash ?? null) === hash || (text !== undefined && hasMarks(text))) open.push(path);
  }
  if (open.length === 0) return;
  throw new AosError("sync.conflict", `${place.link.dir}: ${open.length === 1 ? "a conflict is" : `${open.length} conflicts are`} not resolved: ${listed(open)}`, {
    class: "refused", hint: "edit them and push again; `aos push --force` takes them as they are, `aos pull --force` takes the workspace's", data: { paths: open },
  });
}

function refuseBehind(link: WorkspaceLink, seen: LinkState, behind: readonly string[]): void {
  if (behind.length === 0) return;
  const since = seen.state.base === undefined ? "" : ` since version ${seen.state.base.version}`;
  throw new AosError("sync.behind", `${refText(link)}: version ${seen.head} has changes${since} that ${link.dir} has not: ${listed(behind)}`, {
    class: "refused", hint: "`aos pull` brings them here, merged with what you changed; then push again", data: { paths: behind },
  });
}

const SHOWN = 5;

export function listed(paths: readonly string[]): string {
  return `${paths.slice(0, SHOWN).join(", ")}${paths.length > SHOWN ? ` and ${paths.length - SHOWN} more` : ""}`;
}

interface Sending {
  readonly place: LinkPlace;
  readonly seen: LinkState;
  readonly steps: readonly Step[];
  readonly options: PushOptions;
}

/** Brings the bytes of changed files, and what goes with them, to the world: what it lacks, the small ones all at once. */
async function sendFiles(outlet: Outlet, { place, seen, steps, options }: Sending): Promise<void> {
  const files = steps.flatMap(({ path, act }) => {
    const file = act === "write" ? seen.local.files.get(path) : undefined;
    return file === undefined ? [] : [{ path: join(place.root, place.link.dir, path), file }];
  });
  const [large, small] = [files.filter(({ file }) => file.size > STREAM_BYTES), files.filter(({ file }) => file.size <= STREAM_BYTES)];
  const sent = (): void => options.onSent?.(files.length);
  await outlet.staged.flush(small.map(({ path, file }) => ({
    hash: file.hash, size: file.size, path,
    async read() {
      sent();
      const bytes = seen.local.read.get(file.hash) ?? (await readFile(path));
      requireSame(path, file, hashBytes(bytes));
      return bytes;
    },
  })));
  const lacked = await outlet.missing(large.map(({ file }) => file.hash));
  for (const { path, file } of large) {
    if (lacked.has(file.hash)) requireSame(path, file, await outlet.sendLarge(path));
    sent();
  }
}

function requireSame(path: string, scanned: FileFacts, hash: Hash): void {
  if (scanned.hash === hash) return;
  throw new AosError("sync.changed", `${path}: it changed while it was pushed`, { at: { file: path }, class: "outside", hint: "nothing was committed: push again" });
}

interface Changed {
  readonly link: WorkspaceLink;
  readonly seen: LinkState;
  readonly steps: readonly Step[];
  readonly annotations: readonly AnnotationChange[];
  readonly message: string | undefined;
}

async function newRoot(staged: StagedBlobs, { link, seen, steps, annotations, message }: Changed): Promise<Hash> {
  const gone = new Set(steps.filter(({ act }) => act === "remove").map(({ path }) => workspacePath(link, path)));
  let root = seen.root;
  if (gone.size > 0) root = await trees.changeTree(staged, root, new Map([...emptied(gone, seen.remote.paths(), link)].map((path) => [path, null])));
  const files = steps.flatMap(({ path }) => {
    const file = seen.local.files.get(path);
    return file === undefined ? [] : [[workspacePath(link, path), { hash: file.hash, size: file.size, mode: file.mode }] as const];
  });
  root = await trees.changeTree(staged, root, new Map(files));
  for (const { at, patch } of annotations) {
    const hashes = new Map<string, Hash>();
    for (const [key, bytes] of patch) hashes.set(key, await staged.put(bytes));
    root = (await trees.annotate(staged, root, { ...(at === undefined ? {} : { path: at }), patch: hashes })).root;
  }
  if (message === undefined) return root;
  return (await trees.annotate(staged, root, { patch: new Map([[MESSAGE_KEY, await staged.put(utf8(message))]]) })).root;
}

/** What to remove: the files, or the topmost folders in which nothing is left. */
function emptied(gone: ReadonlySet<string>, paths: readonly string[], link: WorkspaceLink): ReadonlySet<string> {
  const kept = new Set<string>();
  for (const path of paths) if (!gone.has(path)) for (const folder of foldersOf(path)) kept.add(folder);
  const top = link.path ?? "";
  return new Set([...gone].map((path) => foldersOf(path).find((folder) => folder.length > top.length && !kept.has(folder)) ?? path));
}

/** `a/b/c` → `a`, `a/b`. */
function foldersOf(path: string): readonly string[] {
  const names = path.split("/");
  return names.slice(1).map((_, at) => names.slice(0, at + 1).join("/"));
}

/** What `sys/Workspace@1` says to a commit on a version that is not the head. */
const HEAD_MOVED = "workspace.head_moved";
const PULL_HINT = "`aos pull` brings it here, merged with what you changed; then push again";

async function commit(outlet: Outlet, place: LinkPlace, made: { readonly seen: LinkState; readonly root: Hash; readonly options: PushOptions }): Promise<number | "sent"> {
  const { seen, root, options } = made;
  const { link, workspaces } = place;
  try {
    return await outlet.commit({ workspace: link.workspace, root, expectedHead: seen.head, owner: await options.owner(), createdNs: options.nowNs });
  } catch (cause) {
    const now = await workspaces.resolve(link.workspace);
    if (!(cause instanceof AosError) || cause.class !== "refused") throw cause;
    if (now.head === seen.head) {
      if (cause.code !== HEAD_MOVED) throw cause;
      // Through Git: the controller knows of a version that was not published when this push began.
      throw new AosError("sync.raced", cause.message, { class: "refused", cause, hint: PULL_HINT });
    }
    const paths: string[] = [];
    const after = now.found?.root ?? seen.root;
    for await (const { path, old, now: entry } of trees.diffTrees(workspaces.blobs, { before: seen.root, after })) if (old?.kind !== "dir" && entry?.kind !== "dir") paths.push(diskPath(path) ?? path);
    throw new AosError("sync.raced", `${refText(link)}: somebody else made version ${now.head} meanwhile: ${listed(paths)}`, {
      class: "refused", cause, hint: PULL_HINT, data: { paths, version: now.head },
    });
  }
}

async function remember({ memory, state }: LinkState, version: number, root: Hash): Promise<void> {
  await writeInStep(memory.state, state, { base: { version, root }, conflicts: new Map() });
}
