// Worlds near the fixture world, each one change away from it: for properties that must hold between any two of them.

import { C, codeHash, drop, fixtureControl, grant, M, MOD, NEW, P, S, set, type Edit } from "./fixture-world.ts";
import type { ControlPlane } from "./types.ts";
import type { Hash } from "./value.ts";

const listed = (section: string, ...names: readonly string[]): Edit => set(M, `/${section}`, names.map((name) => ({ name })));
const schemas = (...names: readonly string[]): Edit => listed("schemas", ...names.map((name) => `demo/${name}@1`));

interface NearWorld {
  readonly title: string;
  readonly edits: readonly Edit[];
  /** Code that differs. */
  readonly code?: ReadonlyMap<string, Hash>;
}

/** A pure module and a migration of `demo/Job@1` by it. */
export const MIGRATION: readonly Edit[] = [
  set(MOD, "/-", { $kind: "defmodule", name: "demo/New@1", module_kind: "pure", abi: { pure: { input: "demo/State@1", output: "demo/State@1" } } }),
  set(M, "/modules/-", { name: "demo/New@1" }), set(M, "/migrations", [{ reducer: "demo/Job@1", module: "demo/New@1" }]),
];
const LATE = { $kind: "defschema", name: "demo/Late@1", type: { record: { id: { text: {} } } } };
const ROUTES = [
  { event: "demo/Done@1", reducer: "demo/Log@1" }, { event: "demo/Event@1", reducer: "demo/Job@1", key_field: "$value.id" },
  { event: "sys/TimerFired@1", reducer: "demo/Job@1" },
];

export const NEAR_WORLDS: readonly NearWorld[] = [
  { title: "the fixture", edits: [] },
  { title: "references in another order", edits: [listed("caps", "demo/mail@1", "demo/http@1"), schemas("Event", "Key", "State", "Status", "Result", "Start", "Done", "MailReceipt", "MailParams")] },
  { title: "a builtin schema first", edits: [listed("schemas", "sys/TimerFired@1", ...["Key", "Status", "State", "Start", "Done", "Event", "Result", "MailParams", "MailReceipt"].map((name) => `demo/${name}@1`))] },
  { title: "a new schema in the middle", edits: [set(NEW, "/-", LATE), schemas("Key", "Late", "Status", "State", "Start", "Done", "Event", "Result", "MailParams", "MailReceipt")] },
  { title: "a new schema at the end", edits: [set(NEW, "/-", LATE), set(M, "/schemas/-", { name: "demo/Late@1" })] },
  { title: "a field more, a field less", edits: [set(S, "/2/type/record", { count: { nat: {} }, retries: { nat: {} } })] },
  { title: "code of a module", edits: [], code: new Map([["demo/Job@1", codeHash("8")]]) },
  { title: "an enforcer listed", edits: [set(C, "/0/enforcer/module", "sys/CapEnforceHttpOut@1"), set(M, "/modules/-", { name: "sys/CapEnforceHttpOut@1" })] },
  { title: "an enforcer with code of its own", edits: [set(C, "/0/enforcer/module", "sys/CapEnforceHttpOut@1"), set(M, "/modules/-", { name: "sys/CapEnforceHttpOut@1" })], code: new Map([["sys/CapEnforceHttpOut@1", codeHash("9")]]) },
  { title: "a module fewer", edits: [listed("modules", "demo/Job@1", "demo/Enforce@1"), drop(MOD, "/2"), drop(M, "/routing/events/2")] },
  { title: "a step more", edits: [set(P, "/steps/-", { id: "again", op: "raise_event", event: "demo/Done@1", value: { id: "x", status: 1 } }), set(P, "/edges/-", { from: "wait", to: "again" })] },
  { title: "no plan", edits: [set(M, "/plans", []), set(M, "/triggers", []), set("air/fetch.json", "", [])] },
  { title: "a plan more", edits: [set(NEW, "/-", { $kind: "defplan", name: "demo/fetch@2", input: "demo/Start@1", steps: [{ id: "mail", op: "emit_effect", kind: "mail.send", cap: "mail_grant", bind: { effect_id_as: "x" }, params: { to: "a", token: { literal: "b" } } }] }), set(M, "/plans/-", { name: "demo/fetch@2" }), set(M, "/triggers/-", { event: "demo/Start@1", plan: "demo/fetch@2" })] },
  { title: "grants more", edits: [grant("web", "sys/http.out@1", { ports: { set: [{ nat: 443 }] } }), grant("ws", "sys/workspace@1")] },
  { title: "a grant that never ends", edits: [drop(M, "/defaults/cap_grants/0/expiry_ns")] },
  { title: "no policy in force", edits: [drop(M, "/defaults/policy")] },
  { title: "no policy at all", edits: [drop(M, "/defaults/policy"), set(M, "/policies", []), set("air/policy.json", "", [])] },
  { title: "a policy of another name", edits: [set("air/policy.json", "/name", "demo/policy@2"), listed("policies", "demo/policy@2"), set(M, "/defaults/policy", "demo/policy@2")] },
  { title: "routes in another order", edits: [set(M, "/routing/events", ROUTES)] },
  { title: "an inbox", edits: [set(M, "/routing/inboxes", [{ source: "mail", reducer: "demo/Log@1" }])] },
  { title: "routing that routes nothing", edits: [set(M, "/routing", {})] },
  { title: "no routing", edits: [drop(M, "/routing")] },
  { title: "no bindings", edits: [drop(M, "/module_bindings")] },
  { title: "a binding that binds nothing", edits: [set(M, "/module_bindings/demo~1Log@1", {})] },
  { title: "no trigger", edits: [set(M, "/triggers", [])] },
  { title: "a secret more", edits: [set(NEW, "/-", { $kind: "defsecret", name: "demo/other@3", binding_id: "env:OTHER" }), listed("secrets", "demo/other@3", "demo/token@1")] },
  { title: "a secret bound elsewhere", edits: [set("air/secret.json", "/binding_id", "env:OTHER")] },
  { title: "a builtin effect listed", edits: [listed("effects", "sys/timer.set@1", "demo/mail.send@1")] },
  { title: "an effect for reducers too", edits: [set("air/effect.json", "/origin_scope", "both")] },
  { title: "a grant with a budget", edits: [set(M, "/defaults/cap_grants/0/budget", { calls: 10, tokens: 5000, cents: 300, bytes: 1 })] },
  { title: "keys by instance", edits: [set(M, "/defaults/idempotency", "instance")] },
  { title: "a rule that asks a person", edits: [set("air/policy.json", "/rules/1/decision", "require_approval"), set("air/policy.json", "/rules/1/approval_ttl_ns", 60_000_000_000)] },
  { title: "a plan with a deadline", edits: [set(P, "/deadline_ns", 3_600_000_000_000)] },
  { title: "a migration", edits: MIGRATION },
  { title: "a migration of another reducer too", edits: [...MIGRATION, set(M, "/migrations/-", { reducer: "demo/Log@1", module: "demo/New@1" })] },
  {
    title: "an almost empty world with sections that say nothing",
    edits: [set(M, "", { $kind: "manifest", air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [], defaults: {}, routing: {} })],
  },
  { title: "an empty world", edits: [set(M, "", { $kind: "manifest", air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [] })] },
];

/** The control planes of `NEAR_WORLDS`, in their order. */
export function nearControls(): readonly ControlPlane[] {
  return NEAR_WORLDS.map(({ edits, code: changed }) => fixtureControl(edits, changed));
}
