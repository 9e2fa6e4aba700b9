import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode, hashBytes, receiptFacts, receiptMessage, signReceipt, utf8, type Hash, type JournalRecord } from "@agentos/kernel";
import { generateKey } from "../git/keys.ts";
import { sshsigVerify } from "../git/sshsig.ts";
import { receiptLines } from "./receipt-lines.ts";

const WORLD = `sha256:${"a".repeat(64)}` as Hash;
const key = generateKey("ctl").key;

function receipt(seq: number, payload: Uint8Array): JournalRecord<"receipt"> {
  const unstamped = signReceipt({ world: WORLD, intent: hashBytes(utf8(`intent ${seq}`)), intentSeq: seq - 1, adapter: "http", status: "ok", payload, code: undefined, costCents: seq % 2 === 0 ? 3 : undefined, startedNs: 1n, finishedNs: 2n }, key);
  return { ...unstamped, seq: seq as JournalRecord["seq"], now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) };
}

test("receipt lines: receipts among other records: one line each, in order, each with what its signature is over", () => {
  const other: JournalRecord = { kind: "stepped", seq: 5 as JournalRecord["seq"], reducer: "demo/r@1", fuel: 1, cause: 4 };
  const receipts = [receipt(4, canonical({ a: 1 })), receipt(7, canonical("\n\"}"))];
  const text = Buffer.from(receiptLines(WORLD, [...receipts.slice(0, 1), other, ...receipts.slice(1)])).toString("utf8");
  const lines = text.split("\n");
  assert.equal(lines.length, 3);
  assert.equal(lines.pop(), "");
  for (const [index, line] of lines.entries()) {
    const record = receipts[index] ?? assert.fail();
    const { seq, intent, adapter, status, signed, sshsig } = JSON.parse(line) as Readonly<Record<string, string>>;
    assert.deepEqual([seq, intent, adapter, status], [record.seq, record.intent, "http", "ok"]);
    const message = Buffer.from(signed ?? "", "base64");
    assert.deepEqual(new Uint8Array(message), receiptMessage(receiptFacts(WORLD, record)));
    assert.deepEqual(sshsigVerify(Buffer.from(sshsig ?? "", "base64"), "aos-receipt", message)?.publicKey, Uint8Array.from(key.publicKey));
    const facts = decode(message);
    assert.ok(facts instanceof Map);
    assert.equal(facts.get("payload_hash"), hashBytes(record.payload));
    assert.equal(facts.get("seq_hint"), record.intent_seq);
  }
});

test("receipt lines: no receipts: no bytes", () => {
  assert.equal(receiptLines(WORLD, []).length, 0);
});

test("receipt lines: the same receipts: the same bytes", () => {
  const one = receipt(4, canonical(null));
  assert.deepEqual(receiptLines(WORLD, [one]), receiptLines(WORLD, [one]));
});
