// The rule of branches and tags: agents write to proposals of their own name only, and what is brought is bounded.

import { MAIN_REF, PROPOSALS_PREFIX, commitSigner, isSlug, signerOf } from "@agentos/controller";
import type { Local, Oid, Signer, TrustInput } from "@agentos/controller";
import { newCommits } from "./new-commits.ts";
import type { Push, RefMove } from "./push.ts";
import { PROPOSAL_LIMITS, broughtBy } from "./size.ts";

/**
 * A push carries no identity, but commits are signed. In an agent's name stands only what that agent signed, and a controller
 * speaks for plans without a key in its own; elsewhere nothing stands that an agent put there. What a person offers may be unsigned: who a proposal is from is asked when it is merged.
 * Anybody may take a branch or tag away: nothing that is decided hangs on it.
 *
 * @returns what is wrong, nothing when the branch or tag may move
 */
export async function judgeBranch(push: Push, { ref, to }: RefMove, trusts: readonly TrustInput[]): Promise<readonly string[]> {
  const { local } = push;
  const slug = ref.startsWith(PROPOSALS_PREFIX) ? ref.slice(PROPOSALS_PREFIX.length) : undefined;
  if (to === null) return [];
  if (slug !== undefined && !isSlug(slug)) return ["not a proposal's name: lower-case letters, digits and -, an agent's below agent/NAME/"];
  const known = [...new Set((await push.before.list("refs/")).values())];
  const { commits, faults } = await broughtBy(local.repo, to, { known, limits: PROPOSAL_LIMITS });
  if (faults.length > 0) return faults;
  const tip = await peel(local, to);
  if (tip === undefined) return slug === undefined && ref !== MAIN_REF ? [] : ["it must point to a commit"];
  const agent = slug === undefined ? undefined : /^agent\/([^/]+)\//.exec(slug)?.[1];
  // What main brings in the same push is judged as main.
  const main = await local.refs.read(MAIN_REF);
  if (agent !== undefined) return judgeAgents(push, { agent, tip, commits: main === undefined || known.includes(main) ? commits : await newCommits(local.repo, tip, [...known, main]), trusts });
  const signer = await signerAmong(local, tip, trusts);
  return signer?.known === true && signer.kind === "agent" ? [`commit ${tip.slice(0, 12)} is signed by ${signer.name}, an agent: agents write only below ${PROPOSALS_PREFIX}agent/${signer.name}/`] : [];
}

interface AgentsPush {
  readonly agent: string;
  readonly tip: Oid;
  /** New ones. */
  readonly commits: readonly Oid[];
  readonly trusts: readonly TrustInput[];
}

async function judgeAgents({ local }: Push, { agent, tip, commits, trusts }: AgentsPush): Promise<readonly string[]> {
  if (!trusts.some(({ principals }) => principals.some(({ name, kind }) => name === agent && (kind === "agent" || kind === "controller")))) return [`there is no agent ${agent} in the trust file of main`];
  for await (const { commit, signer } of signersAmong(local, [...new Set([...commits, tip])], trusts)) {
    if (signer?.known !== true) return [`commit ${commit.slice(0, 12)} is not signed by ${agent}: ${signer?.why ?? "nobody is trusted"}`];
    if (signer.name !== agent) return [`commit ${commit.slice(0, 12)} is signed by ${signer.name}: only ${agent} writes there`];
  }
  return [];
}

/** Commits read at a time: git is not asked one by one, and what they hold at most is bounded. */
const READ_AHEAD = 32;

/** Who signed each of these commits, in their order. */
export async function* signersAmong(local: Local, commits: readonly Oid[], trusts: readonly TrustInput[]): AsyncGenerator<{ readonly commit: Oid; readonly signer: Signer | undefined }> {
  for (let at = 0; at < commits.length; at += READ_AHEAD) {
    yield* await Promise.all(commits.slice(at, at + READ_AHEAD).map(async (commit) => ({ commit, signer: await signerAmong(local, commit, trusts) })));
  }
}

/** Who signed a commit, by the first trust file that knows the key; undefined where there is none. */
async function signerAmong({ store }: Local, commit: Oid, trusts: readonly TrustInput[]): Promise<Signer | undefined> {
  const key = await commitSigner(store, commit);
  const signers = trusts.map((trust) => signerOf(trust, key));
  return signers.find(({ known }) => known) ?? signers[0];
}

const TAGS_DEEP_MAX = 5;

/** The commit that a tag names, through tags of tags; undefined when it names something else. */
async function peel({ store }: Local, oid: Oid): Promise<Oid | undefined> {
  let at = oid;
  for (let depth = 0; depth <= TAGS_DEEP_MAX; depth++) {
    const object = await store.read(at);
    if (object?.type === "commit") return at;
    const named = object?.type === "tag" ? /^object ([0-9a-f]{40})\n/.exec(Buffer.from(object.bytes).toString("latin1"))?.[1] : undefined;
    if (named === undefined) return undefined;
    at = named as Oid;
  }
  return undefined;
}
