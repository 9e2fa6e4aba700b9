import { test } from "node:test";
import assert from "node:assert/strict";
import type { Oid } from "../git/objects.ts";
import { nextAct, type Observed } from "./next-act.ts";

const [a, b, c] = ["a", "b", "c"].map((digit) => digit.repeat(40)) as [Oid, Oid, Oid];
const quiet: Observed = { applied: a, main: a, ahead: [], proposals: [], held: new Map(), waiting: new Map(), suspended: undefined };
const proposal = { slug: "x", head: c, shadowed: false, failed: undefined };

const rows: readonly { readonly name: string; readonly seen: Partial<Observed>; readonly act: string }[] = [
  { name: "no main", seen: { main: undefined, applied: undefined }, act: "wait" },
  { name: "nothing applied yet", seen: { applied: undefined }, act: "begin" },
  { name: "main is applied", seen: {}, act: "idle" },
  { name: "one merge ahead", seen: { main: b, ahead: [b] }, act: "apply" },
  { name: "two merges ahead: the older first", seen: { main: c, ahead: [b, c] }, act: "apply" },
  { name: "main rewound", seen: { main: b, ahead: undefined }, act: "freeze" },
  { name: "next commit held", seen: { main: b, ahead: [b], held: new Map([[b, "no review"]]) }, act: "wait" },
  { name: "a held commit bars the newer one", seen: { main: c, ahead: [b, c], held: new Map([[b, "no review"]]) }, act: "wait" },
  { name: "a proposal without a report", seen: { proposals: [proposal] }, act: "shadow" },
  { name: "a proposal with a report", seen: { proposals: [{ ...proposal, shadowed: true }] }, act: "idle" },
  { name: "a proposal that cannot be shadowed", seen: { proposals: [{ ...proposal, failed: "air.invalid" }] }, act: "idle" },
  { name: "a merge goes before a proposal", seen: { main: b, ahead: [b], proposals: [proposal] }, act: "apply" },
  { name: "a merge whose time has not come", seen: { main: b, ahead: [b], waiting: new Map([[b, "waits until"]]) }, act: "wait" },
  { name: "suspended, with a merge ahead", seen: { main: b, ahead: [b], suspended: "suspended by ada" }, act: "wait" },
  { name: "suspended before anything is in force", seen: { applied: undefined, suspended: "suspended by ada" }, act: "wait" },
  { name: "suspended, with a proposal without a report", seen: { suspended: "suspended by ada", proposals: [proposal] }, act: "shadow" },
  { name: "suspended, and main rewound", seen: { main: b, ahead: undefined, suspended: "suspended by ada" }, act: "freeze" },
  { name: "a held merge: main is not in force, so nothing can be said of proposals to it", seen: { main: b, ahead: [b], held: new Map([[b, "no review"]]), proposals: [proposal] }, act: "wait" },
];

for (const row of rows) {
  test(`next act: ${row.name}: ${row.act}`, () => {
    const act = nextAct({ ...quiet, ...row.seen });
    assert.equal(act.kind, row.act);
    if (act.kind === "apply") assert.equal(act.commit, b);
  });
}
