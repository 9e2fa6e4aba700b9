// Puts the client hooks beside a clone: in a folder of their own, so that no hook of anybody else is touched.

import { chmod, mkdir, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AosError } from "@agentos/kernel";
import { configGet, configSet, gitIn } from "@agentos/controller";
import type { Repo } from "@agentos/controller";
import { CLIENT_HOOKS, CLIENT_MARK, clientScript, forwardScript, readHook } from "./hook-script.ts";
import type { Program } from "./hook-script.ts";

const HOOKS_PATH = "core.hooksPath";
/** What `core.hooksPath` was in the repository's own configuration. */
const BEFORE_SETTING = "aos.hooksPathBefore";

/** Hooks of git that are handed on, so that one put where git looked before goes on working, today or later. */
const FORWARDED: readonly string[] = [
  "applypatch-msg", "post-applypatch", "post-checkout", "post-commit", "post-merge", "post-receive", "post-rewrite", "post-update", "pre-applypatch", "pre-auto-gc", "pre-merge-commit",
  "pre-rebase", "pre-receive", "prepare-commit-msg", "proc-receive", "push-to-checkout", "sendemail-validate", "update",
];
/** These run so often that they are handed on only where there is one at the time of the installation. */
const HOT: readonly string[] = ["post-index-change", "reference-transaction"];

/** Where the client hooks of a repository are; all of its worktrees share them. */
export function clientFolder({ commonDir }: Pick<Repo, "commonDir">): string {
  return join(commonDir, "aos", "hooks");
}

/**
 * Installs the hooks, or renews them: writes scripts below the git folder and points `core.hooksPath` there. Each script runs the
 * hook of its name first where git looked before: in the repository's own folder, or where `core.hooksPath` led, whoever
 * set it (a team's folder, husky, the person's own for all repositories).
 *
 * @returns where git looked before
 */
export async function installClientHooks(repo: Repo, program: Program): Promise<{ readonly folder: string; readonly before: string }> {
  const folder = clientFolder(repo);
  const local = await configLocal(repo, HOOKS_PATH);
  if (local !== undefined && local !== folder) await configSet(repo, BEFORE_SETTING, local);
  // With the repository's own setting out of the way, the person's or the machine's is seen.
  await configUnset(repo, HOOKS_PATH);
  const said = (await configLocal(repo, BEFORE_SETTING)) ?? (await configGet(repo, HOOKS_PATH));
  const before = said === undefined ? undefined : await expanded(repo, said);
  await writeScripts(repo, folder, { program, before });
  await configSet(repo, HOOKS_PATH, folder);
  return { folder, before: before ?? join(repo.commonDir, "hooks") };
}

interface Scripts {
  readonly program: Program;
  readonly before: string | undefined;
}

async function writeScripts(repo: Repo, folder: string, { program, before }: Scripts): Promise<void> {
  await mkdir(join(repo.commonDir, "aos"), { recursive: true, mode: 0o700 });
  await mkdir(folder, { recursive: true });
  const there = new Set(await readdir(before === undefined ? join(repo.commonDir, "hooks") : resolve(repo.workTree ?? repo.gitDir, before)).catch(() => []));
  const forwarded = [...FORWARDED, ...HOT.filter((hook) => there.has(hook))];
  const scripts = [...CLIENT_HOOKS.map((hook) => [hook, clientScript(hook, { program, before })] as const), ...forwarded.map((hook) => [hook, forwardScript(hook, before)] as const)];
  for (const [hook, script] of scripts) {
    const path = join(folder, hook);
    const present = await readHook(path);
    if (present !== undefined && !present.includes(CLIENT_MARK)) {
      throw new AosError("hooks.exists", `${path}: another program put a hook there`, { hint: `move it to ${before ?? join(repo.commonDir, "hooks")}, where it is run as well` });
    }
    await writeFile(`${path}.new`, script, { mode: 0o755 });
    await chmod(`${path}.new`, 0o755);
    await rename(`${path}.new`, path);
  }
}

/**
 * Takes the hooks away, and lets git look where it looked before.
 *
 * @returns `absent` when there were none
 */
export async function uninstallClientHooks(repo: Repo): Promise<"removed" | "absent"> {
  const folder = clientFolder(repo);
  const ours: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) if ((await readHook(join(folder, name)))?.includes(CLIENT_MARK) === true) ours.push(name);
  const inForce = (await configLocal(repo, HOOKS_PATH)) === folder;
  if (inForce) {
    const before = await configLocal(repo, BEFORE_SETTING);
    if (before === undefined) await configUnset(repo, HOOKS_PATH);
    else await configSet(repo, HOOKS_PATH, before);
  }
  await configUnset(repo, BEFORE_SETTING);
  for (const name of ours) await rm(join(folder, name));
  // A hook that another program put there stays, in its folder.
  await rmdir(folder).catch(() => undefined);
  return ours.length > 0 || inForce ? "removed" : "absent";
}

export interface ClientHooksState {
  /** `passed-over`: they are there, but git looks elsewhere. */
  readonly state: "in-force" | "passed-over" | "absent";
  /** Where git looks. */
  readonly looksIn: string;
}

export async function clientHooksOf(repo: Repo): Promise<ClientHooksState> {
  const folder = clientFolder(repo);
  const { stdout } = await gitIn(repo, ["rev-parse", "--path-format=absolute", "--git-path", "hooks"]);
  const looksIn = stdout.toString("utf8").replace(/\n$/, "");
  const there = (await readHook(join(folder, "pre-commit")))?.includes(CLIENT_MARK) === true;
  return { state: !there ? "absent" : looksIn === folder ? "in-force" : "passed-over", looksIn };
}

async function configLocal(repo: Repo, key: string): Promise<string | undefined> {
  const { stdout, code } = await gitIn(repo, ["config", "--local", "--null", "--get", key], { allowExit: [1] });
  return code === 0 ? stdout.toString("utf8").replace(/\0$/, "") : undefined;
}

async function configUnset(repo: Repo, key: string): Promise<void> {
  // 5: it was not set.
  await gitIn(repo, ["config", "--local", "--unset-all", key], { allowExit: [5] });
}

/** A path of the configuration as git reads it: `~` is a home. A relative one stays so: hooks start where it counts from. */
async function expanded(repo: Repo, path: string): Promise<string> {
  const { stdout } = await gitIn(repo, ["-c", `aos.path=${path}`, "config", "--null", "--type=path", "--get", "aos.path"]);
  return stdout.toString("utf8").replace(/\0$/, "").replace(/\/+$/, "");
}
