// Puts the server hook into a repository, beside the one that was there.

import { access, chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AosError } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import { configSet, configureAuthoritative, gitIn, openRepo } from "@agentos/controller";
import type { Repo } from "@agentos/controller";
import { WORLD_SETTING } from "./main-rule.ts";

/** By this line a hook is known as ours. */
const MARK = "# Installed by aos: judges every push before it is accepted.";

export interface ServerHooks {
  readonly gitDir: string;
  /** The node to run, absolute. */
  readonly nodePath: string;
  /** This package's main.js, absolute. */
  readonly entry: string;
  /** Pins the world's id in the repository's configuration; without it the hook takes the one the repository names. */
  readonly world?: Hash;
}

/**
 * Installs the pre-receive hook and the settings of an authoritative repository. A hook that was there becomes
 * `pre-receive.local` and is asked first. Installing again renews the hook.
 *
 * @throws AosError `hooks.exists` when there is another hook and a `pre-receive.local` too: neither is overwritten
 */
export async function installServerHooks({ gitDir, nodePath, entry, world }: ServerHooks): Promise<void> {
  const repo = await openRepo(gitDir);
  const path = await hookPath(repo);
  await mkdir(dirname(path), { recursive: true });
  const present = await readHook(path);
  if (present !== undefined && !present.includes(MARK)) {
    if (await exists(`${path}.local`))
      throw new AosError("hooks.exists", `${path}: there is a hook already, and ${path}.local too`, { hint: "join the two by hand, or move one away" });
    await rename(path, `${path}.local`);
  }
  await writeFile(`${path}.new`, script({ nodePath, entry }), { mode: 0o755 });
  await chmod(`${path}.new`, 0o755);
  await rename(`${path}.new`, path);
  await configureAuthoritative(repo);
  if (world !== undefined) await configSet(repo, WORLD_SETTING, world);
}

/**
 * Takes the hook out and puts the one back that was there before. The settings stay.
 *
 * @returns `absent` when the hook there, if any, is not ours
 */
export async function uninstallServerHooks(gitDir: string): Promise<"removed" | "absent"> {
  const path = await hookPath(await openRepo(gitDir));
  if ((await readHook(path))?.includes(MARK) !== true) return "absent";
  if (await exists(`${path}.local`)) await rename(`${path}.local`, path);
  else await rm(path);
  return "removed";
}

/** Where git looks for the hook, `core.hooksPath` considered. */
async function hookPath(repo: Repo): Promise<string> {
  const { stdout } = await gitIn(repo, ["rev-parse", "--path-format=absolute", "--git-path", "hooks/pre-receive"]);
  return stdout.toString("utf8").replace(/\n$/, "");
}

/** git gives the refs on stdin once; both hooks must read them. */
function script({ nodePath, entry }: Pick<ServerHooks, "nodePath" | "entry">): string {
  return [
    "#!/bin/sh",
    MARK,
    'refs=$(cat)',
    'if [ -x "$0.local" ]; then',
    '  printf \'%s\\n\' "$refs" | "$0.local" "$@" || exit $?',
    "fi",
    `printf '%s\\n' "$refs" | ${quoted(nodePath)} ${quoted(entry)} pre-receive`,
    "",
  ].join("\n");
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

async function readHook(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "latin1");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
