// The links that a push or a pull is about: those of the sync map, or one named on the command line.

import { userInfo } from "node:os";
import { relative, resolve, sep } from "node:path";
import { AosError, nearest } from "@agentos/kernel";
import { gitIn, isGitsOwn, parseLinkRef, SYNC_FILE, type Repo, type SyncMap, type WorkspaceLink } from "@agentos/controller";

/**
 * @param named.dir - a folder, from `cwd`; alone it must be one of the sync map
 * @param named.ref - a workspace; with it the link stands for itself, without patterns and annotations of the sync map
 * @throws AosError `sync.link`, `cli.usage`
 */
export function chosenLinks(sync: SyncMap, named: { readonly dir: string | undefined; readonly ref: string | undefined }, at: { readonly root: string; readonly cwd: string }): readonly WorkspaceLink[] {
  if (named.dir === undefined) return sync.workspaces;
  const dir = relative(at.root, resolve(at.cwd, named.dir)).split(sep).join("/") || ".";
  if (dir === ".." || dir.startsWith("../")) throw new AosError("sync.link", `${named.dir}: outside of the world`, { hint: `the world is ${at.root}` });
  if (isGitsOwn(dir)) throw new AosError("sync.link", `${named.dir}: leads into .git, which is git's own`, { hint: "name a folder of the world's files" });
  if (named.ref === undefined) {
    const found = sync.workspaces.filter((link) => link.dir === dir);
    if (found.length > 0) return found;
    const meant = nearest(dir, sync.workspaces.map((link) => link.dir));
    throw new AosError("sync.link", `${named.dir}: ${SYNC_FILE} links no workspace to it`, { hint: meant === undefined ? "name the workspace too: DIR REF" : `did you mean ${meant}?` });
  }
  const ref = parseLinkRef(named.ref);
  if (ref === undefined) throw new AosError("sync.link", `${JSON.stringify(named.ref)}: not a workspace`, { hint: "WORKSPACE, WORKSPACE@VERSION, either with /PATH" });
  return [{ ...ref, dir, ignore: [], annotations: new Map() }];
}

/** Who a version is by: AOS_OWNER, git's user, the system's. */
export async function ownerOf(repo: Repo): Promise<string> {
  const { AOS_OWNER: told, USER: user, LOGNAME: login } = process.env;
  if (told !== undefined && told !== "") return told;
  const { stdout } = await gitIn(repo, ["config", "--null", "--get-regexp", "^user\\.(name|email)$"], { allowExit: [1] });
  // Each `user.name`, a line's end, the value; what is told later wins.
  const set = new Map(new TextDecoder().decode(stdout).split("\0").map((entry) => [entry.slice(0, entry.indexOf("\n")), entry.slice(entry.indexOf("\n") + 1)] as const));
  const [name, email] = [set.get("user.name"), set.get("user.email")];
  if (name !== undefined) return email === undefined ? name : `${name} <${email}>`;
  return [user, login, systemName()].find((text) => text !== undefined && text !== "") ?? "unknown";
}

function systemName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
