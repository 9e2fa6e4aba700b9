// Temporary folders and repositories for the tests of this folder, and stock git and ssh-keygen as the judges.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { SigningKey } from "./ed25519.ts";
import { atEnd } from "../testing/at-end.ts";
import { signingKey } from "./ed25519.ts";
import { bareRepo } from "./bare-repo.ts";
import { publicKeyLine } from "./keys.ts";
import { commitObject } from "./objects.ts";
import type { Oid } from "./objects.ts";
import { initRepo } from "./repo.ts";
import type { Repo } from "./repo.ts";
import { gitEnvironment } from "./run.ts";
import { openStore } from "./store.ts";
import type { ObjectStore } from "./store.ts";

/** No configuration of the person who runs the tests reaches them, nor do they need any. */
Object.assign(process.env, {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "tester",
  GIT_AUTHOR_EMAIL: "tester@example.org",
  GIT_COMMITTER_NAME: "tester",
  GIT_COMMITTER_EMAIL: "tester@example.org",
});

export const IDENTITY = { name: "controller", email: "controller@example.org" };
/** A date that has nothing to do with the clock. */
export const T0 = 1_700_000_000;

/** A key that is the same in every run. */
export function testKey(seedByte: number): SigningKey {
  return signingKey(new Uint8Array(32).fill(seedByte), `key ${seedByte}`);
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "aos-git-"));
  // What git left to do in the background may still write there.
  atEnd(t, () => rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return path;
}

export interface RepoFixture {
  readonly folder: string;
  readonly repo: Repo;
  readonly gitDir: string;
  readonly store: ObjectStore;
}

export async function temporaryRepo(t: TestContext, options: { readonly kind: "bare" | "worktree" } = { kind: "bare" }): Promise<RepoFixture> {
  const folder = join(await temporaryFolder(t), "repo");
  const repo = options.kind === "bare" ? await bareRepo(folder) : await initRepo(folder, options);
  const store = openStore(repo.gitDir);
  atEnd(t, () => store.close());
  return { folder, repo, gitDir: repo.gitDir, store };
}

interface StockResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a stock tool; any exit code is an answer. */
export function stock(tool: "git" | "ssh-keygen" | "sh", cwd: string, args: readonly string[], options: { readonly stdin?: string } = {}): Promise<StockResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { cwd, env: gitEnvironment() });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.stdin.on("error", () => undefined);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout: Buffer.concat(out).toString("utf8"), stderr: Buffer.concat(err).toString("utf8") }));
    child.stdin.end(options.stdin ?? "");
  });
}

/** Runs stock git, which must succeed; its output without the last newline. */
export async function stockGit(cwd: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await stock("git", cwd, args);
  if (code !== 0) throw new Error(`git ${args.join(" ")}: exit ${code}: ${stderr}`);
  return stdout.replace(/\n$/, "");
}

/** A file by which stock tools believe these keys, each as `signer<n>@example.org`. */
export async function allowedSignersFile(folder: string, keys: readonly SigningKey[], namespaces: readonly string[]): Promise<string> {
  const path = join(folder, "allowed_signers");
  const lines = keys.map(({ publicKey }, at) => `signer${at}@example.org namespaces="${namespaces.join(",")}" ${publicKeyLine({ publicKey, comment: "" })}\n`);
  await writeFile(path, lines.join(""));
  return path;
}

/** Writes `count` commits without parents or content that differ by message; their ids. */
export async function someCommits(store: ObjectStore, count: number): Promise<readonly Oid[]> {
  const empty = await stock("git", store.gitDir, ["hash-object", "-t", "tree", "-w", "--stdin"]);
  const who = { ...IDENTITY, time: T0, tz: "+0000" };
  const commits = Array.from({ length: count }, (_, at) =>
    commitObject({ tree: empty.stdout.trim() as Oid, parents: [], author: who, committer: who, message: `commit ${at}\n` }),
  );
  await (await store.writePack(commits)).release();
  return commits.map(({ oid }) => oid);
}

/** A running child-writer: lines in, lines out. */
interface ChildWriter {
  /** Sends a line and waits for the answer. */
  ask(line: string): Promise<string>;
  /** The next line it prints, or undefined once it has ended and all of its lines were read. */
  next(): Promise<string | undefined>;
  /** Kills it with SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts child-writer in a process of its own; it is killed at the end of the test at the latest. */
export function startWriter(t: TestContext, mode: "append" | "cas", gitDir: string, ref: string): ChildWriter {
  const script = fileURLToPath(import.meta.resolve("./child-writer.ts".replace(/ts$/, import.meta.url.endsWith(".ts") ? "ts" : "js")));
  const child = spawn(process.execPath, [script, mode, gitDir, ref], { stdio: ["pipe", "pipe", "inherit"] });
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const printed = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string | undefined> => {
    const { value, done } = await printed.next();
    return done === true ? undefined : value;
  };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await gone;
  };
  child.stdin.on("error", () => undefined);
  atEnd(t, kill);
  return {
    next,
    kill,
    async ask(line) {
      child.stdin.write(`${line}\n`);
      return (await next()) ?? "ended";
    },
  };
}
