// Sends what the folders of one workspace are to become there: one version of it, or nothing.

import { readFile } from "node:fs/promises";
import { AosError, hashBytes, trees, utf8, type Hash } from "@agentos/kernel";
import { MESSAGE_KEY, type StagedBlobs, type WorkspaceLink } from "@agentos/controller";
import { filesOver } from "./files-over.ts";
import type { KeepAnnotations } from "./keep-annotations.ts";
import { refText, rememberFiles } from "./link-state.ts";
import type { FileToSend, Outlet } from "./outlet.ts";
import { filesToSend, listed, rememberLook, type Change, type LinkPlan } from "./plan-push.ts";
import { diskPath, workspacePath } from "./remote-files.ts";
import type { KeptBytes } from "./scan.ts";
import { writeInStep } from "./sync-state.ts";
import type { FileFacts, Files } from "./three-way.ts";

export interface SendOptions {
  /** What the version is about. */
  readonly message: string | undefined;
  /** The bytes that were read when the folders were looked at. */
  readonly kept: KeptBytes;
  readonly owner: () => Promise<string>;
  readonly nowNs: bigint;
  /** A file went out. */
  readonly onSent?: (total: number) => void;
  /** Puts a link's annotations in the sync map. */
  readonly keepAnnotations?: KeepAnnotations;
}
export interface LinkPushed {
  readonly ref: string;
  readonly dir: string;
  readonly changes: readonly Change[];
  /** The version that was there before; 0: none. */
  readonly from: number;
  /** The version now; of a plan, what it would be. */
  readonly version: number;
  /** It was sent, and nobody waited for the answer. */
  readonly sent?: true;
  /** Paths whose annotations are taken out of the sync map, since their files are gone. */
  readonly orphans?: readonly string[];
}

/** Larger files go one by one, as streams. */
const STREAM_BYTES = 4 << 20;

/** What a plan comes to, as it is told. */
export function plannedPush({ place: { link }, seen, changes, version, orphans }: LinkPlan): LinkPushed {
  return { ref: refText(link), dir: link.dir, changes, from: seen.head, version: version === "new" ? seen.head + 1 : seen.head, ...(orphans.length === 0 ? {} : { orphans }) };
}

/**
 * @param plans - of one workspace, whose parts they are
 * @returns what became of each, in their order
 * @throws AosError `sync.raced` when the workspace got another version meanwhile (refused), `sync.changed` when a file changed since it
 *   was looked at, and what the world answers
 */
export async function pushPlans(outlet: Outlet, plans: readonly LinkPlan[], options: SendOptions): Promise<readonly LinkPushed[]> {
  const made = await makeVersion(outlet, plans.filter(({ version }) => version === "new"), options).catch((error: unknown) => {
    for (const { seen } of plans) rememberLook(seen);
    throw error;
  });
  const pushed: LinkPushed[] = [];
  for (const plan of plans) pushed.push(await settle(plan, plan.version === "none" || made === undefined ? { version: plan.seen.head, root: plan.seen.root } : made, options));
  return pushed;
}

interface Made {
  readonly version: number;
  readonly root: Hash;
}

/** @returns undefined where there is nothing to make a version of */
async function makeVersion(outlet: Outlet, plans: readonly LinkPlan[], options: SendOptions): Promise<Made | "sent" | undefined> {
  const [first] = plans;
  if (first === undefined) return undefined;
  let { root } = first.seen;
  for (const plan of plans) root = await newRoot(outlet.staged, root, plan);
  if (options.message !== undefined) root = (await trees.annotate(outlet.staged, root, { patch: new Map([[MESSAGE_KEY, await outlet.staged.put(utf8(options.message))]]) })).root;
  await sendFiles(outlet, plans, options);
  const version = await commit(outlet, first, { root, options });
  return version === "sent" ? "sent" : { version, root };
}

/** Remembers what became of a plan. The sync map comes first: after a push that was cut off before it, the next one finds what is to go. */
async function settle(plan: LinkPlan, made: Made | "sent", { keepAnnotations }: SendOptions): Promise<LinkPushed> {
  const { place: { link }, seen, orphans } = plan;
  const told = plannedPush(plan);
  if (made === "sent") {
    rememberFiles(seen, undefined);
    const { orphans: _, ...sent } = told;
    return { ...sent, version: seen.head, sent: true };
  }
  if (orphans.length > 0) await keepAnnotations?.(link, new Map([...link.annotations].filter(([path]) => !orphans.includes(path))));
  const { version, root } = made;
  await writeInStep(seen.memory.state, seen.state, { base: { version, root }, conflicts: new Map() });
  rememberFiles(seen, { root, files: filesAfter(plan) });
  return { ...told, version };
}

/** The workspace's files once these steps are done. */
function filesAfter({ seen: { remote, local }, steps }: LinkPlan): Files {
  return filesOver<FileFacts>(remote.files, new Map(steps.map(({ path }) => [path, local.files.get(path)])));
}

/** Brings the bytes of changed files, and what goes with them, to the world: what it lacks, the small ones all at once. */
async function sendFiles(outlet: Outlet, plans: readonly LinkPlan[], { kept, onSent }: SendOptions): Promise<void> {
  const files = plans.flatMap(filesToSend);
  const [large, small] = [files.filter(({ size }) => size > STREAM_BYTES), files.filter(({ size }) => size <= STREAM_BYTES)];
  const sent = (): void => onSent?.(files.length);
  await outlet.staged.flush(small.map((file) => ({
    ...file,
    async read() {
      sent();
      const bytes = kept.files.get(file.hash) ?? (await readFile(file.path));
      requireSame(file, hashBytes(bytes));
      return bytes;
    },
  })));
  const lacked = await outlet.missing(large.map(({ hash }) => hash));
  for (const file of large) {
    if (lacked.has(file.hash)) requireSame(file, await outlet.sendLarge(file.path));
    sent();
  }
}

function requireSame({ path, hash: scanned }: FileToSend, hash: Hash): void {
  if (scanned === hash) return;
  throw new AosError("sync.changed", `${path}: it changed while it was pushed`, { at: { file: path }, class: "outside", hint: "nothing was committed: push again" });
}

/** The tree of a workspace in which a link's part is as the plan says. */
async function newRoot(staged: StagedBlobs, before: Hash, { place: { link }, seen, steps, annotations }: LinkPlan): Promise<Hash> {
  const gone = new Set(steps.filter(({ act }) => act === "remove").map(({ path }) => workspacePath(link, path)));
  let root = before;
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
  return root;
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

async function commit(outlet: Outlet, { place, seen }: LinkPlan, { root, options }: { readonly root: Hash; readonly options: SendOptions }): Promise<number | "sent"> {
  const { link: { workspace }, workspaces } = place;
  try {
    return await outlet.commit({ workspace, root, expectedHead: seen.head, owner: await options.owner(), createdNs: options.nowNs });
  } catch (cause) {
    const now = await workspaces.resolve(workspace);
    if (!(cause instanceof AosError) || cause.class !== "refused") throw cause;
    if (now.head === seen.head) {
      if (cause.code !== HEAD_MOVED) throw cause;
      // Through Git: the controller knows of a version that was not published when this push began.
      throw new AosError("sync.raced", cause.message, { class: "refused", cause, hint: PULL_HINT });
    }
    const paths: string[] = [];
    const after = now.found?.root ?? seen.root;
    for await (const { path, old, now: entry } of trees.diffTrees(workspaces.blobs, { before: seen.root, after })) if (old?.kind !== "dir" && entry?.kind !== "dir") paths.push(diskPath(path) ?? path);
    throw new AosError("sync.raced", `${workspace}: somebody else made version ${now.head} meanwhile: ${listed(paths)}`, {
      class: "refused", cause, hint: PULL_HINT, data: { paths, version: now.head },
    });
  }
}
