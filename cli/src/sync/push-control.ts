// The control plane's part of a push: modules are built, the world is checked, and what changed becomes a proposal.

import { connectWorld, type Repo, type SyncMap } from "@agentos/controller";
import { checkFolder } from "../check.ts";
import type { Context } from "../context.ts";
import { buildModules, writeModules, type ModuleBuild } from "../modules.ts";
import { withProgress } from "../progress.ts";
import { requireSound } from "../require-sound.ts";
import { withUpstream } from "../upstream.ts";
import { personKey } from "../world.ts";
import { offerAir, planAir, type AirPlan, type AirPushed } from "./push-air.ts";

export { plannedAir } from "./push-air.ts";

export interface ControlPlan {
  /** What there is to offer; undefined: nothing. */
  readonly air: AirPlan | undefined;
  /** As their sources give them. */
  readonly modules: readonly ModuleBuild[];
}

/**
 * Builds, checks and looks at what there is to offer. Nothing is offered or written.
 *
 * @throws AosError `check.failed` when the world's files do not hold; as planAir
 */
export async function planControl(
  cx: Context, world: { readonly repo: Repo; readonly root: string; readonly sync: SyncMap }, options: { readonly slug: string | undefined; readonly newer: "refuse" | "overwrite" },
): Promise<ControlPlan> {
  const { repo, root } = world;
  const modules = await withProgress(cx.out, "building modules", (shown) => buildModules(root, (total) => shown.step({ total })));
  requireSound(cx, root, { ...(await checkFolder(root, modules)), hint: "run `aos check`, and correct them" });
  const air = await withUpstream(repo, { fetch: cx.out }, (upstream) => planAir(upstream, { ...world, ...options, modules, key: () => personKey(cx, repo) }));
  return { air, modules };
}

/** Offers what there is, and writes the modules to where they are, as `aos build` does. @throws AosError as offerAir */
export async function offerControl({ repo, root }: { readonly repo: Repo; readonly root: string }, { air, modules }: ControlPlan, options: { readonly message: string | undefined }): Promise<AirPushed | undefined> {
  if (air === undefined) {
    await writeModules(root, modules);
    return undefined;
  }
  const { pushed, remote } = await withUpstream(repo, "as-is", async (upstream) => ({
    pushed: await offerAir(upstream, air, { ...options, timeSeconds: Math.floor(Date.now() / 1000) }), remote: upstream.remote,
  }));
  await writeModules(root, modules);
  if (remote === undefined) await (await connectWorld(repo))?.ask("POST", "/nudge");
  return pushed;
}
