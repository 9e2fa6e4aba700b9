// What is remembered of a link between a folder and a workspace, in the repository's git folder: the tree both had last, and a pull under way.

import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AosError, isHash, type Hash } from "@agentos/kernel";
import type { WorkspaceLink } from "@agentos/controller";
import { draftIn } from "./drafts.ts";

export interface SyncState {
  /** The tree that folder and workspace had in common last; undefined: they never had. */
  readonly base: { readonly version: number; readonly root: Hash } | undefined;
  /** A pull that was begun: the tree it brings, and the hash of each file that it wrote or was to write. */
  readonly pull: { readonly version: number; readonly root: Hash; readonly files: ReadonlyMap<string, Hash | null> } | undefined;
  /** Files that both sides changed, with the hash they had here when that was told. */
  readonly conflicts: ReadonlyMap<string, Hash | null>;
}

export const NO_STATE: SyncState = { base: undefined, pull: undefined, conflicts: new Map() };
const VERSION = 1;

export interface StateFiles {
  readonly state: string;
  readonly stats: string;
}

/** Where a link's memory is. Another folder or another part of a workspace has one of its own. */
export function stateFiles(gitDir: string, link: Pick<WorkspaceLink, "workspace" | "path" | "dir">): StateFiles {
  const id = createHash("sha256").update(JSON.stringify([link.workspace, link.path ?? "", link.dir])).digest("hex").slice(0, 24);
  const path = join(gitDir, "aos", "sync", id);
  return { state: `${path}.json`, stats: `${path}.stats` };
}

/** @throws AosError `sync.state` for a file that is not one of ours */
export async function readSyncState(file: string): Promise<SyncState> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return NO_STATE;
  const state = parse(text);
  if (state !== undefined) return state;
  throw new AosError("sync.state", `${file}: cannot be read`, { at: { file }, hint: "remove it: the next pull compares folder and workspace as if they met for the first time" });
}

/** Puts the state in place whole, durably: what follows from it must not be on disk before. */
export async function writeSyncState(file: string, state: SyncState): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = draftIn(dirname(file));
  const handle = await open(draft, "w", 0o600);
  try {
    const pull = state.pull === undefined ? undefined : { ...state.pull, files: Object.fromEntries(state.pull.files) };
    await handle.writeFile(`${JSON.stringify({ version: VERSION, base: state.base, pull, conflicts: Object.fromEntries(state.conflicts) })}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}

/** Says that both sides have this tree, with these conflicts open, and no pull is under way; what is said already is not written again. */
export async function writeInStep(file: string, before: SyncState, { base, conflicts }: Pick<SyncState, "base" | "conflicts">): Promise<void> {
  const same = before.pull === undefined && before.base?.version === base?.version && before.base?.root === base?.root && sameConflicts(before.conflicts, conflicts);
  if (!same) await writeSyncState(file, { base, pull: undefined, conflicts });
}

function sameConflicts(a: SyncState["conflicts"], b: SyncState["conflicts"]): boolean {
  return a.size === b.size && [...a].every(([path, hash]) => b.get(path) === hash);
}

type Fields = { readonly [field: string]: unknown };

function parse(text: string): SyncState | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    if (!isFields(value) || value["version"] !== VERSION) return undefined;
    const [base, pull, conflicts] = [value["base"], value["pull"], hashes(value["conflicts"])];
    const [tree, pulled] = [treeOf(base), treeOf(pull)];
    const files = isFields(pull) ? hashes(pull["files"]) : undefined;
    if (conflicts === undefined || (base !== undefined && tree === undefined) || (pull !== undefined && (pulled === undefined || files === undefined))) return undefined;
    return { base: tree, pull: pulled === undefined || files === undefined ? undefined : { ...pulled, files }, conflicts };
  } catch {
    return undefined;
  }
}

function treeOf(value: unknown): { readonly version: number; readonly root: Hash } | undefined {
  if (!isFields(value)) return undefined;
  const { version, root } = value;
  return typeof version === "number" && typeof root === "string" && isHash(root) ? { version, root } : undefined;
}

function hashes(value: unknown): ReadonlyMap<string, Hash | null> | undefined {
  if (!isFields(value)) return undefined;
  const entries = Object.entries(value);
  return entries.every((entry): entry is [string, Hash | null] => entry[1] === null || (typeof entry[1] === "string" && isHash(entry[1]))) ? new Map(entries) : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
