// An adapter that answers from a list, for tests of what comes after an answer.

import { canonical } from "../air/cbor.ts";
import type { Encodable } from "../air/value.ts";
import type { Adapter, AdapterCall, AdapterResult } from "../ports.ts";

export interface StubAnswer {
  readonly status?: AdapterResult["status"];
  readonly payload: Encodable;
}
export interface StubAdapter extends Adapter {
  readonly calls: readonly AdapterCall[];
}

/** Answers calls in order, the last answer again and again; `resend` is what it says after a crash. */
export function stubAdapter(effects: readonly string[], answers: readonly StubAnswer[], resend: "again" | "unknown" = "again"): StubAdapter {
  const calls: AdapterCall[] = [];
  return {
    id: "stub", effects, calls,
    resend: () => resend,
    run(call) {
      const answer = answers[Math.min(calls.length, answers.length - 1)] ?? { payload: null };
      calls.push(call);
      return Promise.resolve({ status: answer.status ?? "ok", payload: canonical(answer.payload), costCents: 0 });
    },
  };
}

/** The payload of `sys/HttpRequestReceipt@1` with a status and no body. */
export function httpReceipt(status: number): Encodable {
  return { status, headers: {}, body_ref: null, timings: { start_ns: 10, end_ns: 20 }, adapter_id: "stub" };
}
