// The control plane's part of a push: modules are built, the world is checked, and what changed becomes a proposal.

import { AosError } from "@agentos/kernel";
import { connectWorld, type Repo, type SyncMap } from "@agentos/controller";
import { checkFolder } from "../check.ts";
import type { Context } from "../context.ts";
import { buildModules, writeModules } from "../modules.ts";
import { withProgress } from "../progress.ts";
import { diagnosticLines } from "../render/diagnostics.ts";
import { withUpstream } from "../upstream.ts";
import { personKey } from "../world.ts";
import { pushAir, type AirPushed } from "./push-air.ts";

/** @throws AosError `check.failed` when the world's files do not hold: nothing is proposed then */
export async function pushControl(
  cx: Context, world: { readonly repo: Repo; readonly root: string; readonly sync: SyncMap }, options: { readonly mode: "push" | "dry-run"; readonly message: string | undefined; readonly slug: string | undefined },
): Promise<AirPushed | undefined> {
  const { repo, root } = world;
  const modules = await withProgress(cx.out, "building modules", (shown) => buildModules(root, (total) => shown.step({ total })));
  const { diagnostics, errors } = await checkFolder(root, modules);
  if (errors > 0) {
    if (cx.out.mode === "text") process.stderr.write(`${diagnosticLines(diagnostics, { style: cx.out.style, from: "" }).join("\n")}\n`);
    throw new AosError("check.failed", `${root}: ${errors === 1 ? "1 error" : `${errors} errors`} in the world's files`, { hint: "run `aos check`, and correct them" });
  }
  if (options.mode === "push") await writeModules(root, modules);
  const done = await withUpstream(repo, { fetch: cx.out }, async (upstream) => {
    const pushed = await pushAir(upstream, { ...world, modules, key: () => personKey(cx, repo) }, { ...options, timeSeconds: Math.floor(Date.now() / 1000) });
    return { pushed, remote: upstream.remote };
  });
  if (done.pushed !== undefined && done.remote === undefined && options.mode === "push") await (await connectWorld(repo))?.ask("POST", "/nudge");
  return done.pushed;
}
