// Asks a plan for the summary of a page, and reads what the model wrote from the blob store.

import { effect, event, reduce, textOf, type Int, type Variant } from "@agentos/kernel/sdk";

interface State {
  readonly pc: Variant<{ Idle: null; Summarizing: null; Done: null }>;
  readonly next_request_id: number;
  readonly pending_request: number | null;
  readonly last_summary: string | null;
  readonly last_tokens_prompt: Int | null;
  readonly last_tokens_completion: Int | null;
  readonly last_cost_millis: Int | null;
}
type Event = Variant<{
  Start: { readonly url: string };
  SummaryReady: { readonly request_id: number; readonly summary_ref: string; readonly tokens_prompt: Int; readonly tokens_completion: Int; readonly cost_millis: Int };
  Body: { readonly status: string; readonly receipt: { readonly bytes: Uint8Array } | null };
}>;

const NONE = { last_summary: null, last_tokens_prompt: null, last_tokens_completion: null, last_cost_millis: null };
const IDLE: State = { pc: { $tag: "Idle" }, next_request_id: 0, pending_request: null, ...NONE };

export default reduce<State, Event>((state, input) => {
  const now = state ?? IDLE;
  switch (input.$tag) {
    case "Start": {
      if (now.pc.$tag === "Summarizing") return { state: now };
      const id = now.next_request_id;
      return {
        state: { pc: { $tag: "Summarizing" }, next_request_id: id + 1, pending_request: id, ...NONE },
        events: [event("demo/SummarizeRequest@1", { request_id: id, url: input.$value.url }, { key: requestKey(id) })],
      };
    }
    case "SummaryReady": {
      const { request_id, summary_ref, tokens_prompt, tokens_completion, cost_millis } = input.$value;
      if (now.pending_request !== request_id) return { state: now };
      const counted = { ...now, last_tokens_prompt: tokens_prompt, last_tokens_completion: tokens_completion, last_cost_millis: cost_millis };
      return { state: counted, effects: [effect("blob.get", { blob_ref: summary_ref })] };
    }
    case "Body": {
      if (now.pending_request === null) return { state: now };
      const { status, receipt } = input.$value;
      const last_summary = status === "ok" && receipt !== null ? contentOf(textOf(receipt.bytes)) : "";
      return { state: { ...now, pc: { $tag: "Done" }, pending_request: null, last_summary } };
    }
  }
});

/** The text of an assistant's message, as an output blob holds it. */
function contentOf(message: string): string {
  const { content } = JSON.parse(message) as { readonly content?: unknown };
  return typeof content === "string" ? content : "";
}

/** A request's id as 8 bytes, the greatest first. */
function requestKey(id: number): Uint8Array {
  return Uint8Array.from({ length: 8 }, (_, at) => Math.floor(id / 2 ** (8 * (7 - at))) % 256);
}
