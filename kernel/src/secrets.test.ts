import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, decode } from "./air/cbor.ts";
import { AosError } from "./air/error.ts";
import { hashBytes, utf8 } from "./air/hash.ts";
import type { SecretDecl } from "./air/types.ts";
import type { Encodable } from "./air/value.ts";
import type { SecretSource } from "./ports.ts";
import { injectSecrets, redaction, type SecretUse } from "./secrets.ts";

const CANARY = 'canary "5d41" /é';
const source: SecretSource = {
  async resolve(id) {
    if (id === "env:BROKEN") throw new Error(`cannot read ${CANARY}`);
    return new Map([["env:TEXT", utf8(CANARY)], ["env:BYTES", Uint8Array.of(0xff, 0xfe, 1, 2)], ["env:EMPTY", new Uint8Array()]]).get(id);
  },
};
const declared = (binding_id: string, more: Partial<SecretDecl> = {}): readonly SecretDecl[] => [{ alias: "a", version: 1n, binding_id, ...more }];
const reference = (alias = "a", version: number | bigint = 1): Encodable => ({ $tag: "secret", $value: { alias, version } });
const useOf = (params: Encodable, more: Partial<SecretUse> = {}): SecretUse => ({
  params: canonical(params), cap: "llm", origin: { kind: "plan", plan: "demo/p@1", instance: 1, step: "s" }, ...more,
});

test("secrets: references anywhere in the params: replaced by text or bytes, everything else as it was", async () => {
  const params = { deep: [{ key: reference() }, reference()], other: { $tag: "literal", $value: "x" }, near: { $tag: "secret", $value: { alias: "a" } }, n: 7 };
  const text = await injectSecrets(useOf(params), declared("env:TEXT"), source);
  assert.deepEqual(decode(text.params), decode(canonical({ ...params, deep: [{ key: CANARY }, CANARY] })));
  assert.deepEqual(text.secrets, [{ name: "a@1", value: utf8(CANARY) }]);
  const bytes = await injectSecrets(useOf({ key: reference() }), declared("env:BYTES"), source);
  assert.deepEqual(decode(bytes.params), new Map([["key", Uint8Array.of(0xff, 0xfe, 1, 2)]]));
  const none = useOf({ a: 1 });
  assert.deepEqual(await injectSecrets(none, [], undefined), { params: none.params, secrets: [] });
});

const refusals: readonly { readonly name: string; readonly declared: readonly SecretDecl[]; readonly code: string; readonly params?: Encodable; readonly source?: SecretSource | undefined; readonly use?: Partial<SecretUse> }[] = [
  { name: "not declared", declared: [], code: "secret.unresolved" },
  { name: "declared with another version", declared: declared("env:TEXT"), params: reference("a", 2), code: "secret.unresolved" },
  { name: "bound to nothing", declared: declared("env:NO"), code: "secret.unresolved" },
  { name: "bound to an empty value", declared: declared("env:EMPTY"), code: "secret.unresolved" },
  { name: "of a source that fails", declared: declared("env:BROKEN"), code: "secret.unresolved" },
  { name: "of a host without a source", declared: declared("env:TEXT"), source: undefined, code: "secret.unresolved" },
  { name: "of another value", declared: declared("env:TEXT", { expected_digest: hashBytes(utf8("x")) }), code: "secret.digest" },
  { name: "for other grants", declared: declared("env:TEXT", { policy: { allowed_caps: ["http"] } }), code: "secret.policy_denied" },
  { name: "for other plans", declared: declared("env:TEXT", { policy: { allowed_plans: ["demo/q@1"] } }), code: "secret.policy_denied" },
];
for (const row of refusals) {
  test(`secrets: a secret ${row.name}: ${row.code}, the value in no error`, async () => {
    const given = "source" in row ? row.source : source;
    await assert.rejects(injectSecrets(useOf({ key: row.params ?? reference() }, row.use), row.declared, given), (error) => {
      assert.ok(error instanceof AosError);
      assert.equal(error.code, row.code);
      assert.doesNotMatch(JSON.stringify([error.message, error.data, String(error.cause), error.hint]), /canary/);
      return true;
    });
  });
}

test("secrets: the declared digest and lists that hold: injected; plans' lists are not about reducers", async () => {
  const policy = { allowed_caps: ["llm"], allowed_plans: ["demo/p@1"] };
  const good = declared("env:TEXT", { expected_digest: hashBytes(utf8(CANARY)), policy });
  assert.equal((await injectSecrets(useOf({ key: reference() }), good, source)).secrets.length, 1);
  const reducer = useOf({ key: reference() }, { origin: { kind: "reducer", reducer: "demo/R@1", key: undefined } });
  assert.equal((await injectSecrets(reducer, good, source)).secrets.length, 1);
});

test("redaction: the value and its forms in text and bytes: marks in their place; nothing else changes", () => {
  const { redact } = redaction([{ name: "a@1", value: utf8(CANARY) }, { name: "b@2", value: utf8(`${CANARY}!`) }]);
  const base64 = Buffer.from(CANARY).toString("base64");
  const forms = [CANARY, JSON.stringify(CANARY).slice(1, -1), encodeURIComponent(CANARY), base64, base64.replaceAll("=", ""), Buffer.from(CANARY).toString("base64url"), Buffer.from(CANARY).toString("hex")];
  for (const form of forms) {
    assert.equal(redact(`x ${form} y ${form}`), "x [secret a@1] y [secret a@1]", form);
    assert.deepEqual(redact(Uint8Array.of(0xff, ...utf8(form), 0)), Uint8Array.of(0xff, ...utf8("[secret a@1]"), 0), form);
  }
  assert.equal(forms.length, 7);
  assert.equal(redact(`${CANARY}!`), "[secret b@2]", "the longer value first");
  const other = utf8("nothing of it");
  assert.equal(redact(other), other);
});

test("redaction: a payload: texts, bytes and keys, not hashes; what is no CBOR stays no CBOR", () => {
  const hash = hashBytes(utf8("x"));
  const secret = redaction([{ name: "a@1", value: utf8("2d71") }, { name: "b@1", value: utf8(CANARY) }]);
  const payload = canonical({ [CANARY]: [CANARY, utf8(CANARY), hash, 7, null] });
  assert.deepEqual(decode(secret.payload(payload)), new Map([["[secret b@1]", ["[secret b@1]", utf8("[secret b@1]"), hash, 7, null]]]));
  assert.ok(hash.includes("2d71"), "the first secret is in the hash, by chance");
  assert.throws(() => decode(secret.payload(Uint8Array.of(0xff))));
});

test("redaction: a stream cut anywhere: the same text as in one piece, the rest as it comes", () => {
  const text = `before ${CANARY} between canary "5d and ${CANARY}`;
  const expected = 'before [secret a@1] between canary "5d and [secret a@1]';
  let cuts = 0;
  for (let size = 1; size <= text.length; size++, cuts++) {
    const out: string[] = [];
    const stream = redaction([{ name: "a@1", value: utf8(CANARY) }]).stream((chunk) => out.push(chunk));
    for (let at = 0; at < text.length; at += size) stream.push(text.slice(at, at + size));
    stream.end();
    assert.equal(out.join(""), expected);
    if (size === 1) assert.equal(out[0], "b", "what cannot be a secret is not held back");
  }
  assert.equal(cuts, text.length);
});
