// aos controller: the world of another repository, run beside it from a clone of its own.

import { resolve } from "node:path";
import { AosError, isHash } from "@agentos/kernel";
import { readPrivateKey } from "@agentos/controller";
import { command } from "../command.ts";
import { githubArgs } from "../github-place.ts";
import { openClone } from "../own-clone.ts";
import { withProgress } from "../progress.ts";
import { serve, SERVE_OPTIONS, serveArgs } from "../serve.ts";
import { agentKey } from "../world.ts";

export default command({
  positionals: {},
  options: {
    repo: { type: "string", demandOption: true, requiresArg: true, describe: "URL or path of the repository that is authoritative" },
    dir: { type: "string", demandOption: true, requiresArg: true, describe: "Folder of the controller's own bare clone; made when it is missing" },
    trust: { type: "string", demandOption: true, requiresArg: true, describe: "sha256:… of the genesis trust file: the world's id" },
    github: { type: "string", requiresArg: true, describe: "OWNER/NAME on GitHub: its pull requests are proposals" },
    "github-api": { type: "string", requiresArg: true, describe: "Its API [default: https://api.github.com]" },
    "github-app": { type: "number", requiresArg: true, describe: "Act as this App; its key is in the file --github-app-key" },
    "github-app-key": { type: "string", requiresArg: true, describe: "File with the App's private key (PEM)" },
    "github-webhook": { type: "string", requiresArg: true, describe: "Listen for its webhooks at [HOST:]PORT; AOS_WEBHOOK_SECRET is the secret" },
    "github-merge": { choices: ["by-people", "when-approved"] as const, default: "by-people" as const, describe: "Whether GitHub is told to merge what is approved" },
    ...SERVE_OPTIONS,
  },
  epilogue: "--key PATH is needed: the private key of a principal of kind controller.\nWhat cannot be made again from the repository: the key, and in DIR/aos the vault and adapters.json. Keep copies of them.\nWith --github and no App, the token is taken from GITHUB_TOKEN.",
  async run(cx, { repo: url, dir, trust, ...args }) {
    if (!isHash(trust)) throw new AosError("cli.trust", `--trust ${trust}: expected sha256: and 64 hex digits`, { hint: "`aos init` printed it; it is the SHA-256 of the first .aos/trust.json" });
    if (cx.key === undefined) throw new AosError("key.missing", "aos controller: no key to sign with", { hint: "name one with --key PATH: that of a principal of kind controller" });
    const asked = serveArgs(args);
    const key = await readPrivateKey(resolve(cx.cwd, cx.key));
    const github = await githubArgs(cx, args);
    const repo = await withProgress(cx.out, "cloning the repository", () => openClone(url, resolve(cx.cwd, dir), github.github));
    await serve(cx, { repo, key, remote: "origin", trust, ...(await agentKey(cx, repo, args["agent-key"])), ...github, ...asked }, "stopped");
  },
});
