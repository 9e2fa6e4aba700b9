// The world's modules, built from their sources, beside what is in the folder.

import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { AosError, bundleReducer, bytesEqual, createModuleRunner, isName, type ControlPlane, type DefModule, type Diagnostic, type Hash } from "@agentos/kernel";
import { artifactPath, filesOfFolder, loadWorld, placesIn, readSyncMap, SYNC_FILE, type WorldFiles } from "@agentos/controller";
import { hasEntry } from "./module-code.ts";

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

type Artifact = Pick<ModuleBuild, "path" | "artifact">;

/** What the sources of the sync map give, told in the order of the map. */
export interface ModuleBuilds {
  readonly built: readonly ModuleBuild[];
  /** `build.*` with the place in the source, `module.refused`, `module.entry`: one for each source that gives no module of its definition. */
  readonly failed: readonly AosError[];
}

/**
 * Builds every module of the sync map in memory, side by side; nothing is written.
 *
 * @throws AosError `sync.*`, and the first of what `tryModules` says failed
 */
export async function buildModules(folder: string, onBuilt?: (total: number) => void): Promise<readonly ModuleBuild[]> {
  const { built, failed } = await tryModules(folder, onBuilt);
  if (failed[0] !== undefined) throw failed[0];
  return built;
}

/** @throws AosError `sync.*` */
export async function tryModules(folder: string, onBuilt?: (total: number) => void): Promise<ModuleBuilds> {
  const files = filesOfFolder(folder);
  const sync = await readSyncMap(files);
  const nameless = [...sync.sources.keys()].find((name) => !isName(name));
  if (nameless !== undefined) throw new AosError("sync.invalid", `${SYNC_FILE}: /build/modules: ${JSON.stringify(nameless)} is not a module's name`, { at: { file: SYNC_FILE, pointer: "/build/modules" }, hint: "such as demo/Counter@1" });
  const tried = await Promise.all([...sync.sources].map(async ([name, source]) => {
    const path = artifactPath(sync, name, "js");
    const made = await orAosError(buildModule(files, { folder, name, source, path, prebuilt: artifactPath(sync, name, "wasm") }));
    onBuilt?.(sync.sources.size);
    return { path, made };
  }));
  const control = await controlWith(files, tried.map(({ path, made }) => ({ path, artifact: made instanceof AosError ? NO_CODE : made.artifact })));
  const judged = tried.map(({ made }) => (made instanceof AosError ? made : otherEntry(made, control?.modules.get(made.name)) ?? made));
  return { built: judged.flatMap((one) => (one instanceof AosError ? [] : [one])), failed: judged.filter((one) => one instanceof AosError) };
}

const ENTRY_HINT = `${SYNC_FILE} names it in \`build\`: correct the path there, or put the source where it says`;

/** Stands for what could not be built, where the rest of the world is judged. */
const NO_CODE = new Uint8Array();

interface BuildAt {
  readonly folder: string;
  readonly name: string;
  readonly source: string;
  readonly path: string;
  /** Where an artifact would lie that nothing is built for. */
  readonly prebuilt: string;
}

async function buildModule(files: WorldFiles, { folder, name, source, path, prebuilt }: BuildAt): Promise<ModuleBuild> {
  if ((await files.read(prebuilt)) !== undefined) throw new AosError("module.twice", `${prebuilt}: ${name} has a second artifact`, { at: { file: prebuilt }, hint: `remove it, or take ${source} out of ${SYNC_FILE}` });
  if ((await stat(join(folder, source)).catch(() => undefined))?.isFile() === false) throw new AosError("build.entry", `${source}: it is no file`, { at: { file: source }, hint: ENTRY_HINT });
  const { artifact, hash, sourceMap } = await bundleReducer({ entry: join(folder, source) }).catch((error: unknown) => {
    throw inWorld(error, source);
  });
  const before = await files.read(path);
  const state = before === undefined ? "missing" : bytesEqual(before, artifact) ? "current" : "stale";
  // What lies there already was admitted when it was built.
  if (state !== "current") {
    await createModuleRunner().add(artifact).catch((error: unknown) => {
      throw placed(error, { name, source, sourceMap });
    });
  }
  return { name, source, path, artifact, hash, state };
}

/** What the world would be with these modules; undefined where it is not valid, which is for `aos check` to say. */
async function controlWith(files: WorldFiles, built: readonly Artifact[]): Promise<ControlPlane | undefined> {
  if (built.length === 0) return undefined;
  const world = await orAosError(loadWorld(withModules(files, built)));
  return world instanceof AosError ? undefined : world.control;
}

/** A module is called by its kind: what exports another entry would fail at every call, whether it was built just now or long ago. */
function otherEntry({ name, source, artifact }: ModuleBuild, module: DefModule | undefined): AosError | undefined {
  if (module === undefined || hasEntry(artifact, module)) return undefined;
  const [wanted, given, make] = module.module_kind === "reducer" ? ["a reducer", "a pure module", "reduce()"] : ["a pure module", "a reducer", "pure() or enforce()"];
  return new AosError("module.entry", `${source}: ${name} is defined as ${wanted}, and the default export is ${given}`, { at: { file: source }, hint: `make it by ${make}, or define the module as ${given}` });
}

async function orAosError<T>(task: Promise<T>): Promise<T | AosError> {
  return task.catch((error: unknown) => {
    if (error instanceof AosError) return error;
    throw error;
  });
}

/** The files of a world where the modules as built stand in the place of what lies in the folder. */
export function withModules(files: WorldFiles, modules: readonly Artifact[]): WorldFiles {
  const built = new Map(modules.map(({ path, artifact }) => [path, artifact]));
  return {
    ...files,
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
  return error.retold(`${first ?? module.source}: ${module.name}: ${error.message}`, { at });
}

/** The bundler names files from the source's folder: here they are named from the world's. */
function inWorld(error: unknown, source: string): unknown {
  if (!(error instanceof AosError) || error.at?.file === undefined || !error.code.startsWith("build.")) return error;
  const { line, column } = error.at;
  const file = error.code === "build.entry" ? source : posix.join(posix.dirname(source), error.at.file);
  const place = line === undefined || column === undefined ? file : `${file}:${line}:${column}`;
  const message = `${place}: ${error.message.replace(/^\S+?(?::\d+)*: /, "")}`;
  return error.retold(message, { at: { ...error.at, file }, hint: error.hint ?? (error.code === "build.entry" ? ENTRY_HINT : undefined) });
}
