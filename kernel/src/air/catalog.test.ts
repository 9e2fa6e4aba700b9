import assert from "node:assert/strict";
import { test } from "node:test";
import { vectors } from "../testing/vectors.ts";
import { canonical, decode } from "./cbor.ts";
import { BUILTIN_CAPS, BUILTIN_EFFECTS, BUILTIN_MODULES, BUILTIN_SCHEMAS, builtinRefHash } from "./catalog.ts";
import { isName } from "./name.ts";
import { parseNode } from "./parse.ts";
import { bareHash, nodeHash, nodeValue } from "./serialize.ts";
import type { Definition, TypeExpr } from "./types.ts";

type BuiltinKind = "defschema" | "defeffect" | "defcap" | "defmodule";
const TABLES: readonly (readonly [table: string, kind: BuiltinKind, definitions: readonly Definition[]])[] = [
  ["schemas", "defschema", [...BUILTIN_SCHEMAS.values()]],
  ["effects", "defeffect", [...BUILTIN_EFFECTS.values()]],
  ["caps", "defcap", [...BUILTIN_CAPS.values()]],
  ["modules", "defmodule", [...BUILTIN_MODULES.values()]],
];

for (const [table, kind, definitions] of TABLES) {
  const rows = vectors("catalog.json", table);
  test(`catalog: ${table}: the names of the vectors, in their order`, () => {
    assert.deepEqual(definitions.map(({ name }) => name), rows.map(({ label }) => label));
  });
  for (const row of rows) {
    test(`catalog: ${row.label}: ref hash and node hash`, () => {
      const definition = definitions.find(({ name }) => name === row.label);
      assert.ok(definition !== undefined);
      assert.equal(builtinRefHash(kind, row.label), row.text("ref"));
      assert.equal(bareHash(definition), row.text("ref"));
      assert.equal(nodeHash(definition), row.text("node"));
    });
  }
}

test("catalog: every definition: read back from its own bytes as the same definition, without a warning", () => {
  let count = 0;
  for (const [, , definitions] of TABLES) {
    for (const definition of definitions) {
      const read = parseNode(decode(canonical(nodeValue(definition))), (problem) => assert.fail(problem.message));
      assert.ok(read !== undefined && read.kind !== "manifest");
      assert.equal(nodeHash(read), nodeHash(definition));
      count++;
    }
  }
  assert.equal(count, 121);
});

test("catalog: names used inside definitions: there, or the enforcer that allows all", () => {
  const used: string[] = [];
  const walk = (type: TypeExpr): void => {
    if (type.kind === "ref") used.push(type.name);
    else if (type.kind === "record") [...type.fields.values()].forEach(walk);
    else if (type.kind === "variant") [...type.arms.values()].forEach(walk);
    else if (type.kind === "map") walk(type.value);
    else if (type.kind === "list" || type.kind === "set" || type.kind === "option") walk(type.item);
  };
  for (const { type } of BUILTIN_SCHEMAS.values()) walk(type);
  for (const { params_schema, receipt_schema } of BUILTIN_EFFECTS.values()) used.push(params_schema, receipt_schema);
  assert.ok(used.length > 50, "refs were found beside the schemas of effects");
  for (const name of used) assert.ok(isName(name) && BUILTIN_SCHEMAS.has(name), name);
  for (const { enforcer } of BUILTIN_CAPS.values()) assert.ok(enforcer.module === "sys/CapAllowAll@1" || BUILTIN_MODULES.has(enforcer.module));
  for (const { cap_type } of BUILTIN_EFFECTS.values()) assert.ok([...BUILTIN_CAPS.values()].some((cap) => cap.cap_type === cap_type));
});

test("builtinRefHash: names that are not builtin, or of another kind: undefined", () => {
  for (const [kind, name] of [
    ["defschema", "demo/X@1"],
    ["defschema", "sys/http.out@1"],
    ["defcap", "sys/TimerSetParams@1"],
    ["defmodule", "sys/CapAllowAll@1"],
    ["defeffect", "http.request"],
  ] as const) {
    assert.equal(builtinRefHash(kind, name), undefined);
  }
});
