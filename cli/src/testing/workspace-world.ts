// A world that keeps workspaces, made and run as a person would.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { aos, git, startAos, temporaryFolder, type Ran, type RunningAos } from "./aos.ts";

const MANIFEST = {
  $kind: "manifest", air_version: "1", schemas: [{ name: "sys/WorkspaceCommit@1" }], modules: [{ name: "sys/Workspace@1" }], plans: [], effects: [], caps: [], policies: [],
  routing: { events: [{ event: "sys/WorkspaceCommit@1", reducer: "sys/Workspace@1", key_field: "workspace" }] },
};

interface WorkspaceWorld {
  readonly folder: string;
  readonly world: string;
  run(...words: readonly string[]): Promise<Ran>;
  /** With this on standard input. */
  pipe(stdin: string, ...words: readonly string[]): Promise<Ran>;
  /** What a command that ends well prints. */
  out(...words: readonly string[]): Promise<string>;
  /** The same with --json. */
  json(...words: readonly string[]): Promise<Record<string, unknown>>;
  git(...words: readonly string[]): Promise<string>;
  /** Runs it, from nothing or from what it left. */
  start(from?: "nothing" | "before"): Promise<RunningAos>;
}

export async function workspaceWorld(t: TestContext): Promise<WorkspaceWorld> {
  const folder = await temporaryFolder(t);
  const world = join(folder, "world");
  assert.equal((await aos(["init", "world", "--template", "empty"], { cwd: folder })).code, 0);
  await mkdir(join(world, "air"), { recursive: true });
  await writeFile(join(world, "air", "manifest.air.json"), JSON.stringify(MANIFEST));
  await git(world, "add", "--all");
  await git(world, "commit", "--quiet", "--amend", "--no-edit");
  const env = { AOS_OWNER: "Ann <ann@example.org>" };
  const run = (...words: readonly string[]): Promise<Ran> => aos(words, { cwd: world, env });
  const out = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(...words);
    assert.equal(code, 0, `${words.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  return {
    folder, world, run, out,
    pipe: (stdin, ...words) => aos(words, { cwd: world, env, stdin }),
    json: async (...words) => JSON.parse((await out(...words, "--json")).trim().split("\n").at(-1) ?? "") as Record<string, unknown>,
    git: async (...words) => String(await git(world, ...words)),
    start: (from = "nothing") => startAos(t, ["run"], { cwd: world, ready: from === "nothing" ? /the world begins/ : /world opened/ }),
  };
}
