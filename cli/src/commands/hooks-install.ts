// aos hooks install: a bare repository judges every push by the world's own rules.

import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { AosError, isHash } from "@agentos/kernel";
import { gitIn, MAIN_REF, openRepo, readRef } from "@agentos/controller";
import { installServerHooks } from "@agentos/hooks";
import { command } from "../command.ts";

export default command({
  positionals: {},
  options: {
    server: { type: "string", demandOption: true, requiresArg: true, describe: "The bare repository to guard" },
    trust: { type: "string", requiresArg: true, describe: "sha256:… of the genesis trust file, to pin the world it may hold" },
  },
  epilogue: "The pre-receive hook takes main only by merges whose decision can be derived again, and keeps what is published append-only.",
  async run(cx, { server, trust }) {
    const gitDir = resolve(cx.cwd, server);
    if ((await stat(gitDir).catch(() => undefined))?.isDirectory() !== true) {
      throw new AosError("hooks.server", `${gitDir}: no such folder`, { at: { file: gitDir }, hint: "make the repository first: git init --bare DIR" });
    }
    if (trust !== undefined && !isHash(trust)) throw new AosError("cli.trust", `--trust ${trust}: expected sha256: and 64 hex digits`, { hint: "`aos init` printed it" });
    const entry = join(fileURLToPath(new URL(".", import.meta.resolve("@agentos/hooks"))), "main.js");
    await installServerHooks({ gitDir, nodePath: process.execPath, entry, ...(trust === undefined ? {} : { world: trust }) });
    await pointAtMain(gitDir);
    cx.out.result({ server: gitDir, hooks: ["pre-receive"], trust }, [`${cx.out.style.green("guarded")}  ${gitDir}: pre-receive judges every push`]);
  },
});

/** A world's branch is main: a repository that was made with another first branch in mind would check out nothing when cloned. */
async function pointAtMain(gitDir: string): Promise<void> {
  const repo = await openRepo(gitDir);
  if ((await readRef(repo.gitDir, "HEAD")) === undefined) await gitIn(repo, ["symbolic-ref", "HEAD", MAIN_REF]);
}
