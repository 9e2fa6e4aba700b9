// aos hooks install: a clone checks what is committed and pushed; a bare repository judges every push by the world's own rules.

import { resolve } from "node:path";
import { AosError, isHash } from "@agentos/kernel";
import { gitIn, MAIN_REF, openRepo, readRef } from "@agentos/controller";
import { CLIENT_HOOKS, installClientHooks, installServerHooks, pinnedWorld, SERVER_HOOKS } from "@agentos/hooks";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { cloneAt, hooksProgram, serverAt } from "../hooks-at.ts";
import { worldLines } from "../render/hooks.ts";

export default command({
  positionals: {},
  options: {
    server: { type: "string", requiresArg: true, describe: "The bare repository to guard, instead of this clone" },
    trust: { type: "string", requiresArg: true, describe: "With --server: sha256:… of the genesis trust file, to pin the world it may hold" },
    controller: { type: "string", requiresArg: true, describe: "With --server: the folder of the controller beside it, to be told of pushes" },
  },
  epilogue:
    "In a clone: pre-commit lays out and checks staged AIR, commit-msg names the proposal, pre-push stops secrets and proposals that\ndo not compile. With --server: pre-receive takes main only by merges whose decision can be derived again, and keeps what is published\nappend-only; post-receive tells the controller. Hooks that are there already go on working. With --json: {folder, hooks, before}, or {server, hooks, trust?, world?}:\n`trust` is the world that is pinned, `world` the one that is there.",
  async run(cx, { server, trust, controller }) {
    if (server === undefined) {
      if (trust !== undefined || controller !== undefined) throw new AosError("cli.usage", "aos hooks install: --trust and --controller are for --server", { hint: "aos hooks install --server REPO.git" });
      return installHere(cx);
    }
    const gitDir = await serverAt(cx, server);
    if (trust !== undefined && !isHash(trust)) throw new AosError("cli.trust", `--trust ${trust}: expected sha256: and 64 hex digits`, { hint: "`aos init` printed it" });
    const held = await installServerHooks({ gitDir, ...hooksProgram(), ...(trust === undefined ? {} : { world: trust }), ...(controller === undefined ? {} : { controller: resolve(cx.cwd, controller) }) });
    await pointAtMain(gitDir);
    const pinned = await pinnedWorld(await openRepo(gitDir));
    cx.out.result({ server: gitDir, hooks: [...SERVER_HOOKS], trust: pinned, world: held }, [
      `${cx.out.style.green("guarded")}  ${gitDir}: pre-receive judges every push, post-receive tells the controller`, ...worldLines({ pinned, held }, cx.out.style),
    ]);
  },
});

async function installHere(cx: Context): Promise<void> {
  const { folder, before } = await installClientHooks(await cloneAt(cx), hooksProgram());
  cx.out.result({ folder, before, hooks: [...CLIENT_HOOKS] }, [`${cx.out.style.green("installed")}  ${CLIENT_HOOKS.join(", ")}; hooks in ${before} run first, as before`]);
}

/** A world's branch is main: a repository that was made with another first branch in mind would check out nothing when cloned. */
async function pointAtMain(gitDir: string): Promise<void> {
  const repo = await openRepo(gitDir);
  if ((await readRef(repo.gitDir, "HEAD")) === undefined) await gitIn(repo, ["symbolic-ref", "HEAD", MAIN_REF]);
}
