// The rule of refs that are published: they only grow, and every commit is signed by who may write there.

import { NOTE_BYTES_MAX, commitSigner, commitsOf, gitIn, isAncestor, noteHistory, parseOid, signerOf } from "@agentos/controller";
import type { Local, Oid, PrincipalKind, TrustInput } from "@agentos/controller";
import type { Push, RefMove } from "./push.ts";
import { COMMITS_MAX, blobSizes, countNew } from "./size.ts";

/** A branch that mirrors refs/notes/aos for hosts that protect only branches. */
const MIRROR_REF = "refs/heads/aos/notes";

/** Is a ref under this rule? */
export function isPublished(ref: string): boolean {
  return ref.startsWith("refs/notes/aos") || ref.startsWith("refs/aos/") || ref === MIRROR_REF;
}

interface Writers {
  readonly kinds: readonly PrincipalKind[];
  /** The only principal that may write; undefined: all of the kinds. */
  readonly name: string | undefined;
  readonly text: string;
}

const ALL: readonly PrincipalKind[] = ["person", "agent", "ci", "controller"];

function writersOf(ref: string): Writers {
  const own = /^refs\/notes\/aos-reviews-(.+)$/.exec(ref)?.[1] ?? /^refs\/aos\/inbox\/([^/]+)\//.exec(ref)?.[1];
  if (own !== undefined) return { kinds: ALL, name: own, text: `only ${own} writes there` };
  if (ref === "refs/notes/aos-shadow") return { kinds: ["controller", "ci"], name: undefined, text: "only a controller or CI writes there" };
  const open = ref.startsWith("refs/aos/") && ref !== "refs/aos/lease" && !ref.startsWith("refs/aos/workspaces/");
  return open ? { kinds: ALL, name: undefined, text: "only principals write there" } : { kinds: ["controller"], name: undefined, text: "only a controller writes there" };
}

/** @returns what is wrong, nothing when the ref may move */
export async function judgePublished({ local }: Push, { ref, from, to }: RefMove, trusts: readonly TrustInput[]): Promise<readonly string[]> {
  const { repo, store } = local;
  if (to === null) return ["what is published is never deleted"];
  if (trusts.length === 0) return ["there is no main that says whose keys count"];
  if ((await store.read(to))?.type !== "commit") return ["it must point to a commit"];
  if (from !== null && !(await isAncestor(repo, from, to))) return ["not a fast-forward: what is published is never rewritten"];
  if ((await countNew(repo, to, from === null ? [] : [from])) > COMMITS_MAX) return [`more than ${COMMITS_MAX} new commits in one push: push them in steps`];
  const commits = from === null ? await allCommits(local, to) : await commitsOf(repo, from, to);
  for (const commit of commits) {
    const fault = (await faultOfSigner(local, commit, { writers: writersOf(ref), trusts })) ?? (isJournal(ref) ? await faultOfSeal(local, commit) : undefined);
    if (fault !== undefined) return [`commit ${commit.slice(0, 12)} ${fault}`];
  }
  return faultsOfSize(local, { from, to });
}

/** Oldest first. */
async function allCommits({ repo }: Local, tip: Oid): Promise<readonly Oid[]> {
  const { stdout } = await gitIn(repo, ["rev-list", "--topo-order", "--reverse", tip]);
  return stdout.toString("latin1").split("\n").filter((line) => line !== "").map(parseOid);
}

async function faultOfSigner(
  { store }: Local,
  commit: Oid,
  by: { readonly writers: Writers; readonly trusts: readonly TrustInput[] },
): Promise<string | undefined> {
  const key = await commitSigner(store, commit);
  const signers = by.trusts.map((trust) => signerOf(trust, key));
  const known = signers.find((signer) => signer.known);
  if (known?.known === true) {
    const { kinds, name, text } = by.writers;
    return kinds.includes(known.kind) && (name === undefined || name === known.name) ? undefined : `is signed by ${known.name}: ${text}`;
  }
  const [first] = signers;
  return `is not signed by a principal: ${first?.known === false ? first.why : "nobody is trusted"}`;
}

function isJournal(ref: string): boolean {
  return ref === "refs/notes/aos" || ref === MIRROR_REF;
}

/** Seals stand in one line, each dated after the one before: git then finds what is new without walking all history. */
async function faultOfSeal({ store }: Local, oid: Oid): Promise<string | undefined> {
  const commit = await store.readCommit(oid);
  const [parent, ...others] = commit.parents;
  if (others.length > 0) return `has ${commit.parents.length} parents: seals stand in one line (git notes merge loses segments)`;
  if (parent === undefined) return undefined;
  const before = (await store.readCommit(parent)).committer.time;
  return commit.committer.time > before ? undefined : `is dated ${commit.committer.time}, not after its parent's ${before}`;
}

async function faultsOfSize({ repo }: Local, { from, to }: { readonly from: Oid | null; readonly to: Oid }): Promise<readonly string[]> {
  const versions = await noteHistory(repo, to, from === null ? {} : { after: from });
  const sizes = await blobSizes(repo, [...new Set(versions.map(({ blob }) => blob))]);
  const big = versions.find(({ blob }) => (sizes.get(blob) ?? 0) > NOTE_BYTES_MAX);
  return big === undefined ? [] : [`the note on ${big.target.slice(0, 12)} has ${sizes.get(big.blob)} bytes, more than ${NOTE_BYTES_MAX}`];
}
