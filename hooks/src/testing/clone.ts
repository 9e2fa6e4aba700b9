// A clone of a small world with the client hooks installed, in which stock git is run.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleReducer } from "@agentos/kernel";
import { gitEnvironment, openRepo } from "@agentos/controller";
import type { AtEnd } from "@agentos/controller/testing";
import { installClientHooks } from "../client-install.ts";
import { ENTRY } from "./site.ts";

const EXAMPLE = fileURLToPath(new URL("../../../examples/06-safe-upgrade", import.meta.url));
export const PLAN = "air/fetch-plan-1.air.json";

interface Ran {
  readonly code: number;
  /** stdout and stderr. */
  readonly said: string;
}

export interface Clone {
  /** The folder that all of it is in. */
  readonly base: string;
  readonly folder: string;
  /** Runs git, whatever becomes of it. Without a terminal, as an editor does. */
  run(args: readonly string[], options?: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> }): Promise<Ran>;
  /** Runs git, which must succeed. @returns what it printed */
  git(...args: string[]): Promise<string>;
  write(path: string, text: string): Promise<void>;
  read(path: string): Promise<string>;
}

/** The example's files with its module built: made once, copied for every test. */
let template: Promise<string> | undefined;

async function makeTemplate(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aos-template-"));
  await cp(EXAMPLE, folder, { recursive: true });
  await rm(join(folder, "modules"), { recursive: true, force: true });
  const { artifact } = await bundleReducer({ entry: join(folder, "reducer", "safe-upgrade.ts") });
  await mkdir(join(folder, "modules", "demo"), { recursive: true });
  await writeFile(join(folder, "modules", "demo", "SafeUpgrade@1.js.cbor"), artifact);
  return folder;
}

export async function removeTemplate(): Promise<void> {
  if (template !== undefined) await rm(await template, { recursive: true, force: true });
}

/** @param hooks - `bare-handed`: without the hooks */
export async function cloneOf(t: AtEnd, hooks: "installed" | "bare-handed" = "installed"): Promise<Clone> {
  template ??= makeTemplate();
  const base = await mkdtemp(join(tmpdir(), "aos-clone-"));
  t.after(() => rm(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  const folder = join(base, "a clone's folder");
  await cp(await template, folder, { recursive: true });
  const clone: Clone = {
    base, folder,
    run: (args, options = {}) => runGit(options.cwd ?? folder, args, { HOME: base, ...options.env }),
    async git(...args) {
      const { code, said } = await clone.run(args);
      assert.equal(code, 0, `git ${args.join(" ")}: ${said}`);
      return said.trimEnd();
    },
    async write(path, text) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    },
    read: (path) => readFile(join(folder, path), "utf8"),
  };
  await clone.git("init", "--quiet", "--initial-branch=main");
  await clone.git("config", "user.name", "author");
  await clone.git("config", "user.email", "author@aos");
  await clone.git("add", "--all");
  await clone.git("commit", "--quiet", "-m", "Begin");
  if (hooks === "installed") await installHooks(clone);
  return clone;
}

export async function installHooks({ folder }: Pick<Clone, "folder">): Promise<void> {
  await installClientHooks(await openRepo(folder), { nodePath: process.execPath, entry: ENTRY });
}

function runGit(cwd: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile("git", [...args], { cwd, env: { ...gitEnvironment(env), GIT_OPTIONAL_LOCKS: "1" } as NodeJS.ProcessEnv }, (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? 1), said: stdout + stderr }));
    child.stdin?.end();
  });
}
