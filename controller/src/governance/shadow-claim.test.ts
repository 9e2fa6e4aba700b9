import assert from "node:assert/strict";
import { test } from "node:test";
import { hashValue, jsonOf } from "@agentos/kernel";
import { signingKey } from "../git/ed25519.ts";
import { parseOid } from "../git/objects.ts";
import { sshsigSign, sshsigVerify } from "../git/sshsig.ts";
import type { ShadowClaim } from "./decision.ts";
import { SHADOW_NAMESPACE, encodeShadow, parseShadowNote, shadowClaimBytes, verifyShadowClaim } from "./shadow-claim.ts";

const key = signingKey(new Uint8Array(32).fill(9), "");
const report = jsonOf({ definitions: [{ name: "demo/a@1", change: "added" }], effects: [], text: "line\nline" });
const claim: ShadowClaim = {
  v: 1,
  world: hashValue("world"),
  head: parseOid("2".repeat(40)),
  base: parseOid("1".repeat(40)),
  tree: parseOid("3".repeat(40)),
  policy: hashValue("policy"),
  manifest: hashValue("manifest"),
  consequences: hashValue("consequences"),
  report: hashValue(report),
};
const sig = sshsigSign(key, SHADOW_NAMESPACE, shadowClaimBytes(claim));
const verify = (blob: Uint8Array, namespace: string, message: Uint8Array): Uint8Array | undefined => sshsigVerify(blob, namespace, message)?.publicKey;

test("shadow note: written and read: claim, report and signature", () => {
  const note = `${encodeShadow("## Shadow run\n\nAdds demo/a@1.\n", { claim, sig, report })}\n`;
  assert.ok(note.startsWith("## Shadow run\n"));
  const { entries, faults } = parseShadowNote(note, "note");
  assert.deepEqual(faults, []);
  assert.deepEqual(entries.map((entry) => [entry.claim, entry.report]), [[claim, report]]);
  for (const entry of entries) assert.deepEqual(verifyShadowClaim(entry, verify), key.publicKey);
  assert.equal(verifyShadowClaim({ claim: { ...claim, consequences: claim.manifest }, sig }, verify), undefined);
});

test("shadow note: two reports: both, each with its own lines", () => {
  const lines = [encodeShadow("first", { claim, sig, report }), encodeShadow("second", { claim, sig, report })];
  const { entries } = parseShadowNote(`${lines.join("\n\n")}\n`, "note");
  assert.deepEqual(entries.map((entry) => entry.lines), lines);
});

test("shadow note: a summary that imitates a claim: stays a summary", () => {
  const forged = encodeShadow("x", { claim, sig, report });
  const { entries, faults } = parseShadowNote(encodeShadow(forged, { claim, sig, report }), "note");
  assert.equal(entries.length, 1);
  assert.deepEqual(faults, []);
});

const good = encodeShadow("", { claim, sig, report });
const FAULTS: readonly (readonly [string, string, RegExp])[] = [
  ["a report that is not the one named", good.replace("added", "removed"), /not the one that the claim names/],
  ["no report", good.slice(0, good.indexOf("\nreport")), /no report follows/],
  ["a claim that is no JSON", good.replace("aos-shadow 1 {", "aos-shadow 1 "), /note:1:/],
  ["an unknown field", good.replace('{"v":1', '{"verdict":"clean","v":1'), /unknown field/],
  ["a report that is no JSON", good.replace("report {", "report "), /note:1:/],
];

for (const [what, note, expected] of FAULTS)
  test(`shadow note: ${what}: a fault, no report`, () => {
    const { entries, faults } = parseShadowNote(note, "note");
    assert.deepEqual(entries, []);
    assert.equal(faults.length, 1);
    assert.match(faults[0] ?? "", expected);
  });

test("shadow note: a note without claims: nothing", () => {
  assert.deepEqual(parseShadowNote("hello\nreport {}\n", "note"), { entries: [], faults: [] });
});
