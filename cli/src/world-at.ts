// A world by what a person calls it: `worktree`, a folder, or a commit of the repository at hand.

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { AosError, type ControlPlane } from "@agentos/kernel";
import { filesOfCommit, filesOfFolder, loadWorld, requireControl, resolveCommit, type WorldFiles } from "@agentos/controller";
import type { Context } from "./context.ts";
import { withStore, worldFolder, worldRepo } from "./world.ts";

/**
 * The control plane that `typed` names.
 *
 * @throws AosError `world.unknown` when it names nothing, `air.invalid` when what it names does not hold, `sync.*`
 */
export async function controlAt(cx: Context, typed: string): Promise<ControlPlane> {
  if (typed === "worktree") return controlOf(filesOfFolder(await worldFolder(cx)), typed);
  const folder = resolve(cx.cwd, typed);
  if ((await stat(folder).catch(() => undefined))?.isDirectory() === true) return controlOf(filesOfFolder(folder), typed);
  const repo = await worldRepo(cx).catch((error: unknown) => {
    if (error instanceof AosError && (error.code === "world.missing" || error.code === "git.norepo")) return undefined;
    throw error;
  });
  const commit = repo === undefined ? undefined : await resolveCommit(repo, typed);
  if (repo === undefined || commit === undefined) {
    throw new AosError("world.unknown", `${typed}: neither a folder nor a commit${repo === undefined ? ": there is no repository here" : " of this repository"}`, { hint: "name a world's folder, a commit such as main or HEAD~1, or `worktree`" });
  }
  return withStore(repo, (store) => controlOf(filesOfCommit(store, commit), typed));
}

async function controlOf(files: WorldFiles, typed: string): Promise<ControlPlane> {
  try {
    return requireControl(await loadWorld(files), typed);
  } catch (error) {
    // Two worlds are asked for: the place alone would not say whose it is.
    if (!(error instanceof AosError) || error.code === "sync.missing") throw error;
    throw error.retold(`${typed}: ${error.message}`);
  }
}
