// A hold on what is to come: while a world is suspended its controller applies no merge. It is a file of the state folder, so that it
// can be said whether the world runs or not, by whoever may write there.

import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { utf8 } from "@agentos/kernel";
import { syncFolder, writeDurably } from "../git/durable.ts";
import { jsonObject } from "../json-object.ts";
import type { StateFolder } from "./state-folder.ts";

export interface Suspension {
  readonly by: string;
  /** ISO 8601, as `until`. */
  readonly since: string;
  /** It ends by itself then; undefined: somebody ends it. */
  readonly until?: string;
  readonly reason?: string;
}

type Place = Pick<StateFolder, "path">;

/** What is in force at a time. Where something is there that cannot be read, nobody can say that it is over: it counts, and says so. */
export async function readSuspension(folder: Place, nowMs: number): Promise<Suspension | undefined> {
  const file = fileIn(folder);
  const there = await contentOf(file);
  if (there === undefined) return undefined;
  const found = parse(there.text);
  if (found === undefined) return { by: "somebody", since: there.written.toISOString(), reason: `${file} cannot be read, and \`aos resume\` removes it` };
  return found.until === undefined || nowMs < Date.parse(found.until) ? found : undefined;
}

/** Text and time of one file, whatever takes its place meanwhile; no text where it cannot be read, undefined where there is none. */
async function contentOf(file: string): Promise<{ readonly text: string; readonly written: Date } | undefined> {
  const handle = await open(file, "r").catch(() => undefined);
  if (handle === undefined) {
    const stats = await stat(file).catch(() => undefined);
    return stats === undefined ? undefined : { text: "", written: stats.mtime };
  }
  try {
    return { text: await handle.readFile("utf8").catch(() => ""), written: (await handle.stat()).mtime };
  } finally {
    await handle.close();
  }
}

/** Puts it in place whole, durably; what was there is replaced. */
export async function writeSuspension(folder: Place, suspension: Suspension): Promise<void> {
  await mkdir(folder.path, { recursive: true, mode: 0o700 });
  const draft = `${fileIn(folder)}.${process.pid}`;
  await rm(draft, { force: true });
  await writeDurably(draft, utf8(`${JSON.stringify(suspension)}\n`), { mode: 0o600 });
  await rename(draft, fileIn(folder));
  await syncFolder(folder.path);
}

export async function endSuspension(folder: Place): Promise<void> {
  await rm(fileIn(folder), { force: true, recursive: true });
}

/** `by ada since 2026-01-02T03:04:05Z, until …: reason`. */
export function suspensionText({ by, since, until, reason }: Suspension): string {
  return `by ${by} since ${since}${until === undefined ? "" : `, until ${until}`}${reason === undefined ? "" : `: ${reason}`}`;
}

function fileIn({ path }: Place): string {
  return join(path, "suspended.json");
}

function parse(text: string): Suspension | undefined {
  const { by, since, until, reason } = jsonObject(text) ?? {};
  if (typeof by !== "string" || !isTime(since) || (until !== undefined && !isTime(until)) || (reason !== undefined && typeof reason !== "string")) return undefined;
  return { by, since, ...(until === undefined ? {} : { until }), ...(reason === undefined ? {} : { reason }) };
}

function isTime(value: unknown): value is string {
  return typeof value === "string" && !Number.isNaN(Date.parse(value));
}
