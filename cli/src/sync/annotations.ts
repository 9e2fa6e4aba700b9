// Annotations between a workspace and the sync map, which is where a folder keeps its own: by path, then by key.

import { AosError, canonical, decodeCanonical, hashBytes, trees, utf8, valueToJson, writeJson, type Hash, type Json } from "@agentos/kernel";
import { valueFromJson, type WorkspaceLink } from "@agentos/controller";
import type { LinkPlace, LinkState } from "./link-state.ts";
import { textOf } from "./merge-text.ts";
import { workspacePath } from "./remote-files.ts";

export interface AnnotationChange {
  /** As the sync map has it. */
  readonly path: string;
  /** In the workspace; undefined: its root. */
  readonly at: string | undefined;
  readonly patch: ReadonlyMap<string, Uint8Array>;
}

type ByKey<T> = ReadonlyMap<string, T>;
const NONE: ByKey<Hash> = new Map();

/**
 * What a push sets: the sync map's annotations that the workspace has not, or has otherwise.
 *
 * @returns `behind`: paths at which the workspace got other ones since both were in step; `orphans`: paths that were in the workspace
 *   and are gone, so that nothing is left to annotate
 * @throws AosError `sync.annotation` for a path that neither is nor was in the folder
 */
export async function annotationChanges(
  place: LinkPlace, seen: LinkState, options: { readonly newer: "refuse" | "overwrite" },
): Promise<{ readonly changes: readonly AnnotationChange[]; readonly behind: readonly string[]; readonly orphans: readonly string[] }> {
  const { link, workspaces } = place;
  const changes: AnnotationChange[] = [];
  const [behind, orphans]: [string[], string[]] = [[], []];
  for (const [path, values] of link.annotations) {
    if (path !== "" && !isInFolder(seen, path)) {
      if (isGone(seen, path) || (await wasOnce(place, seen, path))) {
        orphans.push(path);
        continue;
      }
      throw new AosError("sync.annotation", `aos.sync.json: annotations of ${path}: ${link.dir} has no such file or folder`, { at: { file: "aos.sync.json" }, hint: `paths are relative to ${link.dir}; where the file is gone for good, take its annotations out of aos.sync.json` });
    }
    const at = path === "" ? link.path : workspacePath(link, path);
    const there = await annotationsAt(workspaces.blobs, seen.root, at);
    const patch = new Map([...values].map(([key, json]) => [key, annotationBytes(json)] as const).filter(([key, bytes]) => there.get(key) !== hashBytes(bytes)));
    if (patch.size === 0) continue;
    changes.push({ path, at, patch });
    const { base } = seen.state;
    if (options.newer === "overwrite" || base?.root === seen.root) continue;
    const before = base === undefined ? NONE : await annotationsAt(workspaces.blobs, base.root, at);
    if ([...patch.keys()].some((key) => there.get(key) !== before.get(key))) behind.push(path);
  }
  return { changes, behind, orphans };
}

function isInFolder({ local }: LinkState, path: string): boolean {
  if (local.files.has(path)) return true;
  for (const file of local.files.keys()) if (file.startsWith(`${path}/`)) return true;
  return false;
}

/** Was it there when both were in step? What is left out did not go: the workspace keeps it. */
function isGone({ base, rules }: LinkState, path: string): boolean {
  const before = [...(base?.files.keys() ?? [])].filter((file) => file === path || file.startsWith(`${path}/`));
  return before.length > 0 && !before.some((file) => rules.covers(file));
}

/** How many versions are looked at, the newest first. */
const VERSIONS_LOOKED_AT = 100;

/** Where a sync map is older than the folder, as it is after a clone: was it in the workspace, and is no more? */
async function wasOnce({ link, workspaces }: LinkPlace, { root, rules }: LinkState, path: string): Promise<boolean> {
  const at = workspacePath(link, path);
  const isIn = async (tree: Hash): Promise<boolean> => {
    try {
      return (await trees.findPath(workspaces.blobs, tree, at)) !== undefined;
    } catch (error) {
      // A file stands in the way, or the version's tree is not here.
      if (error instanceof AosError) return false;
      throw error;
    }
  };
  if (rules.covers(path) || (await isIn(root))) return false;
  const versions = await workspaces.versions(link.workspace);
  for (const version of versions.slice(-VERSIONS_LOOKED_AT).reverse()) if (await isIn(version.root)) return true;
  return false;
}

async function annotationsAt(blobs: trees.ReadBlobs, root: Hash, path: string | undefined): Promise<ByKey<Hash>> {
  try {
    return (await trees.annotations(blobs, root, path)) ?? NONE;
  } catch (error) {
    if (error instanceof AosError && error.code.startsWith("tree.not_")) return NONE;
    throw error;
  }
}

/** A text is kept as it is, any other JSON as a canonical value. */
function annotationBytes(json: Json): Uint8Array {
  return typeof json === "string" ? utf8(json) : canonical(valueFromJson(writeJson(json), "annotation"));
}

/** The JSON that `annotationBytes` makes these bytes of; undefined: there is none. */
export function annotationJson(bytes: Uint8Array): Json | undefined {
  const text = textOf(bytes);
  if (text !== undefined) return text;
  try {
    const json = valueToJson(decodeCanonical(bytes));
    return hashBytes(annotationBytes(json)) === hashBytes(bytes) ? json : undefined;
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}

/** An annotation that a pull brings, or would bring. */
export interface PulledAnnotation {
  readonly path: string;
  readonly key: string;
  /** Undefined: it was removed. */
  readonly json: Json | undefined;
  /** `stays`: it was changed here too, and stays as it is here. */
  readonly act: "taken" | "stays";
}

/** The system's own, such as what a version is about: not of the folder. */
const SYSTEM_PREFIX = "sys/";

/**
 * What a pull brings into the sync map: what the workspace set, changed or removed since both were in step. What has no JSON
 * stays in the workspace alone.
 */
export async function pulledAnnotations(place: LinkPlace, seen: LinkState, options: { readonly changed: "keep" | "overwrite" }): Promise<readonly PulledAnnotation[]> {
  const { blobs } = place.workspaces;
  const { remote, base } = seen;
  // In step with the root that is there: nothing was set since.
  if (remote.annotated === undefined || (base === remote && options.changed === "keep")) return [];
  const found: PulledAnnotation[] = [];
  const nodes = (tree: LinkState["base"]): ReadonlyMap<string, Hash> => tree?.annotated ?? new Map<string, Hash>();
  for (const path of [...new Set([...nodes(remote).keys(), ...nodes(base).keys()])].sort()) {
    const [now, was] = [nodes(remote).get(path), nodes(base).get(path)];
    if (now === was && options.changed === "keep") continue;
    const [theirs, before] = [await nodeAt(blobs, now), await nodeAt(blobs, was)];
    const ours = place.link.annotations.get(path);
    for (const key of [...new Set([...theirs.keys(), ...before.keys()])].sort()) {
      if (key.startsWith(SYSTEM_PREFIX) || (theirs.get(key) === before.get(key) && options.changed === "keep")) continue;
      const value = theirs.get(key);
      const json = value === undefined ? undefined : await jsonAt(blobs, value);
      if (value !== undefined && json === undefined) continue;
      const own = ours?.get(key);
      const ownHash = own === undefined ? undefined : hashBytes(annotationBytes(own));
      if (ownHash === value) continue;
      const isOurs = ownHash !== undefined && ownHash !== before.get(key);
      found.push({ path, key, json, act: isOurs && options.changed === "keep" ? "stays" : "taken" });
    }
  }
  return found;
}

async function nodeAt(blobs: trees.ReadBlobs, hash: Hash | undefined): Promise<ByKey<Hash>> {
  return hash === undefined ? NONE : trees.readAnnotations(blobs, hash);
}

async function jsonAt(blobs: trees.ReadBlobs, hash: Hash): Promise<Json | undefined> {
  const bytes = await blobs.get(hash);
  return bytes === undefined ? undefined : annotationJson(bytes);
}

/** The sync map's annotations of a link with what a pull brought. */
export function withAnnotations(link: Pick<WorkspaceLink, "annotations">, pulled: readonly PulledAnnotation[]): WorkspaceLink["annotations"] {
  const all = new Map([...link.annotations].map(([path, values]) => [path, new Map(values)] as const));
  for (const { path, key, json, act } of pulled) {
    if (act === "stays") continue;
    const values = all.get(path) ?? new Map<string, Json>();
    if (json === undefined) values.delete(key);
    else values.set(key, json);
    if (values.size === 0) all.delete(path);
    else all.set(path, values);
  }
  return all;
}
