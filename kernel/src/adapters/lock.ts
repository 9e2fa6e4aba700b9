// One process works on a world at a time: an exclusive lock that outlives crashes.

import { createHash, randomBytes } from "node:crypto";
import { link, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { AosError } from "../air/error.ts";
import { errnoOf, except, outside, writeNewFile } from "./durable.ts";

/** Who holds a lock, as the lock file tells it (JSON). */
export interface LockHolder {
  readonly pid: number;
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
 * of several contenders exactly one gets it. Processes that share the folder must see each other's pids.
 *
 * @param options.command - what the process runs, shown to whoever finds the world taken
 * @throws AosError `world.running` when a live process holds it, `world.lock` when the disk refuses
 */
export async function lockWorld(dir: string, options: { readonly command: string }): Promise<WorldLock> {
  const path = join(dir, "lock");
  const holder: LockHolder = {
    pid: process.pid,
    bootId: await bootId(),
    startedAt: (await processOf(process.pid))?.startedAt ?? null,
    command: options.command,
    since: new Date().toISOString(),
    token: randomBytes(16).toString("hex"),
  };
  const text = `${JSON.stringify(holder)}\n`;
  await take(dir, path, { text, draft: join(dir, `lock.draft-${holder.token}`) }).catch(outside("world.lock", dir));
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

async function take(dir: string, path: string, candidate: Candidate): Promise<void> {
  await writeNewFile(candidate.draft, [Buffer.from(candidate.text)]);
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (await placed(candidate.draft, path)) return;
      const found = await textOf(path);
      if (found !== undefined && (await succeed(dir, path, { candidate, found }))) return;
    }
    throw new AosError("world.lock", `${path}: the lock keeps changing hands`, { class: "outside", at: { file: path }, hint: "try again" });
  } finally {
    await rm(candidate.draft, { force: true });
  }
}

/**
 * Takes over from a holder that is gone. Whoever links `lock.claim-<hash of a lock file>` first is that holder's one
 * successor, and only a successor replaces the lock; when it dies in between, its own successor goes on in its place.
 * Claims are removed after the lock was replaced, so a claim on what the lock no longer says is worth nothing.
 *
 * @returns whether the lock is ours; false when it changed meanwhile
 */
async function succeed(dir: string, path: string, state: { readonly candidate: Candidate; readonly found: string }): Promise<boolean> {
  const claims: string[] = [];
  for (let gone: string | undefined = state.found; ; ) {
    await refuseWhileAlive(dir, gone);
    const claim = join(dir, `lock.claim-${createHash("sha256").update(gone).digest("hex")}`);
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

async function refuseWhileAlive(dir: string, text: string): Promise<void> {
  const holder = parseHolder(text);
  if (holder === undefined || (await isGone(holder))) return;
  throw new AosError("world.running", `${dir}: process ${holder.pid} (${holder.command}) has worked on this world since ${holder.since}`, {
    at: { file: join(dir, "lock") },
    hint: "stop that process first, or let it do the work",
    data: { pid: holder.pid, since: holder.since, command: holder.command },
  });
}

/** A holder counts as alive while there is any doubt. */
async function isGone(holder: LockHolder): Promise<boolean> {
  const boot = await bootId();
  if (boot !== null && holder.bootId !== null && boot !== holder.bootId) return true;
  const found = await processOf(holder.pid);
  if (found !== undefined) return found.dead || (holder.startedAt !== null && found.startedAt !== holder.startedAt);
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return errnoOf(error) === "ESRCH";
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
  const { pid, bootId: boot, startedAt, command, since, token }: Readonly<Record<string, unknown>> = { ...json };
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const shown = (value: unknown): string => (typeof value === "string" ? value : "unknown");
  const known = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return { pid, bootId: known(boot), startedAt: known(startedAt), command: shown(command), since: shown(since), token: shown(token) };
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
