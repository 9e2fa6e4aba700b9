// aos push: what changed in the world's folders goes into the world: files into their workspaces, the control plane as a proposal.

import { AosError } from "@agentos/kernel";
import { filesOfFolder, readSyncMap } from "@agentos/controller";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { failureOf } from "../failure.ts";
import { failureLines } from "../render/failure.ts";
import { airPushedLines, pushedLines } from "../render/sync.ts";
import { keepingAnnotations } from "../sync/keep-annotations.ts";
import { chosenLinks, ownerOf } from "../sync/links.ts";
import { afterwards, looks, together } from "../sync/looks.ts";
import type { AirPushed } from "../sync/push-air.ts";
import { planBatches, pushBatch, rememberLooks } from "../sync/push-batches.ts";
import { plannedPush, type LinkPushed } from "../sync/push-link.ts";
import { keptBytes } from "../sync/scan.ts";
import { openWay } from "../sync/way.ts";
import { placeOf, worldFolder, worldRepo } from "../world.ts";

export default command({
  positionals: {
    dir: { type: "string", describe: "One folder [default: all of the sync map, and the control plane]" },
    ref: { type: "string", describe: "The workspace it goes to, WORKSPACE[/PATH] [default: as the sync map says]" },
  },
  options: {
    message: { alias: "m", type: "string", requiresArg: true, describe: "What this is about: of the versions, and of the proposal" },
    "dry-run": { type: "boolean", default: false, describe: "Say what would happen, and change nothing" },
    prune: { type: "boolean", default: false, describe: "At the first push to a workspace that has files: remove those that are not here" },
    force: { type: "boolean", default: false, describe: "Make workspace and proposal what is here, whatever they have that is newer" },
    proposal: { type: "string", requiresArg: true, describe: "Name of the control plane's proposal [default: push-YOU]" },
    detach: { type: "boolean", default: false, describe: "Through Git: do not wait for the controller's answer" },
    only: { choices: ["air", "workspaces"] as const, describe: "One of both" },
  },
  epilogue:
    "Workspaces go to the world that runs here, else through Git to the controller of the remote, which answers. A change of the control plane never goes around its review: it becomes a proposal, or a further\n" +
    "commit on the one that the last push made. All is looked at before anything is offered or sent. Exit code 3 where the workspace has something newer: pull first.",
  async run(cx, { dir, ref, message, "dry-run": dry, prune, force, proposal, only, detach }) {
    if (only === "air" && dir !== undefined) throw new AosError("cli.usage", `${dir}: --only air leaves every folder out`, { hint: "leave out the one or the other" });
    const repo = await worldRepo(cx);
    const root = await worldFolder(cx);
    const sync = await readSyncMap(filesOfFolder(root));
    const chosen = only === "air" ? [] : chosenLinks(sync, { dir, ref }, { root, cwd: cx.cwd });
    const links = chosen.filter((link) => link.version === undefined || dir !== undefined);
    const control = only === "workspaces" || dir !== undefined ? undefined : await import("../sync/push-control.ts");
    const [mode, newer] = [dry ? ("dry-run" as const) : ("push" as const), force ? ("overwrite" as const) : ("refuse" as const)];
    const [looked, kept, told] = [looks(), keptBytes(), telling(cx, mode)];
    const plan = await looked.take(async () => control?.planControl(cx, { repo, root, sync }, { newer, slug: proposal }));
    // Git says it while the folders are looked at.
    const owner = dry || links.length === 0 ? () => ownerOf(repo) : early(() => ownerOf(repo));
    const way = links.length === 0 ? undefined : await looked.take(() => openWay(cx, repo, { answer: detach ? "detach" : "wait", remote: control === undefined ? "fetch" : "fetched" }));
    try {
      const places = way === undefined ? [] : links.map((link) => ({ link, root, gitDir: repo.commonDir, workspaces: way.workspaces }));
      const batches = way === undefined ? [] : await planBatches(way, places, { extra: prune ? "prune" : "keep", newer, missing: dir === undefined ? "empty" : "refuse", kept, looked });
      if (dry || looked.refusals().length > 0) rememberLooks(batches);
      refuseAll(cx, looked.refusals(), { place: placeOf(repo), others: dry ? 0 : batches.length + Number(plan?.air !== undefined) });
      // From here on things are done: what is refused now could not be known before.
      if (control !== undefined && plan !== undefined) {
        const air = dry ? plan.air && control.plannedAir(plan.air) : await control.offerControl({ repo, root }, plan, { message });
        if (air !== undefined) told.air(air);
      }
      const sending = { message, kept, nowNs: BigInt(Date.now()) * 1_000_000n, owner, keepAnnotations: keepingAnnotations(root, sync) };
      for (const batch of batches) {
        const pushed = dry || way === undefined ? batch.plans.map(plannedPush) : await pushBatch(batch, way.shown, sending);
        for (const one of pushed) told.link(one);
      }
    } catch (error) {
      throw told.cutOff(error);
    } finally {
      await way?.close();
    }
    told.end(links.length > 0 ? [] : [...(control === undefined ? [] : ["the control plane is as this branch has it"]), ...(only === "air" ? [] : [chosen.length === 0 ? "no folder is linked" : "no folder is linked but to one version"])]);
  },
});

/** Begins at once; what goes wrong is told where it is asked for. */
function early<T>(begin: () => Promise<T>): () => Promise<T> {
  const begun = begin();
  begun.catch(() => undefined);
  return () => begun;
}

/** @throws AosError one for all of them; each of several is told before */
function refuseAll({ out }: Context, refusals: readonly AosError[], push: { readonly place: string; readonly others: number }): void {
  const failures = refusals.map(failureOf);
  if (failures.length === 0) return;
  if (failures.length === 1 && push.others > 0) out.notice("nothing was pushed");
  if (failures.length > 1 && out.mode === "text") process.stderr.write(`${failures.flatMap((failure) => failureLines(failure, out.style)).join("\n")}\n`);
  if (failures.length > 1 && out.mode === "json") out.result({ refused: failures.map(({ code, message, at, hint }) => ({ code, message, at, hint })) }, []);
  throw together(refusals, push.place);
}

/** Tells each part to a person as it is done; to a program all of it in one answer. `end` says why there is nothing, where there is. */
function telling(cx: Context, mode: "push" | "dry-run"): { air(pushed: AirPushed): void; link(pushed: LinkPushed): void; cutOff(error: unknown): unknown; end(nothing: readonly string[]): void } {
  const { out } = cx;
  const text = out.mode === "text";
  const workspaces: LinkPushed[] = [];
  const done: string[] = [];
  let air: AirPushed | null = null;
  const answer = (): void => out.result({ air, workspaces, dryRun: mode === "dry-run" }, []);
  return {
    air(pushed) {
      air = pushed;
      if (pushed.outcome !== "unchanged") done.push(`proposal ${pushed.slug} ${pushed.outcome}`);
      if (text) out.item(pushed, airPushedLines(pushed, out.style));
    },
    link(pushed) {
      workspaces.push(pushed);
      if (pushed.sent === true) done.push(`${pushed.dir} sent to ${pushed.ref}`);
      else if (pushed.version !== pushed.from) done.push(`version ${pushed.version} of ${pushed.ref}`);
      if (text) out.item(pushed, pushedLines(pushed, mode, out.style));
    },
    cutOff(error) {
      if (!text && done.length > 0) answer();
      return afterwards(error, done);
    },
    end(nothing) {
      if (!text) answer();
      else if (air === null && nothing.length > 0) out.item(undefined, [`nothing to push: ${nothing.join(", and ")}`]);
    },
  };
}
