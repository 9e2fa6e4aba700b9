// How much one push may bring.

import { gitIn, parseOid } from "@agentos/controller";
import type { Oid, Repo } from "@agentos/controller";

/** New commits a ref; more are not looked at. */
const COMMITS_MAX = 10_000;
/** Refs one push may move. */
export const REFS_MAX = 1000;

/** Bytes of one new object, by its type. Letters and what is published bring files of workspaces, which may be bigger than those of a proposal. */
interface ObjectLimits {
  readonly commit: number;
  readonly tree: number;
  readonly tag: number;
  readonly blob: number;
}
export const PROPOSAL_LIMITS: ObjectLimits = { commit: 1 << 20, tree: 16 << 20, tag: 1 << 20, blob: 16 << 20 };
export const LETTER_LIMITS: ObjectLimits = { ...PROPOSAL_LIMITS, blob: 64 << 20 };
export const PUBLISHED_LIMITS: ObjectLimits = { ...PROPOSAL_LIMITS, blob: 256 << 20 };

/** What a ref would have that nothing known has. */
interface Brought {
  /** Oldest first. */
  readonly commits: readonly Oid[];
  /** What is wrong with how much it is. */
  readonly faults: readonly string[];
}

/** @returns what `tip` brings beside what `known` has */
export async function broughtBy(repo: Repo, tip: Oid, { known, limits }: { readonly known: readonly Oid[]; readonly limits: ObjectLimits }): Promise<Brought> {
  const stdin = `${[tip, ...known.map((oid) => `^${oid}`)].join("\n")}\n`;
  const listed = await gitIn(repo, ["rev-list", "--topo-order", "--reverse", "--objects", "--no-object-names", `--max-count=${COMMITS_MAX + 1}`, "--stdin"], { stdin });
  if (listed.stdout.length === 0) return { commits: [], faults: [] };
  const sized = await gitIn(repo, ["cat-file", "--buffer", "--batch-check=%(objecttype) %(objectsize) %(objectname)"], { stdin: listed.stdout });
  const commits: Oid[] = [];
  const faults: string[] = [];
  for (const line of sized.stdout.toString("latin1").split("\n")) {
    const [type = "", size = "0", oid = ""] = line.split(" ");
    if (type === "commit") commits.push(parseOid(oid));
    const max = limits[type as keyof ObjectLimits] ?? Number.POSITIVE_INFINITY;
    if (faults.length === 0 && Number(size) > max) faults.push(`${type} ${oid.slice(0, 12)} has ${size} bytes, more than ${max}`);
  }
  return { commits, faults: commits.length > COMMITS_MAX ? [`more than ${COMMITS_MAX} new commits in one push: push them in steps`] : faults };
}

/** The sizes of blobs, by id. */
export async function blobSizes(repo: Repo, blobs: readonly Oid[]): Promise<ReadonlyMap<string, number>> {
  if (blobs.length === 0) return new Map();
  const { stdout } = await gitIn(repo, ["cat-file", "--batch-check=%(objectname) %(objectsize)"], { stdin: `${blobs.join("\n")}\n` });
  const lines = stdout.toString("latin1").split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.slice(0, 40), Number(line.slice(41))]));
}
