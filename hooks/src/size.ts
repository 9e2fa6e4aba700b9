// How much one push may bring.

import { gitIn } from "@agentos/controller";
import type { Oid, Repo } from "@agentos/controller";

/** New commits a ref; more are not looked at. */
export const COMMITS_MAX = 10_000;

/** How many commits `tip` has that none of `known` has; counts no further than one over COMMITS_MAX. */
export async function countNew(repo: Repo, tip: Oid, known: readonly Oid[]): Promise<number> {
  const stdin = `${[tip, ...known.map((oid) => `^${oid}`)].join("\n")}\n`;
  const { stdout } = await gitIn(repo, ["rev-list", "--count", `--max-count=${COMMITS_MAX + 1}`, "--stdin"], { stdin });
  return Number(stdout.toString("latin1").trim());
}

/** The sizes of blobs, by id. */
export async function blobSizes(repo: Repo, blobs: readonly Oid[]): Promise<ReadonlyMap<string, number>> {
  if (blobs.length === 0) return new Map();
  const { stdout } = await gitIn(repo, ["cat-file", "--batch-check=%(objectname) %(objectsize)"], { stdin: `${blobs.join("\n")}\n` });
  const lines = stdout.toString("latin1").split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.slice(0, 40), Number(line.slice(41))]));
}
