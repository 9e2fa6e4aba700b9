import assert from "node:assert/strict";
import { test } from "node:test";
import { vectors } from "../testing/vectors.ts";
import { hex } from "./bytes.ts";
import { canonical, decode } from "./cbor.ts";
import { hashValue } from "./hash.ts";
import { readJson } from "./json.ts";
import { parseNode } from "./parse.ts";
import { bareHash, bareValue, nodeHash, nodeValue } from "./serialize.ts";
import type { CapGrant, Manifest, Node } from "./types.ts";
import type { Value } from "./value.ts";

/** Reads a node that must be right; warnings are of no interest here. */
function read(tree: Value): Node {
  const node = parseNode(tree, (problem) => assert.equal(problem.severity, "warning", `${problem.pointer}: ${problem.message}`));
  assert.ok(node !== undefined);
  return node;
}

for (const row of vectors("nodes.json", "nodes")) {
  test(`node: ${row.label}: bytes and hash, from JSON and from its own bytes`, () => {
    const node = read(row.json("node"));
    const bytes = canonical(nodeValue(node));
    if (row.has("cbor")) assert.equal(hex(bytes), row.text("cbor"));
    assert.equal(hashValue(nodeValue(node)), row.text("hash"));
    if (node.kind !== "manifest") assert.equal(nodeHash(node), row.text("hash"));
    assert.equal(hex(canonical(nodeValue(read(decode(bytes))))), hex(bytes));
  });
}

for (const row of vectors("nodes.json", "bare")) {
  test(`node: ${row.label}, without its kind: bytes and hash`, () => {
    const node = read(row.json("node"));
    assert.equal(hex(canonical(bareValue(node))), row.text("cbor"));
    assert.equal(bareHash(node), row.text("hash"));
  });
}

for (const row of vectors("nodes.json", "unchanged")) {
  test(`node: ${row.label}: written as it was read, no problem found`, () => {
    const node = parseNode(row.json("node"), (problem) => assert.fail(`${problem.pointer}: ${problem.message}`));
    assert.ok(node !== undefined);
    assert.equal(hex(canonical(nodeValue(node))), hex(canonical(row.json("node"))));
    assert.deepEqual(read(decode(canonical(nodeValue(node)))), node);
  });
}

for (const row of vectors("nodes.json", "same")) {
  test(`node: ${row.label}: one node`, () => {
    assert.deepEqual(read(row.json("node")), read(row.json("other")));
    assert.equal(hex(canonical(nodeValue(read(row.json("node"))))), hex(canonical(nodeValue(read(row.json("other"))))));
  });
}

for (const row of vectors("nodes.json", "different")) {
  test(`node: ${row.label}: two nodes`, () => {
    assert.notEqual(hex(canonical(nodeValue(read(row.json("node"))))), hex(canonical(nodeValue(read(row.json("other"))))));
  });
}

test("node: our members: a budget of no dimension and no migrations are as if absent, everything else is part of the hash", () => {
  const manifest = (parts: object, grant: object): Node => read(readJson(JSON.stringify({
    $kind: "manifest", air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [], defaults: { cap_grants: [{ name: "g", cap: "a/c@1", params: { record: {} }, ...grant }] }, ...parts,
  }), "m").json as Value);
  const same = [manifest({}, {}), manifest({ migrations: [] }, { budget: {} }), manifest({}, { budget: null }), manifest({}, { budget: { calls: null } })];
  const defaults = (idempotency: unknown): Node => manifest({ defaults: { idempotency } }, {});
  assert.equal(bareHash(defaults(null)), bareHash(manifest({ defaults: {} }, {})));
  assert.notEqual(bareHash(defaults("instance")), bareHash(defaults(null)));
  assert.equal(new Set(same.map(bareHash)).size, 1);
  for (const one of same) assert.deepEqual(one, same[0]);
  const built: Node = { ...(same[0] as Manifest), defaults: { cap_grants: [{ ...(same[0] as Manifest).defaults?.cap_grants?.[0] as CapGrant, budget: {} }] }, migrations: [] };
  assert.equal(bareHash(built), bareHash(same[0]!));
  const others = [manifest({ migrations: [{ reducer: "a/R@1", module: "a/M@1" }] }, {}), ...["calls", "tokens", "cents", "bytes"].map((dimension) => manifest({}, { budget: { [dimension]: 0 } }))];
  assert.equal(new Set([...same, ...others].map(bareHash)).size, 6);
});

test("node: empty lists and maps built by hand: left out as if they were absent", () => {
  const plan = read(vectors("nodes.json", "nodes")[0]?.json("node") ?? null);
  assert.ok(plan.kind === "defplan");
  const padded: Node = { ...plan, locals: new Map(), edges: [], required_caps: [], allowed_effects: [], invariants: [] };
  assert.equal(bareHash(padded), bareHash(plan));
});
