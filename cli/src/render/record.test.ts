// Every kind of record as a line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RECORD_KINDS } from "@agentos/kernel";
import { recordLine, type RecordView } from "./record.ts";
import { PLAIN } from "./style.ts";

const HASH = `sha256:${"ab".repeat(32)}`;
const TABLE: readonly (readonly [RecordView, string])[] = [
  [{ seq: 0, kind: "genesis", world: HASH, sandbox: "sandbox-1" }, "#0     genesis      world sha256:abababababab, sandbox-1"],
  [{ seq: 1, kind: "applied", commit: "c".repeat(40), manifest: HASH }, "#1     applied      commit cccccccccccc, manifest sha256:abababababab"],
  [{ seq: 2, kind: "event", schema: "demo/Tick@1", value: { $tag: "Tick" }, sender: "control" }, '#2     event        demo/Tick@1 {"$tag":"Tick"} from control'],
  [{ seq: 3, kind: "event", schema: "demo/Tick@1", value: null, key: "k", sender: "control" }, '#3     event        demo/Tick@1 null key "k" from control'],
  [{ seq: 4, kind: "raised", schema: "demo/Done@1", value: 1, by: "demo/plan@1", instance: 7, step: "tell" }, "#4     raised       demo/Done@1 1 by demo/plan@1 #7 at tell"],
  [{ seq: 5, kind: "stepped", reducer: "demo/R@1", state: HASH, fuel: 12 }, "#5     stepped      demo/R@1 state sha256:abababababab, fuel 12"],
  [{ seq: 6, kind: "stepped", reducer: "demo/R@1", key: 3, fuel: 12 }, "#6     stepped      demo/R@1 key 3 has no state, fuel 12"],
  [{ seq: 7, kind: "plan_started", plan: "demo/plan@1", instance: 7 }, "#7     plan_started demo/plan@1 #7"],
  [{ seq: 8, kind: "plan_ended", plan: "demo/plan@1", instance: 7, status: "error", code: "effect_error", step: "fetch", message: "no answer" }, "#8     plan_ended   demo/plan@1 #7 error effect_error at fetch no answer"],
  [{ seq: 9, kind: "intent", effect: "http.request", cap: "web", by: "demo/plan@1", instance: 7, step: "fetch", policy: "demo/p@1", rule: 0 }, "#9     intent       http.request under web by demo/plan@1 #7 at fetch, allowed by demo/p@1 rule 0"],
  [{ seq: 10, kind: "receipt", status: "ok", adapter: "http", intent_seq: 9 }, "#10    receipt      ok from http for #9"],
  [{ seq: 11, kind: "receipt", status: "error", code: "outcome_unknown", adapter: "http", intent_seq: 9 }, "#11    receipt      error outcome_unknown from http for #9"],
  [{ seq: 12, kind: "receipt_refused", code: "receipt.not_open", adapter: "http", intent_seq: 9 }, "#12    receipt_refused receipt.not_open from http for #9"],
  [{ seq: 13, kind: "denied", effect: "http.request", cap: "web", by: "demo/plan@1", step: "fetch", stage: "cap", code: "host_not_allowed", message: "x.org" }, "#13    denied       http.request under web by demo/plan@1 at fetch: host_not_allowed (cap) x.org"],
  [{ seq: 14, kind: "rejected", schema: "demo/Tick@1", sender: "control", code: "value.invalid", message: "$: expected null" }, "#14    rejected     demo/Tick@1 from control: value.invalid $: expected null"],
  [{ seq: 15, kind: "step_failed", by: "demo/R@1", code: "trap", message: "boom\u0007" }, "#15    step_failed  demo/R@1: trap boom\\u{7}"],
  [{ seq: 16, kind: "transition", state: "held", commit: "d".repeat(40) }, "#16    transition   held dddddddddddd"],
  [{ seq: 17, kind: "held", effect: "http.request", cap: "web", by: "demo/plan@1", instance: 7, step: "fetch", policy: "demo/p@1", rule: 2 }, "#17    held         http.request under web by demo/plan@1 #7 at fetch waits for a person: demo/p@1 rule 2"],
  [{ seq: 18, kind: "approval", held_seq: 17, decision: "deny", by: "ada", reason: "too much\u0007" }, "#18    approval     deny #17 by ada: too much\\u{7}"],
  [{ seq: 19, kind: "cancelled", instance: 7, by: "control" }, "#19    cancelled    plan #7 by control"],
  [{ seq: 20, kind: "due", what: "plan", id: 7 }, "#20    due          plan #7"],
  [{ seq: 21, kind: "settled", cap: "web", intent_seq: 9, took: { calls: 1 }, spent: { calls: 2 } }, '#21    settled      web took {"calls":1} for #9, spent {"calls":2}'],
  [{ seq: 22, kind: "withdrawn", intent_seq: 9 }, "#22    withdrawn    #9"],
  [{ seq: 23, kind: "migrated", reducer: "demo/R@1", key: 3, module: "demo/M@1", fuel: 12 }, "#23    migrated     demo/R@1 key 3 by demo/M@1, fuel 12"],
];

test("record line: every kind of record, as written", () => {
  const seen = new Set<string>();
  for (const [record, line] of TABLE) {
    assert.equal(recordLine(record, PLAIN), line);
    seen.add(record.kind);
  }
  assert.deepEqual([...seen].sort(), [...RECORD_KINDS].sort(), "no kind is left out");
});

test("record line: a long value is cut, one of a later kind is named", () => {
  const long = recordLine({ seq: 1, kind: "event", schema: "demo/T@1", value: "x".repeat(200), sender: "s" }, PLAIN);
  assert.equal(long, `#1     event        demo/T@1 "${"x".repeat(78)}… from s`);
  assert.equal(recordLine({ seq: 1, kind: "later" }, PLAIN), "#1     later");
});
