// aos controller: the world of another repository, run beside it from a clone of its own.

import { readdir, realpath, rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { AosError, isHash } from "@agentos/kernel";
import { clone, configGet, configureAuthoritative, gitAccess, githubClient, openRepo, readPrivateKey, type GithubOptions, type Repo } from "@agentos/controller";
import { command } from "../command.ts";
import { githubArgs } from "../github-place.ts";
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
  epilogue: "--key PATH is needed: the private key of a principal of kind controller.\nEverything in DIR can be made again from the repository; only the key cannot.\nWith --github and no App, the token is taken from GITHUB_TOKEN.",
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

/** Clones beside the folder and moves the clone there when it is whole: a clone that was cut off never stands in its place. */
async function cloneWhole(url: string, dir: string, github: GithubOptions | undefined): Promise<Repo> {
  const draft = `${dir}.cloning-${process.pid}`;
  await rm(draft, { recursive: true, force: true });
  const access = github === undefined ? undefined : gitAccess(githubClient(github), { url });
  await access?.refresh();
  await configureAuthoritative(await clone(url, draft, { kind: "bare", ...(access !== undefined && { env: access.env }) }));
  await rename(draft, dir);
  return openRepo(dir);
}

/** @throws AosError as GithubClient; `controller.dir` when the folder is something else than a clone of that repository; `git.*` */
async function openClone(url: string, dir: string, github: GithubOptions | undefined): Promise<Repo> {
  const names = await readdir(dir).catch(() => []);
  if (names.length === 0) return cloneWhole(url, dir, github);
  const wrong = (what: string): AosError => new AosError("controller.dir", `${dir}: ${what}`, { at: { file: dir }, hint: "name another folder: the controller makes its own clone there" });
  const repo = await openRepo(dir);
  if (![repo.gitDir, repo.workTree].includes(await realpath(dir))) throw wrong("not a repository of its own");
  const known = await configGet(repo, "remote.origin.url");
  if (known !== url && known !== resolve(url)) throw wrong(`a clone of ${known ?? "nothing"}, not of ${url}`);
  return repo;
}
