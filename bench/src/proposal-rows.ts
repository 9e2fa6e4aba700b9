// How long a proposal waits for its report: from the push to the controller's signed note on it, beside the same push and `aos shadow` by hand.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gitEnvironment, openLocal, openRepo, readShadowNote, startController, type Local, type Oid, type RunningController } from "@agentos/controller";
import { eventually, safeUpgradeRepo, type WorldRepo } from "@agentos/controller/testing";
import { expect, type Row, type Work } from "./measure.ts";

const run = promisify(execFile);
const AOS = fileURLToPath(new URL("../../cli/bin/aos.js", import.meta.url));
const LOOK_MS = 2;

interface Scene {
  readonly world: WorldRepo;
  /** The tree of the proposal, and main. */
  readonly tree: string;
  readonly main: string;
  /** Bare repositories in which the world has begun; a controller runs in the first while it is measured. */
  readonly served: string;
  readonly quiet: string;
  readonly local: Local;
}

/** The controller runs in this process, on the repository that is pushed to: no hosting service, no hooks. */
export function proposalRows(): readonly Row[] {
  let scene: Promise<Scene> | undefined;
  let count = 0;
  const made = (): Promise<Scene> => (scene ??= makeScene());
  const next = async (): Promise<{ readonly scene: Scene; readonly slug: string; readonly head: Oid }> => {
    const here = await made();
    const slug = `try-${++count}`;
    const head = await here.world.git("-c", "user.name=author", "-c", "user.email=author@aos", "commit-tree", "-p", here.main, "-m", slug, here.tree);
    return { scene: here, slug, head: head as Oid };
  };
  return [
    {
      name: "report on a pushed proposal", count: 1, unit: "proposals", reach: 1,
      subject: async () => reported(await next()),
      baseline: { name: "git push, then aos shadow", prepare: async () => byHand(await next()) },
    },
  ];
}

async function makeScene(): Promise<Scene> {
  const world = await safeUpgradeRepo();
  const folder = await mkdtemp(join(tmpdir(), "aos-bench-proposals-"));
  process.once("exit", () => {
    for (const made of [folder, world.folder]) rmSync(made, { recursive: true, force: true });
  });
  const [served, quiet] = [join(folder, "served.git"), join(folder, "quiet.git")];
  await world.git("init", "--quiet", "--bare", "--initial-branch=main", served);
  await world.git("push", "--quiet", served, "main");
  await (await serve(world, served)).stop();
  await cp(served, quiet, { recursive: true });
  const head = await world.proposeUpgrade("upgrade");
  return { world, served, quiet, local: await openLocal(served), main: await world.git("rev-parse", "main"), tree: await world.git("rev-parse", `${head}^{tree}`) };
}

async function serve(world: WorldRepo, folder: string): Promise<RunningController> {
  const controller = await startController({ repo: await openRepo(folder), key: world.keys.controller, remote: undefined, trust: world.trust, log: () => undefined });
  await eventually(() => controller.status().ready.status === "True", "the world in force");
  return controller;
}

interface Proposal {
  readonly scene: Scene;
  readonly slug: string;
  readonly head: Oid;
}

async function reported({ scene, slug, head }: Proposal): Promise<Work> {
  const { world, served, local } = scene;
  const ref = `refs/heads/proposals/${slug}`;
  const controller = await serve(world, served);
  return {
    async run() {
      await world.git("push", "--quiet", served, `${head}:${ref}`);
      for (const end = Date.now() + 30_000; (await readShadowNote(local, head)).entries.length === 0; await new Promise((resolve) => setTimeout(resolve, LOOK_MS))) {
        expect(Date.now() < end, "a report within 30 s");
      }
    },
    // Proposals that are still open would be looked at again at every turn of the loop.
    async done() {
      await controller.stop();
      await run("git", ["-C", served, "update-ref", "-d", ref], { env: gitEnvironment() as NodeJS.ProcessEnv });
    },
  };
}

async function byHand({ scene, slug, head }: Proposal): Promise<Work> {
  const { world, quiet } = scene;
  let told = "";
  return {
    async run() {
      await world.git("push", "--quiet", quiet, `${head}:refs/heads/proposals/${slug}`);
      told = (await run(process.execPath, [AOS, "shadow", slug, "--world", quiet, "--json"], { maxBuffer: 1 << 26 })).stdout;
    },
    done: () => expect(told.includes(head), "a report on the pushed head"),
  };
}
