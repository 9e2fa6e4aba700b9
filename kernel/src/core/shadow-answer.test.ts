import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode } from "../air/cbor.ts";
import { hashValue } from "../air/hash.ts";
import type { Encodable } from "../air/value.ts";
import { fetchModules, fetchWorld } from "../testing/fetch-world.ts";
import { httpReceipt } from "../testing/stub-adapter.ts";
import { controlFrom } from "../testing/test-world.ts";
import type { JournalRecord } from "./record.ts";
import { answerBook, answerOf, plainestReceipt, type RecordedReceipt } from "./shadow-answer.ts";
import { normalPayload } from "./receipt.ts";

const control = controlFrom(fetchWorld(), fetchModules().moduleHashes);
const params = canonical({ method: "GET", url: "https://example.com/a", headers: {}, body_ref: null });

function intentOf(name: string, cap = "http"): JournalRecord<"intent"> {
  return {
    kind: "intent", seq: 5 as JournalRecord["seq"], intent: hashValue(name), effect: "http.request", params, cap, idempotency_key: new Uint8Array(32),
    grant: hashValue("grant"), enforcer: "sys/CapEnforceHttpOut@1", policy: "allow_all", origin: "plan", by: "demo/fetch@1", cause: 4,
  };
}

function receipt(seq: number, intent: JournalRecord<"intent">, says: { readonly status?: string; readonly payload: Encodable; readonly code?: string }): RecordedReceipt {
  return {
    intent,
    receipt: {
      kind: "receipt", seq: seq as JournalRecord["seq"], intent: intent.intent, intent_seq: intent.seq, adapter: "http", status: says.status ?? "ok", payload: canonical(says.payload),
      ...(says.code === undefined ? {} : { code: says.code }), started_ns: 0n, finished_ns: 0n, signer: new Uint8Array(32), signature: new Uint8Array(64), now_ns: 0n, logical_ns: 0n,
      entropy: new Uint8Array(32),
    },
  };
}

const [asked, alike, elsewhere] = [intentOf("asked"), intentOf("alike"), intentOf("elsewhere", "other")];
const rows: readonly { readonly name: string; readonly recorded: readonly RecordedReceipt[]; readonly source: string; readonly status: string; readonly http: number | null; readonly code?: string }[] = [
  { name: "the same intent before one alike", recorded: [receipt(9, alike, { payload: httpReceipt(202) }), receipt(8, asked, { payload: httpReceipt(201) })], source: "recorded_intent", status: "ok", http: 201 },
  { name: "the latest of the same kind and grant", recorded: [receipt(9, alike, { payload: httpReceipt(203) }), receipt(8, alike, { payload: httpReceipt(202) })], source: "recorded_grant", status: "ok", http: 203 },
  { name: "an ok before a later error", recorded: [receipt(8, alike, { payload: httpReceipt(202) }), receipt(9, alike, { status: "error", payload: httpReceipt(500) })], source: "recorded_grant", status: "ok", http: 202 },
  { name: "an error where nothing else is recorded", recorded: [receipt(8, alike, { status: "error", payload: httpReceipt(500) })], source: "recorded_grant", status: "error", http: 500 },
  { name: "no payload, and why", recorded: [receipt(8, asked, { status: "error", payload: null, code: "outcome_unknown" })], source: "recorded_intent", status: "error", http: null, code: "outcome_unknown" },
  { name: "a payload of another schema is passed over", recorded: [receipt(8, asked, { payload: { status: 1 } }), receipt(7, alike, { payload: httpReceipt(202) })], source: "recorded_grant", status: "ok", http: 202 },
  { name: "no payload that fits anywhere", recorded: [receipt(8, asked, { payload: { status: 1 } })], source: "schema", status: "ok", http: 200 },
  { name: "another grant is passed over", recorded: [receipt(8, elsewhere, { payload: httpReceipt(202) })], source: "schema", status: "ok", http: 200 },
  { name: "nothing recorded", recorded: [], source: "schema", status: "ok", http: 200 },
];
for (const row of rows) {
  test(`shadow answer: ${row.name}: ${row.source}, ${row.status}`, () => {
    const answer = answerOf({ control, book: answerBook(row.recorded), answers: [], used: new Map() }, asked);
    const payload = decode(answer.payload);
    assert.deepEqual([answer.source, answer.status, answer.code], [row.source, row.status, row.code]);
    assert.equal(payload instanceof Map ? (payload as ReadonlyMap<string, number>).get("status") : null, row.http);
  });
}
test("shadow answer: the table has its rows", () => assert.equal(rows.length, 9));

test("shadow answer: the plainest receipt: fits the receipt schema of every builtin effect", () => {
  let effects = 0;
  for (const effect of control.effects.keys()) {
    effects++;
    const normal = normalPayload(control, effect, { status: "ok", payload: canonical(plainestReceipt(control, effect)) });
    assert.deepEqual([effect, normal.status, normal.code], [effect, "ok", undefined]);
  }
  assert.equal(effects, 25);
});
