// Pulls a workspace into its folder: what changed there comes here, merged with what changed here; nothing of that is lost.

import { chmod, lstat, mkdir, readdir, readFile, rename, rm, rmdir, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AosError, hashBytes, trees, utf8, type Hash } from "@agentos/kernel";
import { DRAFT_PREFIX } from "./ignore-rules.ts";
import { lookAtLink, refText, requireDiskNames, type LinkPlace, type LinkState } from "./link-state.ts";
import { mergeTexts, textOf } from "./merge-text.ts";
import { refuse, type FileProblem } from "./scan.ts";
import { writeSyncState } from "./sync-state.ts";
import { planPull, type Step } from "./three-way.ts";

export interface PullOptions {
  readonly extra: "keep" | "prune";
  /** What was changed here. */
  readonly changed: "keep" | "overwrite";
  readonly mode: "pull" | "dry-run";
  readonly onFile?: () => void;
}
export interface Pulled {
  readonly path: string;
  /** `merge`: both sides' changes are in the file; `conflict`: somebody has to decide, as told in the file where it is text. */
  readonly act: "add" | "change" | "remove" | "merge" | "conflict";
}
export interface LinkPulled {
  readonly ref: string;
  readonly dir: string;
  readonly changes: readonly Pulled[];
  /** The version that the folder is in step with now; 0: there is no such workspace. */
  readonly version: number;
}

/** What becomes of one path. */
interface Outcome extends Pulled {
  /** The new bytes; undefined: the file goes; `stays`: nothing is written. */
  readonly bytes: (() => Promise<Uint8Array>) | "stays" | undefined;
  readonly mode: 0o644 | 0o755;
  /** Of the file as it will be; null: none. */
  readonly hash: Hash | null;
}

/**
 * A pull that was cut off is finished by the next one: what it meant to write is remembered before the first file is written.
 *
 * @throws AosError `sync.files` for what this disk cannot hold or that is in the way, `sync.changed` when a file changes meanwhile,
 *   both before anything more is written; as lookAtLink
 */
export async function pullLink(place: LinkPlace, options: PullOptions): Promise<LinkPulled> {
  const { link } = place;
  const seen = await lookAtLink(place);
  const told = { ref: refText(link), dir: link.dir };
  if (seen.found === undefined) return { ...told, changes: [], version: 0 };
  requireDiskNames(link, seen.remote);
  const { version } = seen.found;
  const planned = planPull({ base: seen.base, local: seen.local.files, remote: seen.remote.files, covers: (path) => seen.rules.covers(path) }, options);
  const steps = options.changed === "keep" ? planned : [...planned, ...givenUp(seen, planned)];
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    const outcome = await outcomeOf(place, seen, step);
    if (outcome !== undefined) outcomes.push(outcome);
  }
  const open = openConflicts(seen, outcomes);
  const changes = [...outcomes.map(({ path, act }) => ({ path, act })), ...open.filter(([path]) => !outcomes.some((one) => one.path === path)).map(([path]): Pulled => ({ path, act: "conflict" }))];
  await refuseInTheWay(place, seen, outcomes);
  if (options.mode === "dry-run") return { ...told, changes, version };
  const conflicts = new Map(options.changed === "overwrite" ? [] : open);
  const base = { version, root: seen.root };
  if (outcomes.length > 0) {
    const files = new Map([...(seen.state.pull?.root === seen.root ? seen.state.pull.files : []), ...outcomes.map(({ path, hash }) => [path, hash] as const)]);
    await writeSyncState(seen.memory.state, { base: seen.state.base, pull: { ...base, files }, conflicts });
    await apply(place, seen, outcomes, options);
  }
  await writeSyncState(seen.memory.state, { base, pull: undefined, conflicts });
  return { ...told, changes, version };
}

/** Files in conflict that the workspace has no more: taking its side removes them. */
function givenUp(seen: LinkState, planned: readonly Step[]): readonly Step[] {
  const paths = [...seen.state.conflicts.keys()].filter((path) => seen.local.files.has(path) && !seen.remote.files.has(path) && !planned.some((step) => step.path === path));
  return paths.map((path) => ({ path, act: "remove" }));
}

/** Conflicts that stand after this pull: the new ones, and those of before whose file nobody touched. */
function openConflicts(seen: LinkState, outcomes: readonly Outcome[]): readonly (readonly [string, Hash | null])[] {
  const fresh = outcomes.filter(({ act }) => act === "conflict").map(({ path, hash }) => [path, hash] as const);
  const kept = [...seen.state.conflicts].filter(([path, hash]) => (seen.local.files.get(path)?.hash ?? null) === hash && !outcomes.some((one) => one.path === path));
  return [...kept, ...fresh];
}

async function outcomeOf(place: LinkPlace, seen: LinkState, { path, act }: Step): Promise<Outcome | undefined> {
  const [local, remote] = [seen.local.files.get(path), seen.remote.files.get(path)];
  const fetched = (hash: Hash) => (): Promise<Uint8Array> => trees.readBlob(place.workspaces.blobs, hash);
  if (act === "remove" || (act === "write" && remote === undefined)) return { path, act: "remove", bytes: undefined, mode: 0o644, hash: null };
  if (act === "write" && remote !== undefined) return { path, act: local === undefined ? "add" : "change", bytes: fetched(remote.hash), mode: remote.mode, hash: remote.hash };
  // Both sides changed it. A pull that was cut off may have written it already.
  const { pull } = seen.state;
  const before = pull?.root === seen.root ? pull.files.get(path) : undefined;
  if (before !== undefined && before === (local?.hash ?? null)) return undefined;
  if (remote === undefined) return { path, act: "conflict", bytes: "stays", mode: local?.mode ?? 0o644, hash: local?.hash ?? null };
  if (local === undefined) return { path, act: "conflict", bytes: fetched(remote.hash), mode: remote.mode, hash: remote.hash };
  const base = seen.base?.get(path);
  const mode = local.mode === base?.mode ? remote.mode : local.mode;
  if (local.hash === remote.hash) return { path, act: "merge", bytes: fetched(remote.hash), mode, hash: remote.hash };
  if (base !== undefined && base.hash === remote.hash) return mode === local.mode ? undefined : { path, act: "merge", bytes: () => readFile(diskPath(place, path)), mode, hash: local.hash };
  if (base !== undefined && base.hash === local.hash) return { path, act: "merge", bytes: fetched(remote.hash), mode, hash: remote.hash };
  const [theirs, was] = [await trees.readBlob(place.workspaces.blobs, remote.hash), base === undefined ? undefined : await trees.readBlob(place.workspaces.blobs, base.hash)];
  const merged = mergeTexts(path, { base: textOf(was), local: textOf(await readFile(diskPath(place, path))), remote: textOf(theirs) }, { local: "here", remote: `${place.link.workspace}@${seen.found?.version ?? seen.head}` });
  if (merged.text === undefined) return { path, act: "conflict", bytes: "stays", mode: local.mode, hash: local.hash };
  const bytes = utf8(merged.text);
  return { path, act: merged.conflicts > 0 ? "conflict" : "merge", bytes: async () => bytes, mode, hash: hashBytes(bytes) };
}

function diskPath({ root, link }: LinkPlace, path: string): string {
  return join(root, link.dir, path);
}

/** What is on disk where something is to be written: a folder that stays, a link or a file on the way, a file that is left out. */
async function refuseInTheWay(place: LinkPlace, seen: LinkState, outcomes: readonly Outcome[]): Promise<void> {
  const problems: FileProblem[] = [];
  const gone = new Set(outcomes.filter(({ bytes }) => bytes === undefined).map(({ path }) => path));
  const looked = new Map<string, "folder" | "free" | "taken">();
  for (const { path, bytes } of outcomes) {
    if (bytes === undefined || bytes === "stays") continue;
    const names = path.split("/");
    for (let at = 1; at < names.length; at++) {
      const folder = names.slice(0, at).join("/");
      const known = looked.get(folder) ?? (gone.has(folder) ? "free" : await kindAt(diskPath(place, folder)));
      looked.set(folder, known);
      if (known === "taken") problems.push({ path, what: `${folder} is here, and no folder` });
      if (known !== "folder") break;
    }
    if (seen.local.files.has(path)) continue;
    const kind = await kindAt(diskPath(place, path));
    if (kind === "taken") problems.push({ path, what: "here is a file of that name that is left out" });
    if (kind === "folder" && !(await isEmptied(diskPath(place, path), `${path}/`, gone))) problems.push({ path, what: "a folder is here" });
  }
  refuse(`folder ${place.link.dir}`, problems);
}

async function kindAt(path: string): Promise<"folder" | "free" | "taken"> {
  const found = await lstat(path).catch(absent);
  return found === undefined ? "free" : found.isDirectory() ? "folder" : "taken";
}

/** Will nothing be left in a folder once these files are gone? */
async function isEmptied(folder: string, prefix: string, gone: ReadonlySet<string>): Promise<boolean> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = prefix + entry.name;
    if (entry.isDirectory() ? !(await isEmptied(join(folder, entry.name), `${path}/`, gone)) : !gone.has(path)) return false;
  }
  return true;
}

/** Files go first, since one may stand where a folder is to be. */
async function apply(place: LinkPlace, seen: LinkState, outcomes: readonly Outcome[], options: PullOptions): Promise<void> {
  const drafts = new Set<string>();
  for (const { path, bytes } of outcomes) {
    if (bytes !== undefined) continue;
    await requireUntouched(place, seen, path);
    await unlink(diskPath(place, path));
    await removeEmpty(place, dirname(path));
    options.onFile?.();
  }
  for (const { path, bytes, mode } of outcomes) {
    if (bytes === undefined || bytes === "stays") continue;
    const target = diskPath(place, path);
    const folder = dirname(target);
    if (!drafts.has(folder)) {
      await mkdir(folder, { recursive: true });
      await removeDrafts(folder);
      drafts.add(folder);
    }
    const draft = join(folder, `${DRAFT_PREFIX}${process.pid}`);
    await writeFile(draft, await bytes(), { mode });
    await chmod(draft, mode);
    await requireUntouched(place, seen, path);
    if ((await kindAt(target)) === "folder") await rm(target, { recursive: true });
    await rename(draft, target);
    options.onFile?.();
  }
}

/** Drafts of a pull that was cut off. */
async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (name.startsWith(DRAFT_PREFIX)) await rm(join(folder, name), { force: true });
}

/** Is the file as it was when it was looked at? What somebody wrote since then is not written over. */
async function requireUntouched(place: LinkPlace, seen: LinkState, path: string): Promise<void> {
  const was = seen.local.files.get(path)?.stats;
  const now = await lstat(diskPath(place, path), { bigint: true }).catch(absent);
  const same = was === undefined ? now === undefined || now.isDirectory() : now !== undefined && now.ino === was.ino && now.mtimeNs === was.mtimeNs && now.size === was.size;
  if (same) return;
  throw new AosError("sync.changed", `${join(place.link.dir, path)}: it changed while it was pulled`, { at: { file: path }, class: "outside", hint: "it was left as it is: pull again" });
}

/** Folders that a removed file leaves empty go, up to the link's own. */
async function removeEmpty(place: LinkPlace, folder: string): Promise<void> {
  for (let at = folder; at !== "."; at = dirname(at)) {
    try {
      await rmdir(diskPath(place, at));
    } catch {
      return;
    }
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
  throw error;
}
