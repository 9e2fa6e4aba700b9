// Workspaces as commands use them: opened, resolved to a tree, changed by one version.

import { AosError, isSegment, nearest, trees, utf8, type Hash, type ModuleRunner } from "@agentos/kernel";
import { commitVersion, configGet, MESSAGE_KEY, openWorkspaces, stagedBlobs, type ControlClient, type Repo, type StagedBlobs, type VersionRow, type Workspaces } from "@agentos/controller";
import type { Context } from "./context.ts";
import { placeOf, worldRepo } from "./world.ts";
import type { WorkspacePlace } from "./workspace-ref.ts";

/** Runs `use` with the world's workspaces, and says where they are read when the world does not run. */
export async function withWorkspaces<T>(cx: Context, use: (workspaces: Workspaces, repo: Repo) => Promise<T>): Promise<T> {
  const repo = await worldRepo(cx);
  const workspaces = await openWorkspaces(repo, { modules: moduleRunner });
  if (workspaces.from === "local") cx.out.notice("the world is not running; this is what its journal says");
  if (workspaces.from === "published") cx.out.notice("the world does not run here; this is what was published");
  try {
    return await use(workspaces, repo);
  } finally {
    await workspaces.close();
  }
}

/** Only a replay needs one. */
async function moduleRunner(): Promise<ModuleRunner> {
  const { createModuleRunner } = await import("@agentos/kernel");
  return createModuleRunner();
}

/** The version a place is in. @throws AosError `workspace.unknown`, `workspace.version` */
export async function versionAt(workspaces: Workspaces, { workspace, version }: Pick<WorkspacePlace, "workspace" | "version">): Promise<VersionRow> {
  const { found, head } = await workspaces.resolve(workspace, version);
  if (found !== undefined) return found;
  if (head > 0) throw new AosError("workspace.version", `${workspace}@${version}: there is no such version`, { hint: `the latest is ${head}` });
  const names = (await workspaces.list()).map((row) => row.workspace);
  const meant = nearest(workspace, names);
  const hint = meant !== undefined ? `did you mean ${meant}?` : names.length === 0 ? "the world has no workspaces; the first `aos ws write` makes one" : `its workspaces: ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}`;
  throw new AosError("workspace.unknown", `${workspace}: the world has no such workspace`, { hint });
}

/** What is at a place; the root is a directory too. @throws AosError `tree.not_found`, and as versionAt */
export async function entryAt(workspaces: Workspaces, place: WorkspacePlace): Promise<{ readonly version: VersionRow; readonly entry: Omit<trees.TreeEntry, "name"> }> {
  const version = await versionAt(workspaces, place);
  if (place.path === undefined) return { version, entry: { kind: "dir", hash: version.root, size: 0, mode: 0o755 } };
  const entry = await trees.findPath(workspaces.blobs, version.root, place.path);
  if (entry === undefined) throw notFound(place, version);
  return { version, entry };
}

function notFound({ workspace, path }: WorkspacePlace, { version }: VersionRow): AosError {
  return new AosError("tree.not_found", `${workspace}@${version}: ${path}: there is no such file or directory`, { hint: `\`aos ws ls -R ${workspace}\` lists what there is` });
}

/** The options of every command that makes a version. */
export const CHANGE_OPTIONS = {
  owner: { type: "string", requiresArg: true, describe: "Who makes the version (AOS_OWNER; else git's user.name and user.email)" },
  message: { alias: "m", type: "string", requiresArg: true, describe: "What the version is about" },
} as const;

interface ChangeArgs {
  readonly owner: string | undefined;
  readonly message: string | undefined;
}
interface Change {
  /** The tree the version is made from; the empty one where the workspace is new. */
  readonly root: Hash;
  readonly blobs: StagedBlobs;
  readonly client: ControlClient;
  readonly workspaces: Workspaces;
}
/** The version that was made, or the one that is as it should be already. */
interface Changed {
  readonly workspace: string;
  readonly version: number;
  readonly root: Hash;
  readonly changed: boolean;
}

/**
 * Makes one version of a workspace in the running world: what `make` gives as the new root. A workspace that is not there is made.
 *
 * @throws AosError `workspace.head_moved` (refused) when the place names a version that is no longer the head, or somebody else commits meanwhile;
 *   `workspace.unknown` for a version of a workspace that is not there; `world.away`
 */
export async function changeWorkspace(cx: Context, place: WorkspacePlace, make: (change: Change) => Promise<Hash>, args: ChangeArgs): Promise<Changed> {
  return withWorkspaces(cx, async (workspaces, repo) => {
    const { client } = workspaces;
    if (client === undefined) throw new AosError("world.away", `${placeOf(repo)}: the world is not running, and only it makes versions`, { class: "outside", hint: "start it with `aos run`" });
    const { workspace } = place;
    const { found, head } = await workspaces.resolve(workspace, place.version);
    if (place.version !== undefined && found === undefined) await versionAt(workspaces, place);
    if (place.version !== undefined && place.version !== head) {
      throw new AosError("workspace.head_moved", `${workspace}@${place.version}: the head is ${head}, and only the head can be changed`, { class: "refused", hint: `write to ${workspace} without a version, or copy from the old one: aos ws cp ${workspace}@${place.version}/PATH ${workspace}/PATH` });
    }
    const blobs = stagedBlobs(client, workspaces.blobs);
    const before = found?.root ?? trees.EMPTY_TREE_HASH;
    const made = await make({ root: before, blobs, client, workspaces });
    if (made === before && found !== undefined) return { workspace, version: head, root: made, changed: false };
    const root = await withMessage(blobs, made, args.message);
    await blobs.flush();
    const version = await commitVersion(client, { workspace, root, expectedHead: head, owner: await ownerOf(repo, args.owner), createdNs: BigInt(Date.now()) * 1_000_000n });
    return { workspace, version, root, changed: true };
  });
}

/** The version's message is an annotation of its root; that of the version before goes. */
async function withMessage(blobs: StagedBlobs, root: Hash, message: string | undefined): Promise<Hash> {
  if (message !== undefined) return (await trees.annotate(blobs, root, { patch: new Map([[MESSAGE_KEY, await blobs.put(utf8(message))]]) })).root;
  const before = await trees.annotations(blobs, root);
  return before?.has(MESSAGE_KEY) === true ? (await trees.annotate(blobs, root, { patch: new Map([[MESSAGE_KEY, null]]) })).root : root;
}

/** `--owner`, AOS_OWNER, `user.name <user.email>` of git, the name of the login, `unknown`. */
async function ownerOf(repo: Repo, given: string | undefined): Promise<string> {
  const named = given ?? process.env["AOS_OWNER"] ?? "";
  if (named !== "") return named;
  const [name, email] = [await configGet(repo, "user.name"), await configGet(repo, "user.email")];
  if (name !== undefined && name !== "") return email === undefined || email === "" ? name : `${name} <${email}>`;
  return ["USER", "LOGNAME", "USERNAME"].map((variable) => process.env[variable]).find((value) => value !== undefined && value !== "") ?? "unknown";
}

/** Prints what a change came to. */
export function tellChange(cx: Context, { workspace, version, root, changed }: Changed, what: string): void {
  const line = changed ? `${what}  ${workspace}@${version}` : `${workspace}@${version} is so already`;
  cx.out.result({ workspace, version, root, changed }, [line]);
}

/** Where something copied to a place ends up: in the directory of that name, where there is one. */
export async function targetPath(blobs: Pick<Workspaces, "blobs">["blobs"], root: Hash, to: { readonly path: string | undefined; readonly name: string }): Promise<string> {
  if (to.path === undefined) return to.name;
  const there = await trees.findPath(blobs, root, to.path);
  return there?.kind === "dir" ? `${to.path}/${to.name}` : to.path;
}

/** The last name of a path. */
export function lastName(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (!isSegment(name)) throw new AosError("cli.ref", `${path}: has no name at its end`);
  return name;
}
