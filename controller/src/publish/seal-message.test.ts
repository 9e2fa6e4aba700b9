import { test } from "node:test";
import assert from "node:assert/strict";
import type { Hash, JournalRecord } from "@agentos/kernel";
import { parseOid } from "../git/objects.ts";
import { parseSealMessage, sealMessage, type Checkpoint } from "./seal-message.ts";

const hash = (digit: string): Hash => `sha256:${digit.repeat(64)}` as Hash;
const checkpoint: Checkpoint = {
  firstSeq: 4, lastSeq: 9, segment: "journal/d00/d00/s02", journalHead: hash("1"), stateRoot: hash("2"), world: parseOid("3".repeat(40)), receipts: 1, epoch: 1,
};
const stamp = { now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) };
const at = (seq: number): JournalRecord["seq"] => seq as JournalRecord["seq"];
const records: readonly JournalRecord[] = [
  { kind: "applied", seq: at(4), manifest: hash("4"), bundle: hash("5"), commit: "6".repeat(40), decision: null, ...stamp },
  { kind: "transition", seq: at(5), state: "held\nWorld: mine", commit: "7".repeat(40), detail: null, ...stamp },
  { kind: "receipt", seq: at(6), intent: hash("8"), intent_seq: 3, adapter: "http", status: "ok", payload: new Uint8Array(), started_ns: 1n, finished_ns: 2n, signer: new Uint8Array(), signature: new Uint8Array(), ...stamp },
  { kind: "denied", seq: at(7), effect: "http\n\u009brequest", cap: "c", stage: "policy", code: "a\u001b[31mb", message: "m", origin: "plan", by: "demo/p@1", cause: 6 },
  { kind: "plan_ended", seq: at(8), plan: "demo/p@1", instance: 2, status: "error", code: "invariant", cause: 6 },
  { kind: "stepped", seq: at(9), reducer: "demo/r@1", fuel: 1, cause: 6 },
];

test("seal message: governance, receipts and ends of plans: a line each, nothing of a world's text steers a terminal or ends a line", () => {
  assert.equal(sealMessage(2, records, checkpoint), [
    "seal 2: seq 4-9, 1 applied, 1 receipt, 1 denied", "",
    `4 applied 666666666666, manifest ${hash("4")}`,
    "5 controller held World: mine 777777777777",
    `6 receipt ok from http for intent ${hash("8")} (seq 3)`,
    "7 denied http request of demo/p@1: a [31mb",
    "8 demo/p@1 #2 ended error (invariant)", "",
    "Seq: 4-9", "Segment: journal/d00/d00/s02", `Journal-Head: ${hash("1")}`, `State-Root: ${hash("2")}`, `World: ${"3".repeat(40)}`, "Receipts: 1", "Epoch: 1", "",
  ].join("\n"));
});

test("seal message: written and read: the same checkpoint", () => {
  assert.deepEqual(parseSealMessage(sealMessage(2, records, checkpoint), "c"), checkpoint);
  assert.deepEqual(parseSealMessage(sealMessage(0, [], checkpoint), "c"), checkpoint);
});

test("seal message: a trailer missing or malformed: refused, naming it and the commit", () => {
  const good = sealMessage(2, records, checkpoint);
  const rows: readonly (readonly [string, string, string])[] = [
    ["Seq", "Seq: 4-9", "Seq: 4"], ["Seq", "Seq: 4-9", "Seq: -4-9"], ["Seq", "Seq: 4-9", "Seq: 4-9999999999999999"], ["Segment", "/s02", "/s2"], ["Segment", "journal/", "../journal/"],
    ["Journal-Head", "Journal-Head: sha256:1", "Journal-Head: sha256:"], ["State-Root", "State-Root", "State"], ["World", "World: 3", "World: X"], ["Receipts", "Receipts: 1", "Receipts: 1.5"], ["Epoch", "Epoch: 1", "Epoch:1"],
    ["Seq", good, ""], ["Seq", "\nSeq: 4-9", "\nSeq: 4-9\n\nSigned-off-by: x"],
  ];
  for (const [name, from, to] of rows) {
    assert.ok(good.includes(from), from);
    assert.throws(() => parseSealMessage(good.replace(from, to), "c0ffee"), { code: "seal.message", class: "unverified", message: new RegExp(`commit c0ffee: the seal has no valid ${name}`) }, to);
  }
  assert.equal(rows.length, 12);
});
