// aos doctor: is everything as it must be for this world, here and on GitHub, and how to mend what is not.

import { AosError } from "@agentos/kernel";
import { githubApi, githubClient, MAIN_REF, readRef, readRules, type Repo } from "@agentos/controller";
import { command } from "../command.ts";
import { checkGithub } from "../doctor-github.ts";
import { checkHere, checkVersions, gitVersion, type Checks } from "../doctor-here.ts";
import { checkServer, isServer } from "../doctor-server.ts";
import type { Context } from "../context.ts";
import { githubAuth, githubPlace } from "../github-place.ts";
import { doctorLines } from "../render/doctor.ts";
import { withStore, worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {
    github: { type: "string", requiresArg: true, describe: "OWNER/NAME: ask GitHub too" },
    "github-api": { type: "string", requiresArg: true, describe: "Its API [default: https://api.github.com]" },
    "github-app": { type: "number", requiresArg: true, describe: "Ask as this App; its key is in the file --github-app-key" },
    "github-app-key": { type: "string", requiresArg: true, describe: "File with the App's private key (PEM)" },
  },
  epilogue: "Exit code 3 when something stands in the way. With --json: {checks: [{name, state, says, mend?}]}; state is fine, odd or bad.\nWith --github and no App, the token is taken from GITHUB_TOKEN.",
  async run(cx, args) {
    const alone = (["github-api", "github-app", "github-app-key"] as const).find((flag) => args.github === undefined && args[flag] !== undefined);
    if (alone !== undefined) throw new AosError("cli.usage", `--${alone}: it says how to ask GitHub, and --github is missing`, { hint: "aos doctor --github OWNER/NAME" });
    const repo = await worldRepo(cx);
    const checks = [...checkVersions({ node: process.versions.node, git: await gitVersion() }), ...(await withStore(repo, async (store) => ((await isServer(repo)) ? checkServer : checkHere)(cx, repo, store))), ...(args.github === undefined ? [] : await askGithub(cx, repo, { ...args, github: args.github }))];
    cx.out.result({ checks }, doctorLines(checks, cx.out.style));
    const wrong = checks.filter(({ state }) => state === "bad").map(({ name }) => name);
    if (wrong.length > 0) throw new AosError("doctor.found", `to mend: ${wrong.join(", ")}`, { class: "refused", hint: "each line says how" });
  },
});

async function askGithub(cx: Context, repo: Repo, args: { readonly github: string; readonly "github-api": string | undefined; readonly "github-app": number | undefined; readonly "github-app-key": string | undefined }): Promise<Checks> {
  const place = githubPlace(args.github, args["github-api"]);
  const auth = await githubAuth(cx, { app: args["github-app"], keyFile: args["github-app-key"] });
  const main = await readRef(repo.commonDir, MAIN_REF);
  const rules = main === undefined ? undefined : await withStore(repo, (store) => readRules(store, main)).catch(() => undefined);
  return checkGithub(githubApi(githubClient({ place, auth })), rules);
}
