// Pulls a workspace into its folder: what changed there comes here, merged with what changed here; nothing of that is lost.

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hashBytes, trees, utf8, type Hash } from "@agentos/kernel";
import type { WorkspaceLink } from "@agentos/controller";
import { pulledAnnotations, withAnnotations, type PulledAnnotation } from "./annotations.ts";
import { sweepDrafts } from "./drafts.ts";
import { differingPaths, filesOver } from "./files-over.ts";
import { lookAtLink, refText, rememberFiles, requireDiskNames, type LinkPlace, type LinkState } from "./link-state.ts";
import { mergeTexts, textOf } from "./merge-text.ts";
import { refuseInTheWay, writeFiles, type FileToBe } from "./pulled-files.ts";
import type { LookedAt } from "./stat-cache.ts";
import { writeInStep, writeSyncState, type SyncState } from "./sync-state.ts";
import { planPull, type FileFacts, type Files, type Step } from "./three-way.ts";

export interface PullOptions {
  readonly extra: "keep" | "prune";
  /** What was changed here. */
  readonly changed: "keep" | "overwrite";
  readonly mode: "pull" | "dry-run";
  readonly onFile?: (total: number) => void;
  /** Puts a link's annotations in the sync map; without it they stay in the workspace. */
  readonly keepAnnotations?: (annotations: WorkspaceLink["annotations"]) => Promise<void>;
}
export interface Pulled {
  readonly path: string;
  /** `merge`: both sides' changes are in the file; `conflict`: somebody has to decide, as told in the file where it is text. */
  readonly act: "add" | "change" | "remove" | "merge" | "conflict" | "annotate";
  /** Of an annotation that both sides changed: it stays as it is here. */
  readonly key?: string;
}
export interface LinkPulled {
  readonly ref: string;
  readonly dir: string;
  readonly changes: readonly Pulled[];
  /** The version that the folder is in step with now; 0: there is no such workspace. */
  readonly version: number;
}

/** What becomes of one path. */
type Outcome = Pulled & FileToBe;

/**
 * A pull that was cut off is finished by the next one: what it meant to write is remembered before the first file is written.
 *
 * @throws AosError `sync.files` for what this disk cannot hold or that is in the way, `sync.changed` when a file changes meanwhile,
 *   both before anything more is written; as lookAtLink
 */
export async function pullLink(place: LinkPlace, options: PullOptions): Promise<LinkPulled> {
  const { link } = place;
  const look = options.extra === "keep" && options.changed === "keep" ? "unsettled" : "all";
  const seen = await lookAtLink(place, { look, bytes: "leave", annotations: options.changed === "keep" ? "new" : "all" });
  const told = { ref: refText(link), dir: link.dir };
  if (seen.found === undefined) return { ...told, changes: [], version: 0 };
  requireDiskNames(link, seen.remote);
  const { version } = seen.found;
  const local = await wholeFiles(place, seen);
  const planned = planPull({ base: seen.base?.files, local, remote: seen.remote.files, covers: (path) => seen.rules.covers(path) }, options);
  const steps = [...planned, ...beginnings(seen, local), ...(options.changed === "keep" ? [] : givenUp(seen, planned))];
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    const outcome = await outcomeOf(place, seen, { ...step, local });
    if (outcome !== undefined) outcomes.push(outcome);
  }
  const annotations = options.keepAnnotations === undefined ? [] : await pulledAnnotations(place, seen, options);
  const open = openConflicts(seen, outcomes);
  const changes = [...outcomes.map(({ path, act }) => ({ path, act })), ...open.filter(([path]) => !outcomes.some((one) => one.path === path)).map(([path]): Pulled => ({ path, act: "conflict" })), ...annotationsTold(annotations)];
  refuseInTheWay(place, seen.local, outcomes);
  if (options.mode === "dry-run") {
    rememberFiles(seen, undefined);
    return { ...told, changes, version };
  }
  sweepBegun(place, seen);
  const conflicts = new Map(options.changed === "overwrite" ? [] : open);
  const base = { version, root: seen.root };
  let [state, written]: [SyncState, ReadonlyMap<string, LookedAt>] = [seen.state, new Map()];
  if (outcomes.length > 0) {
    const files = new Map([...(seen.state.pull?.root === seen.root ? seen.state.pull.files : []), ...outcomes.map(({ path, hash }) => [path, hash] as const)]);
    state = { base: seen.state.base, pull: { ...base, files }, conflicts };
    await writeSyncState(seen.memory.state, state);
    written = await writeFiles(place, seen.local, outcomes, options.onFile === undefined ? {} : { onFile: options.onFile });
  }
  if (annotations.some(({ act }) => act === "taken")) await options.keepAnnotations?.(withAnnotations(link, annotations));
  await writeInStep(seen.memory.state, state, { base, conflicts });
  rememberFiles(seen, { root: seen.root, files: seen.remote.files }, outcomes.length === 0 ? undefined : filesNow(seen, outcomes, written));
  return { ...told, changes, version };
}

/** The files here without those that a pull, cut off, only began to write: of what it was to write they are a beginning. */
async function wholeFiles(place: LinkPlace, { state, local, base }: LinkState): Promise<Files> {
  const begun = new Map<string, undefined>();
  for (const [path, hash] of state.pull?.files ?? []) {
    const file = local.files.get(path);
    if (hash === null || file === undefined || file.hash === hash || base?.files.get(path)?.hash === file.hash) continue;
    const whole = await place.workspaces.blobs.get(hash);
    if (whole !== undefined && file.size < whole.length && hashBytes(whole.subarray(0, file.size)) === file.hash) begun.set(path, undefined);
  }
  return filesOver<FileFacts>(local.files, begun);
}

/** Removes what a pull that was cut off left beside the files it was replacing. */
function sweepBegun(place: LinkPlace, { state }: LinkState): void {
  const folders = new Set([...(state.pull?.files.keys() ?? [])].map((path) => dirname(localPath(place, path))));
  for (const folder of folders) sweepDrafts(folder);
}

/** Such files that the workspace has no more. */
function beginnings(seen: LinkState, local: Files): readonly Step[] {
  const paths = seen.state.pull === undefined ? [] : [...differingPaths(seen.local.files, local)].filter((path) => !local.has(path) && !seen.remote.files.has(path));
  return paths.map((path) => ({ path, act: "remove" }));
}

function annotationsTold(annotations: readonly PulledAnnotation[]): readonly Pulled[] {
  const taken = new Set(annotations.filter(({ act }) => act === "taken").map(({ path }) => path));
  return [...[...taken].map((path): Pulled => ({ path, act: "annotate" })), ...annotations.filter(({ act }) => act === "stays").map(({ path, key }): Pulled => ({ path, act: "conflict", key }))];
}

/** What the folder's files are after a pull. */
function filesNow({ local }: LinkState, outcomes: readonly Outcome[], written: ReadonlyMap<string, LookedAt>): ReadonlyMap<string, LookedAt> {
  const changes = new Map<string, LookedAt | undefined>(written);
  for (const { path, bytes } of outcomes) if (bytes === undefined) changes.set(path, undefined);
  return filesOver(local.files, changes);
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

async function outcomeOf(place: LinkPlace, seen: LinkState, { path, act, local: files }: Step & { readonly local: Files }): Promise<Outcome | undefined> {
  const [local, remote] = [files.get(path), seen.remote.files.get(path)];
  const fetched = (hash: Hash) => (): Promise<Uint8Array> => trees.readBlob(place.workspaces.blobs, hash);
  if (act === "remove" || (act === "write" && remote === undefined)) return { path, act: "remove", bytes: undefined, mode: 0o644, hash: null };
  if (act === "write" && remote !== undefined) return { path, act: local === undefined ? "add" : "change", bytes: fetched(remote.hash), mode: remote.mode, hash: remote.hash };
  // Both sides changed it. A pull that was cut off may have written it already.
  const { pull } = seen.state;
  const before = pull?.root === seen.root ? pull.files.get(path) : undefined;
  if (before !== undefined && before === (local?.hash ?? null)) return undefined;
  if (remote === undefined) return { path, act: "conflict", bytes: "stays", mode: local?.mode ?? 0o644, hash: local?.hash ?? null };
  if (local === undefined) return { path, act: "conflict", bytes: fetched(remote.hash), mode: remote.mode, hash: remote.hash };
  const base = seen.base?.files.get(path);
  const mode = local.mode === base?.mode ? remote.mode : local.mode;
  if (local.hash === remote.hash) return { path, act: "merge", bytes: fetched(remote.hash), mode, hash: remote.hash };
  if (base !== undefined && base.hash === remote.hash) return mode === local.mode ? undefined : { path, act: "merge", bytes: () => readFile(localPath(place, path)), mode, hash: local.hash };
  if (base !== undefined && base.hash === local.hash) return { path, act: "merge", bytes: fetched(remote.hash), mode, hash: remote.hash };
  const [theirs, was] = [await trees.readBlob(place.workspaces.blobs, remote.hash), base === undefined ? undefined : await trees.readBlob(place.workspaces.blobs, base.hash)];
  const merged = mergeTexts(path, { base: textOf(was), local: textOf(await readFile(localPath(place, path))), remote: textOf(theirs) }, { local: "here", remote: `${place.link.workspace}@${seen.found?.version ?? seen.head}` });
  if (merged.text === undefined) return { path, act: "conflict", bytes: "stays", mode: local.mode, hash: local.hash };
  const bytes = utf8(merged.text);
  return { path, act: merged.conflicts > 0 ? "conflict" : "merge", bytes: async () => bytes, mode, hash: hashBytes(bytes) };
}

function localPath({ root, link }: LinkPlace, path: string): string {
  return join(root, link.dir, path);
}
