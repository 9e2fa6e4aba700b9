import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { canonical, decode } from "../air/cbor.ts";
import { hashBytes, utf8, ZERO_HASH } from "../air/hash.ts";
import type { Encodable, Value } from "../air/value.ts";
import type { AdapterCall, Blobs } from "../ports.ts";
import { folder as folderOf } from "../testing/folder.ts";
import { memoryBlobs } from "./blobs/memory.ts";
import { lockFile } from "./lock.ts";
import { parseVaultBinding, secretSources } from "./secret-sources.ts";
import { fileVault, type Vault, type VaultKey } from "./vault.ts";
import { vaultAdapter } from "./vault-effects.ts";

const ONE = utf8("canary-one");
const TWO = utf8("canary-two");

const keyIn = (folder: string): VaultKey => ({ kind: "file", path: join(folder, "key") });

for (const kind of ["file", "passphrase"] as const) {
  test(`vault with a ${kind}: every version kept, the newest current, opened again; only ciphertext on disk`, async (t) => {
    const folder = await folderOf(t);
    const path = join(folder, "sub", "vault.json");
    const key: VaultKey = kind === "file" ? keyIn(folder) : { kind, passphrase: "correct horse" };
    const vault = fileVault(path, key);
    assert.equal(await vault.get("a"), undefined);
    assert.deepEqual(await vault.put("a", { alias: "x", value: ONE }), { version: 1, alias: "x", digest: hashBytes(ONE) });
    assert.equal((await vault.put("a", { alias: "x", value: ONE })).version, 1, "the same value again is no new version");
    assert.equal((await vault.put("a", { alias: "x", value: TWO })).version, 2);
    const again = fileVault(path, key);
    assert.deepEqual([await again.get("a"), await again.get("a", 1), await again.get("a", 3), await again.get("b")], [TWO, ONE, undefined, undefined]);
    assert.equal((await again.rotate("a", { version: 1, digest: hashBytes(ONE) })).version, 1);
    assert.deepEqual(await vault.get("a"), ONE);
    await assert.rejects(vault.rotate("a", { version: 2, digest: hashBytes(ONE) }), { code: "vault.version" });
    await assert.rejects(vault.rotate("a", { version: 3, digest: hashBytes(ONE) }), { code: "vault.version" });
    assert.deepEqual(await vault.list(), [{ name: "a", current: 1, versions: [{ version: 1, alias: "x", digest: hashBytes(ONE) }, { version: 2, alias: "x", digest: hashBytes(TWO) }] }]);
    const text = await readFile(path, "utf8");
    for (const value of [ONE, TWO]) for (const form of ["utf8", "base64", "hex"] as const) assert.ok(!text.includes(Buffer.from(value).toString(form)));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(folder, "sub")), ["vault.json"], "no draft and no lock stays");
  });
}

test("vault with a passphrase: another one opens nothing; how it became a key stands beside, bounded, and a change of it opens nothing", async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, "vault.json");
  const right: VaultKey = { kind: "passphrase", passphrase: "correct horse" };
  await fileVault(path, right).put("a", { alias: "x", value: ONE });
  const { salt } = JSON.parse(await readFile(path, "utf8")) as { readonly salt: string };
  await fileVault(path, right).put("a", { alias: "x", value: TWO });
  const whole = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  assert.deepEqual([whole["kdf"], whole["cost"], whole["salt"]], ["scrypt", { N: 65_536, r: 8, p: 1 }, salt]);
  await assert.rejects(fileVault(path, { kind: "passphrase", passphrase: "correct hors" }).get("a"), { code: "vault.sealed" });
  await assert.rejects(fileVault(path, keyIn(folder)).get("a"), { code: "vault.key" });
  let tried = 0;
  for (const cost of [{ N: 32_768, r: 8, p: 1 }, { N: 65_536, r: 8, p: 2 }, { N: 1 << 30, r: 8, p: 1 }, { N: 65_535, r: 8, p: 1 }, { N: 65_536, r: 0, p: 1 }, { N: 65_536, r: 8, p: 1e9 }, {}, 7]) {
    await writeFile(path, JSON.stringify({ ...whole, cost }));
    await assert.rejects(fileVault(path, right).get("a"), { code: "vault.sealed" });
    tried++;
  }
  assert.equal(tried, 8);
  await writeFile(path, JSON.stringify(whole));
  assert.deepEqual(await fileVault(path, right).get("a", 1), ONE);
});

test("vault: two that change one file at once: nothing is lost; a lock of a process that is gone holds nobody up", async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, "vault.json");
  await writeFile(`${path}.lock`, "");
  const [one, other] = [fileVault(path, keyIn(folder)), fileVault(path, keyIn(folder))];
  const versions = await Promise.all(Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? one : other).put("a", { alias: "x", value: utf8(`v${index}`) })));
  assert.deepEqual(versions.map(({ version }) => version).sort((a, b) => a - b), Array.from({ length: 10 }, (_, index) => index + 1));
  assert.deepEqual((await readdir(folder)).sort(), ["key", "vault.json"]);
});

test("vault: a process that does not let the file go: vault.busy says which, nothing is written; a lock that cannot be made: vault.io", async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, "vault.json");
  const lock = await lockFile(`${path}.lock`, { command: "aos vault" });
  const vault = fileVault(path, keyIn(folder), { busyMs: 0 });
  await assert.rejects(vault.put("a", { alias: "x", value: ONE }), {
    code: "vault.busy", class: "outside", message: `${path}: pid ${process.pid} (aos vault) has been changing it since ${lock.holder.since}`, hint: /remove .*vault\.json\.lock$/,
  });
  assert.deepEqual(await readdir(folder), ["vault.json.lock"]);
  await lock.release();
  assert.equal((await vault.put("a", { alias: "x", value: ONE })).version, 1);
  await mkdir(`${path}.lock`);
  await assert.rejects(vault.put("a", { alias: "x", value: TWO }), { code: "vault.io", class: "outside" });
});

test("vault: many puts at once: none lost; a nonce of its own for every write", async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, "vault.json");
  const vault = fileVault(path, keyIn(folder));
  const nonces = new Set<unknown>();
  const versions = await Promise.all(Array.from({ length: 12 }, (_, index) => vault.put("a", { alias: "x", value: utf8(`v${index}`) }).then(async ({ version }) => {
    nonces.add((JSON.parse(await readFile(path, "utf8")) as { nonce: string }).nonce);
    return version;
  })));
  assert.deepEqual(versions.sort((a, b) => a - b), Array.from({ length: 12 }, (_, index) => index + 1));
  assert.ok(nonces.size > 1);
});

test("vault: every byte of the sealed part and each field of the head changed: vault.sealed or vault.key, never another value", async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, "vault.json");
  const vault = fileVault(path, keyIn(folder));
  await vault.put("a", { alias: "x", value: ONE });
  const whole = JSON.parse(await readFile(path, "utf8")) as Record<string, string>;
  const sealed = Buffer.from(whole["sealed"] ?? "", "base64");
  let tried = 0;
  for (let at = 0; at < sealed.length; at += 7, tried++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await writeFile(path, JSON.stringify({ ...whole, sealed: changed.toString("base64") }));
    await assert.rejects(vault.get("a"), { code: "vault.sealed", class: "unverified" });
  }
  for (const field of ["format", "kdf", "salt", "nonce", "sealed"]) {
    for (const value of ["", "AAAA", 7, null]) {
      await writeFile(path, JSON.stringify({ ...whole, [field]: value }));
      await assert.rejects(vault.get("a"), { code: "vault.sealed" });
      tried++;
    }
  }
  for (const text of ["", "{", "[]", "null", '"x"']) {
    await writeFile(path, text);
    await assert.rejects(vault.put("a", { alias: "x", value: TWO }), { code: "vault.sealed" });
    tried++;
  }
  assert.ok(tried > 40);
  await writeFile(path, JSON.stringify({ ...whole, kdf: "scrypt" }));
  await assert.rejects(vault.get("a"), { code: "vault.key" });
});

test("vault: a key others may read, of another length, lost, or another one: vault.key or vault.sealed", async (t) => {
  const folder = await folderOf(t);
  const key = join(folder, "key");
  const vault = fileVault(join(folder, "vault.json"), keyIn(folder));
  await vault.put("a", { alias: "x", value: ONE });
  assert.equal((await stat(key)).mode & 0o777, 0o600);
  await chmod(key, 0o640);
  await assert.rejects(vault.get("a"), { code: "vault.key" });
  await chmod(key, 0o600);
  await writeFile(key, "short");
  await assert.rejects(vault.get("a"), { code: "vault.key" });
  await writeFile(key, Buffer.alloc(32));
  await assert.rejects(vault.get("a"), { code: "vault.sealed" });
  await rm(key);
  await assert.rejects(vault.put("b", { alias: "x", value: ONE }), { code: "vault.key" });
});

test("vault: names and values it does not keep: refused before anything is written", async (t) => {
  const folder = await folderOf(t);
  const vault = fileVault(join(folder, "vault.json"), keyIn(folder));
  for (const name of ["", "__proto__", "-a", "a b", "a@1", "a".repeat(129)]) assert.throws(() => vault.put(name, { alias: "x", value: ONE }), { code: "vault.name" });
  for (const value of [new Uint8Array(), new Uint8Array(65 * 1024)]) assert.throws(() => vault.put("a", { alias: "x", value }), { code: "vault.value" });
  assert.deepEqual(await readdir(folder), []);
});

test("secret sources: env and vault ids resolve, all others have no value", async (t) => {
  const folder = await folderOf(t);
  const vault = fileVault(join(folder, "vault.json"), keyIn(folder));
  await vault.put("llm/key", { alias: "x", value: ONE });
  await vault.put("llm/key", { alias: "x", value: TWO });
  const source = secretSources({ env: { A: "text", EMPTY: "" }, vault });
  const rows: readonly (readonly [id: string, value: Uint8Array | undefined])[] = [
    ["env:A", utf8("text")], ["env:EMPTY", undefined], ["env:B", undefined], ["env:toString", undefined], ["env:", undefined],
    ["vault:llm/key", TWO], ["vault:llm/key@1", ONE], ["vault:llm/key@3", undefined], ["vault:llm/key@0", undefined], ["vault:", undefined], ["other:A", undefined], ["A", undefined],
  ];
  for (const [id, value] of rows) assert.deepEqual(await source.resolve(id), value, id);
  assert.equal(rows.length, 12);
  assert.equal(await secretSources({ env: {}, vault: undefined }).resolve("vault:a"), undefined);
  assert.deepEqual(parseVaultBinding("vault:a/b@12"), { name: "a/b", version: 12 });
});

async function runVault(vault: Vault | undefined, blobs: Blobs, ask: { readonly effect: string; readonly params: Encodable }): Promise<readonly [status: string, code: string | undefined, payload: Value]> {
  const call: AdapterCall = {
    intentHash: ZERO_HASH, effect: ask.effect, params: canonical(ask.params), capParams: canonical({}), idempotencyKey: new Uint8Array(32), deadlineMs: 1000, signal: new AbortController().signal,
  };
  const { status, code, payload } = await vaultAdapter({ blobs, vault }).run(call);
  assert.ok(!Buffer.from(payload).toString("latin1").includes("canary"));
  return [status, code, decode(payload)];
}

test("vault effects: what is kept and what is refused, each with its code; sent twice, kept once", async (t) => {
  const folder = await folderOf(t);
  const blobs = memoryBlobs();
  const vault = fileVault(join(folder, "vault.json"), keyIn(folder));
  const one = await blobs.put(ONE);
  const two = await blobs.put(TWO);
  const put = (params: Record<string, Encodable>): { readonly effect: string; readonly params: Encodable } => ({ effect: "vault.put", params: { alias: "x", binding_id: "vault:a", value_ref: one, expected_digest: one, ...params } });
  const rotate = (version: number, digest: string): { readonly effect: string; readonly params: Encodable } => ({ effect: "vault.rotate", params: { alias: "x", version, binding_id: "vault:a", expected_digest: digest } });
  const rows: readonly (readonly [ask: { readonly effect: string; readonly params: Encodable }, code: string | undefined, version: number])[] = [
    [put({}), undefined, 1], [put({}), undefined, 1], [put({ value_ref: two, expected_digest: two }), undefined, 2], [rotate(1, one), undefined, 1],
    [put({ expected_digest: two }), "vault.digest", 0], [put({ value_ref: ZERO_HASH }), "vault.value", 0],
    [put({ binding_id: "env:A" }), "vault.binding", 0], [put({ binding_id: "vault:a@1" }), "vault.binding", 0],
    [rotate(2, one), "vault.version", 0], [rotate(9, one), "vault.version", 0],
  ];
  for (const [ask, code, version] of rows) {
    const [status, got, payload] = await runVault(vault, blobs, ask);
    assert.deepEqual([status, got, payload instanceof Map && payload.get("version")], [code === undefined ? "ok" : "error", code, version]);
  }
  assert.equal(rows.length, 10);
  assert.deepEqual(await vault.get("a"), ONE);
  assert.equal((await runVault(undefined, blobs, put({})))[1], "vault.missing");
});
