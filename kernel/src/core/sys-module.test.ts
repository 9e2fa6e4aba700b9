import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILTIN_MODULES, BUILTIN_SCHEMAS } from "../air/catalog.ts";
import { canonical, decode } from "../air/cbor.ts";
import { decodeReducerOutput, encodeReducerInput } from "../air/envelope.ts";
import { InvariantError } from "../air/error.ts";
import { hashBytes, hex, utf8 } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { DefModule } from "../air/types.ts";
import type { Encodable, Hash, Value } from "../air/value.ts";
import { runNative, type NativeResult } from "./sys-module.ts";

function moduleOf(name: string): DefModule {
  const module = BUILTIN_MODULES.get(name);
  assert.ok(module !== undefined, `${name} is in the catalog`);
  return module;
}
const WORKSPACE = moduleOf("sys/Workspace@1");
const PUBLISH = moduleOf("sys/HttpPublish@1");
const ROOT = `sha256:${"ab".repeat(32)}`;

/** Runs one event the way the machine does: the event normalised, the state canonical. */
function run(module: DefModule, event: Encodable, options: { readonly state?: Uint8Array; readonly key?: Encodable } = {}): NativeResult {
  const schema = module.abi.reducer?.event ?? "";
  const value = canonical(normalizerFor(BUILTIN_SCHEMAS, schema)(decode(canonical(event))));
  const keyed = options.key === undefined ? {} : { key: canonical(options.key) };
  const result = runNative(module, encodeReducerInput({ state: options.state ?? null, event: { schema, value, ...keyed } }));
  assert.ok(result !== undefined, "the module is ours");
  return result;
}

/** The state afterwards, canonical. */
function stateAfter(module: DefModule, result: NativeResult): Uint8Array {
  assert.equal(result.kind, "ok", result.kind === "refused" ? result.message : "");
  if (result.kind !== "ok") throw new InvariantError("asserted above");
  const { state } = decodeReducerOutput(result.output);
  assert.ok(state !== null);
  return canonical(normalizerFor(BUILTIN_SCHEMAS, module.abi.reducer?.state ?? "")(decode(state)));
}

function commitOf(fields: Readonly<Record<string, Encodable>> = {}): Encodable {
  return { workspace: "dev", expected_head: null, meta: { root_hash: ROOT, owner: "tester", created_at: 1234 }, ...fields };
}

test("sys workspace: the first commit: the bytes of a compiled module, state and output", () => {
  const result = run(WORKSPACE, commitOf(), { key: "dev" });
  assert.equal(hex(canonical("dev")), "d9d9f763646576");
  const state = `a2666c6174657374016876657273696f6e73a101a369726f6f745f6861736878477368613235363a${hex(utf8("ab".repeat(32)))}656f776e6572667465737465726a637265617465645f61741904d2`;
  assert.equal(result.kind, "ok");
  if (result.kind !== "ok") return;
  assert.equal(hex(result.output), `a46573746174655883${state}6d646f6d61696e5f6576656e74738067656666656374738063616e6ef6`);
  assert.equal(result.fuelUsed - result.output.length, encodeReducerInput({ state: null, event: { schema: "sys/WorkspaceCommit@1", key: canonical("dev"), value: canonical(commitOf()) } }).length);
  const canonicalState = canonical({ latest: 1, versions: new Map([[1, { root_hash: ROOT, owner: "tester", created_at: 1234 }]]) });
  assert.equal(hex(stateAfter(WORKSPACE, result)), hex(canonicalState));
});

test("sys workspace: commits one after the other: versions in order, each kept", () => {
  let state: Uint8Array | undefined;
  for (let version = 0; version < 30; version++) {
    const meta = { root_hash: `sha256:${version.toString(16).padStart(64, "0")}`, owner: `w${version}`, created_at: version };
    const head = version % 2 === 0 ? version : null;
    state = stateAfter(WORKSPACE, run(WORKSPACE, commitOf({ expected_head: head, meta }), { key: "dev", ...(state === undefined ? {} : { state }) }));
  }
  const history = decode(state ?? new Uint8Array()) as ReadonlyMap<Value, Value>;
  assert.equal(history.get("latest"), 30);
  const versions = history.get("versions") as ReadonlyMap<Value, ReadonlyMap<Value, Value>>;
  assert.deepEqual([...versions.keys()], Array.from({ length: 30 }, (_, index) => index + 1));
  assert.equal(versions.get(17)?.get("owner"), "w16");
});

const full = canonical({ latest: 2n ** 64n - 1n, versions: new Map() });
const two = canonical({ latest: 2, versions: new Map([[1, { root_hash: ROOT, owner: "a", created_at: 1 }], [2, { root_hash: ROOT, owner: "a", created_at: 2 }]]) });
const refusals: readonly (readonly [what: string, event: Encodable, options: Parameters<typeof run>[2], code: string])[] = [
  ["a head that has moved", commitOf({ expected_head: 1 }), { state: two, key: "dev" }, "workspace.head_moved"],
  ["a head to come", commitOf({ expected_head: 3 }), { state: two, key: "dev" }, "workspace.head_moved"],
  ["a head of a workspace that is not there", commitOf({ expected_head: 1 }), { key: "dev" }, "workspace.head_moved"],
  ["another workspace's cell", commitOf(), { key: "prod" }, "workspace.key"],
  ["a key that is no text", commitOf(), { key: 7 }, "workspace.key"],
  ["an empty name", commitOf({ workspace: "" }), { key: "" }, "tree.workspace_name"],
  ["a name with a slash", commitOf({ workspace: "a/b" }), { key: "a/b" }, "tree.workspace_name"],
  ["the way up", commitOf({ workspace: ".." }), { key: ".." }, "tree.workspace_name"],
  ["no number left", commitOf(), { state: full, key: "dev" }, "workspace.full"],
];
assert.equal(refusals.length, 9);
for (const [what, event, options, code] of refusals) {
  test(`sys workspace: ${what}: ${code}`, () => {
    const result = run(WORKSPACE, event, options);
    assert.equal(result.kind === "refused" ? result.code : "ok", code);
    assert.ok(result.fuelUsed > 0);
  });
}

test("sys workspace: a head of 0 for a workspace that is not there, and no key: taken", () => {
  assert.equal(run(WORKSPACE, commitOf({ expected_head: 0 })).kind, "ok");
});

function ruleOf(fields: Readonly<Record<string, Encodable>> = {}): Encodable {
  return { route_prefix: "/app", workspace: { workspace: "site", version: null, path: null }, default_doc: "index.html", allow_dir_listing: true, cache: "etag", ...fields };
}

test("sys publish: set, replace, delete: the registry holds what was sent", () => {
  const set = (id: string, rule: Encodable, state?: Uint8Array): Uint8Array => stateAfter(PUBLISH, run(PUBLISH, { id, rule }, state === undefined ? {} : { state }));
  const one = set("a", ruleOf());
  const both = set("b", ruleOf({ route_prefix: "/app/docs/" }), one);
  assert.equal(hex(both), hex(canonical({ rules: { a: ruleOf(), b: ruleOf({ route_prefix: "/app/docs/" }) } })));
  const replaced = set("a", ruleOf({ allow_dir_listing: false, default_doc: null }), both);
  assert.equal(hex(set("b", null, replaced)), hex(canonical({ rules: { a: ruleOf({ allow_dir_listing: false, default_doc: null }) } })));
  assert.equal(hex(set("gone", null)), hex(canonical({ rules: {} })));
});

const rules: readonly (readonly [what: string, rule: Encodable, code: string])[] = [
  ["the root", ruleOf({ route_prefix: "/" }), "ok"],
  ["immutable and pinned", ruleOf({ cache: "immutable", workspace: { workspace: "site", version: 3, path: "/public/" } }), "ok"],
  ["immutable and not pinned", ruleOf({ cache: "immutable" }), "publish.cache"],
  ["another cache", ruleOf({ cache: "forever" }), "publish.cache"],
  ["a route without its slash", ruleOf({ route_prefix: "app" }), "publish.route"],
  ["a route that goes up", ruleOf({ route_prefix: "/a/../b" }), "publish.path"],
  ["a path that goes up", ruleOf({ workspace: { workspace: "site", version: null, path: "../x" } }), "publish.path"],
  ["a default document that no workspace can have", ruleOf({ default_doc: "a b.html" }), "publish.path"],
  ["a workspace with a slash", ruleOf({ workspace: { workspace: "a/b", version: null, path: null } }), "tree.workspace_name"],
];
assert.equal(rules.length, 9);
for (const [what, rule, code] of rules) {
  test(`sys publish: ${what}: ${code}`, () => {
    const result = run(PUBLISH, { id: "r", rule });
    assert.equal(result.kind === "refused" ? result.code : "ok", code);
  });
}

test("sys modules: others, and the same names with code of their own: not ours", () => {
  const input = encodeReducerInput({ state: null, event: { schema: "x/Y@1", value: canonical(null) } });
  assert.equal(runNative({ ...WORKSPACE, wasm_hash: hashBytes(new Uint8Array(1)) as Hash }, input), undefined);
  assert.equal(runNative({ ...WORKSPACE, name: "demo/Workspace@1" as DefModule["name"] }, input), undefined);
  let enforcers = 0;
  for (const module of BUILTIN_MODULES.values()) {
    if (module.module_kind !== "pure") continue;
    assert.equal(runNative(module, input), undefined);
    enforcers++;
  }
  assert.equal(enforcers, 4);
});
