// aos push: what changed in the world's folders goes into the world: files into their workspaces, the control plane as a proposal.

import { AosError } from "@agentos/kernel";
import { connectWorld, filesOfFolder, openWorkspaces, readSyncMap, type ControlClient, type Repo, type Workspaces } from "@agentos/controller";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { progress, type Progress } from "../progress.ts";
import { airPushedLines, pushedLines } from "../render/sync.ts";
import { chosenLinks, ownerOf } from "../sync/links.ts";
import { socketOutlet, type Outlet } from "../sync/outlet.ts";
import { pushLink, type LinkPushed } from "../sync/push-link.ts";
import { personKey, placeOf, worldFolder, worldId, worldRepo } from "../world.ts";

export default command({
  positionals: {
    dir: { type: "string", describe: "One folder [default: all of the sync map, and the control plane]" },
    ref: { type: "string", describe: "The workspace it goes to, WORKSPACE[/PATH] [default: as the sync map says]" },
  },
  options: {
    message: { alias: "m", type: "string", requiresArg: true, describe: "What this is about: of the versions, and of the proposal" },
    "dry-run": { type: "boolean", default: false, describe: "Say what would happen, and change nothing" },
    prune: { type: "boolean", default: false, describe: "At the first push to a workspace that has files: remove those that are not here" },
    force: { type: "boolean", default: false, describe: "Make the workspace what is here, whatever it has that is newer" },
    proposal: { type: "string", requiresArg: true, describe: "Name of the control plane's proposal [default: push-YOU]" },
    detach: { type: "boolean", default: false, describe: "Through Git: do not wait for the controller's answer" },
    only: { choices: ["air", "workspaces"] as const, describe: "One of both" },
  },
  epilogue:
    "Workspaces go to the world that runs here, else through Git to the controller of the remote, which answers. A change of the control plane never goes around its review: it becomes a proposal, or a further\n" +
    "commit on the one that the last push made. Exit code 3 where the workspace has something newer: pull first.",
  async run(cx, { dir, ref, message, "dry-run": dry, prune, force, proposal, only, detach }) {
    const repo = await worldRepo(cx);
    const root = await worldFolder(cx);
    const sync = await readSyncMap(filesOfFolder(root));
    const links = only === "air" ? [] : chosenLinks(sync, { dir, ref }, { root, cwd: cx.cwd });
    const mode = dry ? "dry-run" : "push";
    const { pushControl } = only === "workspaces" || dir !== undefined ? { pushControl: undefined } : await import("../sync/push-control.ts");
    const air = await pushControl?.(cx, { repo, root, sync }, { mode, message, slug: proposal });
    // In JSON everything is one answer; a person sees each part as it is done.
    const text = cx.out.mode === "text";
    if (air !== undefined && text) cx.out.item(air, airPushedLines(air, cx.out.style));
    const pushed: LinkPushed[] = [];
    const open = links.filter((link) => link.version === undefined || dir !== undefined);
    if (open.length > 0) {
      await withOutlet(cx, repo, detach ? "detach" : "wait", async (outlet, workspaces, shown) => {
        for (const link of open) {
          shown.next(`reading ${link.dir}`);
          const onSent = (total: number): void => {
            shown.next(`sending ${link.dir}`);
            shown.step({ total });
          };
          const done = await pushLink(outlet(), { link, root, gitDir: repo.commonDir, workspaces, onFile: () => shown.step() }, {
            extra: prune ? "prune" : "keep", newer: force ? "overwrite" : "refuse", mode, message, owner: () => ownerOf(repo), nowNs: BigInt(Date.now()) * 1_000_000n, onSent,
          });
          shown.hide();
          pushed.push(done);
          if (text) cx.out.item(done, pushedLines(done, mode, cx.out.style));
        }
      });
    }
    if (!text) cx.out.result({ air: air ?? null, workspaces: pushed, dryRun: dry }, []);
    else if (air === undefined && open.length === 0) cx.out.item(undefined, ["nothing to push: the control plane is as this branch has it, and no folder is linked"]);
  },
});

/** The world that runs here; else the remote, whose controller answers through Git. @throws AosError `world.away` where there is neither */
async function withOutlet(cx: Context, repo: Repo, answer: "detach" | "wait", use: (outlet: () => Outlet, workspaces: Workspaces, shown: Progress) => Promise<void>): Promise<void> {
  const client = await connectWorld(repo);
  return client === undefined ? throughGit(cx, repo, answer, use) : throughSocket(cx, repo, client, use);
}

async function throughSocket(cx: Context, repo: Repo, client: ControlClient, use: Parameters<typeof withOutlet>[3]): Promise<void> {
  const workspaces = await openWorkspaces(repo, { client });
  const shown = progress(cx.out, "looking for the world");
  try {
    await use(() => socketOutlet(client, workspaces.blobs), workspaces, shown);
  } finally {
    shown.end();
  }
}

async function throughGit(cx: Context, repo: Repo, answer: "detach" | "wait", use: Parameters<typeof withOutlet>[3]): Promise<void> {
  const [{ createModuleRunner }, { openStore }] = [await import("@agentos/kernel"), await import("@agentos/controller")];
  const [{ withUpstream }, { gitOutlet }] = [await import("../upstream.ts"), await import("../sync/git-outlet.ts")];
  const { remote, main } = await withUpstream(repo, { fetch: cx.out }, async (upstream) => upstream);
  if (remote === undefined) {
    throw new AosError("world.away", `${placeOf(repo)}: the world is not running, so its workspaces cannot be pushed to`, { class: "outside", hint: "start it with `aos run`; `aos push --only air` proposes the control plane alone" });
  }
  const workspaces = await openWorkspaces(repo, { modules: createModuleRunner });
  const store = openStore(repo.commonDir);
  const shown = progress(cx.out, "looking for the world");
  try {
    const [world, key] = [await worldId(cx, repo, store), await personKey(cx, repo)];
    await use(() => gitOutlet({ repo, store, remote, main, world, key, blobs: workspaces.blobs, answer, onWait: () => shown.next("waiting for the controller") }), workspaces, shown);
  } finally {
    shown.end();
    await workspaces.close();
    await store.close();
  }
}
