// May this in? An offer becomes an input, or a rejection that says why; the kernel's no is a value.

import { AosError, assert } from "../air/error.ts";
import { hashValue } from "../air/hash.ts";
import type { Seq, Value } from "../air/value.ts";
import type { ApprovalOffer } from "./approval.ts";
import { normalEvent } from "./event-value.ts";
import { machineOf } from "./machine.ts";
import type { Input, JournalRecord, Stamp } from "./record.ts";
import { routedKey } from "./route.ts";
import { trieGet } from "./trie.ts";
import { brief, hashEvent } from "./turn.ts";
import type { World } from "./world.ts";

export interface EventOffer {
  readonly schema: string;
  readonly value: Value;
  /** Canonical bytes of the key, where the sender gives one. */
  readonly key: Uint8Array | undefined;
  readonly sender: string;
}

export interface CancelOffer {
  readonly instance: number;
  readonly by: string;
  readonly reason?: string;
}

/** Checks an event against its schema, its size and its routes. */
export function admitEvent(world: World, offer: EventOffer, stamp: Stamp): JournalRecord<"event"> | Input<"rejected"> {
  const { sender, schema } = offer;
  try {
    if (world.control === undefined) throw new AosError("world.empty", "no control plane is in force yet");
    const value = normalEvent(world.control.schemas, schema, offer.value);
    const sent = { schema, value, key: offer.key };
    const key = routedKey(machineOf(world.control), sent);
    const { now_ns, logical_ns, entropy } = stamp;
    const event_hash = hashEvent(key === sent.key ? sent : { schema, value, key });
    // In its place already, since it is the record made most: `step` need not copy it.
    const seq = world.nextSeq as Seq;
    if (key === undefined) return { seq, kind: "event", schema, value, event_hash, sender, now_ns, logical_ns, entropy };
    return { seq, kind: "event", schema, value, key, event_hash, sender, now_ns, logical_ns, entropy };
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return { kind: "rejected", schema: brief(schema), value_hash: safeHash(offer.value), code: error.code, message: brief(error.message), sender, ...stamp };
  }
}

/** Does this receipt answer an open intent? Its signature is checked before it comes here. */
export function admitReceipt(world: World, receipt: Input<"receipt">): Input<"receipt"> | Input<"receipt_refused"> {
  const open = trieGet(world.intents, String(receipt.intent_seq));
  if (open !== undefined && open.intent === receipt.intent) return receipt;
  const { intent, intent_seq, adapter, now_ns, logical_ns, entropy } = receipt;
  const code = open === undefined ? "receipt.not_open" : "receipt.other_intent";
  return { kind: "receipt_refused", intent, intent_seq, adapter, code, now_ns, logical_ns, entropy };
}

/** Takes a person's word on a held effect. @throws AosError `approval.not_held`, `approval.expired` (refused) */
export function admitApproval(world: World, offer: ApprovalOffer, stamp: Stamp): Input<"approval"> {
  const { heldSeq, decision, by, reason, signer, signature } = offer;
  const held = trieGet(world.held, String(heldSeq));
  if (held === undefined) throw new AosError("approval.not_held", `#${heldSeq}: no effect is held there`, { hint: "`aos approvals ls` lists what waits" });
  if (held.expiresNs !== undefined && stamp.logical_ns >= held.expiresNs) {
    throw new AosError("approval.expired", `#${heldSeq}: the time to decide on ${held.effect} is over`, { class: "refused" });
  }
  return { kind: "approval", held_seq: heldSeq, decision, by, ...(reason === undefined ? {} : { reason }), signer, signature, ...stamp };
}

/** Takes somebody's wish to end a plan instance. @throws AosError `plan.unknown` when it has ended or never was */
export function admitCancel(world: World, offer: CancelOffer, stamp: Stamp): Input<"cancelled"> {
  const { instance, by, reason } = offer;
  if (trieGet(world.plans, String(instance)) === undefined) throw new AosError("plan.unknown", `plan instance ${instance}: it has ended, or never was`, { hint: "`aos plan ls` lists those that run" });
  return { kind: "cancelled", instance, by, ...(reason === undefined ? {} : { reason }), ...stamp };
}

function safeHash(value: Value): ReturnType<typeof hashValue> {
  try {
    return hashValue(value);
  } catch (error) {
    assert(error instanceof AosError, "an offer that cannot be encoded fails with a reason");
    return hashValue(null);
  }
}
