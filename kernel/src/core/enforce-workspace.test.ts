import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILTIN_EFFECTS } from "../air/catalog.ts";
import type { Value } from "../air/value.ts";
import { checkWorkspace } from "./enforce-workspace.ts";

function record(fields: Readonly<Record<string, Value>>): Value {
  return new Map<Value, Value>(Object.entries(fields));
}

function grant(limits: Readonly<Record<string, Value>>): Value {
  return record({ workspaces: null, path_prefixes: null, ops: null, ...limits });
}

const HASH = `sha256:${"0".repeat(64)}`;
const resolve = record({ workspace: "alpha", version: null });
const at = (path: Value): Value => record({ root_hash: HASH, path });
const compare = (prefix: Value): Value => record({ root_a: HASH, root_b: HASH, prefix });
const src = grant({ path_prefixes: ["src", "docs/guide"] });

const rows: readonly (readonly [what: string, effect: string, capParams: Value, params: Value, answer: string])[] = [
  ["no limits", "resolve", grant({}), resolve, "ok"],
  ["no limits, absent", "write_bytes", new Map(), at("a"), "ok"],
  ["all limits kept", "resolve", grant({ workspaces: ["alpha"], path_prefixes: ["src"], ops: ["resolve"] }), resolve, "ok"],
  ["another operation", "resolve", grant({ ops: ["read"] }), resolve, "op_not_allowed"],
  ["no operation", "resolve", grant({ ops: [] }), resolve, "op_not_allowed"],
  ["an operation in another case", "resolve", grant({ ops: ["Resolve"] }), resolve, "op_not_allowed"],
  ["another workspace", "resolve", grant({ workspaces: ["beta"] }), resolve, "workspace_not_allowed"],
  ["no workspace", "resolve", grant({ workspaces: [] }), resolve, "workspace_not_allowed"],
  ["a workspace that begins alike", "resolve", grant({ workspaces: ["alph", "alpha2"] }), resolve, "workspace_not_allowed"],
  ["an empty root of another workspace", "empty_root", grant({ workspaces: ["beta"] }), record({ workspace: "alpha" }), "workspace_not_allowed"],
  ["an empty root under a path", "empty_root", src, record({ workspace: "alpha" }), "ok"],
  ["a tree under a grant of workspaces", "read_ref", grant({ workspaces: ["beta"] }), at("a"), "ok"],
  ["the path itself", "read_bytes", src, at("src"), "ok"],
  ["below the path", "read_bytes", src, at("src/a/b.ts"), "ok"],
  ["below the longer path", "remove", src, at("docs/guide/x"), "ok"],
  ["above the path", "remove", src, at("docs"), "path_not_allowed"],
  ["a name that begins alike", "write_bytes", src, at("srcs/a"), "path_not_allowed"],
  ["no path", "list", src, at(null), "path_not_allowed"],
  ["an absent path", "annotations_set", src, record({ root_hash: HASH, annotations_patch: new Map() }), "path_not_allowed"],
  ["no path, the empty prefix", "list", grant({ path_prefixes: [""] }), at(null), "ok"],
  ["any path, the empty prefix", "list", grant({ path_prefixes: [""] }), at("x"), "ok"],
  ["a prefix with a slash at its end", "read_ref", grant({ path_prefixes: ["src/"] }), at("src/a"), "ok"],
  ["a prefix with a slash at its end, the path itself", "read_ref", grant({ path_prefixes: ["/src/"] }), at("src"), "ok"],
  ["a step upwards", "read_ref", src, at("src/../secret"), "path_not_allowed"],
  ["an empty name", "read_ref", src, at("src//a"), "path_not_allowed"],
  ["no prefix", "read_ref", grant({ path_prefixes: [] }), at("a"), "path_not_allowed"],
  ["a compared directory", "diff", src, compare("src/a"), "ok"],
  ["whole trees compared", "diff", src, compare(null), "path_not_allowed"],
  ["several limits broken: the first check answers", "resolve", grant({ ops: [], workspaces: [] }), resolve, "op_not_allowed"],
  ["grant that is no record", "list", null, at("a"), "cap_params_invalid"],
  ["grant of another shape", "list", grant({ ops: "list" }), at("a"), "cap_params_invalid"],
  ["params that are no record", "list", grant({}), null, "effect_params_invalid"],
  ["a path that is no text", "list", grant({}), at(7), "effect_params_invalid"],
  ["no workspace in the params", "resolve", grant({}), at("a"), "effect_params_invalid"],
];
assert.equal(rows.length, 34);
for (const [what, effect, capParams, params, expected] of rows) {
  test(`enforce workspace: ${effect}: ${what}: ${expected}`, () => {
    const check = checkWorkspace(capParams, { effect: `workspace.${effect}`, params });
    assert.equal(check.ok ? "ok" : check.code, expected);
  });
}

test("enforce workspace: every effect of the type has its operation: others are of another kind", () => {
  const wanted: Readonly<Record<string, string>> = {
    resolve: "resolve", empty_root: "write", list: "list", read_ref: "read", read_bytes: "read", write_bytes: "write", remove: "write", diff: "diff",
    annotations_get: "read", annotations_set: "write",
  };
  const both = record({ workspace: "alpha", path: "a", prefix: "a" });
  let count = 0;
  for (const { effect, cap_type } of BUILTIN_EFFECTS.values()) {
    const op = wanted[effect.slice("workspace.".length)];
    const check = checkWorkspace(grant({ ops: op === undefined ? null : [op] }), { effect, params: both });
    assert.equal(check.ok ? "ok" : check.code, cap_type === "workspace" ? "ok" : "effect_kind_mismatch", effect);
    for (const other of ["resolve", "list", "read", "write", "diff"].filter((each) => op !== undefined && each !== op)) {
      const denied = checkWorkspace(grant({ ops: [other] }), { effect, params: both });
      assert.equal(denied.ok ? "ok" : denied.code, "op_not_allowed", `${effect} by ${other}`);
      count++;
    }
  }
  assert.equal(count, 40);
});
