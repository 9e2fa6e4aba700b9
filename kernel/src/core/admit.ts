// May this in? An offer becomes an input, or a rejection that says why; the kernel's no is a value.

import { canonical } from "../air/cbor.ts";
import { AosError, assert } from "../air/error.ts";
import { hashBytes, hashValue } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Value } from "../air/value.ts";
import { decode } from "../air/cbor.ts";
import { LIMITS } from "./limits.ts";
import { machineOf, reducerOf } from "./machine.ts";
import type { Input, Stamp } from "./record.ts";
import { routeEvent } from "./route.ts";
import { trieEntries, trieGet } from "./trie.ts";
import { brief, hashEvent } from "./turn.ts";
import type { World } from "./world.ts";

export interface EventOffer {
  readonly schema: string;
  readonly value: Value;
  /** Canonical bytes of the key, where the sender gives one. */
  readonly key: Uint8Array | undefined;
  readonly sender: string;
}

/** Checks an event against its schema, its size and its routes. */
export function admitEvent(world: World, offer: EventOffer, stamp: Stamp): Input<"event"> | Input<"rejected"> {
  const { sender, schema } = offer;
  try {
    if (world.control === undefined) throw new AosError("world.empty", "no control plane is in force yet");
    const value = canonical(normalizerFor(world.control.schemas, schema)(offer.value));
    if (value.length > LIMITS.eventBytes) throw new AosError("limit.event", `${schema}: an event of ${value.length} bytes is over ${LIMITS.eventBytes}`);
    const { key } = routeEvent(machineOf(world.control), { schema, value, key: offer.key });
    const event = { schema, value, key };
    return { kind: "event", schema, value, ...(key === undefined ? {} : { key }), event_hash: hashEvent(event), sender, ...stamp };
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

/** A cell whose state a control plane cannot take over. */
export interface Misfit {
  readonly reducer: string;
  readonly key: Uint8Array | undefined;
  readonly reason: string;
}

/** The cells whose state does not fit the schema their reducer has in `next`; an apply is refused while there are any. */
export function misfits(world: World, next: ControlPlane): readonly Misfit[] {
  const found: Misfit[] = [];
  for (const [, cell] of trieEntries(world.cells)) {
    try {
      const { abi } = reducerOf(next, cell.reducer);
      const state = normalizerFor(next.schemas, abi.state)(decode(cell.state));
      if (hashBytes(canonical(state)) !== cell.hash) throw new AosError("state.changes", "the state would read differently");
    } catch (error) {
      if (!(error instanceof AosError)) throw error;
      found.push({ reducer: cell.reducer, key: cell.key, reason: error.message });
    }
  }
  return found.sort((a, b) => (a.reducer < b.reducer ? -1 : a.reducer > b.reducer ? 1 : 0));
}

function safeHash(value: Value): ReturnType<typeof hashValue> {
  try {
    return hashValue(value);
  } catch (error) {
    assert(error instanceof AosError, "an offer that cannot be encoded fails with a reason");
    return hashValue(null);
  }
}
