// The commits that a push brings.

import { gitIn, parseOid } from "@agentos/controller";
import type { Oid, Repo } from "@agentos/controller";

/** Commits that `tip` reaches and none of `known` does, oldest first. */
export async function newCommits(repo: Repo, tip: Oid, known: readonly Oid[]): Promise<readonly Oid[]> {
  const stdin = `${[tip, ...known.map((oid) => `^${oid}`)].join("\n")}\n`;
  const { stdout } = await gitIn(repo, ["rev-list", "--topo-order", "--reverse", "--stdin"], { stdin });
  return stdout.toString("latin1").split("\n").filter((line) => line !== "").map(parseOid);
}
