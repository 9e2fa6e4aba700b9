import { test } from "node:test";
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stock, temporaryFolder, testKey } from "./fixture.ts";
import { encodePrivateKey, fingerprint, generateKey, parsePrivateKey, parsePublicKeyLine, publicKeyLine, readPrivateKey, writeKey } from "./keys.ts";

test("keys: written here with comments of every padding: ssh-keygen reads them and agrees", async (t) => {
  const folder = await temporaryFolder(t);
  let count = 0;
  for (let length = 0; length < 9; length++) {
    const generated = generateKey("c".repeat(length));
    const path = join(folder, `key${length}`);
    await writeKey(path, generated);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const shown = await stock("ssh-keygen", folder, ["-y", "-f", path]);
    assert.equal(shown.stdout.trim(), publicKeyLine(generated.key), shown.stderr);
    const listed = await stock("ssh-keygen", folder, ["-l", "-f", `${path}.pub`]);
    assert.equal(listed.stdout.split(" ")[1], fingerprint(generated.key.publicKey));
    const read = await readPrivateKey(path);
    assert.deepEqual([read.publicKey, read.comment, read.sign(Buffer.from("m"))], [generated.key.publicKey, generated.key.comment, generated.key.sign(Buffer.from("m"))]);
    count++;
  }
  assert.equal(count, 9);
});

/** Made by ssh-keygen for this test: one with a passphrase, one of another type. */
const ENCRYPTED = [
  "-----BEGIN OPENSSH PRIVATE KEY-----",
  "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABB+bUyJIE",
  "BIp7zA5y+P+XlRAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAICrvVWGbEmJXzDth",
  "fw7m05m0FcKc3Lq4wVmsUeiV8D6ZAAAAkLMhZakYRGDcACow48IpEaFNMJMw1mRYI5EqxL",
  "3v5L5A7SU9qWV3ZgJjtUUU0Pg1MJWRWMHSuk+tpMLsSJb6cssv3e8u0mA+sgEdT2ujtxP8",
  "KTNuHJvWd7q8+spHyz7ENCn8AeB4gC2yuSAn1pW6Pa0J7//bCHPLyOanBIW6oRMEz3MLkU",
  "F3xOqHr7BMJ9FjvQ==",
  "-----END OPENSSH PRIVATE KEY-----",
  "",
].join("\n");
const ECDSA = [
  "-----BEGIN OPENSSH PRIVATE KEY-----",
  "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS",
  "1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQSzFPJu9ZFTUG7X2jaS1AqffBrI2Du1",
  "qGRctOnLkJN0iz74NjbG7OkDiOtr7K/FUWxNinZws3llt9/Yw3fylL3aAAAAoGBqCFhgag",
  "hYAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLMU8m71kVNQbtfa",
  "NpLUCp98GsjYO7WoZFy06cuQk3SLPvg2Nsbs6QOI62vsr8VRbE2KdnCzeWW339jDd/KUvd",
  "oAAAAhAJC5u4RkDO28BX+frzHtRwahGGjwWGgARBz69KmO7vKCAAAAAAECAwQFBgc=",
  "-----END OPENSSH PRIVATE KEY-----",
  "",
].join("\n");

test("keys: made by ssh-keygen: read, and the same public key", async (t) => {
  const folder = await temporaryFolder(t);
  await stock("ssh-keygen", folder, ["-q", "-t", "ed25519", "-N", "", "-C", "made elsewhere", "-f", "key"]);
  const key = await readPrivateKey(join(folder, "key"));
  assert.equal(key.comment, "made elsewhere");
  const line = await readFile(join(folder, "key.pub"), "utf8");
  assert.equal(publicKeyLine(key), line.trim());
  assert.deepEqual(parsePublicKeyLine(line), { publicKey: key.publicKey, comment: "made elsewhere" });
});

test("readPrivateKey: keys that cannot be used: each its own code and hint, nothing of the key in the error", async (t) => {
  const folder = await temporaryFolder(t);
  const generated = generateKey("x");
  const text = encodePrivateKey(generated);
  const files: Readonly<Record<string, string>> = {
    open: text,
    encrypted: ENCRYPTED,
    ecdsa: ECDSA,
    cut: text.split("\n").toSpliced(3, 1).join("\n"),
    pkcs8: "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n",
    empty: "",
    mixed: mixedKey(),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content, { mode: 0o600 });
  await chmod(join(folder, "open"), 0o640);
  await mkdir(join(folder, "folder"), { mode: 0o700 });
  const rows: readonly (readonly [string, string])[] = [
    ["none", "key.missing"],
    ["folder", "key.unreadable"],
    ["open", "key.permissions"],
    ["encrypted", "key.encrypted"],
    ["ecdsa", "key.type"],
    ["cut", "key.invalid"],
    ["pkcs8", "key.invalid"],
    ["empty", "key.invalid"],
    ["mixed", "key.invalid"],
  ];
  const body = text.split("\n").slice(1, -2);
  for (const [name, code] of rows) {
    await assert.rejects(readPrivateKey(join(folder, name)), (error: unknown) => {
      assert.ok(error instanceof Error && "code" in error && "hint" in error);
      assert.equal(error.code, code, name);
      assert.ok(typeof error.hint === "string" && error.hint !== "", name);
      for (const line of body) assert.ok(!`${error.message}${JSON.stringify(error)}`.includes(line));
      return true;
    });
  }
  assert.equal(rows.length, 9);
});

/** The private part of one key under the public part of another. */
function mixedKey(): string {
  const one = generateKey("x");
  const other = generateKey("x");
  return encodePrivateKey({ key: one.key, seed: other.seed });
}

test("writeKey: a key is there: key.exists, and the file is as it was", async (t) => {
  const path = join(await temporaryFolder(t), "key");
  await writeKey(path, generateKey("one"));
  const before = await readFile(path, "utf8");
  await assert.rejects(writeKey(path, generateKey("two")), { code: "key.exists" });
  assert.equal(await readFile(path, "utf8"), before);
});

test("parsePrivateKey: line ends of another system: the same key", () => {
  const generated = generateKey("x");
  assert.deepEqual(parsePrivateKey(encodePrivateKey(generated).replaceAll("\n", "\r\n"), "env").publicKey, generated.key.publicKey);
});

test("parsePublicKeyLine: lines that are no Ed25519 key: key.line; a weak key: key.weak", () => {
  const line = publicKeyLine(testKey(4));
  const weak = publicKeyLine({ publicKey: Uint8Array.of(1, ...new Uint8Array(31)), comment: "" });
  const rows: readonly (readonly [string, string])[] = [
    ["", "key.line"],
    ["ssh-ed25519", "key.line"],
    [line.replace("ssh-ed25519", "ssh-rsa"), "key.line"],
    [`no-pty ${line}`, "key.line"],
    [line.replace("AAAAC3", "AAAAC4"), "key.line"],
    [line.slice(0, 40), "key.line"],
    [weak, "key.weak"],
  ];
  for (const [text, code] of rows) assert.throws(() => parsePublicKeyLine(text), { code }, text);
  assert.equal(rows.length, 7);
});

test("publicKeyLine: a comment over several lines: one line", () => {
  const line = publicKeyLine({ publicKey: testKey(5).publicKey, comment: "a\nssh-ed25519 AAAA evil" });
  assert.equal(line.split("\n").length, 1);
});
