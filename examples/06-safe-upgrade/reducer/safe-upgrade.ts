// Asks for a fetch on Start, keeps what the plan reports back. It stays the same while the plan is upgraded under it.

import { event, reduce, type Variant } from "@agentos/kernel/sdk";

interface State {
  readonly pc: Variant<{ Idle: null; Fetching: null; Completed: null }>;
  readonly next_request_id: number;
  readonly pending_request: number | null;
  readonly primary_status: number | null;
  readonly follow_status: number | null;
  readonly requests_observed: number;
}
type Event = Variant<{
  Start: { readonly url: string };
  NotifyComplete: { readonly primary_status: number; readonly follow_status: number; readonly request_count: number };
}>;

const IDLE: State = { pc: { $tag: "Idle" }, next_request_id: 0, pending_request: null, primary_status: null, follow_status: null, requests_observed: 0 };

export default reduce<State, Event>((state, input) => {
  const now = state ?? IDLE;
  if (input.$tag === "Start") {
    if (now.pc.$tag === "Fetching") return { state: now };
    const id = now.next_request_id;
    return {
      state: { ...now, pc: { $tag: "Fetching" }, next_request_id: id + 1, pending_request: id, primary_status: null, follow_status: null, requests_observed: 0 },
      events: [event("demo/UpgradeFetchRequest@1", { request_id: id, url: input.$value.url })],
    };
  }
  if (now.pending_request === null) return { state: now };
  const { primary_status, follow_status, request_count } = input.$value;
  return {
    state: {
      ...now, pc: { $tag: "Completed" }, pending_request: null, primary_status, follow_status: follow_status < 0 ? null : follow_status, requests_observed: request_count,
    },
  };
});
