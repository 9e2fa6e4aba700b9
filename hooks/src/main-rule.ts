// The rule of main: before the world begins it grows freely, afterwards by merges of approved proposals.

import { AosError, isHash } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import {
  MAIN_REF, MERGERS, TRUST_PATH, commitSigner, configGet, firstParents, gatherDecision, gitIn, isAncestor, parseMergeMessage, parseOid, readRules, signerOf, trustHash, trustInput,
} from "@agentos/controller";
import type { Local, Oid, Repo } from "@agentos/controller";
import type { Push, RefMove } from "./push.ts";
import { PROPOSAL_LIMITS, broughtBy } from "./size.ts";

/** Setting of the repository that pins the world's id. */
export const WORLD_SETTING = "aos.world";

/** @returns what is wrong, nothing when main may move */
export async function judgeMain(push: Push, { from, to }: RefMove): Promise<readonly string[]> {
  const { repo } = push.local;
  if (to === null) return ["main is never deleted"];
  if ((await push.local.store.read(to))?.type !== "commit") return ["it must point to a commit"];
  if (from === null && push.begun) return ["main is gone although the world has begun: restore it where the repository is"];
  if (from !== null && !(await isAncestor(repo, from, to))) return ["not a fast-forward: main is never rewritten"];
  const { faults: oversize } = await broughtBy(repo, to, { known: from === null ? [] : [from], limits: PROPOSAL_LIMITS });
  if (oversize.length > 0) return oversize;
  if (from === null || !push.begun) return judgeBeginning(push, { from, to });
  const world = await worldOf(push, from);
  let base = from;
  for (const step of await firstParents(repo, from, to)) {
    const faults = await judgeStep(push, { base, step, world });
    if (faults.length > 0) return faults;
    base = step;
  }
  return [];
}

/**
 * A repository whose world is pinned takes no main that would begin another. One that comes whole may be of a world that has begun
 * elsewhere and changed its keys since.
 */
async function judgeBeginning({ local: { repo, store } }: Push, { from, to }: { readonly from: Oid | null; readonly to: Oid }): Promise<readonly string[]> {
  const pinned = await pinnedWorld(repo);
  if (pinned === undefined) return [];
  const earlier = from === null ? await listOids(repo, ["--first-parent", to, "--", TRUST_PATH]) : [];
  for (const commit of [to, ...earlier]) if ((await worldBegunAt(store, commit)) === pinned) return [];
  const world = await worldBegunAt(store, to);
  const only = `only the world ${pinned} is taken here (${WORLD_SETTING})`;
  return [world === undefined ? `it has no ${TRUST_PATH}, and ${only}` : `it would begin the world ${world}, the hash of its ${TRUST_PATH}, and ${only}`];
}

/** What the controller calls a proposal that its merge does not name. */
const UNNAMED = "unnamed";

interface Step {
  readonly base: Oid;
  readonly step: Oid;
  readonly world: Hash;
}

/**
 * One move of main: a merge commit of the base and a proposal's head that the rules of the base approve. It is signed by who may
 * merge and names its proposal, unless the base leaves merging to a forge, which signs with a key of its own and writes its own words.
 */
async function judgeStep({ local }: Push, { base, step, world }: Step): Promise<readonly string[]> {
  const { store } = local;
  const name = `commit ${step.slice(0, 12)}`;
  const commit = await store.readCommit(step);
  const [first, head, ...others] = commit.parents;
  if (first !== base || head === undefined || others.length > 0) return [`${name} does not merge a proposal into main: main moves by merges of approved proposals only`];
  const { trust, trustHash: hash } = await readRules(store, base);
  const signer = signerOf(trustInput(trust, hash), await commitSigner(store, step));
  const byForge = trust.merges === "forge";
  if (!signer.known && !byForge) return [`${name} is not signed by a principal: ${signer.why}`];
  if (signer.known && !MERGERS.includes(signer.kind)) return [`${name} is signed by ${signer.name}: only persons and controllers merge`];
  const trailers = parseMergeMessage(commit.message);
  if (trailers === undefined && !byForge) return [`${name} does not say which proposal it merges (Proposal:, Decision: and Cid: at the end of its message)`];
  const slug = trailers?.slug ?? UNNAMED;
  const { decision, tree } = await gatherDecision(local, { base, head, slug, world });
  if (decision.verdict !== "approved") {
    const reasons = decision.reasons.flatMap(({ holds, text }) => (holds ? [] : [text]));
    return reasons.map((reason) => `proposal '${slug}' is not approved: ${reason}`);
  }
  if (commit.tree !== tree) return [`${name} holds something else than the merge of its parents`];
  if (trailers !== undefined && trailers.cid !== decision.cid) return [`${name} names another Cid than ${decision.cid}, which was approved`];
  return [];
}

/** The seal that begins a world says so in its message. */
const GENESIS_LINE = /^0 genesis of world (sha256:[0-9a-f]{64})$/m;

/**
 * The world's id: the one that is pinned in the configuration, else the one in the first seal, else the hash of the first
 * trust file on main.
 */
async function worldOf({ local, before }: Push, main: Oid): Promise<Hash> {
  const { repo, store } = local;
  const pinned = await pinnedWorld(repo);
  if (pinned !== undefined) return pinned;
  const said = await sealedWorld(local, await before.read("refs/notes/aos"));
  if (said !== undefined) return said;
  const [first] = await listOids(repo, ["--first-parent", "--reverse", main, "--", TRUST_PATH]);
  const world = first === undefined ? undefined : await worldBegunAt(store, first);
  if (world === undefined) throw new AosError("trust.missing", `main has never had a ${TRUST_PATH}, so nobody's key counts`);
  return world;
}

/** The id of the world that begins with a commit: the hash of its trust file; undefined where it has none. */
async function worldBegunAt(store: Local["store"], commit: Oid): Promise<Hash | undefined> {
  const bytes = await store.readPath(commit, TRUST_PATH);
  return bytes === undefined ? undefined : trustHash(bytes);
}

/** The id of the only world that a repository takes, where its configuration names one. @throws AosError `hooks.world` for what is no id */
export async function pinnedWorld(repo: Repo): Promise<Hash | undefined> {
  const pinned = await configGet(repo, WORLD_SETTING);
  if (pinned === undefined || isHash(pinned)) return pinned;
  throw new AosError("hooks.world", `${WORLD_SETTING}: ${JSON.stringify(pinned)} is not the id of a world`, { hint: "sha256: and 64 hex digits" });
}

/** What the first seal of a published journal says. */
async function sealedWorld({ repo, store }: Local, tip: Oid | undefined): Promise<Hash | undefined> {
  const [root] = tip === undefined ? [] : await listOids(repo, ["--max-parents=0", tip]);
  const said = root === undefined ? undefined : GENESIS_LINE.exec((await store.readCommit(root)).message)?.[1];
  return said !== undefined && isHash(said) ? said : undefined;
}

/** The id of the world that a repository holds, or would begin as its main is; undefined where main has no trust file. */
export async function worldHeld(local: Local): Promise<Hash | undefined> {
  const main = await local.refs.read(MAIN_REF);
  return (await sealedWorld(local, await local.refs.read("refs/notes/aos"))) ?? (main === undefined ? undefined : worldBegunAt(local.store, main));
}

async function listOids(repo: Repo, args: readonly string[]): Promise<readonly Oid[]> {
  const { stdout } = await gitIn(repo, ["rev-list", ...args]);
  return stdout.toString("latin1").split("\n").filter((line) => line !== "").map(parseOid);
}
