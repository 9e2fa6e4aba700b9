// The clone that `aos controller` keeps for itself: made at its first start, found again at every other.

import { readdir, realpath, rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { AosError } from "@agentos/kernel";
import { clone, configGet, configureAuthoritative, gitAccess, githubClient, openRepo, type GithubOptions, type Repo } from "@agentos/controller";

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

/**
 * The bare clone at `dir`, made when nothing is there.
 *
 * @param url - URL or path of the repository it is of; a path as it is seen from where the process runs
 * @throws AosError as GithubClient; `controller.dir` when the folder is something else than a clone of that repository; `git.*`
 */
export async function openClone(url: string, dir: string, github: GithubOptions | undefined): Promise<Repo> {
  const names = await readdir(dir).catch(() => []);
  if (names.length === 0) return cloneWhole(url, dir, github);
  const wrong = (what: string): AosError => new AosError("controller.dir", `${dir}: ${what}`, { at: { file: dir }, hint: "name another folder: the controller makes its own clone there" });
  const repo = await openRepo(dir);
  if (![repo.gitDir, repo.workTree].includes(await realpath(dir))) throw wrong("not a repository of its own");
  const known = await configGet(repo, "remote.origin.url");
  // git writes a path down from the root on, but leaves the `..` in it.
  if (known === undefined || (known !== url && resolve(known) !== resolve(url))) throw wrong(`a clone of ${known ?? "nothing"}, not of ${url}`);
  return repo;
}
