import { test } from "node:test";
import assert from "node:assert/strict";
import type { ControlPlane, Hash, World } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import { smallTurns } from "../testing/small-turns.ts";
import { blankMemory, type Memory } from "./observe.ts";
import type { Act, Observed } from "./next-act.ts";
import { statusOf, type Condition, type StatusInput } from "./status.ts";

const [a, b] = ["a".repeat(40), "b".repeat(40)] as [Oid, Oid];
const idle: Act = { kind: "idle" };
const calm: StatusInput["publisher"] = { sealed: 4, pushed: undefined, behind: false, problem: undefined, rejected: [], fenced: false };
const settled: Observed = { applied: a, main: a, ahead: [], proposals: [], held: new Map(), waiting: new Map(), suspended: undefined };
const ahead: Observed = { ...settled, main: b, ahead: [b] };

async function worldOf(state: "empty" | "running"): Promise<World> {
  const { world } = (await smallTurns()).host;
  if (state === "empty") return world;
  // Of a control plane, status reads the manifest's hash alone.
  return { ...world, commit: a, control: { manifestHash: `sha256:${"1".repeat(64)}` as Hash } as ControlPlane };
}

function memoryOf(change: Partial<Memory>): Memory {
  return { ...blankMemory(), ...change };
}

const held = memoryOf({ held: new Map([[b, "1 of 2 approvals"]]) });
const fence = { ...calm, behind: true, fenced: true, problem: "somebody else seals" };
const rejected = [{ ref: "refs/aos/workspaces/notes", reason: "origin: rejected refs/aos/workspaces/notes (fetch first)" }];

type Row = readonly [name: string, change: Partial<StatusInput>, ready: string, reconciling: string, stalled: string, published: string];
const rows: readonly Row[] = [
  ["nothing looked at yet", { seen: undefined, act: undefined }, "True Applied", "False Idle", "False", "True UpToDate"],
  ["at rest", {}, "True Applied", "False Idle", "False", "True UpToDate"],
  ["a merge waits", { seen: ahead, act: { kind: "apply", commit: b } }, "True Applied", "True Progressing", "False", "True UpToDate"],
  ["a merge held", { seen: ahead, act: { kind: "wait", why: "x" }, memory: held }, "False Held", "False Idle", "True Held", "True UpToDate"],
  ["a merge whose time has not come", { seen: { ...ahead, waiting: new Map([[b, "bbb waits until monday"]]) }, act: { kind: "wait", why: "x" } }, "True Applied", "True WaitingForWindow", "False", "True UpToDate"],
  ["suspended, and a merge waits", { seen: { ...ahead, suspended: "suspended by ada" }, act: { kind: "wait", why: "x" } }, "True Applied", "True Suspended", "False", "True UpToDate"],
  ["suspended, and nothing waits", { seen: { ...settled, suspended: "suspended by ada" } }, "True Applied", "False Idle", "False", "True UpToDate"],
  ["frozen", { seen: { ...settled, ahead: undefined }, act: { kind: "freeze", why: "main was rewritten" } }, "False Frozen", "False Idle", "True Frozen", "True UpToDate"],
  ["fenced", { publisher: fence }, "False Fenced", "False Idle", "True Fenced", "False Fenced"],
  ["fenced, and main frozen", { publisher: fence, act: { kind: "freeze", why: "x" } }, "False Fenced", "False Idle", "True Fenced", "False Fenced"],
  ["fenced, with nothing left to publish", { publisher: { ...fence, behind: false } }, "False Fenced", "False Idle", "True Fenced", "False Fenced"],
  ["the remote is away", { problem: "origin: could not reach it", publisher: { ...calm, behind: true, problem: "origin: could not reach it" } }, "True Applied", "True ProgressingWithRetry", "False", "False Behind"],
  ["a seal is due", { publisher: { ...calm, behind: true } }, "True Applied", "False Idle", "False", "False Behind"],
  ["a ref that the remote does not take", { publisher: { ...calm, behind: true, rejected } }, "True Applied", "False Idle", "False", "False Rejected"],
  ["a ref that the remote does not take, and the remote is away", { publisher: { ...calm, behind: true, problem: "origin: could not reach it", rejected } }, "True Applied", "False Idle", "False", "False Behind"],
];

const show = ({ status, reason }: Condition): string => `${status} ${reason}`.trim();

test("status: conditions: table", async () => {
  const world = await worldOf("running");
  for (const [name, change, ready, reconciling, stalled, published] of rows) {
    const status = statusOf({ principal: "ctl", world, seen: settled, act: idle, attempted: undefined, memory: blankMemory(), ci: new Map(), publisher: calm, hosting: undefined, problem: undefined, ...change });
    assert.deepEqual([status.ready, status.reconciling, status.stalled, status.published].map(show), [ready, reconciling, stalled, published], name);
    for (const condition of [status.ready, status.published]) assert.notEqual(condition.message, "", `${name}: says why`);
  }
  assert.equal(rows.length, 15);
});

test("status: a world without a control plane: not ready, and says so", async () => {
  const status = statusOf({ principal: "ctl", world: await worldOf("empty"), seen: undefined, act: undefined, attempted: undefined, memory: blankMemory(), ci: new Map(), publisher: calm, hosting: undefined, problem: undefined });
  assert.deepEqual([show(status.ready), status.ready.message], ["False Waiting", "no control plane is in force yet"]);
  assert.equal("appliedRevision" in status || "manifest" in status || "observedRevision" in status, false);
});

test("status: proposals, holds and revisions: as they were seen", async () => {
  const seen: Observed = {
    ...ahead,
    proposals: [{ slug: "one", head: a, shadowed: true, failed: undefined }, { slug: "two", head: b, shadowed: false, failed: undefined }, { slug: "three", head: b, shadowed: false, failed: "air.invalid" }],
  };
  const status = statusOf({ principal: "ctl", world: await worldOf("running"), seen, act: idle, attempted: b, memory: held, ci: new Map(), publisher: calm, hosting: undefined, problem: undefined });
  assert.deepEqual(status.proposals, [{ slug: "one", head: a, shadow: "done" }, { slug: "two", head: b, shadow: "pending" }, { slug: "three", head: b, shadow: "failed", why: "air.invalid" }]);
  assert.deepEqual(status.held, [{ commit: b, reason: "1 of 2 approvals" }]);
  assert.deepEqual([status.observedRevision, status.attemptedRevision, status.appliedRevision], [b, b, a]);
  assert.equal(status.sealedSeq, 4);
});
