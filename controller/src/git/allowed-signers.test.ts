import { test } from "node:test";
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AllowedSigner } from "./allowed-signers.ts";
import { parseAllowedSigners, renderAllowedSigners } from "./allowed-signers.ts";
import { stock, temporaryFolder, testKey } from "./fixture.ts";
import { publicKeyLine } from "./keys.ts";
import { armor, sshsigSign } from "./sshsig.ts";

function signer(principal: string, seedByte: number, more: Partial<AllowedSigner> = {}): AllowedSigner {
  return { principal, namespaces: ["git", "aos-receipt"], publicKey: testKey(seedByte).publicKey, comment: "", validAfter: undefined, validBefore: undefined, ...more };
}

test("allowed signers: rendered and parsed: the same, comments and empty lines aside", () => {
  const signers = [signer("ann@example.org", 1), signer("ctl@aos", 2, { comment: "the controller", validAfter: 1_700_000_000, validBefore: 1_800_000_059 })];
  const text = renderAllowedSigners(signers);
  assert.equal(text.split("\n")[0], `ann@example.org namespaces="git,aos-receipt" ${publicKeyLine({ publicKey: testKey(1).publicKey, comment: "" })}`);
  assert.match(text.split("\n")[1] ?? "", /^ctl@aos namespaces="git,aos-receipt",valid-after="20231114221320Z",valid-before="20270115080059Z" ssh-ed25519 /);
  assert.deepEqual(parseAllowedSigners(`# who may sign\n\n${text}`, "f"), signers);
});

test("allowed signers: ssh-keygen: finds the principal, keeps namespaces and times apart", async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "allowed"), renderAllowedSigners([signer("ann", 1), signer("bob", 2, { namespaces: ["git"] }), signer("old", 3, { validBefore: 1_000_000_000 })]));
  const check = async (name: string, seedByte: number, namespace: string): Promise<boolean> => {
    await writeFile(join(folder, "sig"), armor(sshsigSign(testKey(seedByte), namespace, Buffer.from("x"))));
    return (await stock("ssh-keygen", folder, ["-Y", "verify", "-f", "allowed", "-I", name, "-n", namespace, "-s", "sig"], { stdin: "x" })).code === 0;
  };
  const rows: readonly (readonly [string, number, string, boolean])[] = [
    ["ann", 1, "git", true],
    ["ann", 1, "aos-receipt", true],
    ["ann", 1, "file", false],
    ["bob", 2, "git", true],
    ["bob", 2, "aos-receipt", false],
    ["bob", 1, "git", false],
    ["old", 3, "git", false],
  ];
  for (const [name, seedByte, namespace, accepted] of rows) assert.equal(await check(name, seedByte, namespace), accepted, `${name} ${namespace}`);
  assert.equal(rows.length, 7);
});

test("renderAllowedSigners: words that read as more than one name: signers.word; a weak key: key.weak", () => {
  const words = ["", "a b", "a,b", "*", "a?", "!a", 'a"b', "#a", "a\nb", "cert-authority="];
  for (const word of words) {
    assert.throws(() => renderAllowedSigners([signer(word, 1)]), { code: "signers.word" }, word);
    assert.throws(() => renderAllowedSigners([signer("a", 1, { namespaces: [word] })]), { code: "signers.word" }, word);
  }
  assert.equal(words.length, 10);
  assert.throws(() => renderAllowedSigners([signer("a", 1, { publicKey: new Uint8Array(32) })]), { code: "key.weak" });
});

test("parseAllowedSigners: lines that say more than is understood: signers.line with the line", () => {
  const key = publicKeyLine({ publicKey: testKey(1).publicKey, comment: "" });
  const lines = [
    `a ${key}`,
    `* namespaces="git" ${key}`,
    `a,b namespaces="git" ${key}`,
    `a cert-authority,namespaces="git" ${key}`,
    `a namespaces="git",namespaces="x" ${key}`,
    `a namespaces="*" ${key}`,
    `a namespaces="git",valid-after="20230101" ${key}`,
    `a namespaces="git",valid-after="20231301000000Z" ${key}`,
    `a namespaces="git" ssh-rsa AAAA`,
    `a namespaces="git"`,
  ];
  for (const line of lines)
    assert.throws(() => parseAllowedSigners(`# head\n${line}\n`, "f"), (error: unknown) => {
      assert.ok(error instanceof Error && "code" in error && "at" in error);
      assert.equal(error.code, "signers.line", line);
      assert.deepEqual(error.at, { file: "f", line: 2 });
      return true;
    });
  assert.equal(lines.length, 10);
});
