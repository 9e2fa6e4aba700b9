// Work that fails is tried again, later and later; each pause is counted from the start, not from the failure.

import { backoff, event, reduce, timer, type EventOut, type Int, type Variant } from "@agentos/kernel/sdk";

interface State {
  readonly pc: "Idle" | "Waiting" | "Done" | "Failed";
  /** From 1; the attempt that runs, or that a timer is set for. */
  readonly attempt: number;
  readonly max_attempts: number;
  readonly base_delay_ms: number;
  /** When the work was first asked for. */
  readonly anchor_ns: Int;
  readonly payload: string;
  readonly req_id: string;
}
type Event = Variant<{
  start: { readonly req_id: string; readonly payload: string; readonly max_attempts: number; readonly base_delay_ms: number; readonly now_ns: Int };
  ok: { readonly req_id: string };
  err: { readonly req_id: string; readonly transient: boolean; readonly message: string };
  timer: { readonly status: string };
}>;

const IDLE: State = { pc: "Idle", attempt: 0, max_attempts: 0, base_delay_ms: 0, anchor_ns: 0, payload: "", req_id: "" };

export default reduce<State, Event>((state, input) => {
  const now = state ?? IDLE;
  switch (input.$tag) {
    case "start": {
      const { req_id, payload, max_attempts, base_delay_ms, now_ns } = input.$value;
      const begun: State = { pc: "Waiting", attempt: 1, max_attempts: Math.max(1, max_attempts), base_delay_ms: Math.max(1, base_delay_ms), anchor_ns: now_ns, payload, req_id };
      return { state: begun, events: [work(begun)] };
    }
    case "ok":
      return { state: now.req_id !== "" && input.$value.req_id === now.req_id ? { ...now, pc: "Done" } : now };
    case "err": {
      if (now.pc !== "Waiting" || input.$value.req_id !== now.req_id) return { state: now };
      const delay = input.$value.transient ? pauses(now).delayNs(now.attempt) : undefined;
      if (delay === undefined) return { state: { ...now, pc: "Failed" } };
      return { state: { ...now, attempt: now.attempt + 1 }, effects: [timer(BigInt(now.anchor_ns) + delay, { key: now.req_id })] };
    }
    case "timer":
      return now.pc === "Waiting" ? { state: now, events: [work(now)] } : { state: now };
  }
});

function pauses({ base_delay_ms, max_attempts }: State): ReturnType<typeof backoff> {
  return backoff({ baseNs: BigInt(base_delay_ms) * 1_000_000n, maxAttempts: max_attempts });
}

function work({ req_id, payload }: State): EventOut {
  return event("demo/WorkRequested@1", { req_id, payload });
}
