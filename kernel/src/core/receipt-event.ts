// The event a reducer gets when its effect was answered.

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import type { Encodable, Value, ValueMap } from "../air/value.ts";
import type { Input } from "./record.ts";
import type { DomainEvent } from "./turn.ts";
import type { OpenIntent } from "./world.ts";

interface Answer {
  readonly schema: string;
  /** The receipt of an effect that has no answer: what was asked for, and nothing done. */
  readonly none: (requested: Value) => Encodable;
}
const ANSWERS: ReadonlyMap<string, Answer> = new Map([
  ["timer.set", { schema: "sys/TimerFired@1", none: (requested) => ({ delivered_at_ns: 0, key: fieldOf(requested, "key") }) }],
  ["blob.put", { schema: "sys/BlobPutResult@1", none: (requested) => ({ blob_ref: fieldOf(requested, "blob_ref"), size: 0 }) }],
  ["blob.get", { schema: "sys/BlobGetResult@1", none: (requested) => ({ blob_ref: fieldOf(requested, "blob_ref"), size: 0, bytes: new Uint8Array() }) }],
]);

/**
 * Builds the event; its key is the emitting cell's. The event's schema wants a receipt also where there is none (a time limit, an
 * outcome nobody knows): then its fields are zero and empty, and `status` says so.
 *
 * @throws AosError `receipt.reducer_unsupported` for an effect that has no such event
 */
export function receiptEvent(open: OpenIntent, receipt: Input<"receipt">): DomainEvent {
  const answer = ANSWERS.get(open.effect);
  if (answer === undefined || open.origin.kind !== "reducer") throw new AosError("receipt.reducer_unsupported", `${open.effect}: reducers get no receipt of it`);
  const [requested, payload] = [decode(open.params), decode(receipt.payload)];
  const value = canonical({
    intent_hash: open.intent, reducer: open.origin.reducer, effect_kind: open.effect, adapter_id: receipt.adapter, status: receipt.status,
    requested, receipt: payload ?? answer.none(requested), cost_cents: receipt.cost_cents ?? null, signature: receipt.signature,
  });
  return { schema: answer.schema, value, key: open.origin.key };
}

function fieldOf(requested: Value, name: string): Encodable {
  return (requested instanceof Map ? (requested as ValueMap).get(name) : undefined) ?? null;
}
