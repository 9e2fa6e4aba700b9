// aos hooks uninstall: takes the hooks away, and leaves everybody else's as they were.

import { openRepo } from "@agentos/controller";
import { uninstallClientHooks, uninstallServerHooks } from "@agentos/hooks";
import { command } from "../command.ts";
import { cloneAt, serverAt } from "../hooks-at.ts";

export default command({
  positionals: {},
  options: { server: { type: "string", requiresArg: true, describe: "The bare repository to guard no more, instead of this clone" } },
  epilogue: "Hooks that were there before are in force again. A server's settings stay. With --json: {place, outcome}.",
  async run(cx, { server }) {
    const gitDir = server === undefined ? undefined : await serverAt(cx, server);
    const repo = gitDir === undefined ? await cloneAt(cx) : await openRepo(gitDir);
    const outcome = gitDir === undefined ? await uninstallClientHooks(repo) : await uninstallServerHooks(gitDir);
    const place = repo.workTree ?? repo.gitDir;
    cx.out.result({ place, outcome }, [outcome === "removed" ? `${cx.out.style.green("removed")}  ${place}` : `${place}: there were no hooks of aos`]);
  },
});
