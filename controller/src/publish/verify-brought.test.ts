import assert from "node:assert/strict";
import { test } from "node:test";
import { compareAuthority } from "./verify-brought.ts";

type Row = { readonly effect: "widening" | "narrowing" | "neutral"; readonly subject: string; readonly text: string };
const wider: Row = { effect: "widening", subject: "grant `web`", text: "may reach a.example" };
const narrower: Row = { effect: "narrowing", subject: "grant `mail`", text: "is gone" };
const [both, turned] = [[wider, narrower], [narrower, wider]];

const ROWS: readonly (readonly [string, readonly Row[], readonly Row[], ReturnType<typeof compareAuthority>])[] = [
  ["nothing", [], [], "same"],
  ["the same, in another order", both, turned, "same"],
  ["a widening left out", [narrower], both, "other"],
  ["a widening made up", both, [narrower], "other"],
  ["a widening told as a narrowing", [{ ...wider, effect: "narrowing" }], [wider], "other"],
  ["of another grant", [{ ...wider, subject: "grant `other`" }], [wider], "other"],
  ["one of two alike", [wider], [wider, wider], "other"],
  ["other words", [{ ...wider, text: "can reach a.example" }, narrower], both, { said: "widening of grant `web`: can reach a.example", now: "widening of grant `web`: may reach a.example" }],
];
test("verify: authority as a decision has it, against both commits: what it is must be the same, its words are told where they differ", () => {
  for (const [name, said, now, expected] of ROWS) assert.deepEqual(compareAuthority(said, now), expected, name);
  assert.equal(ROWS.length, 8);
});
