// Judges a push before it is accepted: main moves by approved merges, what is published only grows, everyone writes their own.

import { AosError } from "@agentos/kernel";
import { MAIN_REF, TRUST_PATH, openLocal, parseOid, quarantine, readRules, refView, trustInput } from "@agentos/controller";
import type { Oid, TrustInput } from "@agentos/controller";
import { judgeBranch } from "./branch-rule.ts";
import { judgeMain } from "./main-rule.ts";
import type { Push, RefMove } from "./push.ts";
import { isPublished, judgePublished } from "./published-rule.ts";
import { faultOfName } from "./ref-names.ts";
import { REFS_MAX } from "./size.ts";

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
  if (lines.length > REFS_MAX) return { ok: false, messages: [`${lines.length} refs in one push are more than ${REFS_MAX}: push them in steps`] };
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
    const misnamed = await faultOfName(push.local.repo.gitDir, ref);
    if (misnamed !== undefined) return [misnamed];
    if (ref === MAIN_REF) return await judgeMain(push, move);
    const trusts = await trustedBy(push);
    return isPublished(ref) ? await judgePublished(push, move, trusts) : await judgeBranch(push, move, trusts);
  } catch (cause) {
    if (cause instanceof AosError) return [cause.message];
    throw cause;
  }
}

/** The trust files that say whose keys count: of main after the push, and of main before it, by which was signed until now. */
async function trustedBy({ local, before }: Push): Promise<readonly TrustInput[]> {
  const mains = [await local.refs.read(MAIN_REF), await before.read(MAIN_REF)].filter((oid) => oid !== undefined);
  const trusts = new Map<string, TrustInput>();
  for (const main of new Set(mains)) {
    if ((await local.store.readPath(main, TRUST_PATH)) === undefined) continue;
    const { trust, trustHash } = await readRules(local.store, main);
    trusts.set(trustHash, trustInput(trust, trustHash));
  }
  return [...trusts.values()];
}
