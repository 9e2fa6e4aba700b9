// What a server's hooks cost: a push of many signed commits, judged, beside the same push to a repository without hooks.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gitEnvironment, initRepo, readRef, type Oid } from "@agentos/controller";
import { governedWorld, type GovernedWorld } from "@agentos/controller/testing";
import { expect, type Row, type Work } from "./measure.ts";

const run = promisify(execFile);
const AOS = fileURLToPath(new URL("../../cli/bin/aos.js", import.meta.url));
const MAIN = "refs/heads/main";
/** In an agent's name every new commit's signature is checked. */
const PROPOSAL = "refs/heads/proposals/agent/helper/long";

interface Scene {
  readonly folder: string;
  readonly world: GovernedWorld;
  readonly tip: Oid;
  /** Servers that have main, to be copied. */
  readonly guarded: string;
  readonly plain: string;
}

/** @param commits - how many a push brings */
export function hooksRows(commits: number): readonly Row[] {
  let scene: Promise<Scene> | undefined;
  const made = (): Promise<Scene> => (scene ??= makeScene(commits));
  return [
    {
      name: "push with server hooks", count: commits, unit: "commits",
      subject: async () => pushTo(await made(), "guarded"),
      baseline: { name: "push without hooks", prepare: async () => pushTo(await made(), "plain") },
    },
  ];
}

async function makeScene(commits: number): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), "aos-bench-hooks-"));
  // All runs share it, so it goes with the process.
  const world = await governedWorld({ after: () => undefined });
  process.once("exit", () => {
    for (const made of [folder, world.folder]) rmSync(made, { recursive: true, force: true });
  });
  let tip = await world.main();
  for (let at = 0; at < commits; at++) tip = await world.commit({ parents: [tip], files: { [`air/${at % 10}.txt`]: `${at}\n` }, by: "helper", message: `Change ${at}\n` });
  const [guarded, plain] = [join(folder, "guarded"), join(folder, "plain")];
  for (const server of [guarded, plain]) {
    await initRepo(server, { kind: "bare" });
    await git(world.folder, ["push", "--quiet", server, MAIN]);
  }
  await run(process.execPath, [AOS, "hooks", "install", "--server", guarded, "--quiet"]);
  return { folder, world, tip, guarded, plain };
}

async function pushTo(scene: Scene, kind: "guarded" | "plain"): Promise<Work> {
  const server = await mkdtemp(join(scene.folder, "server-"));
  await cp(scene[kind], server, { recursive: true });
  return {
    run: () => git(scene.world.folder, ["push", "--quiet", server, `${scene.tip}:${PROPOSAL}`]),
    async done() {
      expect((await readRef(server, PROPOSAL)) === scene.tip, "the push is taken");
      await rm(server, { recursive: true, force: true });
    },
  };
}

async function git(folder: string, args: readonly string[]): Promise<void> {
  await run("git", [...args], { cwd: folder, env: gitEnvironment() as NodeJS.ProcessEnv });
}
