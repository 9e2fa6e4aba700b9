import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, hashValue, utf8, type Draft, type JournalRecord } from "@agentos/kernel";
import { smallTurns } from "../testing/small-turns.ts";
import type { LogLine } from "./log.ts";
import { turnLog } from "./turn-log.ts";

const CANARY = "canary-7f3a91";
const SECRET = canonical(CANARY);
const HASH = hashValue("x");
const STAMP = { now_ns: 9_000_000n, logical_ns: 9_000_000n, entropy: new Uint8Array(32) };
const EVENT: Draft = { kind: "event", schema: "demo/E@1", value: SECRET, event_hash: HASH, sender: "control", ...STAMP };
const WISH = { intent: HASH, effect: "http.request", params: SECRET, cap: "web", idempotency_key: new Uint8Array(32), grant: HASH, enforcer: "sys/CapEnforceHttpOut@1", policy: "demo/p@1", origin: "plan", by: "demo/p@1", instance: 3, step: "get", cause: 1 } as const;
const KEY = { signer: new Uint8Array(32), signature: utf8(CANARY) };

/** A turn, and the lines it makes at info and above: level, message, and the fields as JSON. */
const ROWS: readonly (readonly [turn: readonly Draft[], lines: readonly string[]])[] = [
  [[EVENT, { kind: "stepped", reducer: "demo/R@1", fuel: 1, cause: 0 }], []],
  [[EVENT, { kind: "intent", ...WISH }], ['info effect started {"seq":1,"effect":"http.request","cap":"web","by":"demo/p@1","instance":3,"step":"get"}']],
  [
    [{ kind: "receipt", intent: HASH, intent_seq: 1, adapter: "http", status: "ok", payload: SECRET, started_ns: 1_000_000n, finished_ns: 3_500_000n, ...KEY, ...STAMP }],
    ['info effect finished {"seq":0,"intent_seq":1,"effect":"http.request","status":"ok","adapter":"http","duration_ms":2.5}'],
  ],
  [
    [{ kind: "receipt", intent: HASH, intent_seq: 1, adapter: "http", status: "error", code: "adapter.failed", payload: SECRET, started_ns: 0n, finished_ns: 0n, ...KEY, ...STAMP }],
    ['warn effect finished {"seq":0,"intent_seq":1,"status":"error","code":"adapter.failed","adapter":"http","duration_ms":0}'],
  ],
  [
    [EVENT, { kind: "denied", effect: "http.request", params: SECRET, cap: "web", stage: "capability", code: "host", message: `https://h/?key=${CANARY}`, origin: "plan", by: "demo/p@1", cause: 0 }],
    ['warn effect denied {"seq":1,"effect":"http.request","cap":"web","by":"demo/p@1","stage":"capability","code":"host"}'],
  ],
  [[EVENT, { kind: "held", ...WISH, rule: 2 }], ['info effect waits for a person {"seq":1,"effect":"http.request","cap":"web","by":"demo/p@1","instance":3,"step":"get","rule":2}']],
  [[{ kind: "approval", held_seq: 1, decision: "grant", by: "ada", reason: CANARY, ...KEY, ...STAMP }], ['info effect decided on {"seq":0,"held_seq":1,"decision":"grant","by":"ada"}']],
  [[{ kind: "cancelled", instance: 3, by: "control", reason: CANARY, ...STAMP }, { kind: "plan_ended", plan: "demo/p@1", instance: 3, status: "error", code: "cancelled", cause: 0 }], ['info plan cancelled {"seq":0,"instance":3,"by":"control"}']],
  [[{ kind: "rejected", schema: "demo/E@1", value_hash: HASH, code: "schema.type", message: CANARY, sender: "control", ...STAMP }], ['warn event rejected {"seq":0,"schema":"demo/E@1","sender":"control","code":"schema.type"}']],
  [[{ kind: "receipt_refused", intent: HASH, intent_seq: 1, adapter: "http", code: "receipt.not_open", ...STAMP }], ['warn receipt refused {"seq":0,"intent_seq":1,"adapter":"http","code":"receipt.not_open"}']],
  [[EVENT, { kind: "step_failed", by: "demo/R@1", code: "trap", message: CANARY, cause: 0 }], ['warn step failed {"seq":1,"by":"demo/R@1","code":"trap"}']],
  [[EVENT, { kind: "plan_ended", plan: "demo/p@1", instance: 3, status: "error", code: "effect_error", message: CANARY, step: "get", cause: 0 }], ['warn plan failed {"seq":1,"plan":"demo/p@1","instance":3,"code":"effect_error","step":"get"}']],
  [[EVENT, { kind: "plan_ended", plan: "demo/p@1", instance: 3, status: "ok", result: SECRET, cause: 0 }], []],
];

test("turn log: table; no line has params, payloads, values, reasons or messages", async () => {
  const { world } = (await smallTurns()).host;
  const lines: LogLine[] = [];
  const tell = turnLog((level, message, fields) => void lines.push({ time: "t", level, message, ...fields }), world);
  for (const [drafts, expected] of ROWS) {
    lines.length = 0;
    tell({ records: drafts.map((draft, seq) => ({ ...draft, seq }) as JournalRecord) });
    const [first, ...others] = lines;
    assert.deepEqual([first?.level, first?.message, first?.["input"], first?.["records"]], ["debug", "turn", drafts[0]?.kind, drafts.length]);
    assert.deepEqual(others.map(({ time, level, message, ...fields }) => `${level} ${message} ${JSON.stringify(fields)}${time === "t" ? "" : time}`), expected);
    assert.ok(!JSON.stringify(lines).includes(CANARY));
  }
  assert.equal(ROWS.length, 13);
});
