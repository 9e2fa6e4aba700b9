// Puts the server hooks into a repository, beside those that were there.

import { access, chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AosError } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import { configGet, configSet, configureAuthoritative, gitIn, openLocal, openRepo } from "@agentos/controller";
import type { Repo } from "@agentos/controller";
import { clientFolder } from "./client-install.ts";
import { SERVER_MARK, programIn, readHook, serverScript } from "./hook-script.ts";
import { WORLD_SETTING, worldHeld } from "./main-rule.ts";
import { CONTROLLER_SETTING } from "./nudge.ts";

export const SERVER_HOOKS = ["pre-receive", "post-receive"] as const;
/** A push with more bytes is not read, unless the repository says another number. */
const INPUT_BYTES_MAX = "1g";

export interface ServerHooks {
  readonly gitDir: string;
  /** The node to run, absolute. */
  readonly nodePath: string;
  /** The program that runs a hook by its name, absolute. */
  readonly entry: string;
  /** Pins the world's id in the repository's configuration; without it the hook takes the one the repository names. */
  readonly world?: Hash;
  /** The repository of the controller that follows this one, absolute: it is told of every push. */
  readonly controller?: string;
}

/**
 * Installs the hooks and the settings of an authoritative repository. A hook that was there becomes `<hook>.local` and is asked
 * first. Installing again renews the hooks.
 *
 * @returns the id of the world that it holds already; undefined: it holds none, so a pinned one is compared when main is pushed
 * @throws AosError `hooks.exists` when there is another hook and a `.local` one too: neither is overwritten, nothing is installed;
 *   `hooks.world` where the repository holds another world than `world`
 */
export async function installServerHooks({ gitDir, nodePath, entry, world, controller }: ServerHooks): Promise<Hash | undefined> {
  const repo = await openRepo(gitDir);
  const held = await heldBy(gitDir);
  if (world !== undefined && held !== undefined && held !== world) throw new AosError("hooks.world", `${gitDir}: it holds the world ${held}, not ${world}`, { hint: "`aos init` printed the hash of the world it made" });
  const paths = await Promise.all(SERVER_HOOKS.map(async (hook) => ({ hook, path: await hookPath(repo, hook) })));
  const foreign: string[] = [];
  for (const { path } of paths) {
    const present = await readHook(path);
    if (present === undefined || present.includes(SERVER_MARK)) continue;
    if (await exists(`${path}.local`)) {
      throw new AosError("hooks.exists", `${path}: there is a hook already, and ${path}.local too`, { hint: "join the two by hand, or move one away" });
    }
    foreign.push(path);
  }
  for (const path of foreign) await rename(path, `${path}.local`);
  for (const { hook, path } of paths) await placeHook(path, serverScript(hook, { nodePath, entry }));
  await configureAuthoritative(repo);
  if ((await configGet(repo, "receive.maxInputSize")) === undefined) await configSet(repo, "receive.maxInputSize", INPUT_BYTES_MAX);
  if (world !== undefined) await configSet(repo, WORLD_SETTING, world);
  if (controller !== undefined) await configSet(repo, CONTROLLER_SETTING, controller);
  return held;
}

async function heldBy(gitDir: string): Promise<Hash | undefined> {
  const local = await openLocal(gitDir);
  try {
    return await worldHeld(local);
  } finally {
    await local.close();
  }
}

/** Puts a script in place whole: a push meanwhile runs the old one or the new one. */
async function placeHook(path: string, script: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, script, { mode: 0o755 });
  await chmod(`${path}.new`, 0o755);
  await rename(`${path}.new`, path);
}

/**
 * Takes the hooks out and puts those back that were there before. The settings stay.
 *
 * @returns `absent` when no hook there is ours
 */
export async function uninstallServerHooks(gitDir: string): Promise<"removed" | "absent"> {
  const repo = await openRepo(gitDir);
  let outcome: "removed" | "absent" = "absent";
  for (const hook of SERVER_HOOKS) {
    const path = await hookPath(repo, hook);
    if ((await readHook(path))?.includes(SERVER_MARK) !== true) continue;
    if (await exists(`${path}.local`)) await rename(`${path}.local`, path);
    else await rm(path);
    outcome = "removed";
  }
  return outcome;
}

/** Which of the server's hooks are in force. */
export async function serverHooksOf(gitDir: string): Promise<readonly string[]> {
  const repo = await openRepo(gitDir);
  const found: string[] = [];
  for (const hook of SERVER_HOOKS) if ((await readHook(await hookPath(repo, hook)))?.includes(SERVER_MARK) === true) found.push(hook);
  return found;
}

/** What the server's hooks would run and is not there any more: every push is refused then. */
export async function programsGone(gitDir: string): Promise<readonly string[]> {
  const repo = await openRepo(gitDir);
  const gone = new Set<string>();
  for (const hook of SERVER_HOOKS) {
    const script = await readHook(await hookPath(repo, hook));
    const program = script?.includes(SERVER_MARK) === true ? programIn(script) : undefined;
    for (const path of program === undefined ? [] : [program.nodePath, program.entry]) if (!(await exists(path))) gone.add(path);
  }
  return [...gone];
}

/** Where git looks for the hook, `core.hooksPath` considered; the folder of client hooks hands on to the repository's own. */
async function hookPath(repo: Repo, hook: string): Promise<string> {
  const { stdout } = await gitIn(repo, ["rev-parse", "--path-format=absolute", "--git-path", `hooks/${hook}`]);
  const path = stdout.toString("utf8").replace(/\n$/, "");
  return dirname(path) === clientFolder(repo) ? join(repo.commonDir, "hooks", hook) : path;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
