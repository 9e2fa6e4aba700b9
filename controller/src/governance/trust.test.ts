import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError, hashBytes, utf8 } from "@agentos/kernel";
import { signingKey } from "../git/ed25519.ts";
import { fingerprint, publicKeyLine } from "../git/keys.ts";
import { assertSameWorld, parseTrust, principalOfKey, renderTrustSigners, trustHash } from "./trust.ts";

function key(seed: number, comment = ""): { readonly publicKey: Uint8Array; readonly line: string; readonly id: string } {
  const { publicKey } = signingKey(new Uint8Array(32).fill(seed), comment);
  return { publicKey, line: publicKeyLine({ publicKey, comment }), id: fingerprint(publicKey) };
}

const [first, second, machine, spare] = [key(1, "laptop"), key(2), key(3, "controller key"), key(4)] as const;

function file(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    version: 1,
    world: "demo",
    id: "0123456789abcdef0123456789abcdef",
    principals: {
      reviewer: { kind: "person", keys: [first.line, second.line] },
      ctl: { kind: "controller", keys: [machine.line] },
    },
    ...change,
  };
}

function principals(change: Record<string, unknown>): Record<string, unknown> {
  return file({ principals: { ...(file()["principals"] as Record<string, unknown>), ...change } });
}

function parse(value: unknown): ReturnType<typeof parseTrust> {
  return parseTrust(utf8(JSON.stringify(value, undefined, 2)));
}

test("trust: a file of two principals: read, sorted by name", () => {
  const trust = parse(file());
  assert.deepEqual(trust.principals.map(({ name, kind, keys }) => [name, kind, keys.map(({ id, comment }) => [id, comment])]), [
    ["ctl", "controller", [[machine.id, "controller key"]]],
    ["reviewer", "person", [[first.id, "laptop"], [second.id, ""]]],
  ]);
  assert.equal(principalOfKey(trust, second.publicKey)?.name, "reviewer");
  assert.equal(principalOfKey(trust, spare.publicKey), undefined);
});

test("trust: a retired key: nobody's, and not among the allowed signers", () => {
  const trust = parse(file({ retired: [{ key: first.id, principal: "reviewer", fromSeq: 12 }] }));
  assert.equal(principalOfKey(trust, first.publicKey), undefined);
  assert.equal(principalOfKey(trust, second.publicKey)?.name, "reviewer");
  assert.equal(
    renderTrustSigners(trust),
    `ctl namespaces="git,aos-receipt,aos-shadow" ${machine.line}\nreviewer namespaces="git,aos-review,aos-event,aos-approval" ${second.line}\n`,
  );
});

test("trust: $schema: read over", () => {
  assert.deepEqual(parse(file({ $schema: "../trust.schema.json" })), parse(file()));
});

test("trust: its hash: that of the bytes as they are", () => {
  const bytes = utf8(JSON.stringify(file()));
  assert.equal(trustHash(bytes), hashBytes(bytes));
  assert.notEqual(trustHash(bytes), trustHash(utf8(`${JSON.stringify(file())}\n`)));
});

const point = (hex: string): string => `ssh-ed25519 ${Buffer.concat([Buffer.from("0000000b7373682d6564323535313900000020", "hex"), Buffer.from(hex, "hex")]).toString("base64")}`;
const REFUSED: readonly (readonly [string, unknown, readonly (readonly [string, RegExp])[]])[] = [
  ["not an object", [], [["", /expected an object, got a list/]]],
  ["another version", file({ version: 2 }), [["/version", /expected 1/]]],
  ["an unknown field", file({ policy: {} }), [["/policy", /unknown field "policy"/]]],
  ["$schema that is no text", file({ $schema: 5 }), [["/$schema", /expected text/]]],
  ["an unknown field of a principal", principals({ other: { kind: "agent", keys: [], admin: true } }), [["/principals/other/admin", /unknown field/]]],
  ["no id", { ...file(), id: undefined }, [["/id", /is missing/]]],
  ["an id in upper case", file({ id: "0123456789ABCDEF0123456789ABCDEF" }), [["/id", /32 lower-case hex digits/]]],
  ["a name with a blank", principals({ "a b": { kind: "agent", keys: [] } }), [["/principals/a b", /a principal's name/]]],
  ["a name with a slash", principals({ "a/b": { kind: "agent", keys: [] } }), [["/principals/a~1b", /a principal's name/]]],
  ["a name of 33 characters", principals({ ["a".repeat(33)]: { kind: "agent", keys: [] } }), [[`/principals/${"a".repeat(33)}`, /at most 32/]]],
  ["an unknown kind", principals({ other: { kind: "admin", keys: [] } }), [["/principals/other/kind", /"person" or "agent"/]]],
  ["a key of two principals", principals({ other: { kind: "agent", keys: [first.line] } }), [["/principals/other/keys/0", /belongs to reviewer already/]]],
  ["a key twice", principals({ reviewer: { kind: "person", keys: [first.line, `${first.line} again`] } }), [["/principals/reviewer/keys/1", /listed twice/]]],
  ["another key type", principals({ other: { kind: "agent", keys: ["ssh-rsa AAAA"] } }), [["/principals/other/keys/0", /expected ssh-ed25519/]]],
  ["a damaged key", principals({ other: { kind: "agent", keys: ["ssh-ed25519 AAAA"] } }), [["/principals/other/keys/0", /damaged/]]],
  ["a small-order key", principals({ other: { kind: "agent", keys: [point("00".repeat(32))] } }), [["/principals/other/keys/0", /small order/]]],
  ["a line break in a key", principals({ other: { kind: "agent", keys: [`${spare.line} x\nctl ${spare.line}`] } }), [["/principals/other/keys/0", /control character/]]],
  ["no person", file({ principals: { ctl: { kind: "controller", keys: [machine.line] } } }), [["/principals", /no person/]]],
  ["no controller", file({ principals: { reviewer: { kind: "person", keys: [first.line] } } }), [["/principals", /no controller/]]],
  ["all keys of the controller retired", file({ retired: [{ key: machine.id, principal: "ctl", fromSeq: 0 }] }), [["/principals", /no controller with a key in force/]]],
  ["a retired key of nobody", file({ retired: [{ key: spare.id, principal: "ghost", fromSeq: 0 }] }), [["/retired/0/principal", /no principal ghost/]]],
  ["a retired key of another", file({ retired: [{ key: first.id, principal: "ctl", fromSeq: 0 }] }), [["/retired/0/principal", /belongs to reviewer/]]],
  ["a negative seq", file({ retired: [{ key: first.id, principal: "reviewer", fromSeq: -1 }] }), [["/retired/0/fromSeq", /whole number from 0/]]],
  ["a role of nobody", file({ roles: { security: ["ghost"] } }), [["/roles/security/0", /no principal ghost/]]],
  ["a role of a machine", file({ roles: { security: ["reviewer", "ctl"] } }), [["/roles/security/1", /ctl is of kind controller: only persons/]]],
  ["a role twice", file({ roles: { security: ["reviewer", "reviewer"] } }), [["/roles/security/1", /listed twice/]]],
  ["a role with a strange name", file({ roles: { "Sec urity": ["reviewer"] } }), [["/roles/Sec urity", /a role's name/]]],
  ["two problems", file({ version: 2, id: "x" }), [["/version", /expected 1/], ["/id", /32 lower-case/]]],
];

for (const [what, value, expected] of REFUSED)
  test(`trust: ${what}: refused at ${expected.map(([pointer]) => pointer || "the top").join(" and ")}`, () => {
    assert.throws(
      () => parse(value),
      (error: unknown) => {
        assert.ok(error instanceof AosError);
        assert.equal(error.code, "trust.invalid");
        const problems = error.data["problems"] as readonly { pointer: string; message: string; line: number }[];
        assert.deepEqual(problems.map(({ pointer }) => pointer), expected.map(([pointer]) => pointer));
        for (const [index, [, pattern]] of expected.entries()) assert.match(problems[index]?.message ?? "", pattern);
        assert.ok(problems.every(({ line }) => line >= 1));
        return true;
      },
    );
  });

test("trust: a file that is not JSON: json.syntax", () => {
  assert.throws(() => parseTrust(utf8("{")), { code: "json.syntax" });
});

test("trust: the next file of another world: refused", () => {
  const trust = parse(file());
  assertSameWorld(trust, parse(file({ retired: [] })));
  assert.throws(() => assertSameWorld(trust, parse(file({ world: "other" }))), { code: "trust.world" });
  assert.throws(() => assertSameWorld(trust, parse(file({ id: "f".repeat(32) }))), { code: "trust.world" });
});
