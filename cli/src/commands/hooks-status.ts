// aos hooks status: which hooks of aos a repository has, and whether git runs them.

import { openRepo } from "@agentos/controller";
import { clientHooksOf, serverHooksOf, SERVER_HOOKS } from "@agentos/hooks";
import { command } from "../command.ts";
import { cloneAt, serverAt } from "../hooks-at.ts";
import { hooksLines } from "../render/hooks.ts";

export default command({
  positionals: {},
  options: { server: { type: "string", requiresArg: true, describe: "A bare repository, instead of this clone" } },
  epilogue: "With --json: {place, client: {state, looksIn}, server: [hook …]}; state is in-force, passed-over or absent.",
  async run(cx, { server }) {
    const repo = server === undefined ? await cloneAt(cx) : await openRepo(await serverAt(cx, server));
    const told = { place: repo.workTree ?? repo.gitDir, client: await clientHooksOf(repo), server: await serverHooksOf(repo.gitDir) };
    cx.out.result(told, hooksLines({ ...told, all: SERVER_HOOKS }, cx.out.style));
  },
});
