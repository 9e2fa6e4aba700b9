import assert from "node:assert/strict";
import { test } from "node:test";
import { MIGRATION } from "./fixture-edits.ts";
import { C, drop, E, FIXTURE_CODE, fixtureFiles, M, MOD, NEW, P, POL, S, SEC, set, type Edit } from "./fixture-world.ts";
import { loadFiles } from "./load.ts";
import { RULES } from "./rules.ts";
import type { Diagnostic } from "./types.ts";

const ref = (text: string): unknown => ({ ref: text });
const schema = (name: string, type: unknown): unknown => ({ $kind: "defschema", name, type });
/** Adds schemas and lists them. */
const withSchemas = (...schemas: readonly (readonly [string, unknown])[]): readonly Edit[] =>
  schemas.flatMap(([name, type]) => [set(NEW, "/-", schema(name, type)), set(M, "/schemas/-", { name })]);
/** A list of lists, so many levels deep. */
const lists = (levels: number, inner: unknown): unknown => (levels === 0 ? inner : { list: lists(levels - 1, inner) });

interface Row {
  readonly code: string;
  readonly edits: readonly Edit[];
  /** Where it is reported. */
  readonly file: string;
  readonly pointer: string;
  /** Other errors that the same change brings about. */
  readonly also?: readonly string[];
  readonly hint?: RegExp;
}

const ERRORS: readonly Row[] = [
  // Budgets, approvals, deadlines, migrations
  { code: "air.range", edits: [set(M, "/defaults/cap_grants/0/budget", { calls: -1 })], file: M, pointer: "/defaults/cap_grants/0/budget/calls" },
  { code: "air.type", edits: [set(M, "/defaults/cap_grants/0/budget", { cents: "5" })], file: M, pointer: "/defaults/cap_grants/0/budget/cents" },
  { code: "air.type", edits: [set(M, "/defaults/cap_grants/0/budget", 5)], file: M, pointer: "/defaults/cap_grants/0/budget" },
  { code: "air.word", edits: [set(POL, "/rules/0/decision", "require_aproval")], file: POL, pointer: "/rules/0/decision", hint: /require_approval/ },
  { code: "air.range", edits: [set(POL, "/rules/0/decision", "require_approval"), set(POL, "/rules/0/approval_ttl_ns", -5)], file: POL, pointer: "/rules/0/approval_ttl_ns" },
  { code: "policy.approval_ttl", edits: [set(POL, "/rules/0/approval_ttl_ns", 5)], file: POL, pointer: "/rules/0/approval_ttl_ns", hint: /require_approval/ },
  { code: "plan.deadline", edits: [set(P, "/deadline_ns", 0)], file: P, pointer: "/deadline_ns" },
  { code: "air.type", edits: [set(P, "/deadline_ns", "1h")], file: P, pointer: "/deadline_ns" },
  { code: "air.missing_key", edits: [set(M, "/migrations", [{ reducer: "demo/Job@1" }])], file: M, pointer: "/migrations/0" },
  { code: "migration.duplicate", edits: [...MIGRATION, set(M, "/migrations/-", { reducer: "demo/Job@1", module: "demo/New@1" })], file: M, pointer: "/migrations/1/reducer" },
  { code: "migration.reducer", edits: [...MIGRATION, set(M, "/migrations/0/reducer", "demo/Jobs@1")], file: M, pointer: "/migrations/0/reducer", hint: /demo\/Job@1/ },
  { code: "migration.reducer", edits: [...MIGRATION, set(M, "/migrations/0/reducer", "demo/Enforce@1")], file: M, pointer: "/migrations/0/reducer" },
  { code: "migration.module", edits: [...MIGRATION, set(M, "/migrations/0/module", "demo/News@1")], file: M, pointer: "/migrations/0/module", hint: /demo\/New@1/ },
  { code: "migration.module", edits: [...MIGRATION, set(M, "/migrations/0/module", "demo/Log@1")], file: M, pointer: "/migrations/0/module" },
  // Files and the manifest
  { code: "file.shape", edits: [set(NEW, "", "text")], file: NEW, pointer: "" },
  { code: "file.shape", edits: [set(NEW, "", [[]])], file: NEW, pointer: "/0" },
  { code: "air.missing_key", edits: [drop(S, "/0/type")], file: S, pointer: "/0" },
  { code: "manifest.duplicate", edits: [set(NEW, "", { $kind: "manifest", air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [] })], file: NEW, pointer: "" },
  { code: "manifest.air_version", edits: [set(M, "/air_version", "2")], file: M, pointer: "/air_version" },
  { code: "air.missing_key", edits: [drop(M, "/air_version")], file: M, pointer: "" },
  { code: "def.duplicate", edits: [set(NEW, "/-", schema("demo/Key@1", { text: {} }))], file: NEW, pointer: "/0/name", also: [] },
  { code: "def.reserved", edits: [set(NEW, "/-", schema("sys/Mine@1", { text: {} }))], file: NEW, pointer: "/0/name" },
  { code: "ref.unknown", edits: [set(M, "/schemas/-", { name: "demo/Starts@1" })], file: M, pointer: "/schemas/9", hint: /demo\/Start@1/ },
  { code: "ref.unknown", edits: [set(M, "/plans/-", { name: "demo/Start@1" })], file: M, pointer: "/plans/1" },
  { code: "ref.reserved", edits: [set(M, "/effects/-", { name: "sys/none@1" })], file: M, pointer: "/effects/1" },
  { code: "ref.reserved", edits: [set(M, "/policies/-", { name: "sys/policy@1" })], file: M, pointer: "/policies/1" },
  { code: "ref.duplicate", edits: [set(M, "/schemas/-", { name: "demo/Key@1" })], file: M, pointer: "/schemas/9" },
  { code: "secret.inline", edits: [set(M, "/secrets/-", { alias: "other", version: 1, binding_id: "env:OTHER" })], file: M, pointer: "/secrets/1" },
  { code: "module.unbuilt", edits: [set(MOD, "/2/name", "demo/Other@1"), set(M, "/modules/2/name", "demo/Other@1"), set(M, "/routing/events/2/reducer", "demo/Other@1")], file: MOD, pointer: "/2/wasm_hash", hint: /aos build/ },

  // Schemas
  { code: "schema.missing", edits: [set(S, "/3/type/record/url", ref("demo/Url@1"))], file: S, pointer: "/3/type/record/url/ref" },
  { code: "schema.missing", edits: [drop(M, "/schemas/7")], file: E, pointer: "/params_schema", hint: /does not list/ },
  { code: "schema.missing", edits: [set(E, "/receipt_schema", "demo/MailReceit@1")], file: E, pointer: "/receipt_schema", hint: /demo\/MailReceipt@1/ },
  { code: "schema.missing", edits: [set(C, "/1/schema/record", { to: ref("demo/To@1") })], file: C, pointer: "/1/schema/record/to/ref" },
  { code: "schema.missing", edits: [set(MOD, "/0/abi/reducer/state", "demo/Stat@1")], file: MOD, pointer: "/0/abi/reducer/state" },
  { code: "schema.missing", edits: [set(MOD, "/0/abi/reducer/annotations", "demo/Ann@1")], file: MOD, pointer: "/0/abi/reducer/annotations" },
  { code: "schema.missing", edits: [set(MOD, "/0/key_schema", "demo/Keys@1")], file: MOD, pointer: "/0/key_schema" },
  { code: "schema.missing", edits: [set(P, "/locals/other", "demo/Other@1")], file: P, pointer: "/locals/other" },
  { code: "schema.missing", edits: [set(P, "/steps/5/event", "demo/Dome@1")], file: P, pointer: "/steps/5/event" },
  { code: "schema.missing", edits: [set(M, "/triggers/-", { event: "demo/No@1", plan: "demo/fetch@1" })], file: M, pointer: "/triggers/1/event" },
  { code: "schema.missing", edits: [set(M, "/routing/events/-", { event: "demo/No@1", reducer: "demo/Log@1" })], file: M, pointer: "/routing/events/3/event" },
  { code: "schema.recursive", edits: withSchemas(["demo/Tree@1", { record: { kids: { list: ref("demo/Tree@1") } } }]), file: NEW, pointer: "/0/type/record/kids/list/ref" },
  { code: "schema.recursive", edits: withSchemas(["demo/A@1", ref("demo/B@1")], ["demo/B@1", { option: ref("demo/A@1") }]), file: NEW, pointer: "/1/type/option/ref" },
  { code: "schema.depth", edits: withSchemas(...["A", "B", "C", "D", "E"].map((name, index, all) => [`demo/${name}@1`, lists(60, ref(`demo/${all[index + 1] ?? "Key"}@1`))] as const)), file: NEW, pointer: "/0/type" },

  // Modules
  { code: "module.abi", edits: [set(MOD, "/1/module_kind", "reducer")], file: MOD, pointer: "/1/abi" },
  { code: "reducer.event_family", edits: [set(S, "/5/type/variant/Extra", { text: {} })], file: MOD, pointer: "/0/abi/reducer/event", also: ["route.key_field"] },
  { code: "reducer.event_family", edits: [set(S, "/5/type/variant/Again", ref("demo/Done@1"))], file: MOD, pointer: "/0/abi/reducer/event" },
  { code: "reducer.event_family", edits: [set(MOD, "/2/abi/reducer/event", "demo/Key@1"), set(M, "/routing/events/2/event", "demo/Key@1")], file: MOD, pointer: "/2/abi/reducer/event" },
  { code: "reducer.receipt_event", edits: [drop(S, "/5/type/variant/Fired"), drop(M, "/routing/events/1")], file: MOD, pointer: "/0/abi/reducer/effects_emitted/0" },
  { code: "reducer.receipt_event", edits: [set(MOD, "/0/abi/reducer/effects_emitted/-", "blob.put")], file: MOD, pointer: "/0/abi/reducer/effects_emitted/1" },
  { code: "effect.missing", edits: [set(MOD, "/0/abi/reducer/effects_emitted/-", "timer.sett")], file: MOD, pointer: "/0/abi/reducer/effects_emitted/1", hint: /timer\.set/ },
  { code: "effect.origin_scope", edits: [set(MOD, "/0/abi/reducer/effects_emitted/-", "http.request")], file: MOD, pointer: "/0/abi/reducer/effects_emitted/1" },

  // Effects, capabilities, grants
  { code: "effect.duplicate_kind", edits: [set(E, "/kind", "http.request"), drop(P, "/steps/4"), set(P, "/edges/3", { from: "ack", to: "raise" }), drop(P, "/edges/4"), drop(POL, "/rules/1")], file: E, pointer: "/kind" },
  { code: "effect.duplicate_kind", edits: [set(NEW, "/-", { $kind: "defeffect", name: "demo/post@1", kind: "mail.send", params_schema: "demo/MailParams@1", receipt_schema: "demo/MailReceipt@1", cap_type: "mail.out", origin_scope: "plan" }), set(M, "/effects/-", { name: "demo/post@1" })], file: NEW, pointer: "/0/kind" },
  { code: "cap.missing", edits: [set(M, "/defaults/cap_grants/1/cap", "demo/mial@1")], file: M, pointer: "/defaults/cap_grants/1/cap", hint: /demo\/mail@1/ },
  { code: "cap.missing", edits: [drop(M, "/caps/1")], file: M, pointer: "/defaults/cap_grants/1/cap", hint: /does not list/ },
  { code: "cap.enforcer_missing", edits: [set(C, "/0/enforcer/module", "demo/Enforced@1")], file: C, pointer: "/0/enforcer/module", hint: /demo\/Enforce@1/ },
  { code: "cap.enforcer_abi", edits: [set(C, "/0/enforcer/module", "demo/Log@1")], file: C, pointer: "/0/enforcer/module" },
  { code: "cap.type_mismatch", edits: [set(P, "/steps/0/cap", "mail_grant")], file: P, pointer: "/steps/0/cap", hint: /http_grant/ },
  { code: "grant.duplicate", edits: [set(M, "/defaults/cap_grants/-", { name: "mail_grant", cap: "demo/mail@1", params: { record: {} } })], file: M, pointer: "/defaults/cap_grants/3/name" },
  { code: "grant.params", edits: [set(M, "/defaults/cap_grants/0/params/record/max", { text: "5" })], file: M, pointer: "/defaults/cap_grants/0/params" },
  { code: "grant.params", edits: [set(M, "/defaults/cap_grants/1/params/record/to", { text: "x" })], file: M, pointer: "/defaults/cap_grants/1/params" },
  { code: "grant.secret", edits: [set(M, "/defaults/cap_grants/0/params/record/hosts", { alias: "demo/token", version: 1 }), set(SEC, "/allowed_caps/-", "http_grant")], file: M, pointer: "/defaults/cap_grants/0/params" },
  { code: "grant.missing", edits: [set(P, "/steps/4/cap", "mail_grants")], file: P, pointer: "/steps/4/cap", hint: /mail_grant/ },

  // Policies, bindings
  { code: "policy.missing", edits: [set(M, "/defaults/policy", "demo/polcy@1")], file: M, pointer: "/defaults/policy", hint: /demo\/policy@1/ },
  { code: "policy.unknown_effect", edits: [set(POL, "/rules/1/when/effect_kind", "mail.sent")], file: POL, pointer: "/rules/1/when/effect_kind", hint: /mail\.send/ },
  { code: "policy.unknown_grant", edits: [set(POL, "/rules/0/when/cap_name", "htp_grant")], file: POL, pointer: "/rules/0/when/cap_name", hint: /http_grant/ },
  { code: "binding.unknown_module", edits: [set(M, "/module_bindings/demo~1Jobs@1", { slots: {} })], file: M, pointer: "/module_bindings/demo~1Jobs@1", hint: /demo\/Job@1/ },
  { code: "binding.unknown_slot", edits: [set(M, "/module_bindings/demo~1Job@1/slots/timers", "timer_grant")], file: M, pointer: "/module_bindings/demo~1Job@1/slots/timers", hint: /`timer`/ },
  { code: "binding.unknown_grant", edits: [set(M, "/module_bindings/demo~1Job@1/slots/timer", "timer_grnt")], file: M, pointer: "/module_bindings/demo~1Job@1/slots/timer", hint: /timer_grant/ },
  { code: "binding.cap_type", edits: [set(M, "/module_bindings/demo~1Job@1/slots/timer", "mail_grant")], file: M, pointer: "/module_bindings/demo~1Job@1/slots/timer" },

  // Plans
  { code: "plan.empty", edits: [set(P, "/steps", []), drop(P, "/edges")], file: P, pointer: "/steps" },
  { code: "plan.duplicate_step", edits: [set(P, "/steps/6/id", "raise"), drop(P, "/edges/5")], file: P, pointer: "/steps/6/id" },
  { code: "plan.unknown_step", edits: [set(P, "/edges/0/from", "gt")], file: P, pointer: "/edges/0/from", hint: /`get`/ },
  { code: "plan.unknown_step", edits: [set(P, "/edges/5/to", "ende")], file: P, pointer: "/edges/5/to", hint: /`end`/ },
  { code: "plan.duplicate_edge", edits: [set(P, "/edges/-", { from: "get", to: "wait" })], file: P, pointer: "/edges/6" },
  { code: "plan.cycle", edits: [set(P, "/edges/-", { from: "mail", to: "status" })], file: P, pointer: "/edges/6" },
  { code: "plan.cycle", edits: [set(P, "/edges/-", { from: "mail", to: "mail" })], file: P, pointer: "/edges/6" },
  { code: "plan.caps_mismatch", edits: [set(P, "/required_caps", ["http_grant"])], file: P, pointer: "/required_caps" },
  { code: "plan.effects_mismatch", edits: [set(P, "/allowed_effects", ["http.request", "mail.send", "vault.put"])], file: P, pointer: "/allowed_effects" },
  { code: "grant.missing", edits: [set(P, "/required_caps", ["http_grant", "mail_grant", "extra"])], file: P, pointer: "/required_caps", also: ["plan.caps_mismatch"] },
  { code: "effect.missing", edits: [set(P, "/allowed_effects", ["http.request", "mail.send", "extra"])], file: P, pointer: "/allowed_effects", also: ["plan.effects_mismatch"] },
  { code: "plan.duplicate_handle", edits: [set(P, "/steps/4/bind/effect_id_as", "request")], file: P, pointer: "/steps/4/bind/effect_id_as" },
  { code: "plan.await_reference", edits: [set(P, "/steps/1/for", { text: "request" })], file: P, pointer: "/steps/1/for" },
  { code: "plan.await_reference", edits: [set(P, "/steps/1/for", ref("@var:request.handle"))], file: P, pointer: "/steps/1/for" },
  { code: "plan.await_handle", edits: [set(P, "/steps/1/for", ref("@var:reqest"))], file: P, pointer: "/steps/1/for", hint: /`request`/ },
  { code: "plan.await_handle", edits: [set(P, "/steps/1/for", ref("@var:letter"))], file: P, pointer: "/steps/1/for", hint: /first/ },
  { code: "effect.missing", edits: [set(P, "/steps/0/kind", "http.reqest")], file: P, pointer: "/steps/0/kind", hint: /http\.request/ },
  { code: "effect.origin_scope", edits: [set("air/effect.json", "/origin_scope", "reducer")], file: P, pointer: "/steps/4/kind" },
  { code: "plan.unknown_ref", edits: [set(P, "/steps/0/params/record/url/ref", "@plan.input.ulr")], file: P, pointer: "/steps/0/params/record/url/ref", hint: /`url`/ },
  { code: "plan.unknown_ref", edits: [set(P, "/steps/2/expr/args/0/ref", "@var:respons")], file: P, pointer: "/steps/2/expr/args/0/ref", hint: /`response`/ },
  { code: "plan.unknown_ref", edits: [set(P, "/steps/5/value/record/id/ref", "@step:gett.params")], file: P, pointer: "/steps/5/value/record/id/ref", hint: /`get`/ },
  { code: "plan.unknown_ref", edits: [set(P, "/steps/6/result/record/status/ref", "status")], file: P, pointer: "/steps/6/result/record/status/ref" },
  { code: "plan.unknown_ref", edits: [set(P, "/edges/1/when/args/0/ref", "@var:outcom")], file: P, pointer: "/edges/1/when/args/0/ref" },
  { code: "plan.unknown_ref", edits: [set(P, "/steps/3/where/args/0/ref", "@event.idd"), set(P, "/steps/3/where/args/1/ref", "@var:correlation_id")], file: P, pointer: "/steps/3/where/args/0/ref", hint: /`id`/ },
  { code: "plan.unknown_ref", edits: [set(P, "/steps/3/where", { op: "and", args: [{ op: "eq", args: [ref("@event.id"), ref("@var:correlation_id")] }, ref("@var:letter")] })], file: P, pointer: "/steps/3/where/args/1/ref", hint: /first/ },
  { code: "plan.unknown_ref", edits: [set(P, "/invariants/0/args/0/ref", "@var:nothing")], file: P, pointer: "/invariants/0/args/0/ref" },
  { code: "plan.event_ref", edits: [set(P, "/invariants/0/args/0/ref", "@event.id")], file: P, pointer: "/invariants/0/args/0/ref" },
  { code: "plan.event_ref", edits: [set(P, "/steps/5/value/record/id/ref", "@event.id")], file: P, pointer: "/steps/5/value/record/id/ref" },
  { code: "plan.result_without_output", edits: [drop(P, "/output")], file: P, pointer: "/steps/6/result" },
  { code: "plan.missing_result", edits: [drop(P, "/steps/6/result")], file: P, pointer: "/steps/6" },
  { code: "plan.missing_schema", edits: [set(P, "/steps/2/expr", "plain text"), drop(P, "/locals")], file: P, pointer: "/steps/2/expr" },
  { code: "literal.type", edits: [set(P, "/steps/4/params/to", 7)], file: P, pointer: "/steps/4/params/to" },
  { code: "literal.missing_field", edits: [drop(P, "/steps/4/params/to")], file: P, pointer: "/steps/4/params/to" },

  // Routing, triggers, correlation
  { code: "route.unknown_reducer", edits: [set(M, "/routing/events/0/reducer", "demo/Jobb@1")], file: M, pointer: "/routing/events/0/reducer", hint: /demo\/Job@1/ },
  { code: "route.unknown_reducer", edits: [set(M, "/routing/inboxes", [{ source: "mail", reducer: "demo/Box@1" }])], file: M, pointer: "/routing/inboxes/0/reducer" },
  { code: "route.not_reducer", edits: [set(M, "/routing/events/2/reducer", "demo/Enforce@1")], file: M, pointer: "/routing/events/2/reducer" },
  { code: "route.event_family", edits: [set(M, "/routing/events/2/event", "demo/Start@1")], file: M, pointer: "/routing/events/2/event" },
  { code: "route.key_field_missing", edits: [drop(M, "/routing/events/0/key_field"), drop(M, "/routing/events/1")], file: M, pointer: "/routing/events/0" },
  { code: "route.key_field_unexpected", edits: [set(M, "/routing/events/2/key_field", "id")], file: M, pointer: "/routing/events/2/key_field" },
  { code: "route.key_field", edits: [set(M, "/routing/events/0/key_field", "$value.idd")], file: M, pointer: "/routing/events/0/key_field" },
  { code: "route.key_field", edits: [set(M, "/routing/events/0/key_field", "id")], file: M, pointer: "/routing/events/0/key_field" },
  { code: "route.key_type", edits: [set(S, "/0/type", { uuid: {} })], file: M, pointer: "/routing/events/0/key_field" },
  { code: "route.key_type", edits: [set(S, "/4/type/record/id", { nat: {} }), set(S, "/3/type/record/id", { nat: {} }), set(P, "/invariants", [])], file: M, pointer: "/routing/events/0/key_field" },
  { code: "route.key_field", edits: [set(S, "/3/type/record/id", { nat: {} })], file: M, pointer: "/routing/events/0/key_field" },
  { code: "trigger.unknown_plan", edits: [set(M, "/triggers/0/plan", "demo/fech@1")], file: M, pointer: "/triggers/0/plan", hint: /demo\/fetch@1/ },
  { code: "trigger.input", edits: [set(M, "/triggers/0/event", "demo/Done@1")], file: M, pointer: "/triggers/0/event" },
  { code: "trigger.correlate_by", edits: [set(M, "/triggers/0/correlate_by", "idd")], file: M, pointer: "/triggers/0/correlate_by", hint: /`id`/ },
  { code: "trigger.correlate_by", edits: [set(M, "/triggers/0/correlate_by", "id.more")], file: M, pointer: "/triggers/0/correlate_by" },
  { code: "await.where_missing", edits: [drop(P, "/steps/3/where")], file: P, pointer: "/steps/3" },
  { code: "await.where_correlation", edits: [set(P, "/steps/3/where", { op: "eq", args: [ref("@event.status"), ref("@var:status")] })], file: P, pointer: "/steps/3/where" },

  // Secrets
  { code: "secret.name", edits: [set(SEC, "/name", "demo/token"), set(M, "/secrets/0/name", "demo/token")], file: SEC, pointer: "/name", also: ["secret.unknown"] },
  { code: "secret.name", edits: [set(SEC, "/name", "demo/token@0"), set(M, "/secrets/0/name", "demo/token@0")], file: SEC, pointer: "/name", also: ["secret.unknown"] },
  { code: "secret.binding", edits: [set(SEC, "/binding_id", " ")], file: SEC, pointer: "/binding_id" },
  { code: "secret.duplicate", edits: [set(NEW, "/-", { $kind: "defsecret", name: "demo/token@01", binding_id: "env:B" }), set(M, "/secrets/-", { name: "demo/token@01" })], file: NEW, pointer: "/0/name" },
  { code: "secret.version", edits: [set(P, "/steps/4/params/token", { secret: { alias: "demo/token", version: 0 } })], file: P, pointer: "/steps/4/params" },
  { code: "secret.unknown", edits: [set(P, "/steps/4/params/token", { secret: { alias: "demo/token", version: 2 } })], file: P, pointer: "/steps/4/params", hint: /version 1/ },
  { code: "secret.unknown", edits: [set(P, "/steps/4/params", { record: { to: ref("@plan.input.id"), token: { variant: { tag: "secret", value: { record: { alias: { text: "demo/tokn" }, version: { nat: 1 } } } } } } })], file: P, pointer: "/steps/4/params", hint: /demo\/token/ },
  { code: "secret.policy", edits: [set(SEC, "/allowed_plans", ["demo/other@1"])], file: P, pointer: "/steps/4/params" },
  { code: "secret.unknown_grant", edits: [set(SEC, "/allowed_caps", ["mail_grnt"])], file: SEC, pointer: "/allowed_caps/0", hint: /mail_grant/ },
];

const WARNINGS: readonly Row[] = [
  { code: "grant.budget", edits: [set(M, "/defaults/cap_grants/0/budget", { calls: 5, tokens: 0 })], file: M, pointer: "/defaults/cap_grants/0/budget/tokens" },
  { code: "air.unknown_key", edits: [set(M, "/defaults/cap_grants/0/budget", { calls: 5, token: 5 })], file: M, pointer: "/defaults/cap_grants/0/budget/token", hint: /tokens/ },
  { code: "policy.approval_ttl", edits: [set(POL, "/rules/0/decision", "require_approval"), set(POL, "/rules/0/approval_ttl_ns", 0)], file: POL, pointer: "/rules/0/approval_ttl_ns" },
  { code: "air.unknown_key", edits: [set(P, "/steps/0/capp", "x")], file: P, pointer: "/steps/0/capp" },
  { code: "def.unlisted", edits: [set(NEW, "/-", schema("demo/Extra@1", { text: {} }))], file: NEW, pointer: "/0" },
  { code: "def.unused", edits: withSchemas(["demo/Extra@1", { text: {} }]), file: M, pointer: "/schemas/9" },
  { code: "def.unused", edits: [drop(M, "/routing/events/2")], file: M, pointer: "/modules/2" },
  { code: "def.unused", edits: [drop(M, "/triggers/0")], file: M, pointer: "/plans/0" },
  { code: "def.unused", edits: [drop(M, "/defaults/policy")], file: M, pointer: "/policies/0" },
  { code: "ref.stale_hash", edits: [set(M, "/plans/0/hash", `sha256:${"e".repeat(64)}`)], file: M, pointer: "/plans/0/hash" },
  { code: "module.stale_hash", edits: [set(MOD, "/0/wasm_hash", `sha256:${"e".repeat(64)}`)], file: MOD, pointer: "/0/wasm_hash" },
  { code: "effect.cap_type", edits: [set(NEW, "/-", { $kind: "defeffect", name: "demo/x@1", kind: "x.y", params_schema: "demo/Key@1", receipt_schema: "demo/Key@1", cap_type: "mail.our", origin_scope: "plan" }), set(M, "/effects/-", { name: "demo/x@1" })], file: NEW, pointer: "/0/cap_type", hint: /mail\.out/ },
  { code: "cap.enforcer_unlisted", edits: [set(C, "/0/enforcer/module", "sys/CapEnforceHttpOut@1")], file: C, pointer: "/0/enforcer/module" },
  { code: "cap.enforcer_unlisted", edits: [set(M, "/defaults/cap_grants/-", { name: "web", cap: "sys/http.out@1", params: { record: {} } })], file: M, pointer: "/modules" },
  { code: "grant.unused", edits: [set(M, "/defaults/cap_grants/-", { name: "blobs", cap: "sys/blob@1", params: { record: {} } })], file: M, pointer: "/defaults/cap_grants/3" },
  { code: "policy.unknown_cap_type", edits: [set(POL, "/rules/1/when/cap_type", "mail.our")], file: POL, pointer: "/rules/1/when/cap_type", hint: /mail\.out/ },
  { code: "policy.unknown_origin", edits: [set(POL, "/rules/0/when/origin_name", "demo/fetch@2")], file: POL, pointer: "/rules/0/when/origin_name", hint: /demo\/fetch@1/ },
  { code: "policy.unknown_origin", edits: [set(POL, "/rules/2/when/origin_name", "demo/fetch@1")], file: POL, pointer: "/rules/2/when/origin_name" },
  { code: "policy.unreachable_rule", edits: [set(POL, "/rules/-", { when: { effect_kind: "mail.send" }, decision: "allow" })], file: POL, pointer: "/rules/4" },
  { code: "binding.missing", edits: [drop(M, "/module_bindings"), drop(M, "/defaults/cap_grants/2")], file: MOD, pointer: "/0/abi/reducer/effects_emitted/0" },
  { code: "binding.missing", edits: [drop(M, "/module_bindings"), set(M, "/defaults/cap_grants/-", { name: "timer_two", cap: "sys/timer@1", params: { record: {} } })], file: MOD, pointer: "/0/abi/reducer/effects_emitted/0" },
  { code: "plan.unreachable_step", edits: [set(P, "/edges/4", { from: "mail", to: "end" }), set(P, "/edges/5", { from: "end", to: "raise" })], file: P, pointer: "/steps/5" },
  { code: "plan.unreachable_step", edits: [set(P, "/edges/5/when", { bool: false })], file: P, pointer: "/steps/6" },
  { code: "plan.no_end", edits: [drop(P, "/steps/6"), drop(P, "/edges/5")], file: P, pointer: "/output" },
  { code: "plan.dropped_field", edits: [set(P, "/steps/4/params/cc", "x")], file: P, pointer: "/steps/4/params/cc" },
  { code: "plan.unit_value", edits: [set(S, "/7/type/record/how", { variant: { Fast: { unit: {} } } }), set(P, "/steps/4/params/how", { Fast: {} })], file: P, pointer: "/steps/4/params" },
  { code: "route.overlap", edits: [set(M, "/routing/events/-", { event: "demo/Done@1", reducer: "demo/Job@1", key_field: "id" })], file: M, pointer: "/routing/events/3" },
  { code: "route.overlap", edits: [set(M, "/routing/events/-", { event: "demo/Done@1", reducer: "demo/Log@1" })], file: M, pointer: "/routing/events/3" },
  { code: "trigger.duplicate", edits: [set(M, "/triggers/-", { event: "demo/Start@1", plan: "demo/fetch@1", correlate_by: "id" })], file: M, pointer: "/triggers/1" },
  { code: "await.uncorrelated", edits: [drop(M, "/triggers/0/correlate_by")], file: P, pointer: "/steps/3/where/args/1/ref" },
  { code: "secret.unknown_plan", edits: [set(SEC, "/allowed_plans/-", "demo/fetch@2")], file: SEC, pointer: "/allowed_plans/1" },
];

function diagnosticsOf(edits: readonly Edit[]): readonly Diagnostic[] {
  const { control, diagnostics } = loadFiles(fixtureFiles(edits), { moduleHashes: FIXTURE_CODE });
  assert.equal(control === undefined, diagnostics.some(({ severity }) => severity === "error"), "a control plane exactly where there is no error");
  return diagnostics;
}

function show(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map((one) => `${one.severity} ${one.code} ${one.file}${one.pointer}: ${one.message} (${one.hint ?? ""})`).join("\n");
}

function checkRow(row: Row, severity: Diagnostic["severity"]): void {
  const diagnostics = diagnosticsOf(row.edits);
  const label = `${row.code} at ${row.file}${row.pointer}\n${show(diagnostics)}`;
  const found = diagnostics.filter((one) => one.code === row.code && one.file === row.file && one.pointer === row.pointer);
  assert.equal(found.length, 1, label);
  assert.equal(found[0]?.severity, severity, label);
  if (row.hint !== undefined) assert.match(found[0]?.hint ?? "", row.hint, label);
  const errors = new Set(diagnostics.filter((one) => one.severity === "error").map((one) => one.code));
  assert.deepEqual([...errors].sort(), [...new Set([...(severity === "error" ? [row.code] : []), ...(row.also ?? [])])].sort(), label);
}

test("validate: one rule broken: its error, in its place, and no other", () => {
  let count = 0;
  for (const row of ERRORS) {
    checkRow(row, "error");
    count++;
  }
  assert.equal(count, 129);
});

test("validate: what is allowed and odd: a warning, in its place, and no error", () => {
  let count = 0;
  for (const row of WARNINGS) {
    checkRow(row, "warning");
    count++;
  }
  assert.equal(count, 31);
});

const FINE: readonly (readonly [string, readonly Edit[]])[] = [
  ["a budget in every dimension", [set(M, "/defaults/cap_grants/0/budget", { calls: 1, tokens: 1, cents: 1, bytes: 1 })]],
  ["an approval that waits for ever", [set(POL, "/rules/0/decision", "require_approval")]],
  ["an approval with a limit", [set(POL, "/rules/0/decision", "require_approval"), set(POL, "/rules/0/approval_ttl_ns", 1)]],
  ["a plan that lives for a nanosecond", [set(P, "/deadline_ns", 1)]],
  ["a migration", MIGRATION],
  ["a default slot needs no declaration", [set(M, "/module_bindings/demo~1Job@1/slots/default", "timer_grant")]],
  ["the only grant of a type needs no binding", [drop(M, "/module_bindings")]],
  ["an event of another name and the same type starts a plan", [...withSchemas(["demo/Begin@1", { record: { url: { text: {} }, extra: { map: { key: { text: {} }, value: ref("demo/Status@1") } }, id: ref("demo/Key@1") } }]), set(M, "/triggers/0/event", "demo/Begin@1")]],
  ["a path into a map with text keys", [set(P, "/steps/5/value/record/status/ref", "@plan.input.extra.anything")]],
  ["a path into a variable, and one without the first dot", [set(P, "/steps/2/expr", ref("@var:response.status")), set(P, "/steps/0/params/record/url/ref", "@plan.inputurl")]],
  ["a where that compares the correlated field of the event", [set(P, "/steps/3/where/args/1/ref", "@plan.input.id")]],
  ["a secret without allowed lists", [drop(SEC, "/allowed_plans"), drop(SEC, "/allowed_caps")]],
  ["declared caps in another order", [set(P, "/required_caps", ["mail_grant", "http_grant", "http_grant"])]],
  ["a key field through a ref", [set(S, "/4/type/record/id", ref("demo/Key@1"))]],
  ["no routing for a world of plans alone", [set(M, "/routing/inboxes", [])]],
];

test("validate: at the edge of a rule: no diagnostics", () => {
  let count = 0;
  for (const [situation, edits] of FINE) {
    const diagnostics = diagnosticsOf(edits);
    assert.deepEqual(diagnostics, [], `${situation}\n${show(diagnostics)}`);
    count++;
  }
  assert.equal(count, 15);
});

test("validate: no manifest, or one that cannot be read: said once", () => {
  const none = loadFiles(fixtureFiles().filter(({ path }) => path !== M), { moduleHashes: FIXTURE_CODE });
  assert.deepEqual(none.diagnostics.map((one) => [one.code, one.file]), [["manifest.missing", "air"]]);
  const broken = loadFiles(fixtureFiles([set(M, "/plans", 5)]), { moduleHashes: FIXTURE_CODE });
  assert.deepEqual(broken.diagnostics.map((one) => [one.code, one.file, one.pointer]), [["air.type", M, "/plans"]]);
  const syntax = loadFiles([...fixtureFiles(), { path: NEW, text: '{"a": 1,}' }], { moduleHashes: FIXTURE_CODE });
  assert.deepEqual(syntax.diagnostics.map((one) => [one.code, one.file, one.line]), [["json.syntax", NEW, 1]]);
  for (const text of ['{"a": 1,}', "[1,\n /* open"]) {
    const [said] = loadFiles([...fixtureFiles(), { path: NEW, text }], { moduleHashes: FIXTURE_CODE }).diagnostics;
    assert.doesNotMatch(said?.message ?? NEW, /new|:[0-9]+:/, "the place is in fields, not in the message");
  }
});

test("rules: every code of the tables is explained in one sentence", () => {
  const codes = new Set([...ERRORS, ...WARNINGS].map(({ code }) => code));
  assert.ok(codes.size >= 85, `${codes.size} codes`);
  for (const code of codes) assert.match(RULES.get(code) ?? "", /^[A-Z`@].*\.$/, code);
});
