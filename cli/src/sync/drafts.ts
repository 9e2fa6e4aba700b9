// Names for files that are written beside another and then take its place, and what becomes of those whose writer was cut off.

import { lstatSync, readdirSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

/** How every draft's name begins: one that is left behind is never synced. */
export const DRAFT_PREFIX = ".aos-draft-";

/** Of another machine that shares the disk nobody here knows whether a writer lives: a draft that is this old has none. */
const ABANDONED_MS = 3_600_000;

let made = 0;

/** A path in a folder for a draft of this process. */
export function draftIn(folder: string): string {
  return join(folder, `${DRAFT_PREFIX}${hostname()}-${process.pid}-${made++}`);
}

/** Removes the drafts in a folder that nobody will finish: to be called by who has none there. A folder that is not there has none. */
export function sweepDrafts(folder: string): void {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) if (name.startsWith(DRAFT_PREFIX) && isAbandoned(join(folder, name), name.slice(DRAFT_PREFIX.length))) rmSync(join(folder, name), { force: true });
}

function isAbandoned(path: string, writer: string): boolean {
  const [, host, pid] = /^(.*)-(\d+)-\d+$/.exec(writer) ?? [];
  if (host === hostname()) return Number(pid) === process.pid || !isAlive(Number(pid));
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && stats.mtimeMs + ABANDONED_MS < Date.now();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
