// What is wrong with the files of a world: its AIR, its scenarios, its modules against their sources.

import type { Diagnostic } from "@agentos/kernel";
import { filesOfFolder, loadWorld, type LoadedWorld } from "@agentos/controller";
import { buildDiagnostic, buildModules, moduleDiagnostics } from "./modules.ts";

export interface Checked {
  readonly world: LoadedWorld;
  /** Sorted by file, line and column. */
  readonly diagnostics: readonly Diagnostic[];
  readonly errors: number;
  readonly warnings: number;
}

/** @throws AosError `sync.*`, `world.file`, `scenario.invalid`, `module.twice`: what cannot be read at all */
export async function checkFolder(folder: string): Promise<Checked> {
  const modules = await buildModules(folder).then(moduleDiagnostics, (error: unknown) => [buildDiagnostic(error)]);
  const world = await loadWorld(filesOfFolder(folder));
  const diagnostics = [...world.diagnostics, ...modules].sort((a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.code, b.code));
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  return { world, diagnostics, errors, warnings: diagnostics.length - errors };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
