import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { seeded } from "../testing/random-air.ts";
import { canonical } from "./cbor.ts";
import { patchValue } from "./envelope.ts";
import { nearControls, NEAR_WORLDS } from "./fixture-edits.ts";
import { fixtureControl, pointersOf, type Edit } from "./fixture-world.ts";
import { bytesEqual, hashBytes, hashValue } from "./hash.ts";
import { jsonOf, readJson, writeJson } from "./json.ts";
import { bundleOf, loadFiles } from "./load.ts";
import { applyPatch, blockHash, patchHash } from "./patch.ts";
import { makePatch, patchSummary } from "./patch-make.ts";
import { parsePatchDoc, PATCH_OPS, patchDocJson, type PatchDoc } from "./patch-parse.ts";
import { PATCH_RULES } from "./patch-rules.ts";
import type { Problem } from "./parse.ts";
import { RULES } from "./rules.ts";
import { nodeHash, nodeValue } from "./serialize.ts";
import type { ControlPlane, Definition, Manifest } from "./types.ts";
import type { Hash, Name } from "./value.ts";

const BASE = fixtureControl();
const EMPTY_LIST = "sha256:05b63fef282b5626ef398248dce2cd13235d7816d2b67352cf31330d1a491c1b";
const EMPTY_MAP = "sha256:75bd49cb964988d6fd2c058f51230c3dc2a254753751fbe0f313b4b1e0681b69";
const OTHER = `sha256:${"ab".repeat(32)}`;
const EMPTY: Manifest = { kind: "manifest", air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [] };

const refHash = (name: string): string => {
  const all = [...BASE.manifest.schemas, ...BASE.manifest.modules, ...BASE.manifest.plans, ...BASE.manifest.caps, ...BASE.manifest.policies, ...(BASE.manifest.secrets ?? [])];
  const found = all.find((ref) => "name" in ref && ref.name === name);
  assert.ok(found !== undefined && "hash" in found, name);
  return found.hash;
};
const schemaNode = (name: string, type: unknown = { text: {} }): unknown => ({ $kind: "defschema", name, type });

/** Parses a document of these operations over the fixture, or over `base`. */
function parse(patches: unknown, base: string = BASE.manifestHash): { readonly doc: PatchDoc | undefined; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  return { doc: parsePatchDoc(jsonOf({ base_manifest_hash: base, patches }), (problem) => problems.push(problem)), problems };
}

function apply(patches: readonly unknown[], base: ControlPlane = BASE): { readonly control: ControlPlane | undefined; readonly lines: readonly string[]; readonly messages: readonly string[] } {
  const { doc, problems } = parse(patches, base.manifestHash);
  assert.deepEqual(problems, []);
  assert.ok(doc !== undefined);
  const { control, diagnostics } = applyPatch(base, doc);
  for (const { code } of diagnostics) assert.ok(PATCH_RULES.has(code) || !code.startsWith("patch."), `${code} is explained`);
  return {
    control,
    lines: diagnostics.filter(({ severity }) => severity === "error").map(({ code, pointer }) => `${code} ${pointer}`),
    messages: diagnostics.map(({ message }) => message),
  };
}

test("patch: vectors: the patch hash of one schema, the pre_hash of an empty list and an empty map", () => {
  const node: Definition = { kind: "defschema", name: "com.acme/X@1" as Name, type: { kind: "text" } };
  assert.equal(hashValue(patchValue(EMPTY, [node])), "sha256:e9395103c0e22d68e8def55ceb30877343a53c1bd7583a5b3b51e17edb12b463");
  for (const block of ["routing_events", "routing_inboxes", "triggers", "secrets"] as const) assert.equal(blockHash(EMPTY, block), EMPTY_LIST);
  assert.equal(blockHash(EMPTY, "module_bindings"), EMPTY_MAP);
  assert.equal(blockHash({ ...EMPTY, routing: {} }, "routing_events"), EMPTY_LIST);
});

test("patchHash: the hash of the bundle; sugar and tagged plans give the same, other code another", () => {
  assert.equal(patchHash(BASE), hashBytes(bundleOf(BASE)));
  const params = { record: { to: { text: "ops@example.com" }, token: { tag: "secret", value: { record: { alias: { text: "demo/token" }, version: { nat: 1 } } } } } };
  const tagged: Edit = { file: "air/fetch.json", pointer: "/steps/4/params", value: params };
  assert.equal(patchHash(fixtureControl([tagged])), patchHash(BASE));
  assert.notEqual(patchHash(fixtureControl([], new Map([["demo/Job@1", OTHER as Hash]]))), patchHash(BASE));
});

test("makePatch: between any two worlds: applied to the one it gives the other, byte for byte, and so does its JSON", () => {
  const controls = nearControls();
  const random = seeded(11);
  const last = controls.length - 1;
  const pairs: [number, number][] = controls.flatMap((_, index): [number, number][] => [[0, index], [index, 0], [index, last]]);
  for (let count = 0; count < 60; count++) pairs.push([random.below(controls.length), random.below(controls.length)]);
  let count = 0;
  const used = new Set<string>();
  for (const [from, to] of pairs) {
    const [base, next] = [controls[from], controls[to]];
    assert.ok(base !== undefined && next !== undefined);
    const title = `${NEAR_WORLDS[from]?.title} → ${NEAR_WORLDS[to]?.title}`;
    const doc = makePatch(base, next);
    const { control, diagnostics } = applyPatch(base, doc);
    assert.deepEqual(diagnostics.filter(({ severity }) => severity === "error"), [], title);
    assert.equal(control?.manifestHash, next.manifestHash, title);
    assert.ok(bytesEqual(bundleOf(control), bundleOf(next)), title);
    assert.equal(doc.patches.length === 0, base.manifestHash === next.manifestHash, title);
    if (doc.patches.length > 0) {
      const text = writeJson(patchDocJson(doc), 2);
      const problems: Problem[] = [];
      const again = parsePatchDoc(readJson(text, "patch.json").json, (problem) => problems.push(problem));
      assert.deepEqual(problems, [], title);
      assert.equal(applyPatch(base, again as PatchDoc).control?.manifestHash, next.manifestHash, title);
    }
    for (const { op } of doc.patches) used.add(op);
    count++;
  }
  assert.equal(count, 3 * controls.length + 60);
  assert.deepEqual([...used].sort(), PATCH_OPS.filter((op) => op !== "set_secrets"), "every operation was made; secrets change by name");
});

test("makePatch: minimal: one operation a change, none for equal worlds", () => {
  const [first, ...others] = nearControls();
  assert.ok(first !== undefined);
  const rows: ReadonlyMap<string, readonly string[]> = new Map([
    ["references in another order", ["set_manifest_refs"]],
    ["a builtin schema first", ["set_manifest_refs"]],
    ["a new schema in the middle", ["set_manifest_refs", "add_def"]],
    ["a new schema at the end", ["add_def"]],
    ["a field more, a field less", ["replace_def"]],
    ["code of a module", ["replace_def"]],
    ["an enforcer listed", ["set_manifest_refs", "replace_def"]],
    ["a module fewer", ["remove_def", "set_routing_events"]],
    ["no policy in force", ["set_defaults"]],
    ["a policy of another name", ["remove_def", "add_def", "set_defaults"]],
    ["no routing", ["remove_section"]],
    ["routing that routes nothing", ["set_routing_events"]],
    ["a secret more", ["set_manifest_refs", "add_def"]],
    ["a binding that binds nothing", ["set_module_bindings"]],
  ]);
  let count = 0;
  for (const [index, next] of others.entries()) {
    const wanted = rows.get(NEAR_WORLDS[index + 1]?.title ?? "");
    if (wanted === undefined) continue;
    assert.deepEqual(makePatch(first, next).patches.map(({ op }) => op), wanted, NEAR_WORLDS[index + 1]?.title);
    count++;
  }
  assert.equal(count, rows.size);
  assert.deepEqual(makePatch(first, first).patches, []);
  const reordered = makePatch(first, others[0] as ControlPlane).patches[0];
  assert.ok(reordered?.op === "set_manifest_refs");
  assert.deepEqual(reordered.remove?.map(({ name }) => name), ["demo/Key@1", "demo/State@1", "demo/Status@1", "demo/Result@1", "demo/Start@1", "demo/Done@1", "demo/MailReceipt@1", "demo/MailParams@1", "demo/http@1"]);
});

test("makePatch: worlds with inline secrets, as a bundle may hold them: the whole list is set", () => {
  const decl = { alias: "demo/inline", version: 2n, binding_id: "env:INLINE" };
  const withInline = (order: "first" | "last"): ControlPlane => {
    const refs = BASE.manifest.secrets ?? [];
    const manifest = { ...BASE.manifest, secrets: order === "first" ? [decl, ...refs] : [...refs, decl] };
    const doc: PatchDoc = { version: "1", base_manifest_hash: BASE.manifestHash, patches: [{ op: "set_secrets", pre_hash: blockHash(BASE.manifest, "secrets"), secrets: manifest.secrets }] };
    const { control } = applyPatch(BASE, doc);
    assert.ok(control !== undefined);
    return control;
  };
  const [first, last] = [withInline("first"), withInline("last")];
  const bound = fixtureControl([{ file: "air/secret.json", pointer: "/binding_id", value: "env:OTHER" }]);
  const rows: readonly (readonly [ControlPlane, ControlPlane, readonly string[]])[] = [
    [BASE, first, ["set_secrets"]], [first, BASE, ["set_secrets"]], [first, last, ["set_secrets"]], [last, last, []], [first, bound, ["set_secrets", "replace_def"]],
  ];
  let count = 0;
  for (const [base, next, ops] of rows) {
    const doc = makePatch(base, next);
    assert.deepEqual(doc.patches.map(({ op }) => op), ops);
    assert.equal(applyPatch(base, doc).control?.manifestHash, next.manifestHash);
    count++;
  }
  assert.equal(count, 5);
});

interface ApplyRow {
  readonly title: string;
  readonly patches: readonly unknown[];
  /** `code pointer` of every error; none: it applies. */
  readonly errors?: readonly string[];
  readonly message?: RegExp;
}
const TIMER = { $kind: "defmodule", name: "sys/CapEnforceHttpOut@1", module_kind: "pure", wasm_hash: OTHER, abi: { pure: { input: "sys/CapCheckInput@1", output: "sys/CapCheckOutput@1" } } };
const TRIGGERS = blockHash(BASE.manifest, "triggers");
const APPLY: readonly ApplyRow[] = [
  { title: "add", patches: [{ add_def: { kind: "defschema", node: schemaNode("demo/New@1") } }] },
  { title: "add what exists", patches: [{ add_def: { kind: "defschema", node: schemaNode("demo/Key@1") } }], errors: ["patch.exists /patches/0/add_def/node/name"] },
  { title: "add twice", patches: [{ add_def: { kind: "defschema", node: schemaNode("demo/New@1") } }, { add_def: { kind: "defschema", node: schemaNode("demo/New@1") } }], errors: ["patch.exists /patches/1/add_def/node/name"] },
  { title: "add under sys", patches: [{ add_def: { kind: "defschema", node: schemaNode("sys/New@1") } }], errors: ["patch.reserved /patches/0/add_def/node/name"] },
  { title: "add what the catalog has", patches: [{ add_def: { kind: "defschema", node: schemaNode("sys/TimerFired@1") } }], errors: ["patch.reserved /patches/0/add_def/node/name"] },
  { title: "a builtin module with code of its own", patches: [{ add_def: { kind: "defmodule", node: TIMER } }] },
  { title: "a builtin module with another abi", patches: [{ add_def: { kind: "defmodule", node: { ...TIMER, key_schema: "demo/Key@1" } } }], errors: ["patch.reserved /patches/0/add_def/node/name"] },
  { title: "replace", patches: [{ replace_def: { kind: "defschema", name: "demo/Key@1", pre_hash: refHash("demo/Key@1"), new_node: schemaNode("demo/Key@1", { hash: {} }) } }], errors: ["route.key_type "], message: /^manifest\/routing\/events\/0\/key_field: / },
  { title: "replace what is not there", patches: [{ replace_def: { kind: "defschema", name: "demo/Kez@1", pre_hash: OTHER, new_node: schemaNode("demo/Kez@1") } }], errors: ["patch.missing /patches/0/replace_def/name"] },
  { title: "replace under another name", patches: [{ replace_def: { kind: "defschema", name: "demo/Key@1", pre_hash: refHash("demo/Key@1"), new_node: schemaNode("demo/Key@2") } }], errors: ["patch.name /patches/0/replace_def/new_node/name"] },
  { title: "replace what changed since", patches: [{ replace_def: { kind: "defschema", name: "demo/Key@1", pre_hash: OTHER, new_node: schemaNode("demo/Key@1") } }], errors: ["patch.pre_hash /patches/0/replace_def/pre_hash"] },
  { title: "replace twice, the second over the first", patches: [{ replace_def: { kind: "defschema", name: "demo/State@1", pre_hash: refHash("demo/State@1"), new_node: schemaNode("demo/State@1") } }, { replace_def: { kind: "defschema", name: "demo/State@1", pre_hash: nodeHash({ kind: "defschema", name: "demo/State@1" as Name, type: { kind: "text" } }), new_node: schemaNode("demo/State@1", { nat: {} }) } }] },
  { title: "replace a builtin", patches: [{ replace_def: { kind: "defschema", name: "sys/TimerFired@1", pre_hash: OTHER, new_node: schemaNode("sys/TimerFired@1") } }], errors: ["patch.reserved /patches/0/replace_def/name"] },
  { title: "remove what is in use", patches: [{ remove_def: { kind: "defschema", name: "demo/Result@1", pre_hash: refHash("demo/Result@1") } }], errors: ["schema.missing "], message: /^demo\/fetch@1\/output: / },
  { title: "remove what is not there", patches: [{ remove_def: { kind: "defplan", name: "demo/fetsh@1", pre_hash: OTHER } }], errors: ["patch.missing /patches/0/remove_def/name"] },
  { title: "remove what changed since", patches: [{ remove_def: { kind: "defplan", name: "demo/fetch@1", pre_hash: OTHER } }], errors: ["patch.pre_hash /patches/0/remove_def/pre_hash"] },
  { title: "remove a builtin", patches: [{ remove_def: { kind: "defcap", name: "sys/timer@1", pre_hash: OTHER } }], errors: ["patch.reserved /patches/0/remove_def/name"] },
  { title: "remove, then add again", patches: [{ remove_def: { kind: "defschema", name: "demo/State@1", pre_hash: refHash("demo/State@1") } }, { add_def: { kind: "defschema", node: schemaNode("demo/State@1") } }] },
  { title: "list a builtin", patches: [{ set_manifest_refs: { add: [{ kind: "defschema", name: "sys/TimerFired@1" }] } }] },
  { title: "list a builtin with its hash", patches: [{ set_manifest_refs: { add: [{ kind: "defschema", name: "sys/TimerFired@1", hash: "sha256:59ad36be714f28904927120403b3cb39093b543d649bfeb1cb940c0010ef46d2" }] } }] },
  { title: "list with another hash", patches: [{ set_manifest_refs: { add: [{ kind: "defschema", name: "sys/TimerFired@1", hash: OTHER }] } }], errors: ["patch.ref_hash /patches/0/set_manifest_refs/add/0/hash"] },
  { title: "list what nobody defines", patches: [{ set_manifest_refs: { add: [{ kind: "defschema", name: "demo/Nope@1" }] } }], errors: ["ref.unknown /patches/0/set_manifest_refs/add/0"] },
  { title: "list what is listed", patches: [{ set_manifest_refs: { add: [{ kind: "defschema", name: "demo/Key@1", hash: refHash("demo/Key@1") }] } }] },
  { title: "unlist what is not listed", patches: [{ set_manifest_refs: { remove: [{ kind: "defschema", name: "demo/Nope@1" }] } }], errors: ["patch.missing /patches/0/set_manifest_refs/remove/0/name"] },
  { title: "clear the policy", patches: [{ set_defaults: { policy: null } }] },
  { title: "clear the grants", patches: [{ set_defaults: { cap_grants: [] } }], errors: ["binding.unknown_grant ", "grant.missing ", "grant.missing ", "policy.unknown_grant ", "secret.unknown_grant "] },
  { title: "a policy that is not there", patches: [{ set_defaults: { policy: "demo/none@1" } }], errors: ["policy.missing /patches/0/set_defaults/policy"] },
  { title: "triggers over another list", patches: [{ set_triggers: { pre_hash: EMPTY_LIST, triggers: [] } }], errors: ["patch.pre_hash /patches/0/set_triggers/pre_hash"] },
  { title: "a trigger for no plan", patches: [{ set_triggers: { pre_hash: TRIGGERS, triggers: [{ event: "demo/Start@1", plan: "demo/gone@1" }] } }], errors: ["trigger.unknown_plan /patches/0/set_triggers/triggers/0/plan"] },
  { title: "a route for no reducer", patches: [{ set_routing_events: { pre_hash: blockHash(BASE.manifest, "routing_events"), events: [{ event: "demo/Done@1", reducer: "demo/None@1" }] } }], errors: ["route.unknown_reducer /patches/0/set_routing_events/events/0/reducer"] },
  { title: "a slot bound to no grant", patches: [{ set_module_bindings: { pre_hash: blockHash(BASE.manifest, "module_bindings"), bindings: { "demo/Job@1": { slots: { timer: "none" } } } } }], errors: ["binding.unknown_grant /patches/0/set_module_bindings/bindings/demo~1Job@1/slots/timer"] },
  { title: "a secret nobody defines", patches: [{ set_secrets: { pre_hash: blockHash(BASE.manifest, "secrets"), secrets: [{ name: "demo/token@1" }, { name: "demo/none@1" }] } }], errors: ["ref.unknown /patches/0/set_secrets/secrets/1"] },
  { title: "a secret with another hash", patches: [{ set_secrets: { pre_hash: blockHash(BASE.manifest, "secrets"), secrets: [{ name: "demo/token@1", hash: OTHER }] } }], errors: ["patch.ref_hash /patches/0/set_secrets/secrets/0/hash"] },
  { title: "a section over another", patches: [{ remove_section: { section: "routing", pre_hash: EMPTY_MAP } }], errors: ["patch.pre_hash /patches/0/remove_section/pre_hash"] },
  { title: "a module without code", patches: [{ add_def: { kind: "defmodule", node: { $kind: "defmodule", name: "demo/New@1", module_kind: "reducer", abi: { reducer: { state: "demo/State@1", event: "demo/Done@1" } } } } }], errors: ["module.unbuilt /patches/0/add_def/node/wasm_hash"] },
  { title: "a plan that breaks a rule", patches: [{ add_def: { kind: "defplan", node: { $kind: "defplan", name: "demo/bad@1", input: "demo/Start@1", steps: [{ id: "a", op: "end" }], edges: [{ from: "a", to: "b" }] } } }], errors: ["plan.unknown_step /patches/0/add_def/node/edges/0/to"] },
  { title: "two operations that do not fit: both", patches: [{ remove_def: { kind: "defplan", name: "demo/x@1", pre_hash: OTHER } }, { add_def: { kind: "defschema", node: schemaNode("demo/Key@1") } }], errors: ["patch.missing /patches/0/remove_def/name", "patch.exists /patches/1/add_def/node/name"] },
];

for (const { title, patches, errors = [], message } of APPLY) {
  test(`applyPatch: ${title}: ${errors.length === 0 ? "applies" : errors.join(", ")}`, () => {
    const { control, lines, messages } = apply(patches);
    assert.deepEqual(lines, errors);
    assert.equal(control === undefined, errors.length > 0);
    if (message !== undefined) assert.ok(messages.some((text) => message.test(text)), messages.join("\n"));
  });
}

test("applyPatch: another base: patch.base alone; the hash of the manifest with its kind is a base too", () => {
  const patches = [{ add_def: { kind: "defschema", node: schemaNode("demo/Key@1") } }];
  const other = parse(patches, OTHER).doc;
  assert.ok(other !== undefined);
  assert.deepEqual(applyPatch(BASE, other, { file: "p.json" }).diagnostics.map(({ code, file, pointer }) => [code, file, pointer]), [["patch.base", "p.json", "/base_manifest_hash"]]);
  const node = parse([{ set_defaults: { policy: null } }], hashValue(nodeValue(BASE.manifest))).doc;
  assert.ok(node !== undefined);
  assert.ok(applyPatch(BASE, node).control !== undefined);
});

test("applyPatch: options: places from the document, code for modules without", () => {
  const text = writeJson(jsonOf({ base_manifest_hash: BASE.manifestHash, patches: [{ set_defaults: { policy: "demo/none@1" } }, { add_def: { kind: "defmodule", node: { $kind: "defmodule", name: "demo/New@1", module_kind: "reducer", abi: { reducer: { state: "demo/State@1", event: "demo/Done@1" } } } } }] }), 2);
  const document = readJson(text, "p.json");
  const doc = parsePatchDoc(document.json, () => assert.fail("no problem"));
  assert.ok(doc !== undefined);
  const { diagnostics } = applyPatch(BASE, doc, { file: "p.json", locate: document.locate, moduleHashes: new Map([["demo/New@1", OTHER as Hash]]) });
  assert.deepEqual(diagnostics.filter(({ severity }) => severity === "error").map(({ code, file, line, column }) => [code, file, line, column]), [["policy.missing", "p.json", 6, 19]]);
});

test("applyPatch: a policy left out stays, null clears it, and defaults stay a section", () => {
  const keep = apply([{ set_defaults: { cap_grants: [{ name: "http_grant", cap: "demo/http@1", params: { record: {} } }, { name: "mail_grant", cap: "demo/mail@1", params: { record: {} } }, { name: "timer_grant", cap: "sys/timer@1", params: { record: {} } }] } }]).control;
  assert.equal(keep?.manifest.defaults?.policy, "demo/policy@1");
  const cleared = apply([{ set_defaults: { policy: null } }]).control;
  assert.deepEqual(Object.keys(cleared?.manifest.defaults ?? {}), ["cap_grants"]);
  const empty = loadFiles([{ path: "m.json", text: JSON.stringify({ $kind: "manifest", air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [] }) }], { moduleHashes: new Map() }).control;
  assert.ok(empty !== undefined);
  assert.deepEqual(apply([{ set_defaults: {} }], empty).control?.manifest.defaults, {});
  assert.deepEqual(apply([{ set_routing_inboxes: { pre_hash: EMPTY_LIST, inboxes: [] } }], empty).control?.manifest.routing, {});
});

test("applyPatch: a plan in sugar and the same one tagged: one world; the base is left as it was", () => {
  const plan = (params: unknown): unknown => ({ add_def: { kind: "defplan", node: { $kind: "defplan", name: "demo/two@1", input: "demo/Start@1", steps: [{ id: "m", op: "emit_effect", kind: "mail.send", cap: "mail_grant", bind: { effect_id_as: "x" }, params }] } } });
  const before = bundleOf(BASE);
  const sugar = apply([plan({ to: "a", token: { literal: "b" } })]).control;
  const tagged = apply([plan({ record: { to: { text: "a" }, token: { tag: "literal", value: { text: "b" } } } })]).control;
  assert.ok(sugar !== undefined && tagged !== undefined);
  assert.equal(patchHash(sugar), patchHash(tagged));
  assert.ok(bytesEqual(bundleOf(BASE), before));
});

const PARSE: readonly (readonly [string, unknown, readonly string[]])[] = [
  ["no object", [], ["air.type "]],
  ["nothing in it", {}, ["air.missing_key ", "air.missing_key "]],
  ["another version", { version: "2", base_manifest_hash: OTHER, patches: [{ set_defaults: {} }] }, ["air.word /version"]],
  ["no operation", { base_manifest_hash: OTHER, patches: [] }, ["patch.empty /patches"]],
  ["a base that is no hash", { base_manifest_hash: "sha256:x", patches: [{ set_defaults: {} }] }, ["air.hash /base_manifest_hash"]],
  ["a key too many", { base_manifest_hash: OTHER, patches: [{ set_defaults: {} }], patch: [] }, ["patch.unknown_key /patch"]],
  ["an operation that is text", { base_manifest_hash: OTHER, patches: ["add_def"] }, ["air.type /patches/0"]],
  ["two in one", { base_manifest_hash: OTHER, patches: [{ set_defaults: {}, set_triggers: {} }] }, ["patch.op /patches/0"]],
  ["none in one", { base_manifest_hash: OTHER, patches: [{ $comment: "hi" }] }, ["patch.op /patches/0"]],
  ["one nobody knows", { base_manifest_hash: OTHER, patches: [{ set_trigers: {} }] }, ["patch.op /patches/0"]],
  ["a key of another world", { base_manifest_hash: OTHER, patches: [{ constructor: {} }] }, ["patch.op /patches/0"]],
  ["a slip in defaults", { base_manifest_hash: OTHER, patches: [{ set_defaults: { polcy: null } }] }, ["patch.unknown_key /patches/0/set_defaults/polcy"]],
  ["grants that are null", { base_manifest_hash: OTHER, patches: [{ set_defaults: { cap_grants: null } }] }, ["air.type /patches/0/set_defaults/cap_grants"]],
  ["a grant in sugar", { base_manifest_hash: OTHER, patches: [{ set_defaults: { cap_grants: [{ name: "g", cap: "c", params: "x" }] } }] }, ["air.literal /patches/0/set_defaults/cap_grants/0/params"]],
  ["another kind than the node", { base_manifest_hash: OTHER, patches: [{ add_def: { kind: "defcap", node: schemaNode("demo/A@1") } }] }, ["patch.kind /patches/0/add_def/kind"]],
  ["another kind than the new node", { base_manifest_hash: OTHER, patches: [{ replace_def: { kind: "defcap", name: "demo/A@1", pre_hash: OTHER, new_node: schemaNode("demo/A@1") } }] }, ["patch.kind /patches/0/replace_def/kind"]],
  ["a manifest for a definition", { base_manifest_hash: OTHER, patches: [{ add_def: { kind: "defschema", node: { $kind: "manifest", air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [] } } }] }, ["patch.kind /patches/0/add_def/node"]],
  ["a node that is broken", { base_manifest_hash: OTHER, patches: [{ add_def: { kind: "defschema", node: schemaNode("demo/A@1", { record: { x: { texx: {} } } }) } }] }, ["air.type_expr /patches/0/add_def/node/type/record/x"]],
  ["a kind nobody knows", { base_manifest_hash: OTHER, patches: [{ remove_def: { kind: "defmigration", name: "demo/A@1", pre_hash: OTHER } }] }, ["air.word /patches/0/remove_def/kind"]],
  ["no pre_hash", { base_manifest_hash: OTHER, patches: [{ remove_def: { kind: "defplan", name: "demo/A@1" } }, { set_triggers: { triggers: [] } }] }, ["air.missing_key /patches/0/remove_def", "air.missing_key /patches/1/set_triggers"]],
  ["references that say nothing", { base_manifest_hash: OTHER, patches: [{ set_manifest_refs: { add: [] } }] }, ["patch.empty /patches/0/set_manifest_refs"]],
  ["a reference with a slip", { base_manifest_hash: OTHER, patches: [{ set_manifest_refs: { add: [{ kind: "defcap", name: "a/b@1", has: OTHER }] } }] }, ["patch.unknown_key /patches/0/set_manifest_refs/add/0/has"]],
  ["routes that are wrong", { base_manifest_hash: OTHER, patches: [{ set_routing_events: { pre_hash: OTHER, events: [{ event: "demo/E", reducer: 5 }] } }] }, ["air.name /patches/0/set_routing_events/events/0/event", "air.type /patches/0/set_routing_events/events/0/reducer"]],
  ["bindings that are a list", { base_manifest_hash: OTHER, patches: [{ set_module_bindings: { pre_hash: OTHER, bindings: [] } }] }, ["air.type /patches/0/set_module_bindings/bindings"]],
  ["a secret without a name", { base_manifest_hash: OTHER, patches: [{ set_secrets: { pre_hash: OTHER, secrets: [{ alias: "a" }] } }] }, ["air.missing_key /patches/0/set_secrets/secrets/0", "air.missing_key /patches/0/set_secrets/secrets/0"]],
  ["an inbox without a source", { base_manifest_hash: OTHER, patches: [{ set_routing_inboxes: { pre_hash: OTHER, inboxes: [{ reducer: "a/b@1" }] } }] }, ["air.missing_key /patches/0/set_routing_inboxes/inboxes/0"]],
  ["a section nobody knows", { base_manifest_hash: OTHER, patches: [{ remove_section: { section: "triggers", pre_hash: OTHER } }] }, ["air.word /patches/0/remove_section/section"]],
];

test("parsePatchDoc: a document that is wrong: every problem at its place", () => {
  let count = 0;
  for (const [situation, json, expected] of PARSE) {
    const problems: Problem[] = [];
    assert.equal(parsePatchDoc(jsonOf(json), (problem) => problems.push(problem)), undefined, situation);
    assert.deepEqual(problems.map(({ code, pointer }) => `${code} ${pointer}`), expected, situation);
    for (const { code, message } of problems) {
      assert.ok(PATCH_RULES.has(code) || code.startsWith("air."), code);
      assert.ok(message.length > 10 && !message.includes("undefined"), message);
    }
    count++;
  }
  assert.equal(count, 27);
});

test("parsePatchDoc: prose and an unknown key in a node: read, the key a warning", () => {
  const { doc, problems } = parse([{ $comment: "why", add_def: { description: "x", kind: "defschema", node: { ...(schemaNode("demo/New@1") as object), note: 1 } } }]);
  assert.deepEqual(problems.map(({ code, pointer, severity }) => [code, pointer, severity]), [["air.unknown_key", "/patches/0/add_def/node/note", "warning"]]);
  assert.ok(doc !== undefined);
});

test("patchSummary: operations, definitions and sections, each once and sorted", () => {
  const { doc } = parse([
    { set_triggers: { pre_hash: OTHER, triggers: [] } },
    { set_manifest_refs: { add: [{ kind: "defmodule", name: "sys/Workspace@1" }, { kind: "defcap", name: "demo/http@1" }, { kind: "defschema", name: "demo/B@1" }], remove: [{ kind: "defcap", name: "demo/http@1" }, { kind: "defschema", name: "sys/TimerFired@1" }] } },
    { add_def: { kind: "defschema", node: schemaNode("demo/B@1") } },
    { add_def: { kind: "defschema", node: schemaNode("demo/A@1") } },
    { remove_def: { kind: "defplan", name: "demo/p@1", pre_hash: OTHER } },
    { replace_def: { kind: "defpolicy", name: "demo/q@1", pre_hash: OTHER, new_node: { $kind: "defpolicy", name: "demo/q@1", rules: [] } } },
    { remove_section: { section: "routing", pre_hash: OTHER } },
  ]);
  assert.ok(doc !== undefined);
  assert.deepEqual(patchSummary(doc), {
    ops: ["add_def", "remove_def", "remove_section", "replace_def", "set_manifest_refs", "set_triggers"],
    def_changes: [
      { kind: "defmodule", name: "sys/Workspace@1", action: "added" },
      { kind: "defplan", name: "demo/p@1", action: "removed" },
      { kind: "defpolicy", name: "demo/q@1", action: "changed" },
      { kind: "defschema", name: "demo/A@1", action: "added" },
      { kind: "defschema", name: "demo/B@1", action: "added" },
      { kind: "defschema", name: "sys/TimerFired@1", action: "removed" },
    ],
    manifest_sections: ["manifest_refs", "routing_events", "routing_inboxes", "triggers"],
  });
});

function without(tree: unknown, [step = "", ...rest]: readonly string[]): unknown {
  const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
  if (Array.isArray(tree)) return rest.length === 0 ? (tree as readonly unknown[]).toSpliced(Number(key), 1) : (tree as readonly unknown[]).with(Number(key), without(tree[Number(key)], rest));
  const entries = Object.entries(tree as object) as [string, unknown][];
  return Object.fromEntries(entries.flatMap(([name, inner]) => (name !== key ? [[name, inner]] : rest.length === 0 ? [] : [[name, without(inner, rest)]])));
}

test("applyPatch: any one thing removed from a document: problems, or a world; a place for each", () => {
  const [base, ...others] = nearControls();
  assert.ok(base !== undefined);
  const seen = { refused: 0, failed: 0, applied: 0 };
  for (const [index, next] of others.entries()) {
    const whole = JSON.parse(writeJson(patchDocJson(makePatch(base, next)))) as unknown;
    for (const pointer of pointersOf(whole).filter((_, at) => (at + index) % 4 === 0)) {
      const document = readJson(JSON.stringify(without(whole, pointer.split("/").slice(1)), null, 1), "p.json");
      const problems: Problem[] = [];
      const doc = parsePatchDoc(document.json, (problem) => problems.push(problem));
      assert.equal(doc === undefined, problems.some(({ severity }) => severity !== "warning"), pointer);
      if (doc === undefined) {
        seen.refused++;
        continue;
      }
      const { control, diagnostics } = applyPatch(base, doc, { locate: document.locate });
      assert.equal(control === undefined, diagnostics.some(({ severity }) => severity === "error"), pointer);
      for (const one of diagnostics) assert.ok((RULES.has(one.code) || PATCH_RULES.has(one.code)) && one.message !== "" && document.locate(one.pointer).line === one.line, JSON.stringify(one));
      seen[control === undefined ? "failed" : "applied"]++;
    }
  }
  assert.ok(seen.refused > 50 && seen.failed > 20 && seen.applied > 20, JSON.stringify(seen));
});

test("makePatch: the upgrade of the example world: applies, and says what it does", () => {
  const folder = new URL("../../../examples/06-safe-upgrade/", import.meta.url);
  const files = (names: readonly string[]): { readonly path: string; readonly text: string }[] => names.map((path) => ({ path, text: readFileSync(new URL(path, folder), "utf8") }));
  const shared = ["air/module.air.json", "air/schemas.air.json"];
  const load = (names: readonly string[]): ControlPlane => {
    const { control } = loadFiles(files([...shared, ...names]), { moduleHashes: new Map([["demo/SafeUpgrade@1", OTHER as Hash]]) });
    assert.ok(control !== undefined);
    return control;
  };
  const before = load(["air/authority.air.json", "air/fetch-plan-1.air.json", "air/manifest.air.json"]);
  const after = load(["upgrade/authority.air.json", "upgrade/fetch-plan-2.air.json", "upgrade/manifest.air.json"]);
  const doc = makePatch(before, after);
  assert.deepEqual(canonical(patchValue((applyPatch(before, doc).control as ControlPlane).manifest, [])), canonical(patchValue(after.manifest, [])));
  assert.ok(patchSummary(doc).def_changes.some(({ kind, name, action }) => kind === "defplan" && name === "demo/fetch_plan@2" && action === "added"));
});
