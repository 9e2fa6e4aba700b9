import { test } from "node:test";
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sshsigBytes } from "@agentos/kernel";
import { allowedSignersFile, stock, temporaryFolder, testKey } from "./fixture.ts";
import { generateKey, writeKey } from "./keys.ts";
import { wireString, wireU32 } from "./ssh-wire.ts";
import { armor, dearmor, signedBytes, sshsigSign, sshsigVerify } from "./sshsig.ts";

const MESSAGES: readonly Uint8Array[] = [Buffer.from(""), Buffer.from("a receipt\n"), Buffer.alloc(300_000, 7)];

test("sshsigSign: any message: byte for byte what ssh-keygen -Y sign writes", async (t) => {
  const folder = await temporaryFolder(t);
  const generated = generateKey("t");
  await writeKey(join(folder, "key"), generated);
  let count = 0;
  for (const message of MESSAGES) {
    const file = join(folder, `message-${count}`);
    await writeFile(file, message);
    assert.equal((await stock("ssh-keygen", folder, ["-Y", "sign", "-f", "key", "-n", "aos-receipt", file])).code, 0);
    assert.equal(armor(sshsigSign(generated.key, "aos-receipt", message)), await readFile(`${file}.sig`, "utf8"));
    count++;
  }
  assert.equal(count, 3);
});

test("signedBytes: any message: those that the kernel signs", () => {
  for (const message of MESSAGES) assert.deepEqual(new Uint8Array(signedBytes("aos-receipt", message)), sshsigBytes("aos-receipt", message));
  assert.equal(MESSAGES.length, 3);
});

test("sshsigSign: ssh-keygen -Y verify: accepted for its namespace and message alone", async (t) => {
  const folder = await temporaryFolder(t);
  const key = testKey(1);
  const allowed = await allowedSignersFile(folder, [key], ["git", "aos-receipt"]);
  await writeFile(join(folder, "sig"), armor(sshsigSign(key, "aos-receipt", Buffer.from("body\n"))));
  const verify = async (namespace: string, stdin: string): Promise<number | null> =>
    (await stock("ssh-keygen", folder, ["-Y", "verify", "-f", allowed, "-I", "signer0@example.org", "-n", namespace, "-s", "sig"], { stdin })).code;
  assert.equal(await verify("aos-receipt", "body\n"), 0);
  assert.notEqual(await verify("aos-receipt", "other\n"), 0);
  assert.notEqual(await verify("git", "body\n"), 0);
});

test("sshsigVerify: our own and ssh-keygen's signatures: the key; any byte changed: undefined", () => {
  const key = testKey(2);
  const message = Buffer.from("message");
  const blob = sshsigSign(key, "git", message);
  assert.deepEqual(sshsigVerify(blob, "git", message), { publicKey: key.publicKey });
  let changed = 0;
  for (let at = 0; at < blob.length; at++) {
    const other = Uint8Array.from(blob);
    other[at] = (other[at] ?? 0) ^ 0x01;
    assert.equal(sshsigVerify(other, "git", message), undefined, `byte ${at}`);
    assert.equal(sshsigVerify(blob.subarray(0, at), "git", message), undefined, `cut at ${at}`);
    changed++;
  }
  assert.equal(changed, blob.length);
});

test("sshsigVerify: another message, namespace or form: undefined", () => {
  const key = testKey(3);
  const message = Buffer.from("message");
  const blob = sshsigSign(key, "git", message);
  const rebuilt = (fields: { version?: number; reserved?: string; hash?: string; tail?: Uint8Array }): Uint8Array =>
    Buffer.concat([
      Buffer.from("SSHSIG"),
      wireU32(fields.version ?? 1),
      wireString(Buffer.concat([wireString("ssh-ed25519"), wireString(key.publicKey)])),
      wireString("git"),
      wireString(fields.reserved ?? ""),
      wireString(fields.hash ?? "sha512"),
      wireString(Buffer.concat([wireString("ssh-ed25519"), wireString(key.sign(signedBytes("git", message)))])),
      fields.tail ?? new Uint8Array(0),
    ]);
  assert.deepEqual(rebuilt({}), blob);
  const rows: readonly (readonly [Uint8Array, string, Uint8Array])[] = [
    [blob, "git", Buffer.from("messag")],
    [blob, "aos-receipt", message],
    [blob, "gi", message],
    [rebuilt({ version: 2 }), "git", message],
    [rebuilt({ reserved: "x" }), "git", message],
    [rebuilt({ hash: "sha256" }), "git", message],
    [rebuilt({ tail: Uint8Array.of(0) }), "git", message],
  ];
  for (const [bytes, namespace, body] of rows) assert.equal(sshsigVerify(bytes, namespace, body), undefined);
  assert.equal(rows.length, 7);
});

test("dearmor: armor of any length and of any line width: the same bytes; other texts: undefined", () => {
  let count = 0;
  for (let length = 1; length < 200; length += 13) {
    const blob = new Uint8Array(length).fill(length);
    assert.deepEqual(Uint8Array.from(dearmor(armor(blob)) ?? []), blob);
    assert.deepEqual(Uint8Array.from(dearmor(armor(blob).trimEnd()) ?? []), blob);
    count++;
  }
  assert.equal(count, 16);
  const good = armor(new Uint8Array(40));
  const bad = ["", "AAAA", good.replace("SSH", "PGP"), good.replace("AAAA", "AA*A"), good.split("\n").slice(1).join("\n")];
  for (const text of bad) assert.equal(dearmor(text), undefined, text);
});
