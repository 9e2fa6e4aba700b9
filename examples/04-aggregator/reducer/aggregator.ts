// Asks a plan to fetch from three places at once, then reads the three bodies from the blob store, one after the other.

import { effect, event, reduce, textOf, type Int, type Reduced, type Variant } from "@agentos/kernel/sdk";

interface Target {
  readonly name: string;
  readonly url: string;
  readonly method: string;
}
/** While a body is not read yet, `body_preview` is the ref of its blob, or empty where there was no body. */
interface Response {
  readonly source: string;
  readonly status: Int;
  readonly body_preview: string;
}
interface State {
  readonly pc: Variant<{ Idle: null; Running: null; Done: null }>;
  readonly next_request_id: number;
  readonly pending_request: number | null;
  readonly current_topic: string | null;
  /** The targets whose answer is not complete: all of them until the plan is done, then those whose body is not read yet. */
  readonly pending_targets: readonly string[];
  /** In the order of the targets, whatever the order of the answers. */
  readonly last_responses: readonly Response[];
}
interface Three<Item> {
  readonly topic: string;
  readonly primary: Item;
  readonly secondary: Item;
  readonly tertiary: Item;
}
type Event = Variant<{
  Start: Three<Target>;
  AggregateComplete: Three<{ readonly source: string; readonly status: Int; readonly body_ref: string | null }> & { readonly request_id: number };
  Body: { readonly status: string; readonly receipt: { readonly bytes: Uint8Array } | null };
}>;

const IDLE: State = { pc: { $tag: "Idle" }, next_request_id: 0, pending_request: null, current_topic: null, pending_targets: [], last_responses: [] };

export default reduce<State, Event>((state, input) => {
  const now = state ?? IDLE;
  switch (input.$tag) {
    case "Start": {
      if (now.pc.$tag === "Running") return { state: now };
      const { topic, primary, secondary, tertiary } = input.$value;
      const id = now.next_request_id;
      const targets = [primary, secondary, tertiary].map(({ name }) => name);
      return {
        state: { pc: { $tag: "Running" }, next_request_id: id + 1, pending_request: id, current_topic: topic, pending_targets: targets, last_responses: [] },
        events: [event("demo/AggregateRequested@1", { request_id: id, ...input.$value }, { key: requestKey(id) })],
      };
    }
    case "AggregateComplete": {
      const { request_id, primary, secondary, tertiary } = input.$value;
      if (now.pending_request !== request_id || now.last_responses.length > 0) return { state: now };
      const last_responses = [primary, secondary, tertiary].map(({ source, status, body_ref }) => ({ source, status, body_preview: body_ref ?? "" }));
      return readOn({ ...now, last_responses });
    }
    case "Body": {
      const at = unreadFrom(now);
      if (now.pending_request === null || at === now.last_responses.length) return { state: now };
      const { status, receipt } = input.$value;
      const body_preview = status === "ok" && receipt !== null ? textOf(receipt.bytes) : "";
      const last_responses = now.last_responses.map((response, index) => (index === at ? { ...response, body_preview } : response));
      return readOn({ ...now, pending_targets: now.pending_targets.slice(1), last_responses });
    }
  }
});

/** Asks for the next body that is to be read; the state is done when there is none. */
function readOn(state: State): Reduced<State> {
  const left = state.last_responses.slice(unreadFrom(state));
  const skipped = left.findIndex(({ body_preview }) => body_preview !== "");
  if (skipped < 0) return { state: { ...state, pc: { $tag: "Done" }, pending_request: null, pending_targets: [] } };
  return { state: { ...state, pending_targets: state.pending_targets.slice(skipped) }, effects: [effect("blob.get", { blob_ref: left[skipped]?.body_preview })] };
}

/** Index of the first response whose body is not read yet. */
function unreadFrom({ last_responses, pending_targets }: State): number {
  return last_responses.length === 0 ? 0 : last_responses.length - pending_targets.length;
}

/** A request's id as 8 bytes, the greatest first. */
function requestKey(id: number): Uint8Array {
  return Uint8Array.from({ length: 8 }, (_, at) => Math.floor(id / 2 ** (8 * (7 - at))) % 256);
}
