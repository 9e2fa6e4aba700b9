import { test } from "node:test";
import assert from "node:assert/strict";
import { hex, ZERO_HASH } from "../air/hash.ts";
import { writeJson } from "../air/json.ts";
import type { Json } from "../air/types.ts";
import { countAndFetch, FETCH_EDGES, FETCH_STEPS, fieldOf } from "../testing/fetch-world.ts";
import { httpReceipt } from "../testing/stub-adapter.ts";
import { notesWorld, rehearsal, scenarioOf, shadowBench, START_EVENT, V2, type Recorded, type ShadowBench } from "../testing/shadow-world.ts";
import { consequencesHash, consequencesOf, reportHash, reportValue, type ShadowReport } from "./shadow-report.ts";
import { plainestReceipt } from "./shadow-answer.ts";
import { SHADOW_EFFECTS_MAX } from "./shadow-run.ts";
import { trieSize } from "./trie.ts";

const bench = await shadowBench();
const v1 = bench.control(notesWorld());
const v2 = bench.control(notesWorld(V2));
const EXAMPLE = "GET https://example.com";
const HOOK = "POST https://api.example.net:8443";

/** A world on v1 that has run one start, its fetch answered with 200. */
function started(on: ShadowBench = bench): Recorded {
  return on.boot(v1).send(START_EVENT.schema, START_EVENT.value, { payload: httpReceipt(200) });
}

/** The rows as plain JSON, so that they can be compared with literals. */
function plain(rows: unknown): unknown {
  return JSON.parse(writeJson(rows as Json));
}
function rowsOf(report: ShadowReport, field: keyof ShadowReport): unknown {
  return plain((reportValue(report) as ReadonlyMap<string, Json>).get(field));
}

test("shadow: no control plane in force: everything is new, there is no baseline", () => {
  const report = rehearsal(bench, bench.boot(), { next: v1 });
  assert.deepEqual(rowsOf(report, "runs"), { baseline: "none", candidate: "complete" });
  assert.deepEqual(Object.keys(report.base).sort(), ["seq", "state_root"]);
  assert.equal(report.base.seq, 1);
  assert.deepEqual(report.effects.map(({ target, in_baseline, answered_by }) => [target, in_baseline, answered_by]), [[EXAMPLE, false, "schema"]]);
  assert.deepEqual(rowsOf(report, "plans"), [{ plan: "demo/fetch@1", instance: 0, status: "ok" }]);
  assert.deepEqual(rowsOf(report, "cells"), [{ reducer: "demo/Counter@1", change: "added", after: { starts: 1, last: 200 } }]);
  assert.ok(report.fuel > 0);
  assert.deepEqual(consequencesOf(report).effects_added, [{ kind: "http.request", target: EXAMPLE }]);
  assert.equal(consequencesOf(report).definitions.every(({ change, after }) => change === "added" && after !== undefined), true);
});

test("shadow: one more effect and a wider grant: two effects, one new, and the new target is a consequence", () => {
  const report = rehearsal(bench, started(), { next: v2 });
  assert.deepEqual(report.effects.map(({ target, by, step, in_baseline }) => [target, by, step, in_baseline]), [
    [EXAMPLE, "demo/fetch@1", "get", true], [HOOK, "demo/fetch@1", "post", false],
  ]);
  assert.deepEqual(report.removed, []);
  assert.deepEqual(report.definitions.map(({ kind, name, change }) => [kind, name, change]), [["defplan", "demo/fetch@1", "changed"]]);
  assert.deepEqual(report.authority.map(({ effect }) => effect), ["widening"]);
  assert.match(report.authority[0]?.text ?? "", /api\.example\.net/);
  const { effects_added, effects_removed, effects_denied, authority, migrations } = consequencesOf(report);
  assert.deepEqual({ effects_added, effects_removed, effects_denied, migrations }, { effects_added: [{ kind: "http.request", target: HOOK }], effects_removed: [], effects_denied: [], migrations: [] });
  assert.equal(authority.length, 1);
  assert.doesNotMatch(writeJson(reportValue(report)), /token=secret/);
});

const targets: readonly (readonly [string, string, string])[] = [
  ["get", "https://example.com:443/x", "GET https://example.com"],
  ["PUT", "http://EXAMPLE.com:8080/a?b#c", "PUT http://example.com:8080"],
  ["GET", "https://example.com.:444", "GET https://example.com.:444"],
];
for (const [method, url, target] of targets) {
  test(`shadow: target: ${method} ${url}: ${target}`, () => {
    const params = { record: { method: { text: method }, url: { text: url }, headers: { map: [] }, body_ref: { null: {} } } };
    const steps = [{ ...(FETCH_STEPS[0] as object), params }, ...FETCH_STEPS.slice(1)];
    const report = rehearsal(bench, bench.boot(), { next: bench.control(notesWorld({ steps, hosts: ["example.com", "example.com."] })) });
    assert.deepEqual(report.effects.map((effect) => effect.target), [target]);
  });
}
test("shadow: targets: the table has its rows", () => assert.equal(targets.length, 3));

test("shadow: the way back: the effect is gone, and so the target", () => {
  const report = rehearsal(bench, started().apply(v2), { next: v1 });
  assert.deepEqual(report.effects.map(({ target, in_baseline }) => [target, in_baseline]), [[EXAMPLE, true]]);
  assert.deepEqual(report.removed.map(({ target, step }) => [target, step]), [[HOOK, "post"]]);
  assert.deepEqual(consequencesOf(report).effects_removed, [{ kind: "http.request", target: HOOK }]);
});

test("shadow: nothing changed: no effect is new, no consequence", () => {
  const report = rehearsal(bench, started(), { next: v1, scenarios: [scenarioOf({ events: [START_EVENT, START_EVENT] })] });
  assert.deepEqual(report.effects.map(({ in_baseline }) => in_baseline), [true, true]);
  const nothing = { definitions: [], authority: [], effects_added: [], effects_removed: [], effects_denied: [], migrations: [] };
  assert.deepEqual(consequencesOf(report), nothing);
});

test("shadow: report hash: the same for a world built in another order (I7)", () => {
  const notes = [{ id: "a", body: "1" }, { id: "b", body: "2" }, { id: "c", body: "3" }];
  const build = (order: typeof notes): Recorded => order.reduce((world, note) => world.send("demo/Note@1", note), bench.boot(v1));
  const one = rehearsal(bench, build(notes), { next: v2 });
  const other = rehearsal(bench, build([...notes].reverse()), { next: v2 });
  assert.equal(reportHash(other), reportHash(one));
  assert.notEqual(reportHash(rehearsal(bench, build(notes.slice(1)), { next: v2 })), reportHash(one));
});

test("shadow: report hash: the same on another machine, definitions read from a bundle or in another order", async () => {
  const far = await shadowBench();
  const again = far.control([...notesWorld(V2)].reverse());
  assert.equal(reportHash(rehearsal(far, started(far), { next: again })), reportHash(rehearsal(bench, started(), { next: v2 })));
});

test("shadow: only the state differs: the report differs, its consequences do not", () => {
  const early = rehearsal(bench, started(), { next: v2 });
  const late = rehearsal(bench, started().send(START_EVENT.schema, START_EVENT.value, { payload: httpReceipt(503) }).send("demo/Note@1", { id: "n", body: "x" }), { next: v2 });
  assert.notEqual(reportHash(late), reportHash(early));
  assert.equal(consequencesHash(consequencesOf(late)), consequencesHash(consequencesOf(early)));
  assert.notEqual(consequencesHash(consequencesOf(rehearsal(bench, started(), { next: v1 }))), consequencesHash(consequencesOf(early)));
});

const GET = { effect: "http.request", payload: httpReceipt(418) };
const UNLIKE = { ...START_EVENT, value: { $tag: "Start", $value: { url: "https://example.com/other" } } };
/** What answers, and the status that the plan and then the cell saw; the recorded receipt says 200, the schema's value too. */
const answers: readonly { readonly name: string; readonly scenario: object; readonly recorded: Recorded; readonly by: readonly string[]; readonly last: readonly (number | null)[] }[] = [
  { name: "scenario before recorded", scenario: { events: [START_EVENT], answers: [GET] }, recorded: started(), by: ["scenario"], last: [418] },
  { name: "the first that fits", scenario: { events: [START_EVENT], answers: [{ ...GET, match: { method: "PUT" } }, { ...GET, payload: httpReceipt(402), match: { method: "GET", url: "https://example.com/" } }, GET] }, recorded: started(), by: ["scenario"], last: [402] },
  { name: "a url that only contains the prefix", scenario: { events: [START_EVENT], answers: [{ ...GET, match: { url: "example.com" } }] }, recorded: started(), by: ["recorded_intent"], last: [200] },
  { name: "another grant", scenario: { events: [START_EVENT], answers: [{ ...GET, cap: "other" }] }, recorded: started(), by: ["recorded_intent"], last: [200] },
  { name: "another effect", scenario: { events: [START_EVENT], answers: [{ ...GET, effect: "blob.get" }] }, recorded: started(), by: ["recorded_intent"], last: [200] },
  { name: "a field that the params do not have", scenario: { events: [START_EVENT], answers: [{ ...GET, match: { verb: "GET" } }] }, recorded: started(), by: ["recorded_intent"], last: [200] },
  { name: "a map matched whole", scenario: { events: [START_EVENT], answers: [{ ...GET, match: { headers: {}, body_ref: null } }] }, recorded: started(), by: ["scenario"], last: [418] },
  { name: "used up after its times", scenario: { events: [START_EVENT, START_EVENT], answers: [{ ...GET, times: 1 }] }, recorded: started(), by: ["scenario", "recorded_intent"], last: [200] },
  { name: "recorded for the same intent before the same grant", scenario: { events: [START_EVENT, UNLIKE] }, recorded: started().send("demo/Event@1", { $tag: "Start", $value: { url: "https://example.com/third" } }, { payload: httpReceipt(201) }), by: ["recorded_intent", "recorded_grant"], last: [201] },
  { name: "a recorded ok before a later error", scenario: { events: [START_EVENT] }, recorded: started().send(START_EVENT.schema, START_EVENT.value, { status: "error", payload: httpReceipt(500) }).send("demo/Event@1", { $tag: "Done", $value: { url: "", status: 7 } }), by: ["recorded_intent"], last: [200] },
  { name: "schema where nothing is recorded", scenario: { events: [START_EVENT] }, recorded: bench.boot(v1), by: ["schema"], last: [200] },
];
for (const row of answers) {
  test(`answer: ${row.name}: by ${row.by.join(", ")}`, () => {
    const report = rehearsal(bench, row.recorded, { next: v1, scenarios: [scenarioOf(row.scenario)] });
    assert.deepEqual(report.effects.map(({ answered_by }) => answered_by), row.by);
    const cell = report.cells.find(({ reducer }) => reducer === "demo/Counter@1");
    assert.deepEqual([fieldOf(cell?.after ?? null, "last")], row.last);
  });
}
test("answer: the table has its rows", () => assert.equal(answers.length, 11));

test("answer: scenarios do not share answers, and go by the order of their files", () => {
  const scenarios = [
    scenarioOf({ events: [START_EVENT], answers: [{ ...GET, times: 1 }] }, "shadow/b.json"),
    scenarioOf({ events: [START_EVENT] }, "shadow/a.json"),
  ];
  const report = rehearsal(bench, bench.boot(v1), { next: v1, scenarios });
  assert.deepEqual(rowsOf(report, "scenarios"), [{ file: "shadow/a.json", events: 1 }, { file: "shadow/b.json", events: 1 }]);
  assert.deepEqual(report.effects.map(({ answered_by }) => answered_by), ["schema", "scenario"]);
});

test("answer: an error of the scenario: the plan ends with it", () => {
  const answers = [{ effect: "http.request", status: "error", payload: httpReceipt(500) }];
  const report = rehearsal(bench, bench.boot(v1), { next: v1, scenarios: [scenarioOf({ events: [START_EVENT], answers })] });
  assert.deepEqual(report.effects.map(({ status, code }) => [status, code]), [["error", undefined]]);
  assert.deepEqual(report.plans.map(({ plan, status, code, step }) => [plan, status, code, step]), [["demo/fetch@1", "error", "effect_error", "wait"]]);
});

test("answer: a payload that does not fit the receipt schema: an error that says so", () => {
  const answers = [{ effect: "http.request", payload: { status: "fine" } }];
  const report = rehearsal(bench, bench.boot(v1), { next: v1, scenarios: [scenarioOf({ events: [START_EVENT], answers })] });
  assert.deepEqual(report.effects.map(({ status, code }) => [status, code]), [["error", "receipt.invalid"]]);
});

test("answer: no payload with a timeout: nothing came back", () => {
  const report = rehearsal(bench, bench.boot(v1), { next: v1, scenarios: [scenarioOf({ events: [START_EVENT], answers: [{ effect: "http.request", status: "timeout" }] })] });
  assert.deepEqual(report.effects.map(({ status, code }) => [status, code]), [["timeout", "scenario"]]);
  assert.deepEqual(report.plans.map(({ code }) => code), ["effect_timeout"]);
});

test("answer: the plainest receipt: fits the schema of every builtin effect", () => {
  assert.deepEqual(plain(plainestReceipt(v1, "http.request")), { adapter_id: "", body_ref: null, headers: {}, status: 200, timings: { end_ns: 0, start_ns: 0 } });
  const gov = plainestReceipt(v1, "governance.approve");
  assert.deepEqual(fieldOf(gov, "decision"), new Map([["$tag", "approve"], ["$value", null]]));
  assert.equal(fieldOf(gov, "patch_hash"), ZERO_HASH);
  assert.deepEqual(fieldOf(plainestReceipt(v1, "blob.get"), "bytes"), new Uint8Array(0));
  assert.equal(v1.effects.size >= 25, true);
});

test("shadow: an effect the new grant does not cover: denied, the plan ends with it, a consequence that names where it would have gone", () => {
  const report = rehearsal(bench, started(), { next: bench.control(notesWorld({ hosts: ["example.org"] })) });
  assert.deepEqual(report.effects, []);
  assert.deepEqual(report.denied.map(({ effect, cap, stage, code, by, step, in_baseline }) => ({ effect, cap, stage, code, by, step, in_baseline })), [
    { effect: "http.request", cap: "http", stage: "capability", code: "host_not_allowed", by: "demo/fetch@1", step: "get", in_baseline: false },
  ]);
  assert.deepEqual(report.plans.map(({ status, code }) => [status, code]), [["error", "denied:host_not_allowed"]]);
  assert.deepEqual(consequencesOf(report).effects_denied, [{ kind: "http.request", target: "GET https://example.com" }]);
});

test("shadow: denied before as now: shown, and no consequence", () => {
  const strict = bench.control(notesWorld({ hosts: ["example.org"] }));
  const report = rehearsal(bench, bench.boot(strict), { next: bench.control(notesWorld({ hosts: ["example.org"], policyRules: [{ when: {}, decision: "allow" }] })) });
  assert.deepEqual(report.denied.map(({ in_baseline }) => in_baseline), [true]);
  assert.deepEqual(consequencesOf(report).effects_denied, []);
});

test("shadow: an event that does not fit: rejected with its place, the next one runs", () => {
  const report = rehearsal(bench, started(), { next: v1, scenarios: [scenarioOf({ events: [{ schema: "demo/Start@1", value: { url: 5 } }, START_EVENT] })] });
  assert.deepEqual(report.rejected.map(({ file, event, schema, code }) => [file, event, schema, code]), [["shadow/one.json", 0, "demo/Start@1", "value.invalid"]]);
  assert.equal(report.effects.length, 1);
});

test("shadow: a key that is sent: held against the key of the value", () => {
  const note = (key: string): object => ({ schema: "demo/Note@1", value: { id: "a", body: "x" }, key });
  const report = rehearsal(bench, bench.boot(v1), { next: v1, scenarios: [scenarioOf({ events: [note("a"), note("b")] })] });
  assert.deepEqual(report.rejected.map(({ event, code }) => [event, code]), [[1, "event.key"]]);
  assert.deepEqual(rowsOf(report, "cells"), [{ reducer: "demo/Notes@1", key: "a", change: "added", after: { id: "a", body: "x" } }]);
});

test("shadow: cells: changed against the recorded state, by reducer and key", () => {
  const recorded = bench.boot(v1).send("demo/Note@1", { id: "b", body: "old" }).send("demo/Note@1", { id: "same", body: "x" });
  const notes = [{ id: "d", body: "new" }, { id: "c", body: "new" }, { id: "b", body: "new" }, { id: "same", body: "x" }];
  const report = rehearsal(bench, recorded, { next: v1, scenarios: [scenarioOf({ events: notes.map((value) => ({ schema: "demo/Note@1", value })) })] });
  assert.deepEqual(rowsOf(report, "cells"), [
    { reducer: "demo/Notes@1", key: "b", change: "changed", before: { id: "b", body: "old" }, after: { id: "b", body: "new" } },
    { reducer: "demo/Notes@1", key: "c", change: "added", after: { id: "c", body: "new" } },
    { reducer: "demo/Notes@1", key: "d", change: "added", after: { id: "d", body: "new" } },
  ]);
});

test("shadow: cells that do not fit: listed, nothing is run, their reducer must migrate", () => {
  const recorded = ["z", "y", "x", "w", "v"].reduce((world, id) => world.send("demo/Note@1", { id, body: "x" }), bench.boot(v1));
  const noteType = { record: { id: { text: {} }, body: { text: {} }, stars: { nat: {} } } };
  const report = rehearsal(bench, recorded, { next: bench.control(notesWorld({ noteType })) });
  assert.deepEqual(rowsOf(report, "runs"), { baseline: "skipped", candidate: "skipped" });
  assert.deepEqual(report.misfits.map(({ reducer, key }) => [reducer, key]), ["v", "w", "x", "y", "z"].map((id) => ["demo/Notes@1", id]));
  assert.match(report.misfits[0]?.reason ?? "", /stars/);
  assert.deepEqual([report.effects, report.removed, report.cells, report.fuel], [[], [], [], 0]);
  assert.deepEqual(consequencesOf(report).migrations, ["demo/Notes@1"]);
});

test("shadow: a plan that asks for ever: cut at the limit, the open effect has no answer", () => {
  const again = { id: "again", op: "raise_event", event: "demo/Fetch@1", value: { record: { url: { ref: "@plan.input.url" } } } };
  const loop = bench.control(notesWorld({ steps: [...FETCH_STEPS.slice(0, 2), again, ...FETCH_STEPS.slice(3)], edges: [FETCH_EDGES[0], { from: "wait", to: "again" }, { from: "again", to: "end" }] }));
  const report = rehearsal(bench, started(), { next: loop, scenarios: [scenarioOf({ events: [START_EVENT, START_EVENT] })] });
  assert.deepEqual(rowsOf(report, "runs"), { baseline: "complete", candidate: "cut" });
  assert.equal(report.effects.length, SHADOW_EFFECTS_MAX + 1);
  assert.deepEqual(consequencesOf(report).limits, ["effects"]);
  assert.deepEqual(report.effects.filter(({ answered_by }) => answered_by === "none").length, 1);
  assert.equal(report.effects.filter(({ in_baseline }) => in_baseline).length, 2);
  assert.deepEqual(report.plans.at(-1), { plan: "demo/fetch@1", instance: SHADOW_EFFECTS_MAX + 1, status: "waiting", waits: ["wait: receipt req"] });
});

test("shadow: intents that are open in the recorded world: left alone, not answered, not listed", () => {
  const recorded = bench.boot(v1).send(START_EVENT.schema, START_EVENT.value);
  assert.equal(trieSize(recorded.world.intents), 1);
  const report = rehearsal(bench, recorded, { next: v2, scenarios: [scenarioOf({ events: [{ schema: "demo/Note@1", value: { id: "a", body: "x" } }] })] });
  assert.deepEqual([report.effects, report.plans], [[], []]);
  assert.equal(trieSize(recorded.world.intents), 1);
});

test("shadow: a plan that waits for an event: said with what it waits for", () => {
  const steps = [{ id: "hold", op: "await_event", event: "demo/Note@1", bind: { as: "note" } }, { id: "end", op: "end", result: { record: { url: { ref: "@plan.input.url" }, status: { int: 1 } } } }];
  const next = bench.control(notesWorld({ steps, edges: [{ from: "hold", to: "end" }] }));
  const report = rehearsal(bench, started(), { next });
  assert.deepEqual(rowsOf(report, "plans"), [{ plan: "demo/fetch@1", instance: 1, status: "waiting", waits: ["hold: event demo/Note@1"] }]);
});

/** The notes world whose manifest's grants have more fields. */
function withGrant(options: Parameters<typeof notesWorld>[0], grant: object): readonly unknown[] {
  return (notesWorld(options) as readonly Record<string, unknown>[]).map((node) => {
    if (node["$kind"] !== "manifest") return node;
    const { defaults } = node as { readonly defaults: { readonly cap_grants: readonly object[] } };
    return { ...node, defaults: { ...defaults, cap_grants: defaults.cap_grants.map((one) => ({ ...one, ...grant })) } };
  });
}

test("shadow: an effect that a person must see first: listed as waiting for approval, its plan waits, nothing is answered", () => {
  const next = bench.control(notesWorld({ policyRules: [{ when: { effect_kind: "http.request" }, decision: "require_approval" }] }));
  const report = rehearsal(bench, started(), { next });
  assert.deepEqual(report.effects.map(({ target, answered_by, waits_for, in_baseline }) => [target, answered_by, waits_for, in_baseline]), [[EXAMPLE, "none", "approval", true]]);
  assert.deepEqual(rowsOf(report, "plans"), [{ plan: "demo/fetch@1", instance: 1, status: "waiting", waits: ["wait: approval of http.request under http"] }]);
  assert.deepEqual([report.removed, report.denied], [[], []]);
  assert.deepEqual(rowsOf(report, "runs"), { baseline: "complete", candidate: "complete" });
});

test("shadow: a person's decision in a scenario: what was granted goes out and is answered, what was denied is told, a decision on nothing too", () => {
  const asks = bench.control(notesWorld({ policyRules: [{ when: { effect_kind: "http.request" }, decision: "require_approval" }] }));
  const approve = (decision: string, change: object = {}): object => ({ approve: { effect: "http.request", decision, ...change } });
  const answers = [{ effect: "http.request", payload: httpReceipt(204) }];
  const told = (events: readonly object[]): unknown => {
    const report = rehearsal(bench, started(), { next: asks, scenarios: [scenarioOf({ events: [START_EVENT, ...events], answers })] });
    return {
      effects: report.effects.map(({ answered_by, status, waits_for, code }) => waits_for ?? code ?? `${answered_by} ${status}`),
      denied: report.denied.map(({ stage, code }) => `${stage} ${code}`), plans: report.plans.map(({ status, code }) => code ?? status), rejected: report.rejected.map(({ event, schema, code }) => [event, schema, code]),
    };
  };
  assert.deepEqual(told([approve("grant", { match: { url: "https://example.com/" } })]), { effects: ["scenario ok"], denied: [], plans: ["ok"], rejected: [] });
  assert.deepEqual(told([approve("deny", { reason: "not this one" })]), { effects: ["approval.denied"], denied: ["approval approval.denied"], plans: ["denied:approval.denied"], rejected: [] });
  // The earliest is decided on first; the other still waits.
  assert.deepEqual(told([START_EVENT, approve("deny"), START_EVENT]), { effects: ["approval.denied", "approval", "approval"], denied: ["approval approval.denied"], plans: ["denied:approval.denied", "waiting", "waiting"], rejected: [] });
  assert.deepEqual(told([approve("grant", { cap: "other" }), approve("grant"), approve("grant")]), { effects: ["scenario ok"], denied: [], plans: ["ok"], rejected: [[1, "http.request", "approval.not_held"], [3, "http.request", "approval.not_held"]] });
});

test("shadow: bytes in a scenario: reach the world as bytes", () => {
  const next = bench.control(notesWorld({ noteType: { record: { id: { text: {} }, body: { bytes: {} } } } }));
  const report = rehearsal(bench, bench.boot(next), { next, scenarios: [scenarioOf({ events: [{ schema: "demo/Note@1", value: { id: "a", body: { $bytes: "/wA=" } } }] })] });
  assert.deepEqual([rowsOf(report, "cells"), report.rejected], [[{ reducer: "demo/Notes@1", key: "a", change: "added", after: { id: "a", body: { $bytes: "/wA=" } } }], []]);
});

test("shadow: a budget that the scenario goes beyond: what would be denied is predicted, from what was spent before", () => {
  const budgeted = bench.control(withGrant({}, { budget: { calls: 2 } }));
  const recorded = bench.boot(budgeted).send(START_EVENT.schema, START_EVENT.value, { payload: httpReceipt(200) });
  const report = rehearsal(bench, recorded, { next: budgeted, scenarios: [scenarioOf({ events: [START_EVENT, START_EVENT] })] });
  assert.equal(report.effects.length, 1);
  assert.deepEqual(report.denied.map(({ stage, code, in_baseline }) => [stage, code, in_baseline]), [["budget", "budget.exceeded", true]]);
  const raised = rehearsal(bench, recorded, { next: bench.control(withGrant({}, { budget: { calls: 3 } })), scenarios: [scenarioOf({ events: [START_EVENT, START_EVENT] })] });
  assert.deepEqual([raised.effects.length, raised.denied.length], [2, 0]);
});

test("shadow: a reducer that traps: the failed step is listed, the run goes on", async () => {
  const broken = await shadowBench(() => {
    throw new Error("boom");
  });
  const report = rehearsal(broken, broken.boot(broken.control(notesWorld())), { next: broken.control(notesWorld(V2)), scenarios: [scenarioOf({ events: [START_EVENT, { schema: "demo/Note@1", value: { id: "a", body: "x" } }] })] });
  assert.deepEqual(rowsOf(report, "failures"), [{ by: "demo/Counter@1", code: "module.trap", message: "boom" }]);
  assert.deepEqual(report.cells.map(({ reducer }) => reducer), ["demo/Notes@1"]);
});

test("shadow: time and entropy: those of the baseline, also behind an event that now has more effects", async () => {
  const clocked = await shadowBench((state, event, ctx) => {
    const made = countAndFetch(state, event, ctx);
    const entropy = fieldOf(ctx, "entropy");
    assert.ok(entropy instanceof Uint8Array);
    const url = `https://example.com/${String(fieldOf(ctx, "now_ns"))}/${hex(entropy.subarray(0, 8))}`;
    return { ...made, ...(made.events === undefined ? {} : { events: [{ schema: "demo/Fetch@1", value: { url } }] }) };
  });
  const report = rehearsal(clocked, clocked.boot(clocked.control(notesWorld())), { next: clocked.control(notesWorld(V2)), scenarios: [scenarioOf({ events: [START_EVENT, START_EVENT] })] });
  assert.deepEqual(report.effects.map(({ step, in_baseline }) => [step, in_baseline]), [["get", true], ["post", false], ["get", true], ["post", false]]);
  assert.equal(new Set(report.effects.map(({ intent }) => intent)).size, 3);
});

test("shadow: report: is its own JSON: text, integers, booleans, null, lists and maps with text keys", () => {
  let seen = 0;
  const walk = (value: unknown): void => {
    seen++;
    if (Array.isArray(value)) value.forEach(walk);
    else if (value instanceof Map) {
      assert.ok([...value.keys()].every((key) => typeof key === "string"));
      [...value.values()].forEach(walk);
    } else assert.ok(value === null || typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value) || typeof value === "bigint", `${String(value)} is JSON`);
  };
  walk(reportValue(rehearsal(bench, started(), { next: v2 })));
  assert.ok(seen > 60, `${seen} values seen`);
});
