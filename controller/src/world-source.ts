// A world as files, from a folder or from a commit: its AIR, its module artifacts, its scenarios, its sync map.

import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import {
  AosError, hashBytes, loadFiles, parseScenario, readJson, type ControlPlane, type Diagnostic, type Hash, type Scenario,
} from "@agentos/kernel";
import type { Oid } from "./git/objects.ts";
import type { ObjectStore } from "./git/store.ts";
import { parseSyncMap, SYNC_FILE, type SyncMap } from "./sync/sync-map.ts";

/** Files of a world by path, `/` between segments. */
export interface WorldFiles {
  /** What a person would call it: a folder or a commit. */
  readonly place: string;
  read(path: string): Promise<Uint8Array | undefined>;
  /** Every file below a folder, sorted by path; none when there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
}

export interface LoadedWorld {
  readonly control: ControlPlane | undefined;
  readonly diagnostics: readonly Diagnostic[];
  readonly artifacts: ReadonlyMap<Hash, Uint8Array>;
  readonly scenarios: readonly Scenario[];
  readonly sync: SyncMap;
}

const SHADOW_DIR = "shadow";
const FILE_BYTES_MAX = 16 << 20;

export function filesOfFolder(folder: string): WorldFiles {
  return {
    place: folder,
    read: (path) => readFile(join(folder, path)).catch(absent),
    async list(below) {
      const entries = await readdir(join(folder, below), { recursive: true, withFileTypes: true }).catch(absent);
      const start = join(folder, "x").length - 1;
      return (entries ?? []).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(start).split(sep).join("/")).sort(byText);
    },
  };
}

export function filesOfCommit(store: ObjectStore, commit: Oid): WorldFiles {
  return {
    place: `commit ${commit.slice(0, 12)}`,
    read: (path) => store.readPath(commit, path),
    async list(below) {
      const entry = await store.findPath(commit, below);
      if (entry === undefined || entry.mode !== "40000") return [];
      const listed = await store.listTree(entry.oid, { depth: "all" });
      return listed.filter(({ mode }) => mode === "100644" || mode === "100755").map(({ path }) => `${below}/${path}`).sort(byText);
    },
  };
}

/** Loads everything; what is wrong in the AIR is in `diagnostics`, a broken sync map or scenario throws. */
export async function loadWorld(files: WorldFiles): Promise<LoadedWorld> {
  const sync = await readSyncMap(files);
  const air = (await files.list(sync.airDir)).filter((path) => path.endsWith(".json"));
  const texts = await Promise.all(air.map(async (path) => ({ path, text: await readText(files, path) })));
  const { artifacts, moduleHashes } = await readArtifacts(files, sync);
  const { control, diagnostics } = loadFiles(texts, { moduleHashes });
  const paths = (await files.list(SHADOW_DIR)).filter((path) => path.endsWith(".json"));
  const scenarios = await Promise.all(paths.map(async (path) => parseScenario(readJson(await readText(files, path), path).json, path)));
  return { control, diagnostics, artifacts, scenarios, sync };
}

/** The control plane of files that must be valid. @throws AosError `air.invalid` with the first problem and their number */
export function requireControl(world: LoadedWorld, place: string): ControlPlane {
  const errors = world.diagnostics.filter(({ severity }) => severity === "error");
  const [first] = errors;
  if (world.control !== undefined && first === undefined) return world.control;
  if (first === undefined) throw new AosError("air.missing", `${place}: no manifest`, { hint: "run `aos init` in an empty folder" });
  throw new AosError("air.invalid", `${first.file}:${first.line}:${first.column}: ${first.message}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""}`, {
    at: { file: first.file, pointer: first.pointer, line: first.line, column: first.column }, hint: first.hint ?? "run `aos check` to see every problem", data: { code: first.code, count: errors.length },
  });
}

/** Where the artifact of a module is kept: built from TypeScript, or prebuilt WASM. */
export function artifactPath(sync: SyncMap, module: string, kind: "js" | "wasm"): string {
  return `${sync.modulesDir}/${module}.${kind === "js" ? "js.cbor" : "wasm"}`;
}

export async function readSyncMap(files: WorldFiles): Promise<SyncMap> {
  const bytes = await files.read(SYNC_FILE);
  if (bytes === undefined) throw new AosError("sync.missing", `${files.place}: no ${SYNC_FILE}, so this is not a world`, { hint: "run `aos init DIR`, or use --world" });
  return parseSyncMap(textOf(bytes, SYNC_FILE));
}

async function readArtifacts(files: WorldFiles, sync: SyncMap): Promise<{ readonly artifacts: ReadonlyMap<Hash, Uint8Array>; readonly moduleHashes: ReadonlyMap<string, Hash> }> {
  const artifacts = new Map<Hash, Uint8Array>();
  const moduleHashes = new Map<string, Hash>();
  for (const path of await files.list(sync.modulesDir)) {
    const name = /^(.+)\.(?:js\.cbor|wasm)$/.exec(path.slice(sync.modulesDir.length + 1))?.[1];
    const bytes = name === undefined ? undefined : await files.read(path);
    if (name === undefined || bytes === undefined) continue;
    if (moduleHashes.has(name)) throw new AosError("module.twice", `${path}: ${name} has a second artifact`, { at: { file: path }, hint: "remove one of them" });
    const hash = hashBytes(bytes);
    artifacts.set(hash, bytes);
    moduleHashes.set(name, hash);
  }
  return { artifacts, moduleHashes };
}

async function readText(files: WorldFiles, path: string): Promise<string> {
  const bytes = await files.read(path);
  if (bytes === undefined) throw new AosError("world.file", `${files.place}: ${path} went away while it was read`, { class: "outside" });
  return textOf(bytes, path);
}

function textOf(bytes: Uint8Array, path: string): string {
  if (bytes.length > FILE_BYTES_MAX) throw new AosError("world.file", `${path}: ${bytes.length} bytes is over the limit of ${FILE_BYTES_MAX}`, { at: { file: path } });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new AosError("world.file", `${path}: not UTF-8`, { at: { file: path } });
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "EISDIR") return undefined;
  throw error;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
