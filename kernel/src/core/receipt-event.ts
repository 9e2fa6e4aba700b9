// The event a reducer gets when its effect was answered.

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import type { Input } from "./record.ts";
import type { DomainEvent } from "./turn.ts";
import type { OpenIntent } from "./world.ts";

const EVENT_OF: ReadonlyMap<string, string> = new Map([
  ["timer.set", "sys/TimerFired@1"],
  ["blob.put", "sys/BlobPutResult@1"],
  ["blob.get", "sys/BlobGetResult@1"],
]);

/**
 * Builds the event; its key is the emitting cell's.
 *
 * @throws AosError `receipt.reducer_unsupported` for an effect that has no such event
 */
export function receiptEvent(open: OpenIntent, receipt: Input<"receipt">): DomainEvent {
  const schema = EVENT_OF.get(open.effect);
  if (schema === undefined || open.origin.kind !== "reducer") throw new AosError("receipt.reducer_unsupported", `${open.effect}: reducers get no receipt of it`);
  const value = canonical({
    intent_hash: open.intent, reducer: open.origin.reducer, effect_kind: open.effect, adapter_id: receipt.adapter, status: receipt.status,
    requested: decode(open.params), receipt: decode(receipt.payload), cost_cents: receipt.cost_cents ?? null, signature: receipt.signature,
  });
  return { schema, value, key: open.origin.key };
}
