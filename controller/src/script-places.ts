// Modules as this repository's processes run them, and where their scripts threw, in the author's files.

import { posix, join } from "node:path";
import { AosError, bundleReducer, createModuleRunner, mapStack, type Built, type Hash, type ModuleRunner } from "@agentos/kernel";
import type { Repo } from "./git/repo.ts";
import { stateFolderAt } from "./reconcile/state-folder.ts";
import { filesOfFolder, readSyncMap } from "./world-files.ts";

/** A script that threw: which, and the engine's trace. Its message may hold anything, so it is told by the record alone. */
export interface Thrown {
  readonly wasmHash: Hash;
  readonly trace: string;
}

/** A runner that shares with other processes of this repository what admission makes of modules. */
export function repositoryModules(repo: Repo, options: { readonly onThrow?: (thrown: Thrown) => void } = {}): ModuleRunner {
  const { onThrow } = options;
  return createModuleRunner({
    cacheDir: stateFolderAt(repo).modules,
    ...(onThrow === undefined ? {} : { onThrow: ({ wasmHash, trace }: Thrown) => onThrow({ wasmHash, trace }) }),
  });
}

/** The name of a module in the world's sync map, and the places of a throw. */
export interface Places {
  readonly module: string;
  /** `file:line:column`, the innermost first; files as the world names them. */
  readonly places: readonly string[];
}

/**
 * Finds throws in the sources that lie in a folder. They are built again to get their source map, once a module; where they do
 * not give the very artifact that threw, or there is no folder, nothing is found.
 */
export function sourcePlaces(folder: string | undefined): (thrown: Thrown) => Promise<Places | undefined> {
  const known = new Map<Hash, Promise<MappedModule | undefined>>();
  return async ({ wasmHash, trace }) => {
    if (folder === undefined) return undefined;
    const mapped = known.get(wasmHash) ?? moduleOf(folder, wasmHash);
    known.set(wasmHash, mapped);
    const found = await mapped;
    return found === undefined ? undefined : { module: found.name, places: placesIn(trace, found) };
  };
}

/** The places of a trace; `source` is the world's path of the module's own file. */
export function placesIn(trace: string, { source, sourceMap }: Pick<MappedModule, "source" | "sourceMap">): readonly string[] {
  return mapStack(trace, sourceMap).map((place) => posix.join(posix.dirname(source), place));
}

interface MappedModule extends Pick<Built, "sourceMap"> {
  readonly name: string;
  readonly source: string;
}

async function moduleOf(folder: string, wasmHash: Hash): Promise<MappedModule | undefined> {
  for (const [name, source] of (await builtFrom(folder)) ?? []) {
    const built = await orNothing(() => bundleReducer({ entry: join(folder, source) }));
    if (built?.hash === wasmHash) return { name, source, sourceMap: built.sourceMap };
  }
  return undefined;
}

async function builtFrom(folder: string): Promise<ReadonlyMap<string, string> | undefined> {
  return (await orNothing(() => readSyncMap(filesOfFolder(folder))))?.sources;
}

/** A folder whose files are in the middle of a change has nothing to say. */
async function orNothing<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}
