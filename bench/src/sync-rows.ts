// What push and pull of a folder cost, as processes against a running world, beside git with the same files and a repository of its own.

import { execFile, spawn } from "node:child_process";
import { mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gitEnvironment } from "@agentos/controller";
import { expect, type Row, type Work } from "./measure.ts";

const run = promisify(execFile);
const AOS = fileURLToPath(new URL("../../cli/bin/aos.js", import.meta.url));
const FILES_A_FOLDER = 100;
const CHANGED = 10;
const MANIFEST = {
  $kind: "manifest", air_version: "1", schemas: [{ name: "sys/WorkspaceCommit@1" }], modules: [{ name: "sys/Workspace@1" }], plans: [], effects: [], caps: [], policies: [], triggers: [],
  routing: { events: [{ event: "sys/WorkspaceCommit@1", reducer: "sys/Workspace@1", key_field: "workspace" }] },
};

/** A folder and its far side, by one of both programs. */
interface Place {
  /** The folder whose files are sent. */
  readonly here: string;
  /** Another folder of the same files, which fetches. */
  there(): string;
  /** From here on it is a new one, with nothing in it. */
  renew(): Promise<void>;
  push(): Promise<void>;
  pull(): Promise<void>;
  /** Waits for what a push leaves to do in the background. */
  settled(): Promise<void>;
}

/** Each makes and sends files by the ten thousands. */
const RUNS_MAX = 3;

/** The four rows. What a run sends or fetches was never seen before. */
export function syncRows(files: number): readonly Row[] {
  const scene = sceneOf();
  const [ofAos, ofGit] = [program(files, async () => (await scene()).aos()), program(files, async () => (await scene()).git())];
  const row = (name: string, count: number, kind: Kind): Row => ({
    name, count, unit: "files", runsMax: RUNS_MAX, reach: 1.5, subject: () => ofAos(kind), baseline: { name: kind.startsWith("push") ? "git add, commit, push" : "git pull", prepare: () => ofGit(kind) },
  });
  return [row("push, first time", files, "push"), row("push, 10 changed", CHANGED, "push again"), row("pull, first time", files, "pull"), row("pull, 10 changed", CHANGED, "pull again")];
}

type Kind = "push" | "push again" | "pull" | "pull again";

/**
 * Runs of one program: a first push in a new place, all else in the one where files were pushed last. Nothing is removed before the
 * end: some disks are slow to make files where others were removed a moment ago.
 */
function program(files: number, placeOf: () => Promise<Place>): (kind: Kind) => Promise<Work> {
  let latest: Place | undefined;
  let isPulled = false;
  async function fill(): Promise<Place> {
    const place = await placeOf();
    writeFiles(place.here, range(files), "first");
    [latest, isPulled] = [place, false];
    return place;
  }
  async function pushed(): Promise<Place> {
    if (latest !== undefined) return latest;
    const place = await fill();
    await place.push();
    return place;
  }
  async function pull(place: Place): Promise<void> {
    await place.pull();
    isPulled = true;
  }
  return async (kind) => {
    const place = await (kind === "push" ? fill() : pushed());
    if (kind === "pull") await place.renew();
    if (kind === "pull again" && !isPulled) await pull(place);
    if (kind.endsWith("again")) writeFiles(place.here, changed(files), "again");
    if (kind === "pull again") await place.push();
    await place.settled();
    return {
      run: () => (kind.startsWith("push") ? place.push() : pull(place)),
      async done() {
        await place.settled();
        if (kind.startsWith("pull")) expect((await readdir(place.there(), { recursive: true })).filter((name) => name.endsWith(".txt")).length === files, `${files} files are pulled`);
      },
    };
  };
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at);
}

/** Files in different folders. */
function changed(files: number): readonly number[] {
  return range(CHANGED).map((at) => Math.floor((at * files) / CHANGED));
}

let written = 0;

/** Small texts that nobody wrote before. */
function writeFiles(dir: string, indices: readonly number[], word: string): void {
  const run = written++;
  for (const index of indices) {
    const folder = join(dir, `d${Math.floor(index / FILES_A_FOLDER)}`);
    if (index % FILES_A_FOLDER === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${index}.txt`), `${word} text of file ${index} in run ${run}\n${"words and more words\n".repeat(index % 20)}`);
  }
}

interface Scene {
  aos(): Promise<Place>;
  git(): Promise<Place>;
}

/** A world that runs, and what both programs need; made once, gone with the process. */
function sceneOf(): () => Promise<Scene> {
  let made: Promise<Scene> | undefined;
  return () => (made ??= makeScene());
}

async function makeScene(): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), "aos-bench-sync-"));
  const world = join(folder, "world");
  await run(process.execPath, [AOS, "init", world, "--template", "empty"], { cwd: folder, env: environment() });
  await writeFile(join(world, "air/manifest.air.json"), JSON.stringify(MANIFEST));
  await git(world, ["add", "--all"]);
  await git(world, ["commit", "--quiet", "--amend", "--no-edit"]);
  const log = join(folder, "log");
  const output = openSync(log, "w");
  const controller = spawn(process.execPath, [AOS, "run"], { cwd: world, env: environment(), stdio: ["ignore", output, output] });
  controller.unref();
  process.once("exit", () => {
    controller.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });
  await waitFor(async () => (await readFile(log, "utf8")).includes("the world begins"), "the world runs");
  let places = 0;
  return {
    aos: async () => aosPlace(world, `w${places++}`),
    git: async () => gitPlace(folder, `g${places++}`),
  };
}

function aosPlace(world: string, name: string): Place {
  const aos = async (word: string, dir: string): Promise<void> => void (await run(process.execPath, [AOS, word, dir, name], { cwd: world, env: environment() }));
  const here = join(world, `${name}-here`);
  const there = (): string => join(world, `${name}-there${folders}`);
  let [folders, pushes] = [0, 0];
  return {
    here, there,
    async renew() {
      folders++;
    },
    async push() {
      await aos("push", here);
      pushes++;
    },
    pull: () => aos("pull", there()),
    settled: () => waitFor(async () => pushes === 0 || (await git(world, ["rev-list", "--count", `refs/aos/workspaces/${name}`]).then((text) => Number(text), () => 0)) === pushes, `${pushes} versions of ${name} are in git`),
  };
}

async function gitPlace(folder: string, name: string): Promise<Place> {
  const [server, here] = ["server.git", "here"].map((end) => join(folder, `${name}-${end}`)) as [string, string];
  let folders = 0;
  const there = (): string => join(folder, `${name}-there${folders}`);
  // What git tidies up in the background would be done while the other program is timed.
  const begin = async (dir: string, ...options: readonly string[]): Promise<void> => {
    await git(folder, ["init", "--quiet", "--initial-branch=main", ...options, dir]);
    await git(dir, ["config", "gc.auto", "0"]);
    await git(dir, ["config", "maintenance.auto", "false"]);
  };
  const clone = async (dir: string): Promise<void> => {
    await begin(dir);
    await git(dir, ["remote", "add", "origin", server]);
  };
  await begin(server, "--bare");
  await clone(here);
  await clone(there());
  return {
    here, there,
    async renew() {
      folders++;
      await clone(there());
    },
    async push() {
      await git(here, ["add", "--all"]);
      await git(here, ["commit", "--quiet", "--message=Change"]);
      await git(here, ["push", "--quiet", "origin", "main"]);
    },
    pull: async () => void (await git(there(), ["pull", "--quiet", "origin", "main"])),
    settled: async () => undefined,
  };
}

function environment(): NodeJS.ProcessEnv {
  const identity = { GIT_AUTHOR_NAME: "bench", GIT_AUTHOR_EMAIL: "bench@aos", GIT_COMMITTER_NAME: "bench", GIT_COMMITTER_EMAIL: "bench@aos" };
  return { ...process.env, ...gitEnvironment(), ...identity, HOME: "/nonexistent" } as NodeJS.ProcessEnv;
}

async function git(cwd: string, args: readonly string[]): Promise<string> {
  return (await run("git", [...args], { cwd, env: environment(), maxBuffer: 64 << 20 })).stdout;
}

const WAIT_MS = 60_000;

async function waitFor(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const until = Date.now() + WAIT_MS; !(await holds()); await sleep(50)) expect(Date.now() < until, what);
}
