// A clone and a pinned trust hash become a verdict: every signature, every decision, every byte, and on request every step.

import { AosError, controlShelf, fold, InvariantError, SANDBOX_VERSION, stateRoot, turnsOf, type Hash, type ModuleRunner, type World } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import { readRef } from "../git/refs.ts";
import { firstParents } from "../git/repo.ts";
import { publishedBlobs, readSegment, type Seal } from "./published.ts";
import { beginCheck, guarded, report, unverified, type Checking, type Problem, type VerifyOptions } from "./verify-check.ts";
import { checkSeals } from "./verify-seals.ts";

export interface VerifyReport {
  readonly ok: boolean;
  readonly checked: { readonly seals: number; readonly records: number; readonly receipts: number; readonly approvals: number; readonly decisions: number; readonly reviews: number };
  readonly replayed?: { readonly stateRoot: Hash; readonly seq: number };
  /** Merges on main that no published record has applied yet: not wrong, but not in force. */
  readonly pending: readonly string[];
  /** Decisions that put changes of authority into other words than this release does: not wrong, but to be read. */
  readonly reworded: readonly string[];
  /** The first is the most telling one. */
  readonly problems: readonly Problem[];
}

/**
 * Checks everything that is published, from the first seal on. What does not hold is listed in that order; it throws only when
 * it cannot look. A replay is made of what holds: where there are problems already, there is none.
 *
 * @throws AosError `verify.empty`, and what the outside did
 */
export async function verifyPublished(options: VerifyOptions): Promise<VerifyReport> {
  const check = beginCheck(options);
  const seals = await checkSeals(check);
  const pending = (await guarded(check, {}, () => checkMain(check))) ?? [];
  const world = options.replay === undefined || check.problems.length > 0 ? undefined : await replay(check, seals, options.replay);
  const replayed = world === undefined ? {} : { replayed: { stateRoot: stateRoot(world), seq: world.nextSeq } };
  return { ok: check.problems.length === 0, checked: check.counts, ...replayed, pending, reworded: check.reworded, problems: check.problems };
}

/** Main's first-parent history is the applied history; what is beyond it is pending. */
async function checkMain(check: Checking): Promise<readonly string[]> {
  const [genesis, ...expected] = check.applied;
  if (genesis === undefined) return [];
  const main = await readRef(check.store.gitDir, check.mainRef);
  if (main === undefined) throw unverified("main.missing", `${check.mainRef} is not there, although ${genesis.slice(0, 12)} was applied from it`);
  const line = await firstParents(check.repo, genesis, main);
  const root: Oid | undefined = line[0] === undefined ? undefined : (await check.store.readCommit(line[0])).parents[0];
  const begins = line.length === 0 ? main === genesis : root === genesis;
  const wrong = begins ? expected.findIndex((commit, index) => line[index] !== commit) : 0;
  const applied = begins ? expected[wrong] : genesis;
  if (applied === undefined) return line.slice(expected.length);
  const place = { commit: applied };
  if (line[wrong] === undefined) report(check, { ...place, code: "main.rewound", message: `${check.mainRef} ends at ${main.slice(0, 12)}, before ${applied.slice(0, 12)}, which was applied` });
  else report(check, { ...place, code: "main.history", message: `${check.mainRef} holds ${line[wrong].slice(0, 12)} where ${applied.slice(0, 12)} was applied` });
  return [];
}

async function replay(check: Checking, seals: readonly Pick<Seal, "oid" | "checkpoint">[], modules: ModuleRunner): Promise<World | undefined> {
  const tip = seals.at(-1);
  if (tip === undefined) return undefined;
  if (check.sandbox !== SANDBOX_VERSION) {
    report(check, { seq: 0, code: "sandbox.version", message: `the world pins sandbox ${check.sandbox ?? "none"}, this build is ${SANDBOX_VERSION}: replay it with the release that made it` });
    return undefined;
  }
  const shelf = controlShelf(modules, await publishedBlobs(check.store, tip.oid));
  let world: World | undefined;
  for (const seal of seals) {
    const at = { seq: seal.checkpoint.lastSeq, commit: seal.oid, file: seal.checkpoint.segment };
    const before = world;
    world = await guarded(check, at, async () => fold(turnsOf((await readSegment(check.store, seal)).segment.records), shelf, before).catch(hostile));
    if (world === undefined) return undefined;
    const root = stateRoot(world);
    if (root === seal.checkpoint.stateRoot) continue;
    report(check, { ...at, code: "replay.root", message: `replay to seq ${seal.checkpoint.lastSeq} gives state root ${root}, the seal says ${seal.checkpoint.stateRoot}` });
    return undefined;
  }
  return world;
}

/** A journal that is read can hold anything: what no running world can meet is its fault here. */
function hostile(error: unknown): never {
  if (error instanceof InvariantError) throw new AosError("replay.impossible", `the journal cannot have been made by a world: ${error.message}`, { class: "unverified", cause: error });
  throw error;
}
