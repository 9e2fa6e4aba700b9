// Asks a plan to fetch, is told status and body's blob, and reads the body from the blob store.

import { effect, event, reduce, textOf, type Int, type Variant } from "@agentos/kernel/sdk";

interface State {
  readonly pc: Variant<{ Idle: null; Fetching: null; Done: null }>;
  readonly next_request_id: number;
  readonly pending_request: number | null;
  readonly last_status: Int | null;
  readonly last_body_preview: string | null;
}
type Event = Variant<{
  Start: { readonly url: string; readonly method: string };
  NotifyComplete: { readonly status: Int; readonly body_ref: string | null };
  Body: { readonly status: string; readonly receipt: { readonly bytes: Uint8Array } | null };
}>;

const IDLE: State = { pc: { $tag: "Idle" }, next_request_id: 0, pending_request: null, last_status: null, last_body_preview: null };

export default reduce<State, Event>((state, input) => {
  const now = state ?? IDLE;
  switch (input.$tag) {
    case "Start": {
      if (now.pc.$tag === "Fetching") return { state: now };
      const id = now.next_request_id;
      return {
        state: { pc: { $tag: "Fetching" }, next_request_id: id + 1, pending_request: id, last_status: null, last_body_preview: null },
        events: [event("demo/FetchRequest@1", { request_id: id, ...input.$value }, { key: requestKey(id) })],
      };
    }
    case "NotifyComplete": {
      if (now.pending_request === null) return { state: now };
      const { status, body_ref } = input.$value;
      const told = { ...now, last_status: status };
      return body_ref === null ? { state: done(told, "") } : { state: told, effects: [effect("blob.get", { blob_ref: body_ref })] };
    }
    case "Body": {
      if (now.pending_request === null || now.last_status === null) return { state: now };
      const { status, receipt } = input.$value;
      return { state: done(now, status === "ok" && receipt !== null ? textOf(receipt.bytes) : "") };
    }
  }
});

function done(state: State, body: string): State {
  return { ...state, pc: { $tag: "Done" }, pending_request: null, last_body_preview: body };
}

/** A request's id as 8 bytes, the greatest first. */
function requestKey(id: number): Uint8Array {
  return Uint8Array.from({ length: 8 }, (_, at) => Math.floor(id / 2 ** (8 * (7 - at))) % 256);
}
