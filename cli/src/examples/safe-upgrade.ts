// 06: a plan is replaced while the world runs. Version 1 fetches once, version 2 fetches and follows up.

import assert from "node:assert/strict";
import { bundleOf, hashBytes, jsonOf, shadow, summaryOf, type JournalRecord, type ShadowReport, type Value } from "@agentos/kernel";
import { ofKind, type Example, type ExampleWorld } from "./example.ts";
import { ORIGIN, serveLoopback, type Loopback } from "./loopback.ts";

const REDUCER = "demo/SafeUpgrade@1";
const EVENT = "demo/SafeUpgradeEvent@1";
const NEXT_COMMIT = "1".repeat(40);

export const safeUpgrade: Example = {
  number: "06",
  slug: "safe-upgrade",
  title: "Safe upgrade",
  summary: "a plan's second version is shadowed, applied to the running world, and used by the next event",
  reducer: REDUCER,
  async begin() {
    const replies = [{ status: 200, body: "{}" }, { status: 200, body: "{}" }, { status: 202, body: "{}" }];
    const outside = await serveLoopback(() => replies.shift() ?? { status: 500, body: "" });
    return { settings: { origins: outside.origins }, run: (world) => upgrade(world, outside), end: () => outside.close() };
  },
};

async function upgrade(world: ExampleWorld, outside: Loopback): Promise<void> {
  const first = await start(world);
  assert.deepEqual(keysOf(outside), ["safe-upgrade-v1-primary"]);
  assert.deepEqual(world.state(REDUCER).json, { pc: { $tag: "Completed" }, next_request_id: 1, pending_request: null, primary_status: 200, follow_status: null, requests_observed: 1 });
  assert.deepEqual(ofKind(first, "receipt").map(({ status, adapter }) => ({ status, adapter })), [{ status: "ok", adapter: "http" }]);
  world.say("version 1: one call, primary=200, follow=none, requests=1");

  const next = await world.overlay("upgrade");
  const report = rehearse(world, next.control);
  assert.deepEqual(report.effects.map(({ cap }) => cap), ["cap_http_fetch", "cap_http_followup"]);
  assert.deepEqual(report.definitions.map(({ kind, name, change }) => `${change} ${kind} ${name}`).sort(), [
    "added defcap demo/http_followup_cap@1", "added defplan demo/fetch_plan@2", "added defpolicy demo/policy@2", "removed defplan demo/fetch_plan@1", "removed defpolicy demo/policy@1",
  ]);
  assert.deepEqual(report.plans.map(({ status }) => status), ["ok"]);
  assert.equal(outside.asked.length, 1, "a shadow run calls nobody");
  world.say(`shadow: ${summaryOf(report)}`);

  await world.host.apply({ control: next.control, artifacts: [...next.artifacts.values()], commit: NEXT_COMMIT, base: "0".repeat(40), decision: jsonOf({ approved: "example" }) as Value });
  world.say("applied version 2 at a turn boundary");
  const second = await start(world);
  assert.deepEqual(keysOf(outside).slice(1), ["safe-upgrade-v2-primary", "safe-upgrade-v2-follow"]);
  assert.deepEqual(world.state(REDUCER).json, { pc: { $tag: "Completed" }, next_request_id: 2, pending_request: null, primary_status: 200, follow_status: 202, requests_observed: 2 });
  assert.equal(ofKind(second, "receipt").length, 2);
  assert.deepEqual(ofKind(world.records(), "plan_ended").map(({ plan, status }) => `${plan} ${status}`), ["demo/fetch_plan@1 ok", "demo/fetch_plan@2 ok"]);
  assert.deepEqual([...(world.host.world.control?.plans.keys() ?? [])], ["demo/fetch_plan@2"]);
  world.say("version 2: two calls");
  world.say("final state: primary=200, follow=202, requests=2, next id=2");
}

/** The proposed control plane on the recorded state; what was recorded answers where the scenario says nothing. */
function rehearse(world: ExampleWorld, next: Parameters<typeof bundleOf>[0]): ShadowReport {
  const intents = ofKind(world.records(), "intent");
  const recorded = ofKind(world.records(), "receipt").flatMap((receipt) => intents.filter(({ seq }) => seq === receipt.intent_seq).map((intent) => ({ intent, receipt })));
  return shadow({ world: world.host.world, next, nextBundle: hashBytes(bundleOf(next)), head: { commit: NEXT_COMMIT }, scenarios: world.scenarios, recorded }, world.host.shelf);
}

function start(world: ExampleWorld): Promise<readonly JournalRecord[]> {
  return world.send(EVENT, { $tag: "Start", $value: { url: ORIGIN } });
}

function keysOf(outside: Loopback): readonly unknown[] {
  return outside.asked.map(({ headers }) => headers["x-idempotency-key"]);
}
