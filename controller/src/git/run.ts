// Runs native git as a child process: no shell, no prompts, no inherited repository, no credentials in errors.

import { spawn } from "node:child_process";
import { AosError } from "@agentos/kernel";

export interface RunOptions {
  readonly stdin?: Uint8Array | string;
  /** Added to the environment, after the variables that name a repository are taken out. */
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes beside 0 that are an answer and not a failure. */
  readonly allowExit?: readonly number[];
  /** The command is stopped with SIGTERM after this long; no limit when absent. */
  readonly timeoutMs?: number;
  /** What the command talks to, for errors; by default its first operand. */
  readonly remote?: string;
}
export interface RunResult {
  readonly stdout: Buffer;
  /** Without credentials. */
  readonly stderr: string;
  readonly code: number;
}

/** Variables by which git would act on another repository than the one it is started in (`git rev-parse --local-env-vars`). */
const REPOSITORY_VARIABLES: readonly string[] = [
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR",
  "GIT_CONFIG",
  "GIT_DIR",
  "GIT_GRAFT_FILE",
  "GIT_IMPLICIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_INTERNAL_SUPER_PREFIX",
  "GIT_NAMESPACE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
  "GIT_QUARANTINE_PATH",
  "GIT_REPLACE_REF_BASE",
  "GIT_SHALLOW_FILE",
  "GIT_WORK_TREE",
];

/** The variables through which a pre-receive or update hook sees the objects of the push it judges. */
const QUARANTINE_VARIABLES: readonly string[] = [
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_OBJECT_DIRECTORY",
  "GIT_QUARANTINE_PATH",
];

/** Inside a server hook: what to pass as `env` so that pushed objects not yet accepted can be read. Empty elsewhere. */
export function quarantine(): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of QUARANTINE_VARIABLES) {
    const value = process.env[name];
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/**
 * The environment every git child gets. Replacement refs are off: an object is what its name says, whatever
 * `refs/replace/` holds. Reading commands take no locks.
 */
export function gitEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = { ...process.env };
  for (const name of REPOSITORY_VARIABLES) delete env[name];
  return {
    ...env,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    ...extra,
  };
}

/**
 * Runs `git <args>` in `repoDir`.
 *
 * @throws AosError `git.failed` for another exit code than 0 and `allowExit`; `git.remote` (class outside) when the remote
 *   could not be reached; `git.timeout` (class outside); `git.absent` when there is no git or no such folder
 */
export function git(repoDir: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd: repoDir, env: gitEnvironment(options.env), stdio: ["pipe", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let late = false;
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            late = true;
            child.kill("SIGTERM");
          }, options.timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.stdin.on("error", () => {
      // A command that answers before it has read all of its input closes the pipe; its exit code tells the rest.
    });
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(notStarted(repoDir, cause));
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const stderr = redact(Buffer.concat(err).toString("utf8"));
      if (late) return reject(tooLate(repoDir, args, options));
      if (code === 0 || (code !== null && options.allowExit?.includes(code) === true))
        return resolve({ stdout: Buffer.concat(out), stderr, code });
      return reject(failure(repoDir, args, { stderr, exit: code ?? signal ?? "unknown", remote: options.remote }));
    });
    child.stdin.end(options.stdin ?? "");
  });
}

/**
 * Takes credentials out of a text that may hold URLs: user and password of `http`, the password of others, and query
 * parameters that are named like a secret.
 */
export function redact(text: string): string {
  return text
    .replace(/\b(https?|ftps?):\/\/[^\s/]*@/gi, "$1://***@")
    .replace(/\b([a-z][a-z0-9+.-]*):\/\/([^\s/:@]*):[^\s/]*@/gi, "$1://$2:***@")
    .replace(/([?&][^=\s&]*(?:token|key|secret|password|signature)[^=\s&]*)=[^&\s'"]+/gi, "$1=***");
}

/** The first operand after options: the sub-command's name when `args` are a whole command line. */
function operands(args: readonly string[]): readonly string[] {
  const found: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "-c" || arg === "-C") at++;
    else if (!arg.startsWith("-")) found.push(arg);
  }
  return found;
}

const TRANSPORT_COMMANDS: readonly string[] = ["clone", "fetch", "ls-remote", "pull", "push"];

/** What stderr says when the outside is the cause, and what to try; the first row that matches counts. */
const REMOTE_SYMPTOMS: readonly (readonly [RegExp, string])[] = [
  [/authentication failed|could not read (username|password)|permission denied|terminal prompts disabled|access denied|error: 40[13]/i,
    "check the credentials (SSH key, token or credential helper); git does not prompt here"],
  [/host key verification failed/i, "connect once with ssh by hand and accept the host key"],
  [/repository .*not found|does not appear to be a git repository|does not exist|error: 404/i, "check the URL of the remote (git remote -v)"],
  [/could not resolve host|connection (refused|timed out|reset)|no route to host|network is unreachable|failed to connect|unable to access/i,
    "check the network and the URL of the remote (git remote -v)"],
  [/could not read from remote repository|hung up unexpectedly|early eof|unexpected disconnect/i, "check that the remote is up and may be read"],
];

function failure(
  repoDir: string,
  args: readonly string[],
  outcome: { stderr: string; exit: number | string; remote: string | undefined },
): AosError {
  const [command = "git", operand] = operands(args);
  const said = firstComplaint(outcome.stderr);
  const data = { command, exit: outcome.exit, stderr: outcome.stderr.slice(0, 4000) };
  if (TRANSPORT_COMMANDS.includes(command)) {
    const remote = redact(outcome.remote ?? operand ?? "the remote");
    for (const [symptom, hint] of REMOTE_SYMPTOMS)
      if (symptom.test(outcome.stderr))
        return new AosError("git.remote", `${remote}: git ${command} could not reach it: ${said}`, { class: "outside", hint, data: { ...data, remote } });
  }
  const hint = /dubious ownership/.test(outcome.stderr)
    ? `the folder belongs to another user; git config --global --add safe.directory ${repoDir}`
    : undefined;
  return new AosError("git.failed", `${repoDir}: git ${command} failed (${outcome.exit}): ${said}`, { ...(hint !== undefined && { hint }), data });
}

/** git's own sentence out of its stderr: the first `fatal:` or `error:` line, else the first line that says anything. */
export function firstComplaint(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const found = lines.find((line) => /^(fatal|error): /.test(line)) ?? lines[0] ?? "it said nothing";
  return found.replace(/^(fatal|error): /, "");
}

function tooLate(repoDir: string, args: readonly string[], options: RunOptions): AosError {
  const [command = "git", operand] = operands(args);
  const place = redact(TRANSPORT_COMMANDS.includes(command) ? (options.remote ?? operand ?? repoDir) : repoDir);
  return new AosError("git.timeout", `${place}: git ${command} did not finish within ${options.timeoutMs} ms`, { class: "outside" });
}

function notStarted(repoDir: string, cause: Error): AosError {
  return new AosError("git.absent", `${repoDir}: git cannot be started there: ${cause.message}`, {
    class: "input",
    hint: "check that the folder exists and that git 2.38 or newer is on the PATH",
    cause,
  });
}
