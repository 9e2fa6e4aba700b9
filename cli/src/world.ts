// Finds the world a command is about: its folder, its repository, its id, the key to sign with. What keys and objects need is loaded
// by the few commands that ask for them.

import { access, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { AosError, type Hash } from "@agentos/kernel";
import { configGet, openRepo, SYNC_FILE, type ObjectStore, type Oid, type Repo, type SigningKey } from "@agentos/controller";
import type { Context } from "./context.ts";

/** Where a repository is, as people know it. */
export function placeOf(repo: Repo): string {
  return repo.workTree ?? repo.gitDir;
}

/** The folder of the world's files: `--world`, or the nearest one upward that holds the sync file. */
export async function worldFolder(cx: Context): Promise<string> {
  const start = resolve(cx.cwd, cx.world ?? ".");
  await needFolder(start);
  const found = cx.world === undefined ? await upward(start) : (await isWorld(start)) ? start : undefined;
  if (found !== undefined) return found;
  throw notWorld(cx, start);
}

function notWorld(cx: Context, start: string): AosError {
  const where = cx.world === undefined ? " here or in a folder above" : "";
  return new AosError("world.missing", `${start}: not a world: there is no ${SYNC_FILE}${where}`, { at: { file: start }, hint: "make one with `aos init DIR`, or name one with --world DIR" });
}

/** The world's repository: the one its files are in, or a bare one. */
export async function worldRepo(cx: Context): Promise<Repo> {
  const start = resolve(cx.cwd, cx.world ?? ".");
  await needFolder(start);
  const folder = cx.world === undefined ? await upward(start) : (await isWorld(start)) ? start : undefined;
  const repo = await openRepo(folder ?? start).catch((error: unknown) => {
    throw error instanceof AosError && error.code === "git.norepo" && folder === undefined ? notWorld(cx, start) : error;
  });
  if (repo.workTree === undefined) return repo;
  const files = await worldFolder(cx);
  if ((await realpath(files)) === (await realpath(repo.workTree))) return repo;
  throw new AosError("world.nested", `${files}: the world is not the top folder of its repository, which is ${repo.workTree}`, {
    at: { file: files }, hint: "a world has a repository of its own: move it out, or make one with `aos init DIR`",
  });
}

/** Runs `use` with the repository's objects open. */
export async function withStore<T>(repo: Repo, use: (store: ObjectStore) => Promise<T>): Promise<T> {
  const { openStore } = await import("@agentos/controller");
  const store = openStore(repo.commonDir);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** The key that speaks for the person: `--key`, AOS_KEY, git config `aos.key`, then `user.signingkey`; by a file, or by an ssh-agent. */
export async function personKey(cx: Context, repo: Repo): Promise<SigningKey> {
  const { namedInline, readPersonKey } = await import("./person-key.ts");
  if (cx.key !== undefined) return readPersonKey(await keyFile(resolve(cx.cwd, cx.key)));
  for (const setting of ["aos.key", "user.signingkey"]) {
    const text = (await configGet(repo, setting)) ?? "";
    if (isInline(text)) return namedInline(text, `git config ${setting}`);
    if (text !== "") return readPersonKey(await keyFile(pathOf(repo, text)));
  }
  throw new AosError("key.missing", `${placeOf(repo)}: no key to sign with`, { hint: "make one with `aos keys new`, then name it with --key PATH or `git config aos.key PATH`" });
}

/** The private key of this repository's own controller. */
export async function controllerKey(cx: Context, repo: Repo): Promise<SigningKey> {
  const { readPrivateKey } = await import("@agentos/controller");
  if (cx.key !== undefined) return readPrivateKey(resolve(cx.cwd, cx.key));
  return readPrivateKey((await configPath(repo, "aos.controllerkey")) ?? join(repo.commonDir, "aos", "keys", "controller"));
}

/** The private key of the agent whose plans run here, where one is named: by path, else by git config `aos.agentkey`. */
export async function agentKey(cx: Context, repo: Repo, named: string | undefined): Promise<{ readonly agent?: SigningKey }> {
  const path = named === undefined ? await configPath(repo, "aos.agentkey") : resolve(cx.cwd, named);
  if (path === undefined) return {};
  const { readPrivateKey } = await import("@agentos/controller");
  return { agent: await readPrivateKey(path) };
}

/** The world's id: pinned in this repository's configuration, else as the first commit of main says, with a notice. */
export async function worldId(cx: Context, repo: Repo, store: ObjectStore): Promise<Hash> {
  const { MAIN_REF, readPinnedTrust, readRef, TRUST_PATH } = await import("@agentos/controller");
  const pinned = await readPinnedTrust(repo);
  if (pinned !== undefined) return pinned;
  const main = (await readRef(repo.commonDir, MAIN_REF)) ?? (await readRef(repo.commonDir, "refs/remotes/origin/main"));
  const found = main === undefined ? undefined : await genesisTrust(repo, store, main);
  if (found === undefined) throw new AosError("trust.unknown", `${placeOf(repo)}: which world this is, is not known: main does not begin with ${TRUST_PATH}`, { hint: "git config aos.trust sha256:<hash of the genesis trust file>" });
  cx.out.notice(`this clone pins no world; its first commit says ${found}. To pin it: git config aos.trust ${found}`);
  return found;
}

/** Hash of the trust file in the first commit of main. */
export async function genesisTrust(repo: Repo, store: ObjectStore, main: Oid): Promise<Hash | undefined> {
  const { firstParents, TRUST_PATH, trustHash } = await import("@agentos/controller");
  const [root] = await firstParents(repo, null, main);
  const bytes = root === undefined ? undefined : await store.readPath(root, TRUST_PATH);
  return bytes === undefined ? undefined : trustHash(bytes);
}

/** The key that git's configuration names by a path; undefined when it is not set or names no file. */
async function configPath(repo: Repo, setting: string): Promise<string | undefined> {
  const text = (await configGet(repo, setting)) ?? "";
  return text === "" || isInline(text) ? undefined : keyFile(pathOf(repo, text));
}

/** A public key may stand in git's configuration itself. */
function isInline(text: string): boolean {
  return text.startsWith("key::") || text.startsWith("ssh-");
}

/** A path as git itself reads it. */
function pathOf(repo: Repo, text: string): string {
  return text.startsWith("~/") ? join(homedir(), text.slice(2)) : isAbsolute(text) ? text : join(placeOf(repo), text);
}

async function upward(start: string): Promise<string | undefined> {
  for (let folder = start; ; folder = dirname(folder)) {
    if (await isWorld(folder)) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

/** Git may be told the public half of a key; where the private one stands beside it, that is meant. */
async function keyFile(path: string): Promise<string> {
  const half = path.endsWith(".pub") ? path.slice(0, -".pub".length) : path;
  return (await stat(half).catch(() => undefined))?.isFile() === true ? half : path;
}

async function isWorld(folder: string): Promise<boolean> {
  return access(join(folder, SYNC_FILE)).then(() => true, () => false);
}

async function needFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  throw new AosError("world.missing", `${path}: no such folder`, { at: { file: path }, hint: "name a world with --world DIR" });
}
