// Where in a world's repository its control plane is: AIR, modules and their sources, scenarios, the sync map. Not `.aos`, which says who
// decides.

import { dirname } from "node:path";
import { SCENARIOS_DIR, SYNC_FILE, type SyncMap } from "@agentos/controller";

const RULES_DIR = ".aos";

export interface ControlPaths {
  /** All that is in them belongs to it. */
  readonly folders: readonly string[];
  /** What lies outside of those folders. */
  readonly files: readonly string[];
}

export function controlPaths(sync: Pick<SyncMap, "airDir" | "modulesDir" | "sources">): ControlPaths {
  // A source may lie there all the same: it is left to those who change the rules.
  const sources = [...sync.sources.values()].filter((path) => !path.startsWith(`${RULES_DIR}/`));
  const beside = sources.map((path) => dirname(path)).filter((folder) => folder !== ".");
  const folders = [sync.airDir, sync.modulesDir, SCENARIOS_DIR, ...beside].filter((folder) => folder !== RULES_DIR && !folder.startsWith(`${RULES_DIR}/`));
  return { folders: [...new Set(folders)], files: [SYNC_FILE, ...sources.filter((path) => !path.includes("/"))] };
}
