// A person's word on an effect that a policy holds: what the signature of it is over.

import { canonical } from "../air/cbor.ts";
import type { Hash } from "../air/value.ts";

/** SSHSIG namespace of approvals. */
export const APPROVAL_NAMESPACE = "aos-approval";

export type ApprovalDecision = "grant" | "deny";

/** What a person signs: this effect of this world, at this place of its journal. */
export interface ApprovalFacts {
  readonly world: Hash;
  readonly heldSeq: number;
  readonly intent: Hash;
  readonly decision: ApprovalDecision;
  readonly reason?: string;
}

/** Somebody's decision on the effect held at `heldSeq`; the signature was checked before it comes to the machine. */
export interface ApprovalOffer {
  readonly heldSeq: number;
  readonly decision: ApprovalDecision;
  readonly by: string;
  readonly reason?: string;
  readonly signer: Uint8Array;
  readonly signature: Uint8Array;
}

/** The message an approval's signature is over: canonical CBOR of `{world, held_seq, intent_hash, decision, reason?}`. */
export function approvalMessage(facts: ApprovalFacts): Uint8Array {
  return canonical({ world: facts.world, held_seq: facts.heldSeq, intent_hash: facts.intent, decision: facts.decision, reason: facts.reason });
}
