// A window in which people decided, plans were cancelled, and time ended things by itself: run again under other control planes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hashBytes } from "../air/hash.ts";
import { bundleOf } from "../air/load.ts";
import type { ControlPlane } from "../air/types.ts";
import { armOf, fetchModules, fetchWorld, fieldOf, type FetchWorldOptions } from "../testing/fetch-world.ts";
import { inPureWorld, type PureWorld } from "../testing/pure-world.ts";
import { httpReceipt } from "../testing/stub-adapter.ts";
import type { JournalRecord } from "./record.ts";
import type { RecordedReceipt } from "./shadow-answer.ts";
import { shadow } from "./shadow.ts";
import type { ShadowReport } from "./shadow-report.ts";
import type { World } from "./world.ts";

const MINUTE = 60_000_000_000;
const [TIMER, HELD, LIFE] = [20 * MINUTE, 60 * MINUTE, 600 * MINUTE];

/** Each start fetches, and asks to be told when its time is over; `last` is the last status, or 1 when a timer fired. */
const modules = fetchModules((state, event, ctx) => {
  const [tag, value] = armOf(event);
  const starts = Number(fieldOf(state, "starts") ?? 0);
  if (tag === "Done") return { state: { starts, last: fieldOf(value, "status") ?? null } };
  if (tag === "Fired") return { state: { starts, last: 1 } };
  return {
    state: { starts: starts + 1, last: null }, events: [{ schema: "demo/Fetch@1", value: { url: fieldOf(value, "url") ?? "" } }],
    effects: [{ effect: "timer.set", params: { deliver_at_ns: BigInt(String(fieldOf(ctx, "now_ns"))) + BigInt(TIMER), key: null } }],
  };
});

interface Changed extends FetchWorldOptions {
  readonly decision?: "allow" | "require_approval";
  readonly heldNs?: number;
  readonly lifeNs?: number;
}

function air({ decision = "require_approval", heldNs = HELD, lifeNs = LIFE, ...change }: Changed = {}): readonly unknown[] {
  const held = decision === "allow" ? {} : { approval_ttl_ns: heldNs };
  const policyRules = [{ when: { effect_kind: "http.request" }, decision, ...held }, { when: { effect_kind: "timer.set" }, decision: "allow" }];
  return (fetchWorld({ policyRules, plan: { deadline_ns: lifeNs }, ...change }) as readonly Record<string, unknown>[]).map((node) => {
    if (node["$kind"] === "defmodule") return { ...node, abi: { reducer: { ...((node["abi"] as Record<string, object>)["reducer"]), effects_emitted: ["timer.set"], cap_slots: { default: "timer" } } } };
    if (node["name"] === "demo/Event@1") return { ...node, type: { variant: { Start: { ref: "demo/Start@1" }, Done: { ref: "demo/Done@1" }, Fired: { ref: "sys/TimerFired@1" } } } };
    if (node["$kind"] !== "manifest") return node;
    const { defaults, effects, caps } = node as { readonly defaults: { readonly cap_grants: readonly unknown[] }; readonly effects: readonly unknown[]; readonly caps: readonly unknown[] };
    return {
      ...node, effects: [...effects, { name: "sys/timer.set@1" }], caps: [...caps, { name: "sys/timer@1" }],
      defaults: { ...defaults, cap_grants: [...defaults.cap_grants, { name: "timer", cap: "sys/timer@1", params: { record: {} } }] },
      module_bindings: { "demo/Counter@1": { slots: { default: "timer" } } },
    };
  });
}

interface Recording {
  readonly pure: PureWorld;
  readonly start: World;
  readonly turns: readonly (readonly JournalRecord[])[];
  readonly receipts: readonly RecordedReceipt[];
}

type Begin = (url: string) => number;

/** Records a world; what the function returns runs in the window. */
async function recordingOf(change: Changed, run: (world: PureWorld, begin: Begin) => () => void): Promise<Recording> {
  let start: World | undefined;
  let from = 0;
  const pure = await inPureWorld({ air: air(change), ...modules }, (world) => {
    const inWindow = run(world, (url) => {
      world.send("demo/Event@1", { $tag: "Start", $value: { url: `https://example.com/${url}` } });
      return world.of("held").at(-1)?.seq ?? assert.fail("held");
    });
    [start, from] = [world.world, world.records.length];
    inWindow();
  });
  assert.ok(start !== undefined);
  const intents = new Map(pure.of("intent").map((one) => [one.seq as number, one]));
  const receipts = pure.of("receipt").map((receipt) => ({ intent: intents.get(receipt.intent_seq) ?? assert.fail("answered"), receipt }));
  return { pure, start, turns: turnsOf(pure.records.slice(from)), receipts };
}

/** One effect is granted and answered, one denied, one left until nobody could decide; one plan is cancelled, one lives too long; the last waits. */
const recorded = await recordingOf({}, (world, begin) => {
  const intent = (effect: string): number => world.of("intent").findLast((one) => one.effect === effect)?.seq ?? assert.fail(effect);
  const instance = (): number => world.of("plan_started").at(-1)?.instance ?? assert.fail("a plan runs");
  /** The timer of the last start fires when its time has come. */
  const fire = (): void => {
    const seq = intent("timer.set");
    world.pass(BigInt(TIMER));
    world.answer(seq, { payload: { delivered_at_ns: world.stamp().now_ns, key: null } });
  };
  const before = begin("before");
  fire();
  return () => {
    world.decide(begin("granted"), "grant");
    world.answer(intent("http.request"), { payload: httpReceipt(200) });
    fire();
    world.decide(begin("denied"), "deny", "not this one");
    fire();
    assert.ok(world.due("approval", before) !== undefined);
    const late = begin("late");
    fire();
    world.pass(BigInt(HELD));
    assert.ok(world.due("approval", late) !== undefined);
    world.decide(begin("cancelled"), "grant");
    world.cancel(instance(), "enough");
    fire();
    world.decide(begin("long"), "grant");
    const long = instance();
    fire();
    world.pass(BigInt(LIFE));
    assert.ok(world.due("plan", long) !== undefined);
    begin("waits");
  };
});

/** Records without a cause are inputs. */
function turnsOf(records: readonly JournalRecord[]): readonly (readonly JournalRecord[])[] {
  const turns: JournalRecord[][] = [];
  for (const record of records) {
    if ("cause" in record) turns.at(-1)?.push(record);
    else turns.push([record]);
  }
  return turns;
}

async function backtest(change: Changed, { pure, start, turns, receipts } = recorded): Promise<ShadowReport> {
  const next: ControlPlane = await pure.prepare(air(change));
  return shadow({ world: pure.world, next, nextBundle: hashBytes(bundleOf(next)), head: { commit: "c".repeat(40) }, scenarios: [], recorded: receipts, window: { world: start, turns } }, pure.shelf);
}

/** One plan more for each event, so that instances have other numbers than those recorded. */
const ONE_MORE: Changed = {
  nodes: [{ $kind: "defplan", name: "demo/extra@1", input: "demo/Fetch@1", steps: [{ id: "end", op: "end" }], edges: [] }],
  manifest: { plans: [{ name: "demo/extra@1" }, { name: "demo/fetch@1" }], triggers: [{ event: "demo/Fetch@1", plan: "demo/extra@1" }, { event: "demo/Fetch@1", plan: "demo/fetch@1" }] },
};
const AS_RECORDED = ["ok", "approval.denied", "approval.expired", "approval.expired", "cancelled", "plan_deadline", "waiting"];

/** Turns that diverge, inputs left out, how `demo/fetch@1` ended in the order of its ends, denials that are new. */
const ROWS: readonly (readonly [string, Changed, readonly [turns: number, leftOut: number], readonly string[], number])[] = [
  ["the control plane of the recording", {}, [0, 0], AS_RECORDED, 0],
  ["one plan more", ONE_MORE, [6, 0], AS_RECORDED, 0],
  ["longer to decide: what expired does so later", { heldNs: 2 * HELD }, [1, 1], ["ok", "approval.denied", "approval.expired", "cancelled", "approval.expired", "plan_deadline", "waiting"], 0],
  ["less long to decide: it expires before the input that said so", { heldNs: HELD / 2 }, [1, 1], AS_RECORDED, 0],
  ["a shorter life", { lifeNs: LIFE / 2 }, [1, 1], AS_RECORDED, 0],
  ["a longer life: the plan waits on", { lifeNs: 2 * LIFE }, [1, 1], ["ok", "approval.denied", "approval.expired", "approval.expired", "cancelled", "waiting", "waiting"], 0],
  ["nobody asked any more: what people said has no place", { decision: "allow" }, [14, 8], ["ok", "ok", "approval.expired", "ok", "ok", "ok", "ok"], 0],
  ["a grant that refuses", { hosts: ["example.org"] }, [14, 8], ["host_not_allowed", "host_not_allowed", "approval.expired", ...Array.from({ length: 4 }, () => "host_not_allowed")], 6],
];
test("backtest: approvals given, denied and expired, a plan cancelled, one past its life, timers: each finds its own again, or has no place", async () => {
  let rows = 0;
  for (const [what, change, diverged, endings, denied] of ROWS) {
    const { divergence, plans, denied: refused, effects, window } = await backtest(change);
    assert.deepEqual([divergence?.turns, divergence?.left_out], diverged, what);
    assert.deepEqual(plans.filter(({ plan }) => plan === "demo/fetch@1").map(({ status, code }) => code?.replace("denied:", "") ?? status), endings, what);
    assert.equal(refused.filter(({ in_baseline }) => !in_baseline).length, denied, what);
    // Five recorded timers fired in the window; the sixth is open, in the run as in the recording.
    assert.deepEqual(effects.filter(({ effect }) => effect === "timer.set").map(({ answered_by }) => answered_by), [...Array.from({ length: 5 }, () => "recorded_intent"), "none"], what);
    assert.equal(window?.inputs, 20, what);
    rows++;
  }
  assert.equal(rows, 8);
});

test("backtest: a timer that the recording has not: fires in virtual time, between the recorded inputs", async () => {
  const made = await recordingOf({ policyRules: [{ when: {}, decision: "require_approval" }] }, (world, begin) => {
    begin("before");
    return () => {
      begin("first");
      world.pass(BigInt(2 * TIMER));
      begin("second");
    };
  });
  const { effects, divergence, cells } = await backtest({}, made);
  assert.deepEqual(effects.filter(({ effect }) => effect === "timer.set").map(({ answered_by, waits_for, in_baseline }) => [answered_by, waits_for, in_baseline]), [["virtual_time", undefined, true], ["none", "timer", true]]);
  assert.deepEqual([divergence?.turns, divergence?.left_out, cells.length], [2, 0, 0]);
});
