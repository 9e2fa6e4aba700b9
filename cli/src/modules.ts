// The world's modules, built from their sources, beside what is in the folder.

import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { AosError, bundleReducer, bytesEqual, createModuleRunner, inspectModule, isName, type Diagnostic, type Hash } from "@agentos/kernel";
import { artifactPath, filesOfFolder, loadWorld, placesIn, readSyncMap, SYNC_FILE, type WorldFiles } from "@agentos/controller";
import { entryOf } from "./module-code.ts";

/** One module of the sync map, and what its source gives. */
export interface ModuleBuild {
  readonly name: string;
  /** Paths in the world, `/` between segments. */
  readonly source: string;
  readonly path: string;
  readonly artifact: Uint8Array;
  readonly hash: Hash;
  /** Is what lies at `path` what the source gives? */
  readonly state: "current" | "missing" | "stale";
}

/**
 * Builds every module of the sync map in memory, side by side, told in the order of the map; nothing is written.
 *
 * @throws AosError `sync.*`; `build.*` with the place in the source, `module.refused`, `module.entry`
 */
export async function buildModules(folder: string, onBuilt?: (total: number) => void): Promise<readonly ModuleBuild[]> {
  const files = filesOfFolder(folder);
  const sync = await readSyncMap(files);
  const built = await Promise.all([...sync.sources].map(async ([name, source]): Promise<ModuleBuild> => {
    if (!isName(name)) throw new AosError("sync.invalid", `${SYNC_FILE}: /build/modules: ${JSON.stringify(name)} is not a module's name`, { at: { file: SYNC_FILE, pointer: "/build/modules" }, hint: "such as demo/Counter@1" });
    const { artifact, hash, sourceMap } = await bundleReducer({ entry: join(folder, source) }).catch((error: unknown) => {
      throw inWorld(error, source);
    });
    const path = artifactPath(sync, name, "js");
    const before = await files.read(path);
    const state = before === undefined ? "missing" : bytesEqual(before, artifact) ? "current" : "stale";
    // What lies there already was admitted when it was built.
    if (state !== "current") {
      await createModuleRunner().add(artifact).catch((error: unknown) => {
        throw placed(error, { name, source, sourceMap });
      });
    }
    onBuilt?.(sync.sources.size);
    return { name, source, path, artifact, hash, state };
  }));
  await refuseOtherEntries(files, built.filter(({ state }) => state !== "current"));
  return built;
}

/** A module is called by its kind: what exports another entry would fail at every call. */
async function refuseOtherEntries(files: WorldFiles, built: readonly ModuleBuild[]): Promise<void> {
  if (built.length === 0) return;
  // What is wrong with the rest of the world is for `aos check` to say.
  const control = await loadWorld(withModules(files, built)).then((world) => world.control, (error: unknown) => {
    if (error instanceof AosError) return undefined;
    throw error;
  });
  for (const { name, source, artifact } of built) {
    const module = control?.modules.get(name);
    const [found] = inspectModule(artifact).entries;
    if (module === undefined || found === undefined || found.name === entryOf(module)) continue;
    const [wanted, given, make] = module.module_kind === "reducer" ? ["a reducer", "a pure module", "reduce()"] : ["a pure module", "a reducer", "pure() or enforce()"];
    throw new AosError("module.entry", `${source}: ${name} is defined as ${wanted}, and the default export is ${given}`, { at: { file: source }, hint: `make it by ${make}, or define the module as ${given}` });
  }
}

/** The files of a world where the modules as built stand in the place of what lies in the folder. */
export function withModules(files: WorldFiles, modules: readonly ModuleBuild[]): WorldFiles {
  const built = new Map(modules.map(({ path, artifact }) => [path, artifact]));
  return {
    place: files.place,
    read: async (path) => built.get(path) ?? files.read(path),
    list: async (folder) => [...new Set([...(await files.list(folder)), ...[...built.keys()].filter((path) => path.startsWith(`${folder}/`))])].sort(),
  };
}

/** Writes the modules that are not what their sources give; each file is replaced whole. */
export async function writeModules(folder: string, modules: readonly ModuleBuild[]): Promise<void> {
  for (const { path, artifact, state } of modules) {
    if (state === "current") continue;
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    const draft = `${target}.draft-${process.pid}`;
    try {
      await writeFile(draft, artifact, { flag: "wx" });
      await rename(draft, target);
    } finally {
      await rm(draft, { force: true });
    }
  }
}

/** What `aos check` says of modules that are not what their sources give. */
export function moduleDiagnostics(modules: readonly ModuleBuild[]): readonly Diagnostic[] {
  return modules
    .filter(({ state }) => state === "stale")
    .map(({ path, source }) => ({
      severity: "error", code: "module.stale", file: path, pointer: "", line: 1, column: 1, message: `the module is not what ${source} builds to`, hint: "run `aos build`",
    }));
}

/** An error of the build as a diagnostic; other errors are thrown again. */
export function buildDiagnostic(error: unknown): Diagnostic {
  if (!(error instanceof AosError) || !error.code.startsWith("build.")) throw error;
  const { file = SYNC_FILE, line = 1, column = 1 } = error.at ?? {};
  return {
    severity: "error", code: error.code, file, pointer: "", line, column, message: error.message.replace(/^\S+?(?::\d+)*: /, ""),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

/** A module that cannot be loaded: where it threw, in the author's file. */
function placed(error: unknown, module: { readonly name: string; readonly source: string; readonly sourceMap: string }): unknown {
  if (!(error instanceof AosError)) return error;
  const { trace } = error.data;
  const [first] = typeof trace === "string" ? placesIn(trace, module) : [];
  const [, file, line, column] = /^(.*):(\d+):(\d+)$/.exec(first ?? "") ?? [];
  const at = file === undefined ? { file: module.source } : { file, line: Number(line), column: Number(column) };
  return new AosError(error.code, `${first ?? module.source}: ${module.name}: ${error.message}`, { at, ...(error.hint === undefined ? {} : { hint: error.hint }), data: error.data, cause: error });
}

/** The bundler names files from the source's folder: here they are named from the world's. */
function inWorld(error: unknown, source: string): unknown {
  if (!(error instanceof AosError) || error.at?.file === undefined || !error.code.startsWith("build.")) return error;
  const { line, column } = error.at;
  const file = error.code === "build.entry" ? source : posix.join(posix.dirname(source), error.at.file);
  const place = line === undefined || column === undefined ? file : `${file}:${line}:${column}`;
  const message = `${place}: ${error.message.replace(/^\S+?(?::\d+)*: /, "")}`;
  return new AosError(error.code, message, { ...(error.hint === undefined ? {} : { hint: error.hint }), at: { ...error.at, file }, cause: error });
}
