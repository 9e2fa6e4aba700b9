// What aos doctor looks at in a bare repository that people push to: which world it takes, who guards it, who follows it.

import { stat } from "node:fs/promises";
import { AosError } from "@agentos/kernel";
import { configGet, connectWorld, MAIN_REF, NOTES_REF, openRepo, readRef, refView, type ObjectStore, type Repo } from "@agentos/controller";
import { CONTROLLER_SETTING, pinnedWorld, programsGone, SERVER_HOOKS, serverHooksOf, worldHeld } from "@agentos/hooks";
import type { Context } from "./context.ts";
import { bad, checkClock, checkKey, checkRules, checkSigners, fine, odd, type Check, type Checks } from "./doctor-here.ts";

/** A bare repository is where others push to, unless it only follows another one. */
export async function isServer(repo: Repo): Promise<boolean> {
  return repo.bare && ((await configGet(repo, "remote.origin.url")) === undefined || (await serverHooksOf(repo.gitDir)).length > 0);
}

/** Everything about a server's repository. An empty one is as it should be: the first push fills it. */
export async function checkServer(cx: Context, repo: Repo, store: ObjectStore): Promise<Checks> {
  const main = await readRef(repo.gitDir, MAIN_REF);
  const around = [await checkWorld(repo, store), await checkServerHooks(repo)];
  const controller = await checkFollower(repo);
  if (main === undefined) return [odd("main", "no world was pushed yet", `from the world's folder: git push ${repo.gitDir} main`), ...around, controller];
  const { check, rules } = await checkRules(store, main);
  if (rules === undefined) return [check, ...around, controller];
  return [check, ...around, ...(await checkKey(cx, repo, rules)), await checkSigners(repo, store, { main, rules }), await checkClock(repo, main), await checkPublished(repo), controller];
}

async function checkWorld(repo: Repo, store: ObjectStore): Promise<Check> {
  try {
    const pinned = await pinnedWorld(repo);
    const held = await worldHeld({ repo, store, refs: refView(repo.gitDir, new Map()) });
    const pin = (world: string): string => `aos hooks install --server ${repo.gitDir} --trust ${world}`;
    if (pinned === undefined) {
      if (held === undefined) return odd("world", "none is pinned: the first main that is pushed decides which world this is", `${pin("sha256:…")}, as \`aos init\` printed it`);
      return odd("world", `none is pinned, ${held} is here`, `when somebody you trust has told you the same hash: ${pin(held)}`);
    }
    if (held === undefined) return fine("world", `pinned: ${pinned}; any other is refused when it is pushed`);
    return held === pinned ? fine("world", `pinned: ${pinned}`) : bad("world", `pinned is ${pinned}, here is ${held}: no merge can be judged`, `find out which is meant; the pin is set by ${pin("sha256:…")} where that world or none is here`);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return bad("world", error.message, error.hint ?? "set it anew: aos hooks install --server PATH --trust sha256:…");
  }
}

async function checkServerHooks(repo: Repo): Promise<Check> {
  const install = `aos hooks install --server ${repo.gitDir}`;
  const found = await serverHooksOf(repo.gitDir);
  const missing = SERVER_HOOKS.filter((hook) => !found.includes(hook));
  if (missing.length > 0) return odd("hooks", `missing: ${missing.join(", ")}. ${missing.includes("pre-receive") ? "Every push is taken, whatever it holds" : "Nobody is told of a push"}`, install);
  const gone = await programsGone(repo.gitDir);
  return gone.length === 0 ? fine("hooks", found.join(", ")) : bad("hooks", `they run ${gone.join(" and ")}, which is not there: every push is refused`, install);
}

async function checkPublished(repo: Repo): Promise<Check> {
  if ((await readRef(repo.gitDir, NOTES_REF)) !== undefined) return fine("published", NOTES_REF);
  return odd("published", "no journal is here: the world has not begun, or where it runs nobody pushes it", `aos controller --repo ${repo.gitDir}; until then main moves freely forward`);
}

/** The controller that the hooks tell of pushes. */
async function checkFollower(repo: Repo): Promise<Check> {
  const beside = await configGet(repo, CONTROLLER_SETTING);
  try {
    if ((await connectWorld(repo)) !== undefined) return fine("controller", "runs here");
    if (beside === undefined) return fine("controller", "the hooks tell none; one that follows this repository looks by itself");
    if (!(await isFolder(beside))) return odd("controller", `the hooks tell the one in ${beside}, which is not there`, `aos controller --repo ${repo.gitDir} --dir ${beside} makes it, or name another: aos hooks install --server ${repo.gitDir} --controller DIR`);
    if ((await connectWorld(await openRepo(beside))) !== undefined) return fine("controller", `runs in ${beside}`);
    return odd("controller", `the hooks tell the one in ${beside}, and none runs there`, `aos controller --repo ${repo.gitDir} --dir ${beside}`);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return odd("controller", beside === undefined ? error.message : `the hooks tell the one in ${beside}: ${error.message}`, error.hint ?? "look at its log");
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
