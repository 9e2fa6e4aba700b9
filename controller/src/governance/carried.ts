// An approval of something that has changed since: is what is proposed now no more than what was approved?

import { hashValue } from "@agentos/kernel";
import type { Hash, Json } from "@agentos/kernel";
import { compareConsequences } from "./consequences.ts";
import type { Carried, DecisionInputs, FileChange, ShadowClaim } from "./decision-types.ts";
import { policyHash } from "./policy.ts";
import type { Review } from "./review.ts";
import { signerOf } from "./signer.ts";
import { few } from "./words.ts";

/** What approvals bind to: content and its consequences, not a commit. The hashes are null while no shadow report names them. */
export function cidOf(parts: {
  readonly policyHash: Hash;
  readonly tree: string;
  readonly manifestHash: Hash | null;
  readonly consequencesHash: Hash | null;
}): Hash {
  const { tree, manifestHash, consequencesHash } = parts;
  return hashValue({ policyHash: parts.policyHash, tree, manifestHash, consequencesHash });
}

/** The cid of what a report ran. */
export function cidOfClaim({ policy, tree, manifest, consequences }: ShadowClaim): Hash {
  return cidOf({ policyHash: policy, tree, manifestHash: manifest, consequencesHash: consequences });
}

/** Whether an approval of other content still counts, and the sentence that says why; undefined when nothing says what it was given on. */
export function judgeCarried(inputs: DecisionInputs, review: Review): { readonly kept: boolean; readonly text: string } | undefined {
  const { changes, consequences } = inputs;
  const carried = inputs.carried?.find((one) => speaksOf(inputs, one, review));
  if (carried === undefined || changes === undefined || changes === null || consequences === undefined || consequences === null) return undefined;
  return compare(carried, { changes, consequences });
}

/** A controller's word on just what the review names, under the policy of now. CI could name a base that makes old files look approved. */
function speaksOf(inputs: DecisionInputs, { claim, key, consequences }: Carried, review: Review): boolean {
  const signer = signerOf(inputs.trust, key);
  return (
    signer.known && signer.kind === "controller" && claim.world === inputs.world && claim.policy === policyHash(inputs.policy) &&
    cidOfClaim(claim) === review.cid && hashValue(consequences) === claim.consequences
  );
}

function compare(approved: Carried, now: { readonly changes: readonly FileChange[]; readonly consequences: Json }): { readonly kept: boolean; readonly text: string } {
  const more = without(now.changes, approved.changes).map(({ path }) => path);
  if (more.length > 0) return { kept: false, text: `voided: ${few(more)} changed since` };
  const dropped = without(approved.changes, now.changes).map(({ path }) => path);
  const rules = dropped.filter((path) => path === ".aos" || path.startsWith(".aos/"));
  if (rules.length > 0) return { kept: false, text: `voided: it no longer changes ${few(rules)}` };
  const { added, missing, less } = compareConsequences(approved.consequences, now.consequences);
  if (added.length > 0) return { kept: false, text: `voided: adds ${few(added)}` };
  if (missing.length > 0) return { kept: false, text: `voided: no longer has ${few(missing)}` };
  const gone = [...dropped, ...less];
  return { kept: true, text: gone.length === 0 ? "kept: the same changes with the same consequences, on another main" : `kept: only takes away ${few(gone)}` };
}

function without(list: readonly FileChange[], other: readonly FileChange[]): readonly FileChange[] {
  const known = new Map(other.map(({ path, now }) => [path, now]));
  return list.filter(({ path, now }) => !known.has(path) || known.get(path) !== now);
}
