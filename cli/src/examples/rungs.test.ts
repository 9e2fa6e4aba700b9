// What the reducers of the rungs make of answers and events that the way they are run does not bring.

import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, decode, hashBytes, jsonOf, parseScenario, utf8 } from "@agentos/kernel";
import { plainJson } from "@agentos/controller";
import { rehearse } from "../testing/rehearse.ts";
import { aggregator } from "./aggregator.ts";
import { blobEcho } from "./blob-echo.ts";
import { chainComp } from "./chain-comp.ts";
import type { Example } from "./example.ts";
import { retryBackoff } from "./retry-backoff.ts";

const TARGETS = Object.fromEntries(["primary", "secondary", "tertiary"].map((name) => [name, { name, url: `https://example.com/${name}`, method: "GET" }]));
const ASK = { schema: "demo/AggregatorEvent@1", value: { $tag: "Start", $value: { topic: "t", ...TARGETS } } };
const REF = hashBytes(utf8("text"));
const answered = (path: string, { status = 200, body_ref = null }: { readonly status?: number; readonly body_ref?: string | null }): object => ({
  effect: "http.request", match: { url: `https://example.com/${path}` }, payload: { status, headers: {}, body_ref, timings: { start_ns: 0, end_ns: 0 }, adapter_id: "scenario" },
});
const READ = { effect: "blob.get", payload: { blob_ref: REF, size: 4, bytes: "text" } };
const NOT_READ = { effect: "blob.get", status: "error", payload: { blob_ref: REF, size: 0, bytes: "" }, times: 1 };
const previews = (...texts: readonly string[]): object => ({
  pc: { $tag: "Done" }, pending_request: null, pending_targets: [], last_responses: texts.map((body_preview, at) => ({ source: Object.keys(TARGETS)[at], status: 200, body_preview })),
});
const CALLS = Object.fromEntries(["charge", "reserve", "notify", "refund"].map((name) => [name, { name, url: `https://example.com/${name}`, method: "POST" }]));
const ORDER = { schema: "demo/ChainEvent@1", value: { $tag: "Start", $value: { order_id: "o", customer_id: "c", amount_cents: 1, reserve_sku: "s", ...CALLS } } };
const retry = (tag: string, value: object): object => ({ schema: "demo/RetryEvent@1", value: { $tag: tag, $value: { req_id: "other", ...value } } });
const WORK = retry("start", { payload: "p", max_attempts: 0, base_delay_ms: 0, now_ns: 7 });

interface Row {
  readonly of: Example;
  readonly what: string;
  readonly events: readonly object[];
  readonly answers?: readonly object[];
  /** Fields of the state it ends in. */
  readonly state: object;
}

const ROWS: readonly Row[] = [
  {
    of: blobEcho, what: "the outcome of putting is not known: the reducer hears of it, with nothing stored",
    events: [{ schema: "demo/BlobEchoEvent@1", value: { $tag: "Start", $value: { data: "text" } } }], answers: [{ effect: "blob.put", status: "error" }],
    state: { pc: { $tag: "Done" }, pending_blob_ref: REF, stored_blob_ref: null, retrieved_blob_ref: null },
  },
  { of: aggregator, what: "no answer has a body: nothing is read", events: [ASK], state: previews("", "", "") },
  {
    of: aggregator, what: "one answer has a body: it is read into its own place", events: [ASK],
    answers: [answered("secondary", { body_ref: REF }), READ], state: previews("", "text", ""),
  },
  {
    of: aggregator, what: "all have the same body: each is read", events: [ASK],
    answers: [...["primary", "secondary", "tertiary"].map((path) => answered(path, { body_ref: REF })), READ], state: previews("text", "text", "text"),
  },
  {
    of: aggregator, what: "a body cannot be read: the others are", events: [ASK],
    answers: [answered("primary", { body_ref: REF }), answered("tertiary", { body_ref: REF }), NOT_READ, READ], state: previews("", "", "text"),
  },
  { of: aggregator, what: "asked again: a new request", events: [ASK, ASK], state: { ...previews("", "", ""), next_request_id: 2 } },
  { of: chainComp, what: "400 without a body: refunded, the error is empty", events: [ORDER], answers: [answered("reserve", { status: 400 })], state: { phase: { $tag: "Refunded" }, next_request_id: 1 } },
  { of: chainComp, what: "399: no failure", events: [ORDER], answers: [answered("reserve", { status: 399 })], state: { phase: { $tag: "Completed" }, next_request_id: 1 } },
  {
    of: chainComp, what: "an outcome of another request changes nothing, a second order begins anew",
    events: [ORDER, { schema: "demo/RefundCompleted@1", value: { request_id: 9, status: 200 } }, ORDER], state: { phase: { $tag: "Completed" }, next_request_id: 2 },
  },
  { of: retryBackoff, what: "zeros are ones", events: [WORK], state: { pc: "Waiting", attempt: 1, max_attempts: 1, base_delay_ms: 1, anchor_ns: 7 } },
  { of: retryBackoff, what: "the work is done", events: [WORK, retry("ok", {})], state: { pc: "Done", attempt: 1 } },
  {
    of: retryBackoff, what: "a failure for good: no attempt more, however many are left",
    events: [retry("start", { payload: "p", max_attempts: 3, base_delay_ms: 1, now_ns: 7 }), retry("err", { transient: false, message: "" })], state: { pc: "Failed", attempt: 1 },
  },
  {
    of: retryBackoff, what: "the outcome of other work changes nothing",
    events: [WORK, { schema: "demo/WorkOk@1", value: { req_id: "third" } }, { schema: "demo/WorkErr@1", value: { req_id: "third", transient: false, message: "" } }],
    state: { pc: "Waiting", attempt: 1 },
  },
];

test("rungs: beside the way: what the reducers make of other answers and events", async () => {
  let ran = 0;
  for (const { of, what, events, answers = [], state } of ROWS) {
    const scenario = parseScenario(jsonOf({ events, answers }), what);
    const { cells, failures, rejected } = await rehearse(of, [scenario]);
    assert.deepEqual([failures, rejected], [[], []], what);
    const after = plainJson(decode(canonical(cells[0]?.after ?? null))) as Readonly<Record<string, unknown>>;
    assert.deepEqual(Object.fromEntries(Object.keys(state).map((field) => [field, after[field]])), state, `${of.slug}: ${what}`);
    ran++;
  }
  assert.equal(ran, 13);
});
