// Runs the real `aos` in real folders, as a person would, and takes fingerprints of folders.

import assert from "node:assert/strict";
import { fork, spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, readlink, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { atEnd, inTime } from "@agentos/controller/testing";

export { eventually, inTime } from "@agentos/controller/testing";

export const AOS = fileURLToPath(new URL("../../bin/aos.js", import.meta.url));

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** It went well. */
export function ok(ran: Ran): Ran {
  assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
  return ran;
}

/** The one object a command printed. */
export function json(ran: Ran): Readonly<Record<string, unknown>> {
  return JSON.parse(ok(ran).stdout) as Readonly<Record<string, unknown>>;
}

/** Nothing of the machine's or the caller's own configuration reaches a test. */
function environment(extra: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:AOS|GIT|NO_COLOR|FORCE_COLOR|SSH|NODE_TEST)/.test(name));
  return { ...Object.fromEntries(kept), HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_TERMINAL_PROMPT: "0", ...extra };
}

interface Call {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs `aos` with these words to its end, in a process that other commands of this test were run in. */
export async function aos(words: readonly string[], call: Call): Promise<Ran> {
  const host = await takeHost();
  try {
    return await host.run(words, call);
  } finally {
    giveBack(host);
  }
}

/** Runs `aos` with these words to its end, in a process of its own, as a person does. */
export function aosProcess(words: readonly string[], call: Call): Promise<Ran> {
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

/** A process that runs one command after another: in a fraction of the time that a process for each takes. */
interface Host {
  run(words: readonly string[], call: Call): Promise<Ran>;
}

/** More at once than any test has commands that wait for each other. */
const HOSTS_MAX = 3;

/** Hosts that have nothing to do, and calls that wait for one. Hosts end with this process. */
const idle: Host[] = [];
const waiting: ((host: Host) => void)[] = [];
let hosts = 0;

async function takeHost(): Promise<Host> {
  const host = idle.pop();
  if (host !== undefined) return host;
  if (hosts === HOSTS_MAX) return new Promise((resolve) => waiting.push(resolve));
  hosts += 1;
  return startHost();
}

function giveBack(host: Host): void {
  const next = waiting.shift();
  if (next === undefined) idle.push(host);
  else next(host);
}

async function startHost(): Promise<Host> {
  const child = fork(fileURLToPath(new URL("./aos-host.js", import.meta.url)), { env: environment({}) as NodeJS.ProcessEnv, stdio: ["ignore", "ignore", "inherit", "ipc"], execArgv: process.execArgv.filter((flag) => flag === "--enable-source-maps") });
  const ended = new Promise<never>((_, reject) => child.once("exit", (code, signal) => reject(new Error(`the process that runs aos ended: ${code ?? signal}`))));
  ended.catch(() => undefined);
  const answer = async (what: string): Promise<{ readonly ran?: Ran; readonly error?: string }> => {
    child.ref();
    child.channel?.ref();
    try {
      return await inTime(Promise.race([ended, new Promise<{ readonly ran?: Ran }>((resolve) => child.once("message", resolve as (message: unknown) => void))]), what);
    } finally {
      child.unref();
      child.channel?.unref();
    }
  };
  await answer("the process that runs aos is ready");
  return {
    async run(words, { cwd, env = {}, stdin = "" }) {
      const answered = answer(`aos ${words.join(" ")}`);
      child.send({ words, cwd, env: environment(env), stdin });
      const { ran, error } = await answered;
      return ran ?? assert.fail(`aos ${words.join(" ")}: ${error}`);
    },
  };
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
  // Not "exit": what it printed last may still be on its way then.
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  atEnd(t, async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const ready = new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      printed += chunk.toString("utf8");
      if (options.ready.test(printed)) resolve();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    void ended.then((code) => reject(new Error(`aos ${words.join(" ")} ended with ${code}: ${printed}`)));
  });
  ready.catch(() => undefined);
  await inTime(ready, `aos ${words.join(" ")} prints ${options.ready}`, { seen: () => printed });
  return {
    child,
    output: () => printed,
    stop() {
      child.kill("SIGINT");
      return inTime(ended, `aos ${words.join(" ")} ends after SIGINT`, { seen: () => printed });
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

/** Every file below a folder with the hash of its bytes, `.git` included, and every empty folder; none that goes while it is looked at. */
export async function fingerprint(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = entries.map(async (entry): Promise<string | undefined> => {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isDirectory()) return `${name}/`;
    if (entry.isSymbolicLink()) return `${name} -> ${await readlink(path)}`;
    if (!entry.isFile()) return `${name} (special)`;
    const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? undefined : Promise.reject(error)));
    return bytes === undefined ? undefined : `${name} ${createHash("sha256").update(bytes).digest("hex")}`;
  });
  return (await Promise.all(lines)).filter((line) => line !== undefined).sort();
}

