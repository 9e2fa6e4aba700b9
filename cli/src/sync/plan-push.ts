// What a push of a folder would do to its workspace: looked at from here, nothing sent.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AosError } from "@agentos/kernel";
import { BLOB_BYTES_MAX, unrouted, type WorkspaceLink } from "@agentos/controller";
import { annotationChanges, type AnnotationChange } from "./annotations.ts";
import { lookAtLink, refText, rememberFiles, type LinkPlace, type LinkState } from "./link-state.ts";
import { hasMarks, textOf } from "./merge-text.ts";
import type { FileToSend } from "./outlet.ts";
import type { KeptBytes } from "./scan.ts";
import { planPush, type Step } from "./three-way.ts";

export interface PlanOptions {
  readonly extra: "keep" | "prune";
  /** What the world has newer, and conflicts that nobody resolved. */
  readonly newer: "refuse" | "overwrite";
  /** A folder that is not there, and never was in step: whoever named it mistyped it, or it is an empty one. */
  readonly missing: "refuse" | "empty";
  /** The bytes that are read, for those who send them. */
  readonly kept: KeptBytes;
}
export interface Change {
  readonly path: string;
  readonly act: "add" | "change" | "remove" | "annotate";
}
export interface LinkPlan {
  readonly place: LinkPlace;
  readonly seen: LinkState;
  readonly steps: readonly Step[];
  readonly annotations: readonly AnnotationChange[];
  /** Paths of the sync map whose annotations go, as their files went from the folder. */
  readonly orphans: readonly string[];
  /** As it is told: files, then annotations, each in the order of paths. */
  readonly changes: readonly Change[];
  /** `none`: the workspace is there, and has all that the folder has. */
  readonly version: "new" | "none";
}

/**
 * @throws AosError `sync.pinned` for a link to one version; `sync.behind` when the workspace has what this folder has not seen,
 *   `sync.conflict` for conflicts that are still marked, `workspace.unrouted` where the world takes no versions (all refused);
 *   `blob.too_large`; as lookAtLink and annotationChanges
 */
export async function planLink(place: LinkPlace, options: PlanOptions): Promise<LinkPlan> {
  const { link } = place;
  if (link.version !== undefined) throw new AosError("sync.pinned", `${refText(link)}: one version, which stays as it is`, { hint: `to change the workspace, link ${link.workspace} without a version` });
  const seen = await lookAtLink(place, { look: "all", bytes: options.kept, annotations: "new" });
  try {
    return await planSeen(place, seen, options);
  } catch (error) {
    rememberLook(seen);
    throw error;
  }
}

/** So that the next push need not read it again, where nothing came of this one; where that fails too, what failed first is what is told. */
export function rememberLook(seen: LinkState): void {
  try {
    rememberFiles(seen, undefined);
  } catch {
    // The next push reads it again.
  }
}

async function planSeen(place: LinkPlace, seen: LinkState, options: PlanOptions): Promise<LinkPlan> {
  const { link } = place;
  if (options.newer === "refuse") await refuseConflicts(place, seen);
  const { steps, behind } = planPush({ base: seen.base?.files, local: seen.local.files, remote: seen.remote.files, covers: (path) => seen.rules.covers(path) }, options);
  const { changes: annotations, behind: annotated, orphans } = await annotationChanges(place, seen, options);
  refuseBehind(link, seen, [...new Set([...behind, ...annotated])]);
  // A name that was mistyped must not empty a workspace either.
  if (seen.folder === "missing" && seen.base === undefined && (options.missing === "refuse" || steps.length > 0)) {
    throw new AosError("sync.link", `${link.dir}: there is no such folder`, { hint: `was another one meant? Else make it: mkdir -p ${link.dir}` });
  }
  const changes: readonly Change[] = [
    ...steps.map(({ path, act }): Change => ({ path, act: act === "remove" ? "remove" : seen.remote.files.has(path) ? "change" : "add" })),
    ...annotations.map(({ path }): Change => ({ path, act: "annotate" })),
  ];
  const version = changes.length === 0 && seen.head > 0 ? "none" : "new";
  if (version === "new" && seen.takes === "none") throw unrouted(link.workspace);
  const plan: LinkPlan = { place, seen, steps, annotations, orphans, changes, version };
  refuseTooLarge(filesToSend(plan));
  return plan;
}

/** Files whose bytes the world may lack. */
export function filesToSend({ place: { root, link }, seen, steps }: LinkPlan): readonly FileToSend[] {
  return steps.flatMap(({ path }) => {
    const file = seen.local.files.get(path);
    return file === undefined ? [] : [{ path: join(root, link.dir, path), hash: file.hash, size: file.size }];
  });
}

function refuseTooLarge(files: readonly FileToSend[]): void {
  const [first, ...more] = files.filter(({ size }) => size > BLOB_BYTES_MAX);
  if (first === undefined) return;
  throw new AosError("blob.too_large", `${first.path}: its ${first.size} bytes are over ${BLOB_BYTES_MAX}${more.length === 0 ? "" : `, and so are those of ${listed(more.map(({ path }) => path))}`}`, {
    at: { file: first.path }, hint: 'leave it out: "ignore" in aos.sync.json',
  });
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
