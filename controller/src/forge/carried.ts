// Finds out what approvals were given on that name other content than what is proposed now.

import { isUtf8 } from "node:buffer";
import { encodeBase64, fromUtf8 } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import { cidOfClaim, staleApprovals } from "../governance/decision.ts";
import type { Carried, DecisionInputs } from "../governance/decision.ts";
import { policyHash } from "../governance/policy.ts";
import { parseShadowNote, verifyShadowClaim } from "../governance/shadow-claim.ts";
import { signerOf } from "../governance/signer.ts";
import { fileChanges } from "./file-changes.ts";
import type { Local } from "./forge.ts";
import { NOTE_BYTES_MAX } from "./local-reviews.ts";
import { SHADOW_REF } from "./local-shadow.ts";
import { noteHistory } from "./note-history.ts";
import { reportFacts } from "./report-facts.ts";
import { keyIdOf, verifySignature } from "./signatures.ts";

/** Approvals of more contents than this are not followed. */
const CONTENTS_MAX = 20;

/** What a controller once reported on the contents that persons' last words approve, each content once. */
export async function gatherCarried(local: Local, inputs: DecisionInputs): Promise<readonly Carried[]> {
  if (inputs.consequences === null || inputs.changes === null) return [];
  const wanted = new Map<Hash, Oid>(staleApprovals(inputs).map(({ cid, head }) => [cid, head]));
  const tip = wanted.size === 0 ? undefined : await local.refs.read(SHADOW_REF);
  if (tip === undefined) return [];
  const found: Carried[] = [];
  for (const [cid, head] of [...wanted].slice(0, CONTENTS_MAX)) {
    const carried = await findCarried(local, inputs, { tip, cid, head });
    if (carried !== undefined) found.push(carried);
  }
  return found;
}

interface Wanted {
  readonly tip: Oid;
  readonly cid: Hash;
  readonly head: Oid;
}

/** Reports are replaced when main moves on, so every version of the note is looked at, the last one first. */
async function findCarried(local: Local, inputs: DecisionInputs, { tip, cid, head }: Wanted): Promise<Carried | undefined> {
  const { repo, store } = local;
  const policy = policyHash(inputs.policy);
  for (const { blob } of (await noteHistory(repo, tip, { target: head })).toReversed()) {
    const bytes = await store.readBlob(blob);
    if (bytes.length > NOTE_BYTES_MAX || !isUtf8(bytes)) continue;
    for (const entry of parseShadowNote(fromUtf8(bytes), `shadow note on ${head.slice(0, 12)}`).entries) {
      const { claim, sig, report } = entry;
      if (claim.policy !== policy || claim.world !== inputs.world || cidOfClaim(claim) !== cid) continue;
      const key = keyIdOf(verifyShadowClaim(entry, verifySignature));
      const signer = signerOf(inputs.trust, key);
      const facts = signer.known && signer.kind === "controller" ? reportFacts(report, claim.consequences) : undefined;
      if (facts === undefined || (await store.read(claim.base)) === undefined || (await store.read(claim.tree)) === undefined) continue;
      const { changes } = await fileChanges(repo, claim.base, claim.tree);
      if (changes !== null) return { claim, key, sig: encodeBase64(sig), consequences: facts.consequences, changes };
    }
  }
  return undefined;
}
