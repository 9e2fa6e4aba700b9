// A world as its files say: its AIR, its module artifacts, its scenarios, its sync map.

import {
  AosError, hashBytes, loadFiles, parseScenario, readJson, type ControlPlane, type Diagnostic, type Hash, type Scenario,
} from "@agentos/kernel";
import { SYNC_FILE, type SyncMap } from "./sync/sync-map.ts";
import { readSyncMap, readText, type WorldFiles } from "./world-files.ts";

export interface LoadedWorld {
  readonly control: ControlPlane | undefined;
  readonly diagnostics: readonly Diagnostic[];
  readonly artifacts: ReadonlyMap<Hash, Uint8Array>;
  readonly scenarios: readonly Scenario[];
  readonly sync: SyncMap;
}

/** Where scenarios are. */
export const SCENARIOS_DIR = "shadow";

/** Loads everything; what is wrong in the AIR is in `diagnostics`, a broken sync map or scenario throws. */
export async function loadWorld(files: WorldFiles): Promise<LoadedWorld> {
  const sync = await readSyncMap(files);
  const air = (await files.list(sync.airDir)).filter((path) => path.endsWith(".json"));
  const texts = await Promise.all(air.map(async (path) => ({ path, text: await readText(files, path) })));
  const { artifacts, moduleHashes } = await readArtifacts(files, sync);
  const { control, diagnostics } = loadFiles(texts, { moduleHashes });
  const passed = await passedOver(files, [SYNC_FILE, sync.airDir, sync.modulesDir, SCENARIOS_DIR]);
  const paths = (await files.list(SCENARIOS_DIR)).filter((path) => path.endsWith(".json"));
  const scenarios = await Promise.all(paths.map(async (path) => parseScenario(readJson(await readText(files, path), path).json, path)));
  return { control, diagnostics: [...passed, ...diagnostics], artifacts, scenarios, sync };
}

/** What people would take for a part of the world at these paths and is none: an error each, so that nothing is left out in silence. */
export async function passedOver(files: WorldFiles, paths: readonly string[]): Promise<readonly Diagnostic[]> {
  const found = await Promise.all(paths.map((path) => files.passedOver(path)));
  return found.flat().map(({ path: file, what }) => {
    const message = what === "link" ? "a symbolic link: links are not followed, so what it leads to is no part of the world" : "a repository of its own, such as a submodule: what it holds is no part of the world";
    return { severity: "error", code: "world.link", file, pointer: "", line: 1, column: 1, message, hint: what === "link" ? "put the file or folder itself there" : "put its files themselves there" };
  });
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
