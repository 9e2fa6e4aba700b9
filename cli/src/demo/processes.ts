// The programs the demo runs: `aos` and git, as a person would, each command shown.

import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AosError } from "@agentos/kernel";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
export const AOS = join(ROOT, "cli", "bin", "aos.js");

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
interface Expectation {
  /** The exit code that is right; anything else is an error. */
  readonly expect: number;
}

export function exampleFolder(name: string): string {
  return join(ROOT, "examples", name);
}

/** The world sees no configuration but its own. */
export const ENVIRONMENT: NodeJS.ProcessEnv = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", LC_ALL: "C", NO_COLOR: "1" };

interface RunOptions extends Expectation {
  readonly env?: Readonly<Record<string, string>>;
}

export function run(program: string, args: readonly string[], cwd: string, { expect, env = {} }: RunOptions = { expect: 0 }): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...ENVIRONMENT, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (part: Buffer) => out.push(part));
    child.stderr.on("data", (part: Buffer) => err.push(part));
    child.on("error", (cause) => reject(new AosError("demo.spawn", `${program}: ${cause.message}`, { class: "outside", hint: `is ${program} installed?`, cause })));
    child.on("close", (code) => {
      const ran = { code: code ?? -1, stdout: Buffer.concat(out).toString("utf8"), stderr: Buffer.concat(err).toString("utf8") };
      if (ran.code === expect) resolve(ran);
      else reject(new AosError("demo.command", `${program} ${args.join(" ")}: exit code ${ran.code}, expected ${expect}\n${ran.stdout}${ran.stderr}`, { class: "outside" }));
    });
  });
}

export function aos(cwd: string, ...words: readonly [string, ...string[]] | readonly [Expectation, ...string[]]): Promise<Ran> {
  const [first, ...rest] = words;
  const args = typeof first === "string" ? [first, ...rest] : rest;
  const expectation = typeof first === "string" ? { expect: 0 } : first;
  console.log(`  $ aos ${args.map(shellWord).join(" ")}`);
  return run(process.execPath, [AOS, ...args], cwd, expectation);
}

/** A word as a shell takes it: in single quotes where it needs them. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  return (await run("git", ["-C", cwd, ...args], cwd)).stdout.trimEnd();
}
