import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "@agentos/kernel";
import { parsePolicy, policyHash } from "./policy.ts";

test("policy: no file: one approval and a shadow report", () => {
  assert.deepEqual(parsePolicy(undefined), { version: 1, approvals: 1, shadow: "required" });
});

test("policy: its hash: of what it says, not of how it is written", () => {
  const short = parsePolicy(utf8('{"version":1,"approvals":1,"shadow":"required"}'));
  const long = parsePolicy(utf8('{\n  "shadow": "required",\n  "approvals": 1,\n  "version": 1\n}\n'));
  assert.equal(policyHash(short), policyHash(long));
  assert.equal(policyHash(short), policyHash(parsePolicy(undefined)));
  assert.notEqual(policyHash(short), policyHash({ ...short, approvals: 2 }));
});

test("policy: $schema: read over, no part of the hash", () => {
  const named = parsePolicy(utf8('{"$schema":"../policy.schema.json","version":1,"approvals":1,"shadow":"required"}'));
  assert.deepEqual(named, parsePolicy(undefined));
  assert.equal(policyHash(named), policyHash(parsePolicy(undefined)));
});

const REFUSED: readonly (readonly [string, string, string])[] = [
  ["an unknown field", '{"version":1,"approvals":1,"shadow":"required","bypass":["bot"]}', "policy.invalid"],
  ["$schema that is no text", '{"$schema":1,"version":1,"approvals":1,"shadow":"required"}', "policy.invalid"],
  ["negative approvals", '{"version":1,"approvals":-1,"shadow":"required"}', "policy.invalid"],
  ["approvals as a fraction", '{"version":1,"approvals":1.0,"shadow":"required"}', "policy.invalid"],
  ["another word for shadow", '{"version":1,"approvals":1,"shadow":"no"}', "policy.invalid"],
  ["no shadow", '{"version":1,"approvals":1}', "policy.invalid"],
  ["approvals twice", '{"version":1,"approvals":1,"approvals":0,"shadow":"required"}', "json.syntax"],
  ["a version to come", '{"version":2,"approvals":1,"shadow":"required"}', "policy.invalid"],
];

for (const [what, text, code] of REFUSED)
  test(`policy: ${what}: ${code}`, () => {
    assert.throws(() => parsePolicy(utf8(text)), { code });
  });
