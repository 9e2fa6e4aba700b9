import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunningController, WorldStatus } from "@agentos/controller";
import { createOutput } from "./output.ts";
import { untilIdle } from "./serve.ts";

type Shown = Pick<WorldStatus, "ready" | "reconciling" | "stalled" | "openIntents" | "proposals"> & { readonly observedRevision?: string };
const [yes, no] = [{ status: "True", reason: "Applied", message: "in force" }, { status: "False", reason: "Idle", message: "" }] as const;
const calm: Shown = { observedRevision: "a".repeat(40), ready: yes, reconciling: no, stalled: no, openIntents: [], proposals: [] };
const pending = [{ slug: "x", head: "b".repeat(40), shadow: "pending" }] as const;
const busy: Shown = { ...calm, reconciling: { status: "True", reason: "Progressing", message: "a merge waits to be applied" } };
const waits: Shown = { ...calm, reconciling: { status: "True", reason: "WaitingForWindow", message: "abc waits until 2024-05-06T08:00:00Z: it is no time for changes" }, proposals: pending };

/** Shows states one after the other, the last for ever; gives the notices, and how often it was looked. */
async function once(...states: readonly Shown[]): Promise<{ readonly told: readonly string[]; readonly looks: number }> {
  const told: string[] = [];
  let looks = 0;
  const controller = { status: () => states[Math.min(looks++, states.length - 1)] } as unknown as Pick<RunningController, "status">;
  const out = { ...createOutput({ json: false, quiet: true }), notice: (text: string) => void told.push(text) };
  await untilIdle({ out, cwd: "/", world: undefined, key: undefined }, controller);
  return { told, looks };
}

test("run --once: ends at rest; a merge that waits for its time is told at once and no failure, what is stalled is refused", async () => {
  assert.deepEqual(await once(calm), { told: [], looks: 1 });
  assert.deepEqual(await once(busy, { ...calm, proposals: pending }, calm), { told: [], looks: 3 });
  assert.deepEqual(await once({ ...waits, openIntents: [{}] as never }, waits), { told: [waits.reconciling.message], looks: 2 });
  const stalled: Shown = { ...calm, ready: no, stalled: { status: "True", reason: "Held", message: "abc: 1 of 2 approvals" } };
  await assert.rejects(once(stalled), { code: "run.stalled", class: "refused", message: "Held: abc: 1 of 2 approvals" });
});
