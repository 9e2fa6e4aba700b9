// One process works on a world at a time: an exclusive lock that outlives crashes.

import { createHash, randomBytes } from "node:crypto";
import { link, readFile, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { AosError } from "../air/error.ts";
import { errnoOf, except, outside, writeNewFile } from "./durable.ts";

/** Who holds a lock, as the lock file tells it (JSON). */
export interface LockHolder {
  readonly pid: number;
  /** The name of the computer it runs on; null where a lock file does not tell. */
  readonly host: string | null;
  /** The boot this pid belongs to; null where the system does not tell. */
  readonly bootId: string | null;
  /** When the process began, in clock ticks since boot: tells it from a later one of the same pid. Null where not told. */
  readonly startedAt: string | null;
  /** What it runs, for people; never its arguments, which may hold secrets. */
  readonly command: string;
  /** When the lock was taken, RFC 3339. */
  readonly since: string;
  /** Random: no two lock files are equal. */
  readonly token: string;
}

export interface WorldLock {
  readonly holder: LockHolder;
  /** Lets the world go. May be called twice. */
  release(): Promise<void>;
}

/** How often a lock that changes hands under our eyes is looked at again. */
const ATTEMPTS_MAX = 100;

/**
 * Takes the lock file `<dir>/lock`. A lock whose holder is gone (dead, of an earlier boot, its pid reused) is taken over;
 * of several contenders exactly one gets it. Processes of one computer that share the folder must see each other's pids; what
 * became of a process of another computer cannot be seen from here, so its lock stands until somebody removes the file.
 *
 * @param options.command - what the process runs, shown to whoever finds the world taken
 * @throws AosError `world.running` when a live process, or one of another computer, holds it; `world.lock` when the disk refuses
 */
export function lockWorld(dir: string, options: { readonly command: string }): Promise<WorldLock> {
  return lockFile(join(dir, "lock"), options);
}

/** The same with a lock file of any name in a folder that is there. */
export async function lockFile(path: string, options: { readonly command: string }): Promise<WorldLock> {
  const holder: LockHolder = {
    pid: process.pid,
    host: hostname(),
    bootId: await bootId(),
    startedAt: (await processOf(process.pid))?.startedAt ?? null,
    command: options.command,
    since: new Date().toISOString(),
    token: randomBytes(16).toString("hex"),
  };
  const text = `${JSON.stringify(holder)}\n`;
  await take(path, { text, draft: `${path}.draft-${holder.token}` }).catch(outside("world.lock", dirname(path)));
  return {
    holder,
    async release() {
      // Somebody may have removed the file by hand, and another process may have the world by now.
      if ((await textOf(path)) === text) await rm(path, { force: true });
    },
  };
}

/** A lock file made ready beside the lock, so that one system call puts it in place whole. */
interface Candidate {
  readonly text: string;
  readonly draft: string;
}

async function take(path: string, candidate: Candidate): Promise<void> {
  await writeNewFile(candidate.draft, [Buffer.from(candidate.text)]);
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (await placed(candidate.draft, path)) return;
      const found = await textOf(path);
      if (found !== undefined && (await succeed(path, { candidate, found }))) return;
    }
    throw new AosError("world.lock", `${path}: the lock keeps changing hands`, { class: "outside", at: { file: path }, hint: "try again" });
  } finally {
    await rm(candidate.draft, { force: true });
  }
}

/**
 * Takes over from a holder that is gone. Whoever links `<lock>.claim-<hash of a lock file>` first is that holder's one
 * successor, and only a successor replaces the lock; when it dies in between, its own successor goes on in its place.
 * Claims are removed after the lock was replaced, so a claim on what the lock no longer says is worth nothing.
 *
 * @returns whether the lock is ours; false when it changed meanwhile
 */
async function succeed(path: string, state: { readonly candidate: Candidate; readonly found: string }): Promise<boolean> {
  const claims: string[] = [];
  for (let gone: string | undefined = state.found; ; ) {
    await refuseWhileAlive(path, gone);
    const claim = `${path}.claim-${createHash("sha256").update(gone).digest("hex")}`;
    claims.push(claim);
    if (await placed(state.candidate.draft, claim)) break;
    gone = await textOf(claim);
    if (gone === undefined) return false;
  }
  const ours = (await textOf(path)) === state.found;
  if (ours) await rename(state.candidate.draft, path);
  for (const claim of ours ? claims : claims.slice(-1)) await rm(claim, { force: true });
  return ours;
}

async function refuseWhileAlive(file: string, text: string): Promise<void> {
  const holder = parseHolder(text);
  const found = holder === undefined ? "gone" : await lookAt(holder);
  if (holder === undefined || found === "gone") return;
  const { pid, host, command, since } = holder;
  throw new AosError("world.running", `${dirname(file)}: held by pid ${pid} (${command})${host === null ? "" : ` on host ${host}`} since ${since}`, {
    at: { file },
    hint: found === "alive" ? "stop that process first, or let it do the work" : `stop it there; from here nobody can see whether it still runs: once you know that it does not, remove ${file}`,
    data: { pid, host, since, command },
  });
}

/** A holder counts as alive while there is any doubt. `elsewhere`: on another computer. */
async function lookAt(holder: LockHolder): Promise<"alive" | "gone" | "elsewhere"> {
  const boot = await bootId();
  // One boot is one computer, whatever name a container gives it.
  if (boot === null || holder.bootId === null || boot !== holder.bootId) {
    if (holder.host !== null && holder.host !== hostname()) return "elsewhere";
    if (boot !== null && holder.bootId !== null) return "gone";
  }
  const found = await processOf(holder.pid);
  if (found !== undefined) return found.dead || (holder.startedAt !== null && found.startedAt !== holder.startedAt) ? "gone" : "alive";
  try {
    process.kill(holder.pid, 0);
    return "alive";
  } catch (error) {
    return errnoOf(error) === "ESRCH" ? "gone" : "alive";
  }
}

/** A lock file that does not name a process holds nothing: a power loss can leave one empty. */
function parseHolder(text: string): LockHolder | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const { pid, host, bootId: boot, startedAt, command, since, token }: Readonly<Record<string, unknown>> = { ...json };
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const shown = (value: unknown): string => (typeof value === "string" ? value : "unknown");
  const known = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return { pid, host: known(host), bootId: known(boot), startedAt: known(startedAt), command: shown(command), since: shown(since), token: shown(token) };
}

async function bootId(): Promise<string | null> {
  const text = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => undefined);
  return text === undefined ? null : text.trim();
}

/** What the system says of a process: `dead` when it has ended and waits for its parent. Undefined where it says nothing. */
async function processOf(pid: number): Promise<{ readonly startedAt: string; readonly dead: boolean } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  // The second field is the command in parentheses, which may hold spaces and parentheses; field 3 is the state, 22 the start.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, startedAt] = [fields[0], fields[19]];
  return state === undefined || startedAt === undefined ? undefined : { startedAt, dead: state === "Z" || state === "X" };
}

/** Gives a file a second name; false when there is a file of that name already. */
async function placed(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(except("ENOENT"));
}
