import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { MIGRATION, NEAR_WORLDS, nearControls } from "./air/fixture-edits.ts";
import { FIXTURE_CODE, fixtureFiles } from "./air/fixture-world.ts";
import { formatAir } from "./air/format.ts";
import { readJson, writeJson } from "./air/json.ts";
import { loadFiles } from "./air/load.ts";
import { parseNode, type Problem } from "./air/parse.ts";
import { applyPatch } from "./air/patch.ts";
import { makePatch } from "./air/patch-make.ts";
import { parsePatchDoc, patchDocJson } from "./air/patch-parse.ts";
import { RULES } from "./air/rules.ts";
import type { Json } from "./air/types.ts";
import type { Value } from "./air/value.ts";
import { AosError } from "./air/error.ts";
import { parseScenario } from "./core/scenario.ts";
import { fetchWorld } from "./testing/fetch-world.ts";
import { seeded, type Random } from "./testing/random-air.ts";
import { notesWorld, V2 } from "./testing/shadow-world.ts";
import { vectors } from "./testing/vectors.ts";

const FOLDER = new URL("../schemas/", import.meta.url);
const EXAMPLES = new URL("../../examples/", import.meta.url);
const FILES = readdirSync(FOLDER).sort();
const HASH = `sha256:${"ab".repeat(32)}`;

type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };
const documents = new Map(FILES.map((file) => [file, JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as { [key: string]: Plain }]));
// strictRequired asks for `properties` beside every `required`; alternatives have theirs in the object around them.
const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true, verbose: true });
for (const document of documents.values()) ajv.addSchema(document);

function schema(file: string): ValidateFunction {
  const found = ajv.getSchema(file);
  assert.ok(found !== undefined, file);
  return found;
}
/** Whether a document passes, and why not. */
function judge(file: string, document: unknown): { readonly passes: boolean; readonly errors: readonly ErrorObject[]; readonly text: string } {
  const validate = schema(file);
  const passes = validate(document) === true;
  return { passes, errors: validate.errors ?? [], text: ajv.errorsText(validate.errors) };
}
function accepted(file: string, document: unknown, title: string): void {
  const { passes, text } = judge(file, document);
  assert.ok(passes, `${title}: ${text}`);
}

test("schemas: the files: all compile strictly, each with its own name, a title and a description", () => {
  assert.deepEqual(FILES, [
    "air.schema.json", "aos.sync.schema.json", "common.schema.json", "defcap.schema.json", "defeffect.schema.json", "defmodule.schema.json", "defplan.schema.json",
    "defpolicy.schema.json", "defschema.schema.json", "defsecret.schema.json", "manifest.schema.json", "patch.schema.json", "policy.schema.json",
    "scenario.schema.json", "trust.schema.json",
  ]);
  for (const [file, document] of documents) {
    assert.equal(document["$id"], file);
    const text = readFileSync(new URL(file, FOLDER), "utf8");
    assert.equal(formatAir(text, file), text, `${file} is formatted`);
    assert.equal(document["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert.ok(typeof document["title"] === "string" && typeof document["description"] === "string", file);
    schema(file);
  }
});

/** Every schema inside a schema, by pointer. */
function parts(value: Plain, at = ""): readonly (readonly [string, { [key: string]: Plain }])[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => parts(item, `${at}/${index}`));
  return [[at, value] as const, ...Object.entries(value).flatMap(([key, item]) => parts(item, `${at}/${key}`))];
}

test("schemas: completion: every key an author can write says what it is", () => {
  let keys = 0;
  for (const [file, document] of documents) {
    for (const [at, { properties, additionalProperties }] of parts(document)) {
      if (additionalProperties !== false || typeof properties !== "object" || properties === null) continue;
      for (const [key, property] of Object.entries(properties)) {
        assert.ok(typeof property === "object" && property !== null && "description" in property, `${file}${at}/properties/${key}`);
        keys++;
      }
    }
  }
  assert.ok(keys > 250, `${keys} keys`);
});

// --- what is right passes

function exampleFiles(pattern: RegExp): readonly { readonly path: string; readonly text: string }[] {
  const paths = readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" }).map((path) => path.replaceAll("\\", "/")).filter((path) => pattern.test(path)).sort();
  return paths.map((path) => ({ path, text: readFileSync(new URL(path, EXAMPLES), "utf8") }));
}

test("schemas: the worlds of examples and tests: every AIR file passes", () => {
  const examples = exampleFiles(/^[^/]+\/[^/]+\/[^/]+\.air\.json$/);
  assert.ok(examples.length >= 11);
  const near = NEAR_WORLDS.flatMap(({ title, edits }) => fixtureFiles(edits).map(({ path, text }) => ({ path: `${title}: ${path}`, text })));
  for (const { path, text } of [...examples, ...near]) accepted("air.schema.json", JSON.parse(text), path);
  for (const world of [fetchWorld(), notesWorld(), notesWorld(V2)]) accepted("air.schema.json", world, "a world for tests");
  assert.ok(near.length > 200);
});

test("schemas: the node vectors: what parses without a word passes, but for what a rule refuses", () => {
  let [passed, ruled] = [0, 0];
  for (const table of ["nodes", "bare", "unchanged", "same", "different", "warnings", "invalid"]) {
    for (const row of vectors("nodes.json", table)) {
      const tree = row.json("node");
      const { words } = parse(tree);
      const { passes, errors, text } = judge("air.schema.json", JSON.parse(writeJson(tree)));
      if (words.length > 0) {
        if (table === "invalid") assert.ok(!passes, row.label);
      } else if (passes) passed++;
      else {
        assert.notEqual(rulesOf(errors).length, 0, `${row.label}: ${text}`);
        ruled++;
      }
    }
  }
  assert.ok(passed > 30 && ruled < 15, `${passed} passed, ${ruled} ruled`);
});

test("schemas: sync maps and scenarios of the examples: pass, and their readers read them", () => {
  const maps = exampleFiles(/^[^/]+\/aos\.sync\.json$/);
  const scenarios = exampleFiles(/^[^/]+\/shadow\/[^/]+\.json$/);
  assert.ok(maps.length >= 2 && scenarios.length >= 2);
  for (const { path, text } of maps) accepted("aos.sync.schema.json", JSON.parse(text), path);
  for (const { path, text } of scenarios) {
    accepted("scenario.schema.json", JSON.parse(text), path);
    parseScenario(readJson(text, path).json, path);
  }
});

test("schemas: patch documents as makePatch makes them: pass", () => {
  const [base, ...others] = nearControls();
  assert.ok(base !== undefined);
  for (const next of others) {
    for (const doc of [makePatch(base, next), makePatch(next, base)]) accepted("patch.schema.json", JSON.parse(writeJson(patchDocJson(doc))), doc.patches.map(({ op }) => op).join());
  }
  assert.ok(others.length > 25);
});

const PRINCIPAL = { kind: "person", keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl laptop"] };
const TRUST = { version: 1, world: "demo", id: "0123456789abcdef".repeat(2), principals: { ann: PRINCIPAL, "world-host": { kind: "controller", keys: [] } } };
const SYNC = { version: 1, air: { dir: "air" }, build: { modules: { "demo/A@1": "reducer/a.ts" } }, modules: { dir: "modules" } };
const EMPTY = { $kind: "manifest", air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [] };
const POLICY = { version: 1, approvals: 1, shadow: "required" };
const ruled = (rule: object): object => ({ ...POLICY, rules: [{ name: "pay", when: {}, ...rule }] });
const GOOD: readonly (readonly [string, unknown])[] = [
  ["trust.schema.json", { ...TRUST, roles: { security: ["ann"], nobody: [] } }],
  ["policy.schema.json", { ...POLICY, widening: { approvals: 2, alone: true }, windows: [{ days: ["mon", "sun"], from: "08:00", to: "24:00" }], rules: [] }],
  ["policy.schema.json", ruled({ when: { kinds: ["defplan"], names: ["demo/*"], authority: "widening", widens: ["*"], effects_added: ["http.request *"], effects_removed: ["x"], effects_denied: ["x"], migrations: true, proposer: "agent", governance: true, files: ["air/*"] }, require: { approvals: 2, from: [{ role: "security", count: 1 }, { principals: ["ann"], count: 1 }], shadow: "clean" } })],
  ["policy.schema.json", ruled({ deny: "not now" })],
  ["trust.schema.json", TRUST],
  ["trust.schema.json", { $schema: "x", ...TRUST }],
  ["policy.schema.json", { $schema: "x", version: 1, approvals: 2, shadow: "optional" }],
  ["scenario.schema.json", { $schema: "x", events: [{ schema: "a/E@1", value: null }] }],
  ["scenario.schema.json", { events: [{ schema: "a/E@1", value: { $bytes: "AQ==" } }, { approve: { effect: "http.request", cap: "http", match: { url: "https://" }, decision: "deny", reason: "not now" } }] }],
  ["trust.schema.json", { ...TRUST, retired: [{ key: `SHA256:${"a".repeat(43)}`, principal: "ann", fromSeq: 0 }] }],
  ["policy.schema.json", { version: 1, approvals: 2, shadow: "optional" }],
  ["aos.sync.schema.json", { version: 1 }],
  ["aos.sync.schema.json", { $schema: "x", ...SYNC, workspaces: [{ ref: "notes@2/a/b", dir: "notes", ignore: ["*.tmp"], annotations: { "": { k: "v" }, "a.html": { "http.cache-control": { any: 1 } } } }] }],
  ["air.schema.json", { $schema: "x", $comment: 1, description: [], ...EMPTY, defaults: null, routing: null }],
  ["air.schema.json", []],
  ["air.schema.json", { $kind: "defpolicy", name: "a/P@1", rules: [{ when: {}, decision: "require_approval", approval_ttl_ns: 5 }, { when: {}, decision: "deny", approval_ttl_ns: null }] }],
  ["air.schema.json", { $kind: "defplan", name: "a/P@1", input: "a/I@1", steps: [], deadline_ns: 1 }],
  ["air.schema.json", { ...EMPTY, migrations: [{ reducer: "a/R@1", module: "a/M@1" }], defaults: { cap_grants: [{ name: "g", cap: "a/c@1", params: { record: {} }, budget: { calls: 1, tokens: 0, cents: null, bytes: 5 } }] } }],
  ["air.schema.json", { $kind: "defplan", name: "a/P@1", input: "a/I@1", output: null, steps: [{ id: "e", op: "end", result: null, $comment: "x" }] }],
  ["air.schema.json", { $kind: "defmodule", name: "a/M@1", module_kind: "pure", wasm_hash: " SHA256: ", abi: { pure: { input: "a/I@1", output: "a/O@1" }, reducer: null } }],
  ["patch.schema.json", { version: "1", base_manifest_hash: HASH, patches: [{ set_defaults: { policy: null } }, { set_secrets: { pre_hash: HASH, secrets: [{ alias: "a", version: 1, binding_id: "env:A" }, { name: "b@1" }] } }] }],
  ["scenario.schema.json", { events: [{ schema: "a/E@1", value: null }], expect: { cells: [{ reducer: "a/R@1", key: [1], state: null }], effects: [{ effect: "x", cap: "c", target: "t", intent: HASH, by: "a/P@1", step: "s", answered_by: "schema", status: "ok", code: "c", waits_for: "timer" }], denied: [{ stage: "cap" }], plans: [{ plan: "a/P@1", waits: ["x"] }], failures: [], rejected: [{ event: 0 }] } }],
  ["scenario.schema.json", { events: [{ schema: "a/E@1", value: null, key: null }], answers: [{ effect: "http.request", status: "error" }, { effect: "x", payload: null, times: 2, match: { url: "https://", method: "GET" } }] }],
];
test("schemas: other documents that are right: pass", () => {
  for (const [file, document] of GOOD) accepted(file, document, JSON.stringify(document));
  assert.equal(GOOD.length, 23);
});

// --- what is broken does not

const STEP = { id: "e", op: "end" };
const plan = (parts: object): object => ({ $kind: "defplan", name: "a/P@1", input: "a/I@1", steps: [STEP], ...parts });
const type = (expr: unknown): object => ({ $kind: "defschema", name: "a/S@1", type: expr });
const grant = (parts: object): object => ({ ...EMPTY, defaults: { cap_grants: [{ name: "g", cap: "a/c@1", params: { record: {} }, ...parts }] } });
const invariant = (expr: unknown): object => plan({ invariants: [expr] });
const emit = { id: "a", op: "emit_effect", kind: "k", params: {}, cap: "g", bind: { effect_id_as: "x" } };
const AIR = "air.schema.json";
const patchOf = (...patches: readonly unknown[]): object => ({ base_manifest_hash: HASH, patches });
const BROKEN: readonly (readonly [situation: string, file: string, document: unknown])[] = [
  ["no kind", AIR, { name: "a/S@1", type: { text: {} } }],
  ["a reserved kind", AIR, { $kind: "defmigration", name: "a/M@1" }],
  ["text", AIR, "defschema"],
  ["a list with text in it", AIR, [type({ text: {} }), "x"]],
  ["a slip in an optional key", AIR, plan({ ouput: "a/O@1" })],
  ["a name without a version", AIR, { ...type({ text: {} }), name: "a/S" }],
  ["a version of zero", AIR, { ...type({ text: {} }), name: "a/S@0" }],
  ["an upper-case namespace", AIR, { ...type({ text: {} }), name: "A/S@1" }],
  ["no type", AIR, { $kind: "defschema", name: "a/S@1" }],
  ["a type by name alone", AIR, type("text")],
  ["a type nobody knows", AIR, type({ string: {} })],
  ["two types", AIR, type({ text: {}, nat: {} })],
  ["a primitive with a body", AIR, type({ text: { max: 5 } })],
  ["a map with a key of another type", AIR, type({ map: { key: { bool: {} }, value: { text: {} } } })],
  ["a map without values", AIR, type({ map: { key: { text: {} } } })],
  ["a broken type deep inside", AIR, type({ record: { a: { variant: { B: { list: { option: { txt: {} } } } } } } })],
  ["an upper-case hash", AIR, { $kind: "defmodule", name: "a/M@1", module_kind: "pure", wasm_hash: HASH.toUpperCase(), abi: { pure: { input: "a/I@1", output: "a/O@1" } } }],
  ["a reducer with the abi of a pure module", AIR, { $kind: "defmodule", name: "a/M@1", module_kind: "reducer", abi: { pure: { input: "a/I@1", output: "a/O@1" } } }],
  ["an abi without an event", AIR, { $kind: "defmodule", name: "a/M@1", module_kind: "reducer", abi: { reducer: { state: "a/S@1" } } }],
  ["a step without an id", AIR, plan({ steps: [{ op: "end" }] })],
  ["a step nobody knows", AIR, plan({ steps: [{ id: "a", op: "sleep" }] })],
  ["a step with a key of another", AIR, plan({ steps: [{ ...STEP, event: "a/E@1" }] })],
  ["an effect without a grant", AIR, plan({ steps: [{ ...emit, cap: undefined }].map((step) => JSON.parse(JSON.stringify(step)) as object) })],
  ["an effect bound like a value", AIR, plan({ steps: [{ ...emit, bind: { as: "x" } }] })],
  ["edges that are null", AIR, plan({ edges: null })],
  ["an edge to nowhere", AIR, plan({ edges: [{ from: "e" }] })],
  ["a guard in plain JSON", AIR, plan({ edges: [{ from: "e", to: "e", when: true }] })],
  ["an operator nobody knows", AIR, invariant({ op: "xor", args: [] })],
  ["an operator without operands", AIR, invariant({ op: "not" })],
  ["operands that are no expressions", AIR, invariant({ op: "not", args: [true] })],
  ["an integer that is text", AIR, invariant({ int: "5" })],
  ["a natural below zero", AIR, invariant({ nat: -1 })],
  ["a variant in the literals' form", AIR, invariant({ tag: "A" })],
  ["a grant in plain JSON", AIR, grant({ params: { hosts: ["a"] } })],
  ["a grant with a variant in the expressions' form", AIR, grant({ params: { variant: { tag: "A" } } })],
  ["a secret with more than its two keys", AIR, grant({ params: { alias: "a", version: 1, $comment: "x" } })],
  ["a grant that ends at a fraction", AIR, grant({ expiry_ns: 1.5 })],
  ["a manifest of another version", AIR, { ...EMPTY, air_version: "2" }],
  ["a manifest without plans", AIR, { $kind: "manifest", air_version: "1", schemas: [], modules: [], caps: [], policies: [] }],
  ["a reference without a name", AIR, { ...EMPTY, schemas: [{ hash: HASH }] }],
  ["a reference that is text", AIR, { ...EMPTY, schemas: ["a/S@1"] }],
  ["an inline secret", AIR, { ...EMPTY, secrets: [{ alias: "a", version: 1, binding_id: "env:A" }] }],
  ["a slot bound to a number", AIR, { ...EMPTY, module_bindings: { "a/M@1": { slots: { s: 1 } } } }],
  ["a trigger without a plan", AIR, { ...EMPTY, triggers: [{ event: "a/E@1" }] }],
  ["a route without a reducer", AIR, { ...EMPTY, routing: { events: [{ event: "a/E@1" }] } }],
  ["an effect for nobody", AIR, { $kind: "defeffect", name: "a/E@1", kind: "k", params_schema: "a/P@1", receipt_schema: "a/R@1", cap_type: "c", origin_scope: "none" }],
  ["a policy that asks in words of its own", AIR, { $kind: "defpolicy", name: "a/P@1", rules: [{ when: {}, decision: "ask" }] }],
  ["a wait below zero", AIR, { $kind: "defpolicy", name: "a/P@1", rules: [{ when: {}, decision: "require_approval", approval_ttl_ns: -1 }] }],
  ["a budget of text", AIR, grant({ budget: { calls: "5" } })],
  ["a budget in a dimension nobody counts", AIR, grant({ budget: { seconds: 5 } })],
  ["a plan that lives for a text", AIR, plan({ deadline_ns: "1h" })],
  ["a migration without a module", AIR, { ...EMPTY, migrations: [{ reducer: "a/R@1" }] }],
  ["a migration to nowhere in a patch", "patch.schema.json", patchOf({ set_migrations: { pre_hash: HASH, migrations: [{ reducer: "a/R@1" }] } })],
  ["a rule without a match", AIR, { $kind: "defpolicy", name: "a/P@1", rules: [{ decision: "deny" }] }],
  ["a secret bound to nothing", AIR, { $kind: "defsecret", name: "a/s@1" }],
  ["an enforcer that is text", AIR, { $kind: "defcap", name: "a/c@1", cap_type: "c", schema: { record: {} }, enforcer: "a/M@1" }],
  ["a patch without operations", "patch.schema.json", patchOf()],
  ["a patch for no base", "patch.schema.json", { patches: [{ set_defaults: {} }] }],
  ["two operations in one", "patch.schema.json", patchOf({ set_defaults: {}, set_triggers: { pre_hash: HASH, triggers: [] } })],
  ["an operation nobody knows", "patch.schema.json", patchOf({ add: {} })],
  ["a slip in an operation", "patch.schema.json", patchOf({ set_defaults: { polcy: null } })],
  ["another kind than the node", "patch.schema.json", patchOf({ add_def: { kind: "defcap", node: type({ text: {} }) } })],
  ["a manifest for a definition", "patch.schema.json", patchOf({ add_def: { kind: "manifest", node: EMPTY } })],
  ["references that say nothing", "patch.schema.json", patchOf({ set_manifest_refs: { add: [] } })],
  ["no pre_hash", "patch.schema.json", patchOf({ set_triggers: { triggers: [] } })],
  ["a patch of another version", "patch.schema.json", { version: 1, ...patchOf({ set_defaults: {} }) }],
  ["no event", "scenario.schema.json", { events: [] }],
  ["an expectation of nothing known", "scenario.schema.json", { events: [{ schema: "a/E@1", value: 1 }], expect: { state: [] } }],
  ["an expected row without a field", "scenario.schema.json", { events: [{ schema: "a/E@1", value: 1 }], expect: { cells: [{}] } }],
  ["an expected row with a field that none has", "scenario.schema.json", { events: [{ schema: "a/E@1", value: 1 }], expect: { plans: [{ ended: true }] } }],
  ["an answer without a payload", "scenario.schema.json", { events: [{ schema: "a/E@1", value: 1 }], answers: [{ effect: "k" }] }],
  ["an answer that is late", "scenario.schema.json", { events: [{ schema: "a/E@1", value: 1 }], answers: [{ effect: "k", status: "late", payload: 1 }] }],
  ["an approval without a decision", "scenario.schema.json", { events: [{ approve: { effect: "k" } }] }],
  ["an approval that is an event too", "scenario.schema.json", { events: [{ schema: "a/E@1", value: 1, approve: { effect: "k", decision: "grant" } }] }],
  ["an event without a value", "scenario.schema.json", { events: [{ schema: "a/E@1" }] }],
  ["a sync map of another version", "aos.sync.schema.json", { version: 2 }],
  ["a way out of the world", "aos.sync.schema.json", { version: 1, air: { dir: "../air" } }],
  ["a folder of git's own", "aos.sync.schema.json", { version: 1, workspaces: [{ ref: "notes", dir: "sub/.Git/hooks" }] }],
  ["a path from the root", "aos.sync.schema.json", { version: 1, modules: { dir: "/modules" } }],
  ["a path with an empty name", "aos.sync.schema.json", { ...SYNC, build: { modules: { "a/M@1": "a//b.ts" } } }],
  ["a slip in the sync map", "aos.sync.schema.json", { version: 1, air: { directory: "air" } }],
  ["a workspace without a folder", "aos.sync.schema.json", { version: 1, workspaces: [{ ref: "notes" }] }],
  ["trust with an id in capitals", "trust.schema.json", { ...TRUST, id: "A".repeat(32) }],
  ["a principal of no kind", "trust.schema.json", { ...TRUST, principals: { ann: { ...PRINCIPAL, kind: "robot" } } }],
  ["a principal with a long name", "trust.schema.json", { ...TRUST, principals: { ["a".repeat(33)]: PRINCIPAL } }],
  ["an RSA key", "trust.schema.json", { ...TRUST, principals: { ann: { kind: "person", keys: ["ssh-rsa AAAA"] } } }],
  ["a key retired from a fraction", "trust.schema.json", { ...TRUST, retired: [{ key: `SHA256:${"a".repeat(43)}`, principal: "ann", fromSeq: 0.5 }] }],
  ["a $schema that is no text", "policy.schema.json", { $schema: 1, version: 1, approvals: 1, shadow: "required" }],
  ["a policy of many", "policy.schema.json", { version: 1, approvals: 101, shadow: "required" }],
  ["a policy with a rule too many", "policy.schema.json", { version: 1, approvals: 1, shadow: "required", owners: 2 }],
  ["a window of no day", "policy.schema.json", { ...POLICY, windows: [{ days: [], from: "08:00", to: "17:00" }] }],
  ["a rule that asks for nothing", "policy.schema.json", ruled({})],
  ["a rule that requires nothing", "policy.schema.json", ruled({ require: {} })],
  ["a rule on an unknown kind", "policy.schema.json", ruled({ when: { kinds: ["plan"] }, deny: "no" })],
  ["a group that is both", "policy.schema.json", ruled({ require: { from: [{ role: "a", principals: ["ann"], count: 1 }] } })],
  ["a widening without a threshold", "policy.schema.json", { ...POLICY, widening: { alone: true } }],
  ["a role in capitals", "trust.schema.json", { ...TRUST, roles: { Security: ["ann"] } }],
  ["a policy without a word on shadows", "policy.schema.json", { version: 1, approvals: 1 }],
];
for (const [situation, file, document] of BROKEN) {
  test(`schemas: ${file}: ${situation}: refused`, () => {
    assert.ok(!judge(file, document).passes);
    const tree = readJson(JSON.stringify(document), "x").json;
    if (file === "patch.schema.json") assert.notDeepEqual(patchProblems(tree), []);
    if (file === "scenario.schema.json") assert.throws(() => parseScenario(tree, "x"), AosError);
  });
}
test("schemas: broken documents: enough of them, for every schema", () => {
  assert.ok(BROKEN.length >= 60);
  assert.deepEqual([...new Set(BROKEN.map(([, file]) => file))].sort(), ["air.schema.json", "aos.sync.schema.json", "patch.schema.json", "policy.schema.json", "scenario.schema.json", "trust.schema.json"]);
});

function patchProblems(tree: Json): readonly string[] {
  const problems: string[] = [];
  parsePatchDoc(tree, ({ code }) => problems.push(code));
  return problems;
}

// --- schema and parser agree

function parse(tree: Json): { readonly words: readonly Problem[] } {
  const words: Problem[] = [];
  parseNode(tree as Value, (problem) => words.push(problem));
  return { words };
}

/** Rules that say, in the schema, what the parser leaves to them: `$comment` of the part that refused. Empty when another part did. */
function rulesOf(errors: readonly ErrorObject[]): readonly string[] {
  const own = errors.filter(({ keyword, schema: wanted }) => !["if", "anyOf", "oneOf", "allOf"].includes(keyword) && wanted !== "null");
  const rules = own.map(({ parentSchema }) => /^rule: (.+)$/.exec(String((parentSchema as { $comment?: unknown } | undefined)?.$comment))?.[1]);
  return rules.every((rule) => rule !== undefined) ? rules : [];
}

/** Why schema and parser may differ. The schema is wider where it cannot tell, and stricter only where a rule refuses the world anyway. */
const DIFFERENCES = {
  "captured sugar": "a slot takes any JSON; the parser warns when a key named like a type makes it read plain JSON as a constant",
  "floats": "JSON Schema cannot tell 1.0 from 1, and integers beyond 2^53 are compared as floats",
  "rules": "a rule refuses it: what `$comment` of the schema's part names",
};
type Difference = keyof typeof DIFFERENCES;
const SLOT = /^(?:\/[0-9]+)?\/steps\/[0-9]+\/(?:params|value|expr|result|idempotency_key)(?:\/|$)/;

const POOL: readonly Plain[] = [
  null, true, 0, -1, 1.5, 5, 18446744073709551616, "@@1.0", "", "x", "demo/Key@1", "sha256:", HASH, [], {}, { text: "x" }, { nat: 1 }, { ref: "@var:x" }, { $comment: "x" },
  { tag: "A" }, { op: "not", args: [] }, { alias: "a", version: 1 }, { text: "x", nat: 1 }, { record: {} }, [["a", 1]],
];
const KEYS = ["$comment", "description", "$schema", "note", "name", "kind", "value", "text", "hash", "when", "expiry_ns", "output", "tag", "result"];

function containers(tree: Plain): readonly (Plain[] | { [key: string]: Plain })[] {
  if (typeof tree !== "object" || tree === null) return [];
  return [tree, ...Object.values(tree).flatMap(containers)];
}

/** Changes one thing somewhere in a tree, in place; now and then a number, of which there are few. */
function mutate(tree: Plain, random: Random): void {
  const all = containers(tree) as { [key: string]: Plain }[];
  const numbers = all.flatMap((place) => Object.keys(place).filter((key) => typeof place[key] === "number").map((key) => ({ place, key })));
  if (numbers.length > 0 && random.below(8) === 0) {
    const { place, key } = random.pick(numbers);
    place[key] = random.pick<Plain>([0, -1, 1.5, 18446744073709551616, "@@1.0", "5"]);
    return;
  }
  const place = random.pick(all);
  const keys = Object.keys(place);
  const key = keys.length === 0 ? undefined : random.pick(keys);
  const same = key === undefined ? [] : POOL.filter((value) => typeof value === typeof place[key]);
  const value = (): Plain => structuredClone(random.pick(random.pick<readonly Plain[]>([same.length > 0 ? same : POOL, same.length > 0 ? same : POOL, POOL, containers(tree)])));
  const change = random.below(7);
  if (key === undefined || change === 0) {
    if (Array.isArray(place)) (place as Plain[]).push(value());
    else place[random.pick(KEYS)] = value();
  } else if (change === 1) {
    if (Array.isArray(place)) (place as Plain[]).splice(Number(key), 1);
    else delete place[key];
  } else if (change === 2 && !Array.isArray(place)) {
    const old = place[key] as Plain;
    delete place[key];
    place[random.below(2) === 0 ? `${key}x` : random.pick(KEYS)] = old;
  } else if (change === 3) place[key] = [place[key] as Plain];
  else place[key] = value();
}

test("schemas: patch documents with one thing missing: schema and parser say the same, or a rule refuses", () => {
  const [base, ...others] = nearControls();
  assert.ok(base !== undefined);
  const seen = { pass: 0, refuse: 0 };
  for (const next of others) {
    const whole = writeJson(patchDocJson(makePatch(base, next)));
    const places = containers(JSON.parse(whole) as Plain).flatMap((place, index) => Object.keys(place).map((key) => ({ index, key })));
    for (const { index, key } of places) {
      const document = JSON.parse(whole) as Plain;
      const place = containers(document)[index] as { [key: string]: Plain };
      if (Array.isArray(place)) (place as Plain[]).splice(Number(key), 1);
      else delete place[key];
      const text = JSON.stringify(document);
      const problems: string[] = [];
      const doc = parsePatchDoc(readJson(text, "p").json, ({ code, pointer }) => problems.push(`${code} ${pointer}`));
      const { passes, errors, text: why } = judge("patch.schema.json", document);
      if (doc !== undefined && !passes) {
        assert.ok(rulesOf(errors).length > 0 && applyPatch(base, doc).control === undefined, `${key}: ${why}`);
      } else assert.equal(passes, problems.length === 0, `${key}: parser: ${problems.join("; ")}; schema: ${why}\n${text}`);
      seen[passes ? "pass" : "refuse"]++;
    }
  }
  assert.ok(seen.pass > 200 && seen.refuse > 200, JSON.stringify(seen));
});

const OURS: ReadonlySet<string> = new Set(["a grant with a budget", "a rule that asks a person", "a plan with a deadline"]);

test("schemas: 1000 mutations of the fixture: schema and parser say the same, or why not is known and true", () => {
  const random = seeded(2026);
  const files = fixtureFiles([...MIGRATION, ...NEAR_WORLDS.filter(({ title }) => OURS.has(title)).flatMap(({ edits }) => edits)]);
  assert.ok(files.some(({ text }) => text.includes("approval_ttl_ns")) && files.some(({ text }) => text.includes("deadline_ns")) && files.some(({ text }) => text.includes("budget")));
  const seen: Record<Difference | "both pass" | "both refuse", number> = { "captured sugar": 0, floats: 0, rules: 0, "both pass": 0, "both refuse": 0 };
  for (let count = 0; count < 1000; count++) {
    const file = random.pick(files);
    const tree = JSON.parse(file.text) as Plain;
    for (let more = random.below(5); more >= 0; more -= 3) mutate(tree, random);
    const text = JSON.stringify(tree, null, 1).replaceAll('"@@1.0"', "1.0");
    const json = readJson(text, file.path).json;
    const nodes = Array.isArray(json) ? (json as readonly Json[]) : [json];
    const words = nodes.flatMap((node) => parse(node).words);
    const { passes, errors, text: why } = judge(AIR, JSON.parse(text));
    const place = `mutation ${count} of ${file.path}: parser: ${words.map(({ code, pointer }) => `${code} ${pointer}`).join("; ")}; schema: ${why}\n${text}`;
    if (passes === (words.length === 0)) {
      seen[passes ? "both pass" : "both refuse"]++;
    } else if (passes) {
      const difference: Difference = words.every(({ code, pointer }) => code === "air.unknown_key" && SLOT.test(pointer)) ? "captured sugar" : "floats";
      if (difference === "floats") assert.ok(/1\.0|18446744073709552000/.test(text) && words.every(({ code }) => code === "air.type" || code === "air.range"), place);
      seen[difference]++;
    } else {
      const rules = rulesOf(errors);
      assert.ok(rules.length > 0 && rules.every((rule) => RULES.has(rule)), place);
      const others = files.map((other) => (other.path === file.path ? { path: other.path, text } : other));
      const codes = new Set(loadFiles(others, { moduleHashes: FIXTURE_CODE }).diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code));
      assert.ok(rules.some((rule) => codes.has(rule)), `${place}\nrules: ${rules.join()}; the loader: ${[...codes].join()}`);
      seen.rules++;
    }
  }
  for (const difference of Object.keys(DIFFERENCES) as Difference[]) assert.ok(seen[difference] > 0, `${difference} occurs: ${JSON.stringify(seen)}`);
  assert.ok(seen["both pass"] > 120 && seen["both refuse"] > 300, JSON.stringify(seen));
});
