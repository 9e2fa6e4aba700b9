import { execFile } from "node:child_process";
import { test } from "node:test";
import assert from "node:assert/strict";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { tmpdir } from "node:os";
import { hashBytes } from "../air/hash.ts";
import { bundleOf } from "../air/load.ts";
import type { ControlPlane } from "../air/types.ts";
import { FETCH_EDGES, FETCH_STEPS } from "../testing/fetch-world.ts";
import { httpReceipt } from "../testing/stub-adapter.ts";
import { notesWorld, shadowBench, START_EVENT, V2, type Recorded, type ShadowBench } from "../testing/shadow-world.ts";
import { shadow } from "./shadow.ts";
import { consequencesOf, reportHash, type ShadowReport } from "./shadow-report.ts";

const bench = await shadowBench();
const v1 = bench.control(notesWorld());
const v2 = bench.control(notesWorld(V2));

/** Three starts and two notes after a first start, the last start's fetch left open. */
function traffic(on: ShadowBench = bench): { readonly recorded: Recorded; readonly window: NonNullable<Parameters<typeof shadow>[0]["window"]> } {
  const recorded = on.boot(v1).send(START_EVENT.schema, START_EVENT.value, { payload: httpReceipt(200) });
  const { world } = recorded;
  const before = recorded.turns.length;
  recorded.send("demo/Note@1", { id: "a", body: "1" });
  recorded.send(START_EVENT.schema, START_EVENT.value, { payload: httpReceipt(500) });
  recorded.send(START_EVENT.schema, START_EVENT.value, { status: "timeout", payload: httpReceipt(0) });
  recorded.send("demo/Note@1", { id: "a", body: "2" });
  recorded.send(START_EVENT.schema, START_EVENT.value);
  return { recorded, window: { world, turns: recorded.turns.slice(before) } };
}

function backtest(next: ControlPlane, on: ShadowBench = bench): ShadowReport {
  const { recorded, window } = traffic(on);
  return shadow({ world: recorded.world, next, nextBundle: hashBytes(bundleOf(next)), head: { commit: "c".repeat(40) }, scenarios: [], recorded: recorded.receipts, window }, on.deps);
}

test("backtest: the control plane of the recording: nothing diverges, no cell differs, what was open stays open", () => {
  const report = backtest(v1);
  assert.deepEqual(report.divergence, { turns: 0, left_out: 0, rows: [] });
  assert.deepEqual([report.cells, report.removed, report.rejected], [[], [], []]);
  assert.equal(report.window?.inputs, 7);
  assert.deepEqual(report.effects.map(({ in_baseline, answered_by, status }) => [in_baseline, answered_by, status]), [
    [true, "recorded_intent", "ok"], [true, "recorded_intent", "timeout"], [true, "none", undefined],
  ]);
  assert.deepEqual(consequencesOf(report).effects_added, []);
});

test("backtest: one effect more: new in it, the recorded ones as they were, the inputs after which it diverges are named", () => {
  const report = backtest(v2);
  assert.deepEqual(report.effects.map(({ target, in_baseline, answered_by }) => [target, in_baseline, answered_by]), [
    ["GET https://example.com", true, "recorded_intent"], ["POST https://api.example.net:8443", false, "recorded_grant"],
    ["GET https://example.com", true, "recorded_intent"], ["GET https://example.com", true, "none"],
  ]);
  assert.equal(report.divergence?.turns, 1);
  assert.deepEqual(report.divergence?.rows.map(({ input, recorded, candidate }) => [input.split(" ")[0], recorded.length > 0, candidate]), [
    ["receipt", true, ["intent http.request http demo/fetch@1 post"]],
  ]);
  assert.deepEqual(consequencesOf(report).effects_added, [{ kind: "http.request", target: "POST https://api.example.net:8443" }]);
});

test("backtest: a grant that refuses: the recorded receipts have no place, the effect is gone and newly denied", () => {
  const report = backtest(bench.control(notesWorld({ hosts: ["example.org"] })));
  assert.deepEqual([report.effects.length, report.removed.length, report.denied.length, report.divergence?.left_out], [0, 3, 3, 2]);
  assert.deepEqual(report.denied.map(({ in_baseline }) => in_baseline), [false, false, false]);
  assert.equal(report.divergence?.turns, 5);
});

test("backtest: a plan that does not fetch: state is told as it was recorded and as it would be", () => {
  const steps = [FETCH_STEPS[3]].map((step) => ({ ...(step as object), result: { record: { url: { ref: "@plan.input.url" }, status: { int: 7 } } } }));
  assert.equal(FETCH_EDGES.length, 3);
  const report = backtest(bench.control(notesWorld({ steps, edges: [] })));
  assert.deepEqual(report.cells.map(({ reducer, change }) => [reducer, change]), [["demo/Counter@1", "changed"]]);
  assert.equal(report.removed.length, 3);
});

test("report hash: another process, folder, time zone and language: the same", async () => {
  const own = reportHash(backtest(v2));
  const run = (tz: string, lang: string, cwd: string): Promise<string> =>
    promisify(execFile)(process.execPath, [fileURLToPath(new URL("../testing/shadow-child.js", import.meta.url))], { cwd, env: { PATH: process.env["PATH"], TZ: tz, LANG: lang, LC_ALL: lang } }).then(({ stdout }) => stdout.trim());
  const far = await Promise.all([run("Pacific/Kiritimati", "tr_TR.UTF-8", tmpdir()), run("America/St_Johns", "C", "/")]);
  assert.equal(new Set(far).size, 1);
  assert.match(far[0] ?? "", /^sha256:[0-9a-f]{64} sha256:[0-9a-f]{64}$/);
  assert.match(own, /^sha256:/);
});
