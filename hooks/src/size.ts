// How much one push may bring.

import { gitIn } from "@agentos/controller";
import type { Oid, Repo } from "@agentos/controller";

/** New commits a ref; more are not looked at. */
export const COMMITS_MAX = 10_000;
/** Refs one push may move. */
export const REFS_MAX = 1000;

/** Bytes of one new object, by its type. Letters and what is published bring files of workspaces, which may be bigger than those of a proposal. */
export interface ObjectLimits {
  readonly commit: number;
  readonly tree: number;
  readonly tag: number;
  readonly blob: number;
}
export const PROPOSAL_LIMITS: ObjectLimits = { commit: 1 << 20, tree: 16 << 20, tag: 1 << 20, blob: 16 << 20 };
export const LETTER_LIMITS: ObjectLimits = { ...PROPOSAL_LIMITS, blob: 64 << 20 };
export const PUBLISHED_LIMITS: ObjectLimits = { ...PROPOSAL_LIMITS, blob: 256 << 20 };

/** How many commits `tip` has that none of `known` has; counts no further than one over COMMITS_MAX. */
export async function countNew(repo: Repo, tip: Oid, known: readonly Oid[]): Promise<number> {
  const { stdout } = await gitIn(repo, ["rev-list", "--count", `--max-count=${COMMITS_MAX + 1}`, "--stdin"], { stdin: revisions(tip, known) });
  return Number(stdout.toString("latin1").trim());
}

/** @returns what is wrong with the commits and objects that `tip` brings beside those of `known` */
export async function faultsOfSize(repo: Repo, tip: Oid, { known, limits }: { readonly known: readonly Oid[]; readonly limits: ObjectLimits }): Promise<readonly string[]> {
  if ((await countNew(repo, tip, known)) > COMMITS_MAX) return [`more than ${COMMITS_MAX} new commits in one push: push them in steps`];
  const { stdout } = await gitIn(repo, ["rev-list", "--objects", "--no-object-names", "--stdin"], { stdin: revisions(tip, known) });
  if (stdout.length === 0) return [];
  const sized = await gitIn(repo, ["cat-file", "--batch-check=%(objecttype) %(objectsize) %(objectname)"], { stdin: stdout });
  for (const line of sized.stdout.toString("latin1").split("\n")) {
    const [type = "", size = "0", oid = ""] = line.split(" ");
    const max = limits[type as keyof ObjectLimits] ?? Number.POSITIVE_INFINITY;
    if (Number(size) > max) return [`${type} ${oid.slice(0, 12)} has ${size} bytes, more than ${max}`];
  }
  return [];
}

/** The sizes of blobs, by id. */
export async function blobSizes(repo: Repo, blobs: readonly Oid[]): Promise<ReadonlyMap<string, number>> {
  if (blobs.length === 0) return new Map();
  const { stdout } = await gitIn(repo, ["cat-file", "--batch-check=%(objectname) %(objectsize)"], { stdin: `${blobs.join("\n")}\n` });
  const lines = stdout.toString("latin1").split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.slice(0, 40), Number(line.slice(41))]));
}

function revisions(tip: Oid, known: readonly Oid[]): string {
  return `${[tip, ...known.map((oid) => `^${oid}`)].join("\n")}\n`;
}
