// What an attacker tries, as rows: a ref, what it shall become, and why the server takes none of it.

import { blobObject, commitObject, mergeMessage, mergeTree, parseOid } from "@agentos/controller";
import type { GitObject, Oid } from "@agentos/controller";
import { keyNamed, principalNamed, trustText } from "@agentos/controller/testing";
import type { AtEnd, GovernedWorld, KeyName } from "@agentos/controller/testing";
import { hashValue } from "@agentos/kernel";
import { EVIDENCE, JOURNAL, MAIN, approved, begun, seal } from "./site.ts";
import type { Site } from "./site.ts";

/** `what` makes what the ref is to become; undefined deletes it. `says` is in what the hook says of that ref. */
export type HostileRow = readonly [tries: string, ref: string, what: (world: GovernedWorld) => Promise<Oid | undefined>, says: RegExp];

export const GONE = async (): Promise<undefined> => undefined;

/** Refs that are on the server besieged() makes, beside main, the journal, its mirror, a report and reviews. */
export const THERE = {
  lease: "refs/aos/lease",
  letter: `refs/aos/inbox/author/${"1".repeat(32)}`,
  workspace: "refs/aos/workspaces/docs",
  mirror: "refs/heads/aos/notes",
  agents: "refs/heads/proposals/agent/helper/task",
  good: "refs/heads/proposals/good",
} as const;

/** Proposals with a report and without any approval. */
const UNAPPROVED: readonly (readonly [slug: string, files: Readonly<Record<string, string>>, by: KeyName | null])[] = [
  ["lonely", { "air/lonely.txt": "x\n" }, "author"],
  ["anonymous", { "air/anonymous.txt": "x\n" }, null],
  ["coup", { ".aos/trust.json": trustText({ retired: [] }).replace('"kind": "person"', '"kind": "controller"') }, "author"],
  ["lax", { ".aos/policy.json": '{"version":1,"approvals":0,"shadow":"optional"}', "air/lax.txt": "x\n" }, "author"],
];

/**
 * A world that has begun, with one merge, published whole: reports, reviews, a lease, a letter, a workspace, proposals. `good` is
 * approved and not merged, `disputed` has a yes and a no.
 */
export async function besieged(t: AtEnd): Promise<Site> {
  const at = await begun(t);
  const { world } = at;
  await approved(world, "first");
  const merged = await world.merge("first", { by: "author" });
  for (const slug of ["good", "disputed"]) await approved(world, slug);
  await world.review("disputed", "request-changes", { by: "second" });
  for (const [slug, files, by] of UNAPPROVED) await world.report(await world.propose(slug, files, { by }), { by: "ctl" });
  await world.propose("agent/helper/task", { "air/task.txt": "task\n" }, { by: "helper" });
  await world.setRef(THERE.lease, await alone(world, "ctl"));
  await world.setRef(THERE.letter, await alone(world, "author"));
  await world.setRef(THERE.workspace, await alone(world, "ctl"));
  await world.setRef(JOURNAL, await seal(world, { by: "ctl", file: "blobs/d00/d00/s01/a" }));
  await world.setRef(THERE.mirror, await tipOf(world, JOURNAL));
  const { code, said } = await at.push([`${merged}:${MAIN}`, JOURNAL, ...EVIDENCE, "refs/notes/aos-reviews-second", ...Object.values(THERE)]);
  if (code !== 0) throw new Error(said);
  return at;
}

export async function tipOf(world: GovernedWorld, ref: string): Promise<Oid> {
  const tip = await world.local.refs.read(ref);
  if (tip === undefined) throw new Error(`there is no ${ref}`);
  return tip;
}

/** A commit without parents. */
export function alone(world: GovernedWorld, by: KeyName | null, files: Readonly<Record<string, string>> = { file: "text\n" }): Promise<Oid> {
  return world.commit({ parents: [], files, by });
}

/** A commit on the tip of a ref. */
export async function onTop(world: GovernedWorld, ref: string, by: KeyName | null, files: Readonly<Record<string, string | null>> = { "air/more.txt": "more\n" }): Promise<Oid> {
  return world.commit({ parents: [await tipOf(world, ref)], files, by });
}

async function written(world: GovernedWorld, object: GitObject): Promise<Oid> {
  await (await world.local.store.writePack([object])).release();
  return parseOid(object.oid);
}

export function blob(world: GovernedWorld): Promise<Oid> {
  return written(world, blobObject(Buffer.from("a blob")));
}

/** A seal with its parent's date. */
export async function datedSeal(world: GovernedWorld): Promise<Oid> {
  const tip = await tipOf(world, JOURNAL);
  const { tree, author, committer } = await world.local.store.readCommit(tip);
  return written(world, commitObject({ tree, parents: [tip], author, committer, message: "seal\n" }, keyNamed("ctl")));
}

/** A merge of an approved proposal that is as it must be. */
export async function goodMerge(world: GovernedWorld): Promise<Oid> {
  const main = await world.main();
  const merged = await world.merge("good", { by: "author" });
  await world.setRef(MAIN, main);
  return merged;
}

/** The same, but for what is named. */
export async function twisted(world: GovernedWorld, change: { readonly by?: KeyName | null; readonly message?: (said: string) => string; readonly parents?: readonly Oid[]; readonly tree?: Oid }): Promise<Oid> {
  const { tree, parents, message } = await world.local.store.readCommit(await goodMerge(world));
  return world.commit({ parents: change.parents ?? parents, files: {}, tree: change.tree ?? tree, by: change.by === undefined ? "author" : change.by, message: change.message?.(message) ?? message });
}

/** A merge of a proposal, whatever anybody thinks of it. */
export async function mergeAnyway(world: GovernedWorld, slug: string, by: KeyName = "author"): Promise<Oid> {
  const [main, head] = [await world.main(), await world.head(slug)];
  const message = mergeMessage({ slug, decision: hashValue(slug), cid: hashValue(slug) }, `by ${principalNamed(by)}`);
  return world.commit({ parents: [main, head], files: {}, tree: await mergeTree(world.local.repo, main, head), by, message });
}
