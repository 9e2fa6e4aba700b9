import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILTIN_SCHEMAS } from "../air/catalog.ts";
import { canonical, decode } from "../air/cbor.ts";
import { utf8 } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { Encodable, Value } from "../air/value.ts";
import { checkGovernance, checkPatch } from "./enforce-governance.ts";

const HASH = `sha256:${"0".repeat(64)}`;

function valueOf(encodable: Encodable): Value {
  return decode(canonical(encodable));
}

function grant(limits: Readonly<Record<string, Encodable>>): Value {
  return valueOf({ ops: null, def_kinds: null, name_prefixes: null, manifest_sections: null, ...limits });
}

/** Params as the kernel normalises them. */
function propose(fields: Readonly<Record<string, Encodable>>): Value {
  return normalizerFor(BUILTIN_SCHEMAS, "sys/GovProposeParams@1")(valueOf({ patch: { hash: HASH }, ...fields }));
}

function summary(fields: Readonly<Record<string, Encodable>>): Encodable {
  return { base_manifest_hash: null, patch_hash: HASH, ops: ["add_def", "set_triggers"], manifest_sections: ["triggers"], def_changes: [{ kind: "defplan", name: "agent/x@1", action: { added: null } }], ...fields };
}

function document(patches: readonly unknown[]): Encodable {
  return { patch_doc_json: utf8(JSON.stringify({ base_manifest_hash: HASH, patches })) };
}

const addSchema = { add_def: { kind: "defschema", node: { $kind: "defschema", name: "agent/x@1", type: { text: {} } } } };
const honest = propose({ summary: summary({}) });
const inline = propose({ patch: document([addSchema]) });
const all = { ops: ["add_def", "set_triggers"], def_kinds: ["defplan", "defschema"], name_prefixes: ["agent/"], manifest_sections: ["triggers"] };

const rows: readonly (readonly [what: string, capParams: Value, params: Value, answer: string])[] = [
  ["no limits", grant({}), honest, "ok"],
  ["no limits, no summary", grant({}), propose({}), "ok"],
  ["all limits kept", grant(all), honest, "ok"],
  ["an action with a value", grant(all), propose({ summary: summary({ def_changes: [{ kind: "defplan", name: "agent/x@1", action: { $tag: "changed" } }] }) }), "ok"],
  ["another operation", grant({ ...all, ops: ["add_def"] }), honest, "op_not_allowed"],
  ["no operation", grant({ ...all, ops: [] }), honest, "op_not_allowed"],
  ["another kind of definition", grant({ ...all, def_kinds: ["defschema"] }), honest, "def_kind_not_allowed"],
  ["another name", grant({ ...all, name_prefixes: ["agents/", "agent/y"] }), honest, "name_prefix_not_allowed"],
  ["another section", grant({ ...all, manifest_sections: ["defaults"] }), honest, "manifest_section_not_allowed"],
  ["several limits broken: the first check answers", grant({ ops: [], def_kinds: [] }), honest, "op_not_allowed"],
  ["restricted, no summary", grant(all), propose({}), "summary_missing"],
  ["a document inside, no summary", grant(all), inline, "ok"],
  ["a document inside that does more than its summary says", grant({ ...all, def_kinds: ["defplan"] }), propose({ patch: document([addSchema]), summary: summary({}) }), "def_kind_not_allowed"],
  ["a document inside of another name", grant({ ...all, name_prefixes: ["own/"] }), inline, "name_prefix_not_allowed"],
  ["a document that is none", grant(all), propose({ patch: { patch_doc_json: utf8("{") } }), "effect_params_invalid"],
  ["a document that is no text", grant(all), propose({ patch: { patch_doc_json: new Uint8Array([0xff]) } }), "effect_params_invalid"],
  ["a document with an operation that is none", grant(all), propose({ patch: document([{ add_all: {} }]) }), "effect_params_invalid"],
  ["a summary of another shape", grant(all), new Map<Value, Value>([["patch", new Map([["$tag", "hash"]])], ["summary", new Map<Value, Value>([["ops", "all"]])]]), "effect_params_invalid"],
  ["grant that is no record", null, honest, "cap_params_invalid"],
  ["grant of another shape", grant({ ops: ["add_def", 7] }), honest, "cap_params_invalid"],
  ["params that are no record", grant(all), null, "effect_params_invalid"],
];
assert.equal(rows.length, 21);
for (const [what, capParams, params, expected] of rows) {
  test(`enforce governance: ${what}: ${expected}`, () => {
    const check = checkGovernance(capParams, { effect: "governance.propose", params });
    assert.equal(check.ok ? "ok" : check.code, expected);
  });
}

test("enforce governance: shadow, approve, apply: the policy's to allow; another type's effect is of another kind", () => {
  const nothing = grant({ ops: [], def_kinds: [], name_prefixes: [], manifest_sections: [] });
  const kinds = ["governance.shadow", "governance.approve", "governance.apply"];
  for (const effect of kinds) assert.deepEqual(checkGovernance(nothing, { effect, params: null }), { ok: true });
  assert.equal(kinds.length, 3);
  const other = checkGovernance(nothing, { effect: "http.request", params: null });
  assert.equal(other.ok ? "ok" : other.code, "effect_kind_mismatch");
});

test("enforce governance: a patch as the adapter reads it: judged by the same limits", () => {
  const patch = { ops: ["add_def"], def_changes: [{ kind: "defplan", name: "agent/x@1" }], manifest_sections: [] };
  assert.deepEqual(checkPatch(grant(all), patch), { ok: true });
  const wider = checkPatch(grant(all), { ...patch, def_changes: [{ kind: "defpolicy", name: "agent/x@1" }] });
  assert.equal(wider.ok ? "ok" : wider.code, "def_kind_not_allowed");
});
