// The controller's own report on a merge: a rehearsal of what main would hold, in a claim that it signs.

import { bundleOf, hashBytes, renderReport, type World } from "@agentos/kernel";
import type { Local, ShadowFound } from "../forge/forge.ts";
import { readShadowNote, SHADOW_REF, writeShadowNote } from "../forge/local-shadow.ts";
import { readRules } from "../forge/rules.ts";
import type { Oid } from "../git/objects.ts";
import { sshsigSign } from "../git/sshsig.ts";
import type { ShadowClaim } from "../governance/decision.ts";
import { policyHash } from "../governance/policy.ts";
import { SHADOW_NAMESPACE, shadowClaimBytes } from "../governance/shadow-claim.ts";
import { keyId } from "../governance/ssh-key.ts";
import { filesOfCommit } from "../world-files.ts";
import { loadWorld, requireControl } from "../world-source.ts";
import type { Parts } from "./controller.ts";
import { rehearse, type Rehearsal, type Rehearsing } from "./rehearse.ts";

/** A merge that is, or could be. */
interface MergeOf {
  readonly base: Oid;
  readonly head: Oid;
  /** Of the merge of both. */
  readonly tree: Oid;
}
type Reporting = Pick<Parts, "store" | "options" | "principal" | "publisher">;

/** What own reports stand in the note of a merge's head: one on this very merge, one on another, none. */
export async function ownReportsOn(local: Local, { base, head, tree }: MergeOf, key: Parts["options"]["key"]): Promise<"this" | "another" | "none"> {
  const own = (await readShadowNote(local, head)).entries.filter((entry) => entry.key === keyId(key.publicKey));
  if (own.some(({ claim }) => claim.tree === tree && claim.base === base)) return "this";
  return own.length > 0 ? "another" : "none";
}

/** Puts a rehearsal as a signed report on the head, in place of this controller's earlier one. */
export async function writeOwnReport(parts: Reporting, local: Local, made: { readonly merge: MergeOf; readonly rehearsal: Rehearsal }): Promise<void> {
  const { options, principal, publisher } = parts;
  const { report, reportJson } = made.rehearsal;
  const claim = await claimOn(parts, made);
  await writeShadowNote(local, { summary: renderReport(report), claim, report: reportJson }, { key: options.key, principal, timeSeconds: Math.floor(Date.now() / 1000) });
  publisher.pushAlso(SHADOW_REF);
}

async function claimOn({ store, options }: Pick<Parts, "store" | "options">, { merge, rehearsal }: { readonly merge: MergeOf; readonly rehearsal: Rehearsal }): Promise<Omit<ShadowClaim, "v">> {
  const { base, head, tree } = merge;
  const { policy } = await readRules(store, base);
  return {
    world: options.trust, head, base, tree, policy: policyHash(policy), manifest: rehearsal.control.manifestHash,
    consequences: rehearsal.consequences, report: rehearsal.reportHash,
  };
}

/** A merge behind others on a line that may come to stand on main is asked for at every look: so many are remembered. */
const FORESEEN_MAX = 200;

/**
 * Reports on merges that would stand on main behind others, as if those were in force. They are predictions: none is written
 * down, and what comes into force is reported on again.
 */
export function foreseer(parts: Pick<Parts, "store" | "options" | "host" | "book">): (merge: MergeOf) => Promise<ShadowFound | undefined> {
  const { store, options, host, book } = parts;
  const known = new Map<string, Promise<ShadowFound | undefined>>();

  async function foresee(merge: MergeOf): Promise<ShadowFound | undefined> {
    const { world } = host;
    if (world.control === undefined) return undefined;
    const on = merge.base === world.commit ? { world, shelf: host.shelf } : await inForce(merge.base, world);
    const rehearsal = await rehearse(filesOfCommit(store, merge.tree), { ...on, recorded: book.recorded(), commit: merge.head });
    const claim = { v: 1, ...(await claimOn(parts, { merge, rehearsal })) } as const;
    return { claim, report: rehearsal.reportJson, sig: sshsigSign(options.key, SHADOW_NAMESPACE, shadowClaimBytes(claim)), key: keyId(options.key.publicKey), lines: "" };
  }

  /** The world of now, as if a commit had come into force. */
  async function inForce(commit: Oid, world: World): Promise<{ readonly world: World; readonly shelf: Rehearsing }> {
    const files = filesOfCommit(store, commit);
    const loaded = await loadWorld(files);
    const control = requireControl(loaded, files.place);
    for (const artifact of loaded.artifacts.values()) await host.shelf.modules.add(artifact);
    const bundle = hashBytes(bundleOf(control));
    return { world: { ...world, control, bundle, commit }, shelf: { modules: host.shelf.modules, control: (wanted) => (wanted === bundle ? control : host.shelf.control(wanted)) } };
  }

  return (merge) => {
    const mark = [host.world.commit, merge.base, merge.head, merge.tree].join(" ");
    const found = known.get(mark) ?? foresee(merge);
    known.delete(mark);
    known.set(mark, found);
    found.catch(() => known.delete(mark));
    const [oldest] = known.keys();
    if (known.size > FORESEEN_MAX && oldest !== undefined) known.delete(oldest);
    return found;
  };
}
