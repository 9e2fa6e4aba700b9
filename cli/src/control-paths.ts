// Where in a world's repository its control plane is: AIR, modules and their sources, scenarios, the sync map. Not `.aos`, which says who
// decides.

import { dirname } from "node:path";
import { isRulesPath, SCENARIOS_DIR, SYNC_FILE, type SyncMap } from "@agentos/controller";

export interface ControlPaths {
  /** All that is in them belongs to it. */
  readonly folders: readonly string[];
  /** What lies outside of those folders. */
  readonly files: readonly string[];
}

export function controlPaths(sync: Pick<SyncMap, "airDir" | "modulesDir" | "sources">): ControlPaths {
  const sources = [...sync.sources.values()];
  const beside = sources.map((path) => dirname(path)).filter((folder) => folder !== ".");
  // A source may lie in .aos all the same: it is left to those who change the rules.
  const folders = [sync.airDir, sync.modulesDir, SCENARIOS_DIR, ...beside].filter((folder) => !isRulesPath(folder));
  return { folders: [...new Set(folders)], files: [SYNC_FILE, ...sources.filter((path) => !path.includes("/"))] };
}
