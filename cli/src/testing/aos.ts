// Runs the real `aos` in real folders, as a person would, and takes fingerprints of folders.

import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, readlink, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

export const AOS = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of the machine's or the caller's own configuration reaches a test. */
function environment(extra: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:AOS|GIT|NO_COLOR|FORCE_COLOR|SSH|NODE_TEST)/.test(name));
  return { ...Object.fromEntries(kept), HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_TERMINAL_PROMPT: "0", ...extra };
}

export interface Call {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs `aos` with these words to its end. */
export function aos(words: readonly string[], call: Call): Promise<Ran> {
  return ran(process.execPath, [AOS, ...words], call);
}

/** Runs stock git, which must succeed; returns what it printed. */
export async function git(cwd: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ran("git", words, { cwd });
  if (code !== 0) throw new Error(`git ${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** Longer than any command here takes; one that waits for ever is stopped and fails its test. */
const RUN_TIMEOUT_MS = 60_000;

function ran(program: string, words: readonly string[], { cwd, env = {}, stdin }: Call): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd, env: environment(env), stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"], timeout: RUN_TIMEOUT_MS });
    const printed = { stdout: "", stderr: "" };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (printed.stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (printed.stderr += text));
    // A command that fails before it has read its input closes the pipe; its exit code tells the rest.
    child.stdin?.on("error", () => undefined).end(stdin);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, ...printed }));
  });
}

export interface RunningAos {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly output: () => string;
  /** Asks it to stop as Ctrl-C does; resolves with its exit code. */
  stop(): Promise<number | null>;
}

/** Starts an `aos` that stays, and waits until it has printed what `ready` matches. */
export async function startAos(t: TestContext, words: readonly string[], options: Call & { readonly ready: RegExp }): Promise<RunningAos> {
  const child = spawn(process.execPath, [AOS, ...words], { cwd: options.cwd, env: environment(options.env ?? {}), stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  atEnd(t, async () => {
    child.kill("SIGKILL");
    await ended;
  });
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      printed += chunk.toString("utf8");
      if (options.ready.test(printed)) resolve();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    void ended.then((code) => reject(new Error(`aos ${words.join(" ")} ended with ${code}: ${printed}`)));
  });
  return {
    child,
    output: () => printed,
    stop() {
      child.kill("SIGINT");
      return ended;
    },
  };
}

/** A folder of its own for a test, gone after it. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "aos-cli-")));
  // What a push left to do in the background of a server may still write there.
  atEnd(t, () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return folder;
}

const ends = new WeakMap<TestContext, (() => Promise<void>)[]>();

/** At the end of a test, the last first: a process is stopped before the folder it works in goes. */
function atEnd(t: TestContext, act: () => Promise<void>): void {
  const known = ends.get(t);
  if (known !== undefined) {
    known.push(act);
    return;
  }
  const acts = [act];
  ends.set(t, acts);
  t.after(async () => {
    for (const one of acts.reverse()) await one();
  });
}

/** Every file below a folder with the hash of its bytes, `.git` included, and every empty folder. */
export async function fingerprint(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isDirectory()) return `${name}/`;
    if (entry.isSymbolicLink()) return `${name} -> ${await readlink(path)}`;
    return entry.isFile() ? `${name} ${createHash("sha256").update(await readFile(path)).digest("hex")}` : `${name} (special)`;
  });
  return (await Promise.all(lines)).sort();
}

/** Asks again until the answer is there; a test that waits for ever fails by its own limit. */
export async function eventually<T>(ask: () => Promise<T | undefined>, what: string): Promise<T> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never came: ${what}`);
}
