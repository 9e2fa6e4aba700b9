import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import type { Encodable } from "../air/value.ts";
import { schemaMap } from "../testing/air.ts";
import { readJson } from "../air/json.ts";
import { normalEvent } from "./event-value.ts";

const schemas = schemaMap(Object.entries({
  "a/Choice@1": { variant: { Off: { unit: {} }, On: { nat: {} }, Maybe: { option: { text: {} } }, Deep: { ref: "a/Inner@1" } } },
  "a/Inner@1": { record: { one: { option: { variant: { X: { text: {} }, Y: { unit: {} } } } } } },
  "a/Lists@1": { record: { list: { list: { ref: "a/Choice@1" } }, set: { set: { ref: "a/Choice@1" } }, map: { map: { key: { text: {} }, value: { ref: "a/Choice@1" } } } } },
  "a/Plain@1": { record: { n: { nat: {} } } },
}).map(([name, type]) => [name, readJson(JSON.stringify(type), name).json] as const));
const lists = (more: object): Encodable => ({ list: [], set: [], map: {}, ...more });

const rows: readonly { readonly name: string; readonly schema: string; readonly value: Encodable; readonly bare?: string }[] = [
  { name: "a unit arm without a value", schema: "a/Choice@1", value: { $tag: "Off" } },
  { name: "a unit arm with one", schema: "a/Choice@1", value: { Off: null } },
  { name: "an arm with its value", schema: "a/Choice@1", value: { $tag: "On", $value: 1 } },
  { name: "an arm without its value", schema: "a/Choice@1", value: { $tag: "On" }, bare: "On" },
  { name: "an optional arm that is null", schema: "a/Choice@1", value: { Maybe: null } },
  { name: "an optional arm without its value", schema: "a/Choice@1", value: { $tag: "Maybe" }, bare: "Maybe" },
  { name: "an arm inside an arm", schema: "a/Choice@1", value: { Deep: { one: { $tag: "X" } } }, bare: "X" },
  { name: "a unit inside an arm", schema: "a/Choice@1", value: { Deep: { one: { $tag: "Y" } } } },
  { name: "nothing where an arm is optional", schema: "a/Choice@1", value: { Deep: {} } },
  { name: "one of a list", schema: "a/Lists@1", value: lists({ list: [{ On: 1 }, { $tag: "On" }] }), bare: "On" },
  { name: "one of a set", schema: "a/Lists@1", value: lists({ set: [{ $tag: "Deep" }] }), bare: "Deep" },
  { name: "one of a map", schema: "a/Lists@1", value: lists({ map: { k: { $tag: "On" } } }), bare: "On" },
  { name: "lists that are whole", schema: "a/Lists@1", value: lists({ list: [{ Off: null }], map: { k: { On: 2 } } }) },
  { name: "a type without arms", schema: "a/Plain@1", value: { n: 1 } },
];
for (const { name, schema, value, bare } of rows) {
  test(`event value: ${name}: ${bare === undefined ? "taken" : "refused"}`, () => {
    const normal = (): Uint8Array => normalEvent(schemas, schema, decode(canonical(value)));
    if (bare === undefined) assert.deepEqual(normalEvent(schemas, schema, decode(normal())), normal(), "and taken again as it is");
    else assert.throws(normal, (error) => error instanceof AosError && error.code === "value.invalid" && error.message === `${schema}: arm ${bare} has no $value`);
  });
}

test("event value: over the limit, of an unknown schema: refused by name", () => {
  assert.throws(() => normalEvent(schemas, "a/None@1", null), { code: "schema.missing" });
  assert.throws(() => normalEvent(schemas, "a/Choice@1", new Map([["Maybe", "x".repeat(1 << 20)]])), { code: "limit.event" });
});
