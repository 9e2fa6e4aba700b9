// An order in three steps: charge, reserve, notify. What cannot be reserved is refunded.

import { effect, event, reduce, textOf, type EventOut, type Int, type Reduced, type Variant } from "@agentos/kernel/sdk";

interface Target {
  readonly name: string;
  readonly method: string;
  readonly url: string;
}
interface Saga {
  readonly request_id: number;
  readonly order_id: string;
  readonly customer_id: string;
  readonly amount_cents: Int;
  readonly reserve_sku: string;
  readonly charge_status: Int | null;
  readonly reserve_status: Int | null;
  readonly notify_status: Int | null;
  readonly refund_status: Int | null;
  readonly last_error: string | null;
  readonly charge_target: Target;
  readonly reserve_target: Target;
  readonly notify_target: Target;
  readonly refund_target: Target;
}
type Phase = "Idle" | "Charging" | "Reserving" | "Notifying" | "Refunding" | "Completed" | "Refunded";
interface State {
  readonly phase: { readonly $tag: Phase };
  readonly next_request_id: number;
  readonly current_saga: Saga | null;
}
interface Start {
  readonly order_id: string;
  readonly customer_id: string;
  readonly amount_cents: Int;
  readonly reserve_sku: string;
  readonly charge: Target;
  readonly reserve: Target;
  readonly notify: Target;
  readonly refund: Target;
}
interface Outcome {
  readonly request_id: number;
  readonly status: Int;
}
type OutcomeWithBody = Outcome & { readonly body_ref: string | null };
type Event = Variant<{
  Start: Start;
  ChargeCompleted: OutcomeWithBody;
  ReserveCompleted: OutcomeWithBody;
  ReserveFailed: OutcomeWithBody;
  NotifyCompleted: Outcome;
  RefundCompleted: Outcome;
  Body: { readonly status: string; readonly receipt: { readonly bytes: Uint8Array } | null };
}>;
type Outcomes = Exclude<Event, { readonly $tag: "Start" | "Body" }>;

const IDLE: State = { phase: { $tag: "Idle" }, next_request_id: 0, current_saga: null };
const AT_REST: readonly Phase[] = ["Idle", "Completed", "Refunded"];

export default reduce<State, Event>((state, input) => {
  const now = state ?? IDLE;
  if (input.$tag === "Start") return AT_REST.includes(now.phase.$tag) ? begin(now, input.$value) : { state: now };
  const saga = now.current_saga;
  if (saga === null) return { state: now };
  if (input.$tag === "Body") {
    const { status, receipt } = input.$value;
    return goOn(now, saga, status === "ok" && receipt !== null ? textOf(receipt.bytes) : "");
  }
  return saga.request_id === input.$value.request_id ? outcome(now, saga, input) : { state: now };
});

function begin(state: State, start: Start): Reduced<State> {
  const { order_id, customer_id, amount_cents, reserve_sku, charge, reserve, notify, refund } = start;
  const id = state.next_request_id;
  const saga: Saga = {
    request_id: id, order_id, customer_id, amount_cents, reserve_sku, charge_status: null, reserve_status: null, notify_status: null, refund_status: null, last_error: null,
    charge_target: charge, reserve_target: reserve, notify_target: notify, refund_target: refund,
  };
  return {
    state: { phase: { $tag: "Charging" }, next_request_id: id + 1, current_saga: saga },
    events: [ask(saga, "demo/ChargeRequested@1", { amount_cents, customer_id, target: charge })],
  };
}

function outcome(state: State, saga: Saga, { $tag, $value }: Outcomes): Reduced<State> {
  const { status } = $value;
  switch ($tag) {
    case "ChargeCompleted": {
      const next = { ...saga, charge_status: status, last_error: null };
      return { state: at(state, "Reserving", next), events: [ask(saga, "demo/ReserveRequested@1", { sku: saga.reserve_sku, target: saga.reserve_target })] };
    }
    case "ReserveCompleted":
      return read(at(state, "Notifying", { ...saga, reserve_status: status, last_error: null }), $value.body_ref);
    case "ReserveFailed":
      return read(at(state, "Refunding", { ...saga, reserve_status: status }), $value.body_ref);
    case "NotifyCompleted":
      return { state: at(state, "Completed", { ...saga, notify_status: status }) };
    case "RefundCompleted":
      return { state: at(state, "Refunded", { ...saga, refund_status: status }) };
  }
}

/** The next request needs the text of the answer: it is read first. */
function read(state: State & { readonly current_saga: Saga }, ref: string | null): Reduced<State> {
  return ref === null ? goOn(state, state.current_saga, "") : { state, effects: [effect("blob.get", { blob_ref: ref })] };
}

/** What the reservation answered is known: tell the customer, or give the money back. */
function goOn(state: State, saga: Saga, body: string): Reduced<State> {
  switch (state.phase.$tag) {
    case "Notifying":
      return { state, events: [ask(saga, "demo/NotifyRequested@1", { status_text: `reserved: ${body}`, target: saga.notify_target })] };
    case "Refunding":
      return {
        state: at(state, "Refunding", { ...saga, last_error: body }),
        events: [ask(saga, "demo/RefundRequested@1", { amount_cents: saga.amount_cents, target: saga.refund_target })],
      };
    default:
      return { state };
  }
}

function at(state: State, phase: Phase, saga: Saga): State & { readonly current_saga: Saga } {
  return { ...state, phase: { $tag: phase }, current_saga: saga };
}

function ask({ request_id, order_id }: Saga, schema: string, fields: object): EventOut {
  return event(schema, { request_id, order_id, ...fields }, { key: requestKey(request_id) });
}

/** A request's id as 8 bytes, the greatest first. */
function requestKey(id: number): Uint8Array {
  return Uint8Array.from({ length: 8 }, (_, place) => Math.floor(id / 2 ** (8 * (7 - place))) % 256);
}
