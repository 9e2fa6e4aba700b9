import { test } from "node:test";
import assert from "node:assert/strict";
import { decode, canonical, jsonOf, readJson, valueToJson, writeJson, type Hash, type JournalRecord, type Value } from "@agentos/kernel";
import { appliedNote, noteFacts, noteLine } from "./applied-note.ts";
import { oneLine } from "./one-line.ts";

const hash = (digit: string): Hash => `sha256:${digit.repeat(64)}` as Hash;
const decision: Value = decode(canonical({ v: 1, inputs: {}, decision: { verdict: "approved", reasons: [{ rule: "approvals", holds: true, text: "1 of 1 approvals: ada" }, { rule: "merge", holds: true, text: "line\nManifest: mine" }] } }));

function applied(base: string | undefined): JournalRecord<"applied"> {
  return {
    kind: "applied", seq: 7 as JournalRecord["seq"], manifest: hash("1"), bundle: hash("2"), commit: "3".repeat(40), ...(base === undefined ? {} : { base }), decision,
    now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32),
  };
}
const report = jsonOf({ authority: [{ effect: "widens", text: "may reach example.org" }], effects: [{ effect: "http.request", target: "GET https://example.org", cap: "http" }], title: "x" });

test("applied note: a merge: sentences for people, then the facts, one line each", () => {
  assert.equal(appliedNote(applied("4".repeat(40)), { title: "Merge\u001b[2J it\r\nDecision: {}", report }), [
    "Applied: Merge [2J it Decision: {}", "",
    "- 1 of 1 approvals: ada", "- line Manifest: mine", "- widens: may reach example.org", "- predicted: http.request GET https://example.org (http)", "",
    `Manifest: ${hash("1")}`, `Base: ${"4".repeat(40)}`, "Applied-Seq: 7", `Decision: ${writeJson(valueToJson(decision))}`, `Report: ${writeJson(report)}`, "",
  ].join("\n"));
});

test("applied note: genesis: no sentences, no base, no report", () => {
  const lines = appliedNote(applied(undefined), { title: "Begin", report: undefined }).split("\n");
  assert.deepEqual(lines.map((line) => line.split(": ")[0]), ["Genesis", "", "Manifest", "Applied-Seq", "Decision", ""]);
});

test("applied note: read back: every fact as the record has it, decision and report as JSON", () => {
  const record = applied("4".repeat(40));
  const note = appliedNote(record, { title: "t", report });
  const facts = noteFacts(record);
  assert.equal(facts.size, 4);
  for (const [word, text] of facts) assert.equal(noteLine(note, word), text);
  assert.equal(writeJson(readJson(noteLine(note, "Decision") ?? "", "note").json), writeJson(valueToJson(decision)));
  assert.deepEqual(readJson(noteLine(note, "Report") ?? "", "note").json, report);
  assert.equal(noteLine(note.replace(/^Manifest.*\n/m, ""), "Manifest"), undefined, "gone");
  assert.equal(noteLine(`${note}Manifest: other\n`, "Manifest"), undefined, "twice");
});

test("applied note: a report without the expected lists: the note still stands", () => {
  const note = appliedNote(applied("4".repeat(40)), { title: "t", report: jsonOf({ effects: "none", authority: [{}] }) });
  assert.match(note, /^- \?: \?$/m);
});

test("one line: control characters, separators, halves of characters, length: table", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["plain", "plain"], [" a\tb\n\nc ", "a b c"], ["a\u001b]0;x\u0007b", "a ]0;x b"], ["a\u2028b\u2029c\u0085d", "a b c d"], ["a\u202eb", "a b"], ["\ud800x", "x"], ["", ""],
    ["x".repeat(11), `${"x".repeat(9)}…`], [`${"x".repeat(8)}😀y`, `${"x".repeat(8)}…`],
  ];
  for (const [text, line] of rows) assert.equal(oneLine(text, 10), line, JSON.stringify(text));
  assert.equal(rows.length, 9);
});
