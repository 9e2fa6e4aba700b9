import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, decode } from "./cbor.ts";
import { AosError } from "./error.ts";
import { FIXTURE_CODE, fixtureControl, fixtureFiles, pointersOf, type Edit } from "./fixture-world.ts";
import { ZERO_HASH } from "./hash.ts";
import { bundleOf, loadBundle, loadFiles } from "./load.ts";
import { BUILTIN_MODULES, builtinRefHash } from "./catalog.ts";
import { RULES } from "./rules.ts";
import { nodeHash } from "./serialize.ts";
import type { ControlPlane, Diagnostic } from "./types.ts";
import type { Hash, Value } from "./value.ts";

const code = (digit: string): Hash => `sha256:${digit.repeat(64)}` as Hash;
function load(edits: readonly Edit[] = []): { readonly control: ControlPlane | undefined; readonly diagnostics: readonly Diagnostic[] } {
  return loadFiles(fixtureFiles(edits), { moduleHashes: FIXTURE_CODE });
}

test("load: the fixture world: no diagnostics", () => {
  const { control, diagnostics } = load();
  assert.deepEqual(diagnostics, []);
  assert.ok(control !== undefined);
  assert.equal(control.nodes.length, 18);
});

test("load: whatever the order of the files: the same control plane", () => {
  const files = fixtureFiles();
  const straight = loadFiles(files, { moduleHashes: FIXTURE_CODE }).control;
  const reversed = loadFiles([...files].reverse(), { moduleHashes: FIXTURE_CODE }).control;
  assert.ok(straight !== undefined);
  assert.equal(straight.manifestHash, reversed?.manifestHash);
});

test("load: an empty manifest: the known manifest hash", () => {
  const text = '{"$kind":"manifest","air_version":"1","schemas":[],"modules":[],"plans":[],"caps":[],"policies":[]}';
  const { control, diagnostics } = loadFiles([{ path: "air/manifest.json", text }, { path: "air/blank.json", text: " \n" }], { moduleHashes: new Map() });
  assert.deepEqual(diagnostics, []);
  assert.equal(control?.manifestHash, "sha256:d4751a94f623815ca824a35d1523a4e223113ec9327df8f46b001d716b0c114a");
});

test("load: references: builtin ones bare, modules and own definitions by node hash, plans normalised", () => {
  const control = fixtureControl([
    { file: "air/manifest.json", pointer: "/schemas/-", value: { name: "sys/TimerFired@1" } },
    { file: "air/manifest.json", pointer: "/caps/-", value: { name: "sys/timer@1" } },
    { file: "air/manifest.json", pointer: "/effects/-", value: { name: "sys/timer.set@1" } },
    { file: "air/manifest.json", pointer: "/modules/-", value: { name: "sys/CapEnforceHttpOut@1" } },
  ]);
  const enforcer = BUILTIN_MODULES.get("sys/CapEnforceHttpOut@1");
  assert.ok(enforcer !== undefined);
  assert.equal(control.manifest.schemas.at(-1)?.hash, builtinRefHash("defschema", "sys/TimerFired@1"));
  assert.equal(control.manifest.caps.at(-1)?.hash, builtinRefHash("defcap", "sys/timer@1"));
  assert.equal(control.manifest.effects?.at(-1)?.hash, builtinRefHash("defeffect", "sys/timer.set@1"));
  assert.equal(control.manifest.modules.at(-1)?.hash, nodeHash(enforcer));
  const plan = control.plans.get("demo/fetch@1");
  assert.ok(plan !== undefined);
  assert.equal(control.manifest.plans[0]?.hash, nodeHash(plan));
  assert.deepEqual(plan.required_caps, ["http_grant", "mail_grant"]);
  assert.deepEqual(plan.allowed_effects, ["http.request", "mail.send"]);
  assert.equal(control.modules.get("demo/Job@1")?.wasm_hash, code("1"));
  assert.equal(control.nodes.length, 18, "builtin definitions are not stored");
  assert.deepEqual(control.secrets, [{ alias: "demo/token", version: 1n, binding_id: "env:TOKEN", policy: { allowed_caps: ["mail_grant"], allowed_plans: ["demo/fetch@1"] } }]);
  assert.ok(control.schemas.has("sys/HttpRequestParams@1") && control.effects.has("llm.generate") && control.caps.has("sys/blob@1"));
});

test("load: a plan with sugar and the same plan with tagged literals: one hash", () => {
  const params = { record: { to: { text: "ops@example.com" }, token: { tag: "secret", value: { record: { alias: { text: "demo/token" }, version: { nat: 1 } } } } } };
  assert.equal(fixtureControl().manifestHash, fixtureControl([{ file: "air/fetch.json", pointer: "/steps/4/params", value: params }]).manifestHash);
});

test("load: a builtin module with code of its own: stored, and the bundle keeps it", () => {
  const edits = [{ file: "air/manifest.json", pointer: "/modules/-", value: { name: "sys/CapEnforceHttpOut@1" } }];
  const { control } = loadFiles(fixtureFiles(edits), { moduleHashes: new Map([...FIXTURE_CODE, ["sys/CapEnforceHttpOut@1", code("9")]]) });
  assert.ok(control !== undefined);
  assert.equal(control.nodes.length, 19);
  assert.equal(loadBundle(bundleOf(control)).modules.get("sys/CapEnforceHttpOut@1")?.wasm_hash, code("9"));
});

test("load: hashes an author wrote: the right ones are silent, others warn and are replaced", () => {
  const right = fixtureControl();
  const hash = right.manifest.schemas[0]?.hash;
  const silent = load([{ file: "air/manifest.json", pointer: "/schemas/0/hash", value: hash }]);
  assert.deepEqual(silent.diagnostics, []);
  const stale = load([{ file: "air/manifest.json", pointer: "/schemas/0/hash", value: code("a") }]);
  assert.deepEqual(stale.diagnostics.map((one) => [one.severity, one.code]), [["warning", "ref.stale_hash"]]);
  assert.equal(stale.control?.manifestHash, right.manifestHash);
});

test("load: diagnostics: all at once, by file, line and column", () => {
  const { control, diagnostics } = load([
    { file: "air/fetch.json", pointer: "/steps/0/cap", value: "nope" },
    { file: "air/caps.json", pointer: "/0/enforcer/module", value: "demo/Missing@1" },
    { file: "air/manifest.json", pointer: "/triggers/0/plan", value: "demo/fetsh@1" },
    { file: "air/broken.json", pointer: "", value: 7 },
  ]);
  assert.equal(control, undefined);
  const places = diagnostics.map(({ file, line, column }) => ({ file, line, column }));
  const sorted = [...places].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column));
  assert.deepEqual(places, sorted);
  assert.ok(new Set(places.map(({ file }) => file)).size === 4);
  const cap = diagnostics.find((one) => one.code === "grant.missing");
  assert.deepEqual([cap?.file, cap?.pointer, cap?.line, cap?.column], ["air/fetch.json", "/steps/0/cap", 14, 14]);
  assert.equal(diagnostics.find((one) => one.code === "trigger.unknown_plan")?.hint, "did you mean `demo/fetch@1`?");
});

test("load: a file that cannot be read: its problem, and no complaint that its definitions are missing", () => {
  const { diagnostics } = load([{ file: "air/schemas.json", pointer: "/4/type", value: { record: { id: { texx: {} } } } }]);
  assert.deepEqual(diagnostics.filter((one) => one.severity === "error").map((one) => [one.file, one.code]), [["air/schemas.json", "air.type_expr"]]);
});

const SECTIONS_OF_A_BUNDLE = ["manifest", "nodes"];

test("bundle: what bundleOf wrote: the same control plane", () => {
  const worlds: readonly (readonly Edit[])[] = [
    [],
    [{ file: "air/manifest.json", pointer: "/modules/-", value: { name: "sys/CapEnforceHttpOut@1" } }],
    [{ file: "air/fetch.json", pointer: "/steps/0/params", value: { method: "GET", url: "https://example.com/", headers: { b: "1", a: "2" }, body_ref: null } }],
    [{ file: "air/manifest.json", pointer: "/routing/inboxes", value: [] }],
  ];
  let count = 0;
  for (const edits of worlds) {
    const control = fixtureControl(edits);
    const again = loadBundle(bundleOf(control));
    assert.equal(again.manifestHash, control.manifestHash);
    assert.deepEqual(again, control);
    assert.deepEqual(bundleOf(again), bundleOf(control));
    count++;
  }
  assert.equal(count, 4);
  assert.deepEqual([...(decode(bundleOf(fixtureControl())) as ReadonlyMap<Value, Value>).keys()].sort(), SECTIONS_OF_A_BUNDLE);
});

test("bundle: anything else: bundle.invalid with the first problem", () => {
  const whole = decode(bundleOf(fixtureControl())) as ReadonlyMap<string, Value>;
  const nodes = whole.get("nodes") as readonly Value[];
  const manifest = whole.get("manifest") as ReadonlyMap<Value, Value>;
  const withNodes = (list: readonly Value[]): Uint8Array => canonical(new Map<string, Value>([["manifest", manifest], ["nodes", list]]));
  const changed = (index: number, field: string, value: Value): Uint8Array => withNodes(nodes.with(index, new Map([...(nodes[index] as ReadonlyMap<Value, Value>), [field, value]])));
  const find = (name: string): number => nodes.findIndex((node) => (node as ReadonlyMap<Value, Value>).get("name") === name);
  const extra = new Map<Value, Value>([["$kind", "defschema"], ["name", "demo/Extra@1"], ["type", new Map([["text", new Map()]])]]);
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ["not CBOR", new Uint8Array([0xff]), ""],
    ["no prefix", bundleOf(fixtureControl()).subarray(3), ""],
    ["a list", canonical([1]), "bundle.form"],
    ["no manifest", canonical(new Map([["nodes", nodes]])), "bundle.form"],
    ["a node missing", withNodes(nodes.toSpliced(find("demo/Done@1"), 1)), "ref.unknown"],
    ["a node too many", withNodes([...nodes, extra]), "bundle.form"],
    ["a node twice", withNodes([...nodes, nodes[0] ?? null]), "bundle.form"],
    ["nodes in another order", withNodes([...nodes].reverse()), "bundle.form"],
    ["a key nobody reads", changed(find("demo/Done@1"), "note", "hi"), "bundle.form"],
    ["a node that is not what its hash says", changed(find("demo/token@1"), "binding_id", "env:OTHER"), "ref.hash"],
    ["a module without code", changed(find("demo/Job@1"), "wasm_hash", ZERO_HASH), "module.unbuilt"],
    ["a rule broken", changed(find("demo/policy@1"), "rules", [new Map<Value, Value>([["when", new Map([["effect_kind", "no.such"]])], ["decision", "allow"]])]), "policy.unknown_effect"],
    ["a plan not in normal form", changed(find("demo/fetch@1"), "required_caps", ["mail_grant", "http_grant"]), "bundle.form"],
    ["a definition of a builtin name", withNodes([...nodes, new Map<Value, Value>([...extra, ["name", "sys/TimerFired@1"]])]), "bundle.form"],
  ];
  let count = 0;
  for (const [situation, bytes, expected] of rows) {
    assert.throws(() => loadBundle(bytes), (error: unknown) => {
      assert.ok(error instanceof AosError, situation);
      assert.equal(error.code, "bundle.invalid", situation);
      if (expected !== "") assert.equal(error.data["code"], expected, situation);
      return true;
    });
    count++;
  }
  assert.equal(count, 14);
});

test("bundle: one byte changed: refused, or another manifest", () => {
  const control = fixtureControl();
  const bytes = bundleOf(control);
  let count = 0;
  for (let at = 0; at < bytes.length; at += 37) {
    const changed = bytes.with(at, (bytes[at] ?? 0) ^ 1);
    try {
      assert.notEqual(loadBundle(changed).manifestHash, control.manifestHash, `byte ${at}`);
    } catch (error) {
      assert.ok(error instanceof AosError && error.code === "bundle.invalid", `byte ${at}: ${String(error)}`);
    }
    count++;
  }
  assert.ok(count > 100, `${count} places tried`);
});

test("load: any one thing removed from any file: diagnostics, or a world whose bundle gives it back", () => {
  const edits = fixtureFiles().flatMap(({ path, text }) => pointersOf(JSON.parse(text)).map((pointer): Edit => ({ file: path, pointer })));
  const seen = { refused: 0, loaded: 0 };
  for (const edit of edits) {
    const { control, diagnostics } = load([edit]);
    const errors = diagnostics.filter((one) => one.severity === "error");
    assert.equal(control === undefined, errors.length > 0, JSON.stringify(edit));
    for (const one of diagnostics) assert.ok(RULES.has(one.code) && one.message !== "" && one.line >= 1 && one.column >= 1, JSON.stringify(one));
    if (control === undefined) {
      seen.refused++;
      continue;
    }
    assert.equal(loadBundle(bundleOf(control)).manifestHash, control.manifestHash, JSON.stringify(edit));
    seen.loaded++;
  }
  assert.ok(seen.refused > 250 && seen.loaded > 60 && seen.refused + seen.loaded === edits.length, JSON.stringify(seen));
});
