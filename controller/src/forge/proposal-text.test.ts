import assert from "node:assert/strict";
import { test } from "node:test";
import { describingMessage, proposalText } from "./proposal-text.ts";

const said = describingMessage("raise-limit", "\nRaise the limit\n\nTwice as much.\n\nSee: the notes\n");
const ROWS: readonly (readonly [name: string, messages: readonly string[], title: string, body: string])[] = [
  ["no commits", [], "", ""],
  ["the oldest one", ["First\n", "Second\n"], "First", ""],
  ["its body", ["First\n\nWhy it is so.\nAnd how.\n\nMore.\n", "Second\n"], "First", "Why it is so.\nAnd how.\n\nMore."],
  ["without its trailers", ["First\n\nWhy.\n\nProposal: raise-limit\nSigned-off-by: ann\n"], "First", "Why."],
  ["trailers alone", ["First\n\nProposal: raise-limit\n"], "First", ""],
  ["a last paragraph that only begins like trailers", ["First\n\nNote: this\nis text\n"], "First", "Note: this\nis text"],
  ["a title like a trailer", ["fix: the limit\n"], "fix: the limit", ""],
  ["a commit that describes", ["First\n", said, "Third\n"], "Raise the limit", "Twice as much.\n\nSee: the notes"],
  ["the newest of two", [said, describingMessage("raise-limit", "Lower it")], "Lower it", ""],
  ["a message that only speaks of it", ["First\n\nDescribes: much\nand more\n", "Second\n"], "First", "Describes: much\nand more"],
];

test("proposal text: table", () => {
  for (const [name, messages, title, body] of ROWS) assert.deepEqual(proposalText(messages), { title, body }, name);
  assert.equal(ROWS.length, 10);
});
