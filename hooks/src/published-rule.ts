// The rule of refs that are published: they only grow, and every commit is signed by who may write there.

import { AosError } from "@agentos/kernel";
import { INBOX_PREFIX, NOTE_BYTES_MAX, OUTBOX_PREFIX, gitIn, isAncestor, isOldAnswer, noteHistory, readAnswer } from "@agentos/controller";
import type { Local, Oid, PrincipalKind, Signer, TrustInput } from "@agentos/controller";
import { signersAmong } from "./branch-rule.ts";
import { newCommits } from "./new-commits.ts";
import type { Push, RefMove } from "./push.ts";
import { LETTER_LIMITS, PUBLISHED_LIMITS, blobSizes, broughtBy } from "./size.ts";

const JOURNAL_REF = "refs/notes/aos";
/** A branch that mirrors refs/notes/aos for hosts that protect only branches. */
const MIRROR_REF = "refs/heads/aos/notes";

/** Is a ref under this rule? */
export function isPublished(ref: string): boolean {
  return ref.startsWith(JOURNAL_REF) || ref.startsWith("refs/aos/") || ref === MIRROR_REF;
}

interface Writers {
  readonly kinds: readonly PrincipalKind[];
  /** The only principal that may write; undefined: all of the kinds. */
  readonly name: string | undefined;
  readonly text: string;
}

const ALL: readonly PrincipalKind[] = ["person", "agent", "ci", "controller"];
const CONTROLLERS: Writers = { kinds: ["controller"], name: undefined, text: "only a controller writes there" };
const PUBLISHED_ROOMS = /^refs\/(?:heads\/aos\/notes|notes\/aos[^/]*|aos\/(?:lease|workspaces\/.+|(?:inbox|outbox)\/[^/]+\/[0-9a-f]{32}))$/;

function writersOf(ref: string): Writers {
  const own = /^refs\/notes\/aos-reviews-(.+)$/.exec(ref)?.[1] ?? /^refs\/aos\/inbox\/([^/]+)\//.exec(ref)?.[1];
  if (own !== undefined) return { kinds: ALL, name: own, text: `only ${own} writes there` };
  return ref === "refs/notes/aos-shadow" ? { kinds: ["controller", "ci"], name: undefined, text: "only a controller or CI writes there" } : CONTROLLERS;
}

/** @returns what is wrong, nothing when the ref may move */
export async function judgePublished({ local, before }: Push, { ref, from, to }: RefMove, trusts: readonly TrustInput[]): Promise<readonly string[]> {
  const { repo, store } = local;
  if (to === null) return (await mayGo(local, ref, from)) ? [] : ["what is published is never deleted, but for a letter that is answered, and an answer that is a week old"];
  if (!PUBLISHED_ROOMS.test(ref)) return ["not a ref of a world: below refs/aos/ there are lease, workspaces/NAME, inbox/PRINCIPAL/ID and outbox/PRINCIPAL/ID (32 hex digits); notes have no folders"];
  if (trusts.length === 0) return ["there is no main that says whose keys count"];
  if ((await store.read(to))?.type !== "commit") return ["it must point to a commit"];
  if (from !== null && !(await isAncestor(repo, from, to))) return ["not a fast-forward: what is published is never rewritten"];
  const known = from === null ? [...new Set((await before.list("refs/")).values())] : [from];
  const brought = await broughtBy(repo, to, { known, limits: ref.startsWith(INBOX_PREFIX) ? LETTER_LIMITS : PUBLISHED_LIMITS });
  if (brought.faults.length > 0) return brought.faults;
  const writers = writersOf(ref);
  // Of a ref that is new here, every commit is judged, known by another name or not.
  const commits = from === null ? await newCommits(repo, to, []) : brought.commits;
  for await (const { commit, signer } of signersAmong(local, commits, trusts)) {
    const fault = faultOfSigner(signer, writers) ?? (isJournal(ref) ? await faultOfSeal(local, commit) : undefined);
    if (fault !== undefined) return [`commit ${commit.slice(0, 12)} ${fault}`];
  }
  const changed = isJournal(ref) ? await faultOfSegments(local, { from, to }) : undefined;
  if (changed !== undefined) return [changed];
  if (ref === MIRROR_REF && !(await isMirrored(local, to))) return [`it mirrors ${JOURNAL_REF}, which does not have this commit`];
  return faultsOfNotes(local, { from, to });
}

function mayGo(local: Local, ref: string, from: Oid | null): Promise<boolean> {
  if (ref.startsWith(OUTBOX_PREFIX)) return from === null ? Promise.resolve(false) : isOldAnswer(local.store, from, Math.floor(Date.now() / 1000));
  return isAnswered(local, ref, from);
}

/** A letter goes with the controller's answer to it, which has to be there after the push; that it is a controller's, its own ref is held to. */
async function isAnswered({ store, refs }: Local, ref: string, letter: Oid | null): Promise<boolean> {
  if (!ref.startsWith(INBOX_PREFIX)) return false;
  const answer = await refs.read(OUTBOX_PREFIX + ref.slice(INBOX_PREFIX.length));
  if (answer === undefined) return false;
  try {
    return (await readAnswer(store, answer)).letter === letter;
  } catch (cause) {
    if (cause instanceof AosError) return false;
    throw cause;
  }
}

interface Step {
  readonly from: Oid | null;
  readonly to: Oid;
}

function faultOfSigner(signer: Signer | undefined, { kinds, name, text }: Writers): string | undefined {
  if (signer?.known !== true) return `is not signed by a principal: ${signer?.why ?? "nobody is trusted"}`;
  return kinds.includes(signer.kind) && (name === undefined || name === signer.name) ? undefined : `is signed by ${signer.name}: ${text}`;
}

function isJournal(ref: string): boolean {
  return ref === JOURNAL_REF || ref === MIRROR_REF;
}

async function isMirrored({ repo, refs }: Local, to: Oid): Promise<boolean> {
  const journal = await refs.read(JOURNAL_REF);
  return journal !== undefined && (await isAncestor(repo, to, journal));
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

/** A segment, and a blob it brought, stays as it was published (I9). */
async function faultOfSegments({ repo }: Local, { from, to }: Step): Promise<string | undefined> {
  const commits = await gitIn(repo, ["rev-list", to, ...(from === null ? [] : [`^${from}`])]);
  if (commits.stdout.length === 0) return undefined;
  const diff = await gitIn(repo, ["diff-tree", "--stdin", "-r", "-z", "--no-renames", "--no-commit-id", "--name-only", "--diff-filter=a", "--", "journal", "blobs"], { stdin: commits.stdout });
  const [path] = diff.stdout.toString("utf8").split("\0");
  return path === undefined || path === "" ? undefined : `${path} is published: segments and their blobs are added, never changed or removed`;
}

async function faultsOfNotes({ repo }: Local, { from, to }: Step): Promise<readonly string[]> {
  const versions = await noteHistory(repo, to, from === null ? {} : { after: from });
  const sizes = await blobSizes(repo, [...new Set(versions.map(({ blob }) => blob))]);
  const big = versions.find(({ blob }) => (sizes.get(blob) ?? 0) > NOTE_BYTES_MAX);
  return big === undefined ? [] : [`the note on ${big.target.slice(0, 12)} has ${sizes.get(big.blob)} bytes, more than ${NOTE_BYTES_MAX}`];
}
