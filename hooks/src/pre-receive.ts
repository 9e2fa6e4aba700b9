// Judges a push before it is accepted: main moves by approved merges, what is published only grows, everyone writes their own.

import { AosError } from "@agentos/kernel";
import { MAIN_REF, PROPOSALS_PREFIX, openLocal, parseOid, quarantine, readRules, refView, trustInput } from "@agentos/controller";
import type { Oid, TrustInput } from "@agentos/controller";
import { judgeMain } from "./main-rule.ts";
import type { Push, RefMove } from "./push.ts";
import { isPublished, judgePublished } from "./published-rule.ts";
import { COMMITS_MAX, countNew } from "./size.ts";

/** One ref as git tells hooks: 40 zeros for a ref that is made or deleted. */
export interface PushedLine {
  readonly old: string;
  readonly new: string;
  readonly ref: string;
}
export type Verdict = { readonly ok: true } | { readonly ok: false; readonly messages: readonly string[] };

/** The ref that exists once a world has begun. */
const JOURNAL_REF = "refs/notes/aos";

/**
 * Judges all refs of a push, by the repository as it would be after it. All are judged, so that all that is wrong is said.
 * Inside git's hook the objects of the push are seen through the quarantine that git names in the environment.
 */
export async function preReceive(gitDir: string, lines: readonly PushedLine[]): Promise<Verdict> {
  const moves = lines.map(readMove);
  const moved = new Map(moves.map(({ ref, to }) => [ref, to]));
  const local = await openLocal(gitDir, { env: quarantine(), moved });
  try {
    const before = refView(local.repo.gitDir, new Map());
    const push: Push = { local, before, begun: (await before.read(JOURNAL_REF)) !== undefined };
    const messages: string[] = [];
    for (const move of moves) messages.push(...(await judge(push, move)).map((message) => `${move.ref}: ${message}`));
    return messages.length === 0 ? { ok: true } : { ok: false, messages };
  } finally {
    await local.close();
  }
}

function readMove({ old, new: next, ref }: PushedLine): RefMove {
  const at = (oid: string): Oid | null => (/^0+$/.test(oid) ? null : parseOid(oid));
  return { ref, from: at(old), to: at(next) };
}

/** @returns what is wrong, nothing when the ref may move */
async function judge(push: Push, move: RefMove): Promise<readonly string[]> {
  const { ref } = move;
  try {
    if (ref === MAIN_REF) return await judgeMain(push, move);
    if (isPublished(ref)) return await judgePublished(push, move, await trustedBy(push));
    if (ref.startsWith(PROPOSALS_PREFIX)) return await judgeProposal(push, move);
    if (ref.startsWith("refs/heads/") || ref.startsWith("refs/tags/")) return [];
    return ["not a ref of a world: only branches, tags, refs/notes/aos* and refs/aos/ are taken"];
  } catch (cause) {
    if (cause instanceof AosError) return [cause.message];
    throw cause;
  }
}

/** Pushes carry no identity, so anyone who may push may propose; who a proposal's commits are from is asked when it is merged. */
async function judgeProposal({ local, before }: Push, { to }: RefMove): Promise<readonly string[]> {
  if (to === null) return [];
  const count = await countNew(local.repo, to, [...(await before.list("refs/")).values()]);
  return count > COMMITS_MAX ? [`more than ${COMMITS_MAX} new commits in one push: push them in steps`] : [];
}

/** The trust files that say whose keys count: of main after the push, and of main before it, which sealed until now. */
async function trustedBy({ local, before }: Push): Promise<readonly TrustInput[]> {
  const mains = [await local.refs.read(MAIN_REF), await before.read(MAIN_REF)].filter((oid) => oid !== undefined);
  const trusts = new Map<string, TrustInput>();
  for (const main of new Set(mains)) {
    const { trust, trustHash } = await readRules(local.store, main);
    trusts.set(trustHash, trustInput(trust, trustHash));
  }
  return [...trusts.values()];
}
