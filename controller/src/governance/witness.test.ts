import assert from "node:assert/strict";
import { test } from "node:test";
import { hashValue } from "@agentos/kernel";
import { parseOid } from "../git/objects.ts";
import { githubTrust } from "../testing/github-double/world.ts";
import { keyNamed, trustText, type KeyName } from "../testing/governed-world.ts";
import { encodeReview, parseReview, reviewBytes, type Review } from "./review.ts";
import { attribute, trustInput } from "./signer.ts";
import { keyId } from "./ssh-key.ts";
import { parseTrust } from "./trust.ts";

const HASH = hashValue("x");
const OID = parseOid("1".repeat(40));
const review: Review = { v: 1, world: HASH, proposal: "raise-limit", head: OID, verdict: "approve", cid: HASH, message: "", time: 1, via: { forge: "github", user: 102, review: 80, principal: "reviewer" } };
const key = (name: KeyName) => keyId(keyNamed(name).publicKey);

test("a witnessed review: who signed it and whose account it is: only a controller's word on a principal's account counts", () => {
  const trust = trustInput(parseTrust(new TextEncoder().encode(githubTrust())), HASH);
  const rows: readonly (readonly [string, KeyName, KeyName, Review, string | RegExp])[] = [
    ["the controller saw it", "ctl", "ctl", review, "reviewer"],
    ["a person says so", "second", "second", review, /second, a person: only a controller witnesses/],
    ["a CI says so", "runner", "runner", review, /runner, a CI: only a controller witnesses/],
    ["the account's owner says so", "reviewer", "reviewer", review, /only a controller witnesses/],
    ["nobody's key", "stranger", "ctl", review, /does not count/],
    ["another put it there", "ctl", "second", review, /which ctl did not sign/],
    ["an account of nobody", "ctl", "ctl", { ...review, via: { forge: "github", user: 666, review: 80, principal: "reviewer" } }, /account 666 of GitHub is no principal/],
    ["another's account", "ctl", "ctl", { ...review, via: { forge: "github", user: 103, review: 80, principal: "reviewer" } }, /is second's, not reviewer's/],
  ];
  for (const [name, signer, writer, said, expected] of rows) {
    const found = attribute(trust, { review: said, key: key(signer), sig: "", notes: "reviewer", commit: OID, commitKey: key(writer) });
    if (typeof expected === "string") assert.deepEqual(found, { principal: expected, kind: "person" }, name);
    else assert.match("why" in found ? found.why : `counts for ${found.principal}`, expected, name);
  }
  assert.equal(rows.length, 8);
});

test("a witnessed review: written and read again: the same; a plain one keeps the bytes it always had", () => {
  const line = encodeReview({ review, sig: Uint8Array.of(1) });
  assert.deepEqual(parseReview(line, "line").review, review);
  const { via, ...plain } = review;
  assert.ok(via !== undefined);
  assert.deepEqual(parseReview(encodeReview({ review: plain, sig: Uint8Array.of(1) }), "line").review, plain);
  assert.ok(!encodeReview({ review: plain, sig: Uint8Array.of(1) }).includes("via"));
  assert.notDeepEqual(reviewBytes(review), reviewBytes(plain));
});

test("trust: accounts on GitHub: an account is one principal's, a number, and left out where there is none", () => {
  const parse = (text: string) => parseTrust(new TextEncoder().encode(text));
  assert.equal(parse(githubTrust()).principals.find(({ name }) => name === "reviewer")?.github, 102);
  assert.ok(parse(trustText()).principals.every((principal) => !("github" in principal)));
  const principals = (JSON.parse(githubTrust()) as { readonly principals: Readonly<Record<string, object>> }).principals;
  assert.throws(() => parse(trustText({ principals: { ...principals, second: { ...principals["second"], github: 102 } } })), /this account is that of/);
  assert.throws(() => parse(trustText({ principals: { ...principals, second: { ...principals["second"], github: "sam" } } })), /expected a whole number/);
  assert.equal(parse(trustText({ merges: "forge" })).merges, "forge");
  assert.throws(() => parse(trustText({ merges: "anybody" })), /trust\.json/);
});
