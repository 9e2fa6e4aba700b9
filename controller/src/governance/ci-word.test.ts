import assert from "node:assert/strict";
import { test } from "node:test";
import { hashValue, jsonOf } from "@agentos/kernel";
import { judgeCiWord, stateIn, type ReportWord } from "./ci-word.ts";

const [seven, eight] = [{ seq: 7, root: "sha256:7" }, { seq: 8, root: "sha256:8" }];
const said = (by: string, report: string, change: Partial<ReportWord> = {}): ReportWord => ({ by, report: hashValue(report), consequences: hashValue("alike"), state: seven, ...change });
const own = [said("ctl", "true")];

const ROWS: readonly (readonly [name: string, ci: ReportWord, own: readonly ReportWord[], says: RegExp | undefined])[] = [
  ["the same report", said("runner", "true"), own, undefined],
  ["the same as an earlier one of the controller's", said("runner", "true"), [...own, said("ctl", "later", { state: eight })], undefined],
  ["another report of the same state", said("runner", "false"), own, /^runner reported sha256:[0-9a-f]{12}…, and ctl computed sha256:[0-9a-f]{12}… on the same state \(seq 7\) and merge: runner lies\. Only the controller's counts$/],
  ["another report of the same state, not the controller's last", said("runner", "false"), [...own, said("ctl", "later", { state: eight })], /\(seq 7\).*runner lies/],
  ["the seq of the state with another root", said("runner", "false", { state: { ...seven, root: "sha256:0" }, consequences: hashValue("other") }), own, /ran on another state at seq 7, not 7, or it lies/],
  ["another state, the same consequences", said("runner", "older", { state: eight }), own, undefined],
  ["another state, other consequences", said("runner", "older", { state: eight, consequences: hashValue("other") }), own, /on the same merge with other consequences: runner ran on another state at seq 8, not 7, or it lies/],
  ["no report of ours: no state, no consequences", said("CI", "forged", { state: undefined, consequences: undefined }), own, /CI ran on another state, or it lies/],
  ["nothing computed yet", said("CI", "first"), [], /which no controller has computed yet: it counts for nothing/],
];

test("CI's word: beside the controllers': said when it is not true, or not told apart from a lie", () => {
  let rows = 0;
  for (const [name, ci, words, says] of ROWS) {
    const text = judgeCiWord(ci, words);
    if (says === undefined) assert.equal(text, undefined, name);
    else assert.match(text ?? "", says, name);
    rows++;
  }
  assert.equal(rows, 9);
});

test("CI's word: the state it ran on: read out of the report, undefined where it is none", () => {
  assert.deepEqual(stateIn(jsonOf({ base: { seq: 7, state_root: "sha256:7", commit: "c" }, fuel: 1 })), seven);
  for (const none of [null, [], {}, { base: {} }, { base: { seq: -1, state_root: "x" } }]) assert.equal(stateIn(jsonOf(none)), undefined);
});
