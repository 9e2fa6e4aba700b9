// What the commands of hooks are about: a clone or a server's repository, and the program that the hooks run.

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { AosError } from "@agentos/kernel";
import { openRepo, type Repo } from "@agentos/controller";
import type { Program } from "@agentos/hooks";
import type { Context } from "./context.ts";

/** The repository at hand, of a world or not: hooks of a clone say nothing where there is no world. */
export function cloneAt(cx: Context): Promise<Repo> {
  return openRepo(resolve(cx.cwd, cx.world ?? "."));
}

/** @throws AosError `hooks.server` */
export async function serverAt(cx: Context, server: string): Promise<string> {
  const gitDir = resolve(cx.cwd, server);
  if ((await stat(gitDir).catch(() => undefined))?.isDirectory() !== true) {
    throw new AosError("hooks.server", `${gitDir}: no such folder`, { at: { file: gitDir }, hint: "make the repository first: git init --bare DIR" });
  }
  return gitDir;
}

export function hooksProgram(): Program {
  return { nodePath: process.execPath, entry: fileURLToPath(new URL("../bin/aos-hook.js", import.meta.url)) };
}
