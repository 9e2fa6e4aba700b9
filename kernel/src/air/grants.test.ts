import assert from "node:assert/strict";
import { test } from "node:test";
import { literalOf, refusal, typeOf } from "../testing/air.ts";
import { vectors } from "../testing/vectors.ts";
import { BUILTIN_CAPS, BUILTIN_SCHEMAS } from "./catalog.ts";
import { canonical } from "./cbor.ts";
import { grantHash } from "./envelope.ts";
import { grantParams } from "./grants.ts";
import { hex } from "./hash.ts";
import type { Row } from "../testing/vectors.ts";
import type { CapGrant, DefCap } from "./types.ts";
import type { Name } from "./value.ts";

const bytesCap: DefCap = {
  kind: "defcap", name: "com.acme/bytes@1" as Name, cap_type: "bytes", enforcer: { module: "sys/CapAllowAll@1" },
  schema: typeOf(new Map([["record", new Map([["b", new Map([["bytes", new Map()]])]])]])),
};

function capOf(row: Row): DefCap {
  const name = row.text("cap");
  const cap = name === bytesCap.name ? bytesCap : [...BUILTIN_CAPS.values()].find((builtin) => builtin.name === name);
  assert.ok(cap !== undefined, name);
  return cap;
}

function grantOf(row: Row): CapGrant {
  return { name: "g", cap: row.text("cap"), params: literalOf(row.json("params")) };
}

for (const row of vectors("plan-grants.json", "accepted")) {
  test(`grant: ${row.label}`, () => {
    const cap = capOf(row);
    const params = grantParams(grantOf(row), cap, BUILTIN_SCHEMAS);
    if (row.has("cbor")) assert.equal(hex(params), row.text("cbor"));
    if (row.has("value")) assert.equal(hex(params), hex(canonical(row.value("value"))));
    if (row.has("grant_hash")) assert.equal(grantHash({ cap: cap.name, capType: cap.cap_type, params }), row.text("grant_hash"));
  });
}

for (const row of vectors("plan-grants.json", "refused")) {
  test(`grant: ${row.label}: ${row.text("code")}`, () => {
    const { code, message } = refusal(() => grantParams(grantOf(row), capOf(row), BUILTIN_SCHEMAS));
    assert.deepEqual({ code, message }, { code: row.text("code"), message: row.text("message") });
  });
}
