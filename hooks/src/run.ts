// The hooks by name: each judges or tells what git gives it, and says what is wrong on stderr.

import { resolve } from "node:path";
import { AosError, InvariantError } from "@agentos/kernel";
import type { PushedLine, Verdict } from "./pre-receive.ts";

/** A program that is wrong must not let a push pass. */
const EXIT_BROKEN = 70;

type Hook = (args: readonly string[]) => Promise<number>;

/** Each loads what it needs: a commit that touches no world waits for nothing else. */
const HOOKS: Readonly<Record<string, Hook>> = {
  async "pre-receive"() {
    const { preReceive } = await import("./pre-receive.ts");
    return told(await preReceive(gitFolder(), parseLines(await readInput())));
  },
  async "post-receive"() {
    const { postReceive } = await import("./post-receive.ts");
    await postReceive(gitFolder(), parseLines(await readInput()), { entry: entry() });
    return 0;
  },
  async "shadow-queue"() {
    const [{ workQueue }, { openRepo }] = await Promise.all([import("./shadow-queue.ts"), import("@agentos/controller")]);
    await workQueue(await openRepo(gitFolder()), entry());
    return 0;
  },
  async shadow([slug = ""]) {
    const { runShadow } = await import("./shadow-queue.ts");
    await runShadow(gitFolder(), slug);
    return 0;
  },
  async "pre-commit"() {
    const [{ preCommit }, { clientRepo }] = await Promise.all([import("./pre-commit.ts"), import("./client-repo.ts")]);
    const verdict = await preCommit(await clientRepo(process.cwd()));
    say(verdict.notes);
    return toldToCommitter(verdict);
  },
  async "commit-msg"([file = ""]) {
    const [{ commitMsg }, { clientRepo }] = await Promise.all([import("./commit-msg.ts"), import("./client-repo.ts")]);
    return toldToCommitter(await commitMsg(await clientRepo(process.cwd()), resolve(file)));
  },
  async "pre-push"([remote = ""]) {
    const [{ prePush }, { clientRepo }] = await Promise.all([import("./pre-push.ts"), import("./client-repo.ts")]);
    const lines = (await readInput()).split("\n").filter((line) => line !== "").map((line) => {
      const [, localOid = "", remoteRef = "", remoteOid = ""] = line.split(" ");
      return { localOid, remoteRef, remoteOid };
    });
    const verdict = await prePush(await clientRepo(process.cwd()), remote, lines);
    if (!verdict.ok) say(["not pushed (git push --no-verify leaves these checks out):"]);
    return told(verdict);
  },
};

/**
 * Runs one hook: `[hook, …arguments]`, with stdin as git gives it. Sets the exit code; never throws.
 */
export async function runHook(words: readonly string[]): Promise<void> {
  try {
    process.exitCode = await codeOf(words);
  } catch (error) {
    say([error instanceof Error ? error.message : String(error)]);
    process.exitCode = error instanceof InvariantError ? EXIT_BROKEN : error instanceof AosError ? 1 : EXIT_BROKEN;
  }
}

async function codeOf([hook = "", ...args]: readonly string[]): Promise<number> {
  const run = Object.hasOwn(HOOKS, hook) ? HOOKS[hook] : undefined;
  if (run !== undefined) return run(args);
  say([`there is no hook ${JSON.stringify(hook)}`]);
  return 2;
}

/** The program that runs now: what works in the background runs it too. */
function entry(): string {
  return resolve(process.argv[1] ?? "");
}

function gitFolder(): string {
  return resolve(process.env["GIT_DIR"] ?? ".");
}

function told(verdict: Verdict): number {
  if (verdict.ok) return 0;
  say(verdict.messages);
  return 1;
}

function toldToCommitter(verdict: Verdict): number {
  if (!verdict.ok) say(["not committed (git commit --no-verify leaves these checks out):"]);
  return told(verdict);
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString("utf8");
}

/** `<old> <new> <ref>` a line. */
function parseLines(text: string): readonly PushedLine[] {
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    const [old = "", next = "", ...ref] = line.split(" ");
    return [{ old, new: next, ref: ref.join(" ") }];
  });
}

/** git hands these lines to whoever pushes. */
function say(messages: readonly string[]): void {
  for (const message of messages) process.stderr.write(`aos: ${message.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ")}\n`);
}
