// aos pull: what changed in the world's workspaces comes into their folders, merged with what changed there.

import { AosError } from "@agentos/kernel";
import { connectWorld, filesOfFolder, openWorkspaces, readSyncMap, type Repo, type Workspaces } from "@agentos/controller";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { withProgress } from "../progress.ts";
import { pulledLines } from "../render/sync.ts";
import { sweepDrafts } from "../sync/drafts.ts";
import { keepingAnnotations } from "../sync/keep-annotations.ts";
import { chosenLinks } from "../sync/links.ts";
import { afterwards } from "../sync/looks.ts";
import { listed } from "../sync/plan-push.ts";
import { pullLink, type LinkPulled, type PullOptions } from "../sync/pull-link.ts";
import { worldFolder, worldRepo } from "../world.ts";

export default command({
  positionals: {
    dir: { type: "string", describe: "One folder [default: all of the sync map]" },
    ref: { type: "string", describe: "The workspace it is filled from, WORKSPACE[@VERSION][/PATH] [default: as the sync map says]" },
  },
  options: {
    "dry-run": { type: "boolean", default: false, describe: "Say what would happen, and change nothing" },
    prune: { type: "boolean", default: false, describe: "Remove files that the workspace never had" },
    force: { type: "boolean", default: false, describe: "Take the workspace's files, whatever was changed here" },
  },
  epilogue:
    "Files that both sides changed are merged: AIR by definition, other text by lines. What cannot be merged is marked in the file as git\n" +
    "marks it, and listed; exit code 3 then. Annotations come into aos.sync.json. A pull that was cut off is finished by the next one. The control plane comes with git: git pull.",
  async run(cx, { dir, ref, "dry-run": dry, prune, force }) {
    const repo = await worldRepo(cx);
    const root = await worldFolder(cx);
    const sync = await readSyncMap(filesOfFolder(root));
    const links = chosenLinks(sync, { dir, ref }, { root, cwd: cx.cwd });
    const mode = dry ? "dry-run" : "pull";
    const text = cx.out.mode === "text";
    const pulled: LinkPulled[] = [];
    sweepDrafts(root);
    const workspaces = links.length === 0 ? undefined : await workspacesOf(cx, repo);
    if (workspaces !== undefined && workspaces.from !== "running") cx.out.notice(workspaces.from === "local" ? "the world is not running; these are the workspaces that its journal has" : "the world does not run here; these are the workspaces that were published");
    try {
      for (const link of links) {
        if (workspaces === undefined) break;
        const done = await withProgress(cx.out, `reading ${link.dir}`, (shown) => {
          // A link of the sync map has its annotations there; one that was named on the command line has none.
          const keeping: Pick<PullOptions, "keepAnnotations"> = sync.workspaces.includes(link) ? { keepAnnotations: (annotations) => keepingAnnotations(root, sync)(link, annotations) } : {};
          const place = { link, root, gitDir: repo.commonDir, workspaces, onFile: () => shown.step() };
          const onFile = (total: number): void => {
            shown.next(`writing ${link.dir}`);
            shown.step({ total });
          };
          return pullLink(place, { extra: prune ? "prune" : "keep", changed: force ? "overwrite" : "keep", mode, onFile, ...keeping });
        });
        pulled.push(done);
        if (text) cx.out.item(done, pulledLines(done, mode, cx.out.style));
      }
    } catch (error) {
      if (!text && pulled.length > 0) cx.out.result({ workspaces: pulled, dryRun: dry }, []);
      throw afterwards(error, dry ? [] : pulled.filter(({ changes }) => changes.length > 0).map((link) => `${link.dir} brought to version ${link.version}`));
    } finally {
      await workspaces?.close();
    }
    if (!text) cx.out.result({ workspaces: pulled, dryRun: dry }, []);
    else if (links.length === 0) cx.out.item(undefined, ["nothing to pull: aos.sync.json links no folder to a workspace"]);
    const conflicts = pulled.flatMap((link) => link.changes.filter(({ act }) => act === "conflict").map(({ path, key }) => `${[link.dir, path].filter((part) => part !== "." && part !== "").join("/") || "."}${key === undefined ? "" : ` (annotation ${key})`}`));
    if (conflicts.length === 0) return;
    throw new AosError("sync.conflict", `${conflicts.length === 1 ? "1 file was" : `${conflicts.length} files were`} changed here and in the workspace: ${listed(conflicts)}`, {
      class: "refused", hint: "edit them, then `aos push`; or take one side: `aos push --force`, `aos pull --force`", data: { paths: conflicts },
    });
  },
});

/** Where the world runs elsewhere, what it published is fetched first; a remote that is away leaves what was fetched before. */
async function workspacesOf(cx: Context, repo: Repo): Promise<Workspaces> {
  const client = await connectWorld(repo);
  if (client !== undefined) return openWorkspaces(repo, { client });
  const [{ createModuleRunner }, { configGet }] = [await import("@agentos/kernel"), await import("@agentos/controller")];
  const { withUpstream } = await import("../upstream.ts");
  if ((await configGet(repo, "remote.origin.url")) !== undefined) {
    await withUpstream(repo, { fetch: cx.out }, async () => undefined).catch((error: unknown) => {
      if (!(error instanceof AosError) || error.class !== "outside") throw error;
      cx.out.notice(`${error.message}: these are the workspaces as they were fetched last`);
    });
  }
  return openWorkspaces(repo, { modules: createModuleRunner });
}
