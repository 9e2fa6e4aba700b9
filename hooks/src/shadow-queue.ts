// Shadow runs of pushed proposals on the server: in the background, one at a time, each bounded in time and memory.

import { spawn } from "node:child_process";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AosError, createModuleRunner, jsonOf, lockWorld, writeJson } from "@agentos/kernel";
import type { WorldLock } from "@agentos/kernel";
import { MAIN_REF, PROPOSALS_PREFIX, hookReport, hookReports, isSlug, openRepo, readRef, shadowLocally } from "@agentos/controller";
import type { Repo } from "@agentos/controller";

/** Proposals that may wait; what is pushed beyond them is not run. */
const WAITING_MAX = 100;
/** Reports that are kept; a proposal has one, the last. */
const REPORTS_MAX = 200;
const RUN_TIMEOUT_MS = 60_000;
const RUN_MEMORY_MB = 1024;

interface Folders {
  readonly queue: string;
  readonly reports: string;
}

/** `<git folder>/aos/shadows/`; a proposal's file is named by its slug, `/` written as `+`. */
export function shadowFolders({ commonDir }: Pick<Repo, "commonDir">): Folders {
  return { queue: join(commonDir, "aos", "shadows", "queue"), reports: hookReports({ commonDir }) };
}

/** Puts proposals in the queue. @returns those that found room */
export async function enqueue(repo: Repo, slugs: readonly string[]): Promise<readonly string[]> {
  const { queue } = await made(repo);
  const waiting = new Set(await readdir(queue));
  const taken = slugs.filter((slug) => isSlug(slug) && (waiting.has(fileOf(slug)) || waiting.size < WAITING_MAX) && waiting.add(fileOf(slug)));
  for (const slug of taken) await writeFile(join(queue, fileOf(slug)), "");
  return taken;
}

/** Starts the worker and leaves it: nobody who pushes waits for a run. */
export function startWorker(repo: Repo, entry: string): void {
  spawn(process.execPath, [entry, "shadow-queue"], { cwd: repo.gitDir, detached: true, stdio: "ignore" }).unref();
}

/**
 * Works the queue off, each run in a process of its own. A second worker finds the lock taken and ends; the first looks again
 * after it let go, so nothing that was put in meanwhile is left.
 */
export async function workQueue(repo: Repo, entry: string): Promise<void> {
  const { queue, reports } = await made(repo);
  while ((await readdir(queue)).length > 0) {
    const lock = await locked(queue);
    if (lock === undefined) return;
    try {
      for (const name of (await waitingIn(queue)).slice(0, WAITING_MAX)) {
        await rm(join(queue, name), { force: true });
        await runOne(repo, entry, name);
      }
      await prune(reports);
    } finally {
      await lock.release();
    }
  }
}

async function locked(queue: string): Promise<WorldLock | undefined> {
  try {
    return await lockWorld(join(queue, ".."), { command: "shadow-queue" });
  } catch (cause) {
    if (cause instanceof AosError && cause.code === "world.running") return undefined;
    throw cause;
  }
}

async function waitingIn(queue: string): Promise<readonly string[]> {
  return (await readdir(queue)).sort();
}

/** A run that hangs or grows is ended; its report then says so. */
async function runOne(repo: Repo, entry: string, name: string): Promise<void> {
  const { reports } = shadowFolders(repo);
  const code = await new Promise<number | null>((resolve) => {
    const child = spawn(process.execPath, [`--max-old-space-size=${RUN_MEMORY_MB}`, entry, "shadow", slugOf(name)], { cwd: repo.gitDir, stdio: "ignore", timeout: RUN_TIMEOUT_MS, killSignal: "SIGKILL" });
    child.on("error", () => resolve(null));
    child.on("close", resolve);
  });
  if (code !== 0) await place(join(reports, `${name}.md`), `The shadow run did not finish: it was ended after ${RUN_TIMEOUT_MS / 1000} s, or at ${RUN_MEMORY_MB} MB.\n`);
}

/** One run, written down: the report for people and as JSON, or why there is none. */
export async function runShadow(gitDir: string, slug: string): Promise<void> {
  const repo = await openRepo(gitDir);
  await made(repo);
  const [base, head] = [await readRef(repo.commonDir, MAIN_REF), isSlug(slug) ? await readRef(repo.commonDir, PROPOSALS_PREFIX + slug) : undefined];
  if (base === undefined || head === undefined) return;
  const file = hookReport(repo, slug);
  try {
    const { json, markdown } = await shadowLocally(repo, { base, head, modules: createModuleRunner() });
    await place(`${file}.json`, `${writeJson(jsonOf({ slug, base, head, report: json }))}\n`);
    await place(`${file}.md`, markdown);
  } catch (cause) {
    if (!(cause instanceof AosError)) throw cause;
    await rm(`${file}.json`, { force: true });
    await place(`${file}.md`, `The shadow run found no answer for ${head.slice(0, 12)} on ${base.slice(0, 12)}: ${cause.message}\n`);
  }
}

async function made(repo: Repo): Promise<Folders> {
  const folders = shadowFolders(repo);
  await mkdir(join(repo.commonDir, "aos"), { recursive: true, mode: 0o700 });
  await mkdir(folders.queue, { recursive: true });
  await mkdir(folders.reports, { recursive: true });
  return folders;
}

async function place(path: string, text: string): Promise<void> {
  await writeFile(`${path}.${process.pid}.new`, text);
  await rename(`${path}.${process.pid}.new`, path);
}

/** Any report can be made again by a push. */
async function prune(reports: string): Promise<void> {
  const names = (await readdir(reports)).sort();
  for (const name of names.slice(0, Math.max(0, names.length - 2 * REPORTS_MAX))) await rm(join(reports, name), { force: true });
}

function fileOf(slug: string): string {
  return slug.replaceAll("/", "+");
}

function slugOf(file: string): string {
  return file.replaceAll("+", "/");
}
