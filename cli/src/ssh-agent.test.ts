// Signing with a key that an ssh-agent has: named by the file that a passphrase protects, by its public half, or in git's configuration.

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { generateKey, readPrivateKey, wireString, type SigningKey } from "@agentos/controller";
import { aos, git, json, ok, temporaryFolder, type Ran } from "./testing/aos.ts";
import { agentDouble, realAgent, REFUSAL, signedAnswer, type Manners } from "./testing/ssh-agent.ts";

interface Site {
  readonly folder: string;
  readonly world: string;
  /** Of the world's author. */
  readonly key: SigningKey;
  readonly file: string;
  /** Offers a change of the control plane under a name of its own. */
  push(slug: string, words: readonly string[], socket: string | undefined): Promise<Ran>;
}

/** A world whose author's key also stands beside it as `enc`, as if a passphrase protected it, and as `half.pub`, its public half alone. */
async function site(t: TestContext): Promise<Site> {
  const folder = await temporaryFolder(t);
  const world = join(folder, "world");
  ok(await aos(["init", "world"], { cwd: folder }));
  const file = join(world, ".git/aos/keys/author");
  const text = await readFile(file, "utf8");
  const bytes = Buffer.from(text.split("\n").slice(1, -2).join(""), "base64");
  const head = Buffer.from("openssh-key-v1\0", "latin1");
  const [clear, locked] = [["none", "none"], ["aes256-ctr", "bcrypt"]].map((names) => Buffer.concat([head, ...names.map((name) => wireString(name))])) as [Buffer, Buffer];
  assert.ok(bytes.subarray(0, clear.length).equals(clear));
  const body = Buffer.concat([locked, bytes.subarray(clear.length)]).toString("base64");
  await writeFile(join(folder, "enc"), `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`, { mode: 0o600 });
  await writeFile(join(folder, "half.pub"), await readFile(`${file}.pub`));
  for (const setting of ["aos.key", "user.signingkey"]) await git(world, "config", setting, "../nobody");
  return {
    folder, world, file, key: await readPrivateKey(file),
    async push(slug, words, socket) {
      await writeFile(join(world, "air/more.air.json"), `{ "$kind": "defschema", "name": "demo/${slug.replace("-", "")}@1", "type": { "unit": {} } }\n`);
      return aos(["push", "--only", "air", "--proposal", slug, "--json", ...words], { cwd: world, env: socket === undefined ? {} : { SSH_AUTH_SOCK: socket } });
    },
  };
}

test("ssh-agent: one that has the key: it signs, however the key is named", async (t) => {
  const { folder, world, key, file, push } = await site(t);
  const line = (await readFile(`${file}.pub`, "utf8")).trim();
  const agents = [await agentDouble(t, folder, [generateKey("another").key, key]), await realAgent(t, folder, file)];
  const rows: readonly (readonly [string, readonly string[], string | undefined])[] = [
    ["locked", ["--key", "../enc"], undefined], ["half", ["--key", "../half.pub"], undefined], ["setting", [], "../half.pub"], ["inline", [], `key::${line}`], ["plain", [], line],
  ];
  let offered = 0;
  for (const [at, socket] of agents.filter((one) => one !== undefined).entries()) {
    for (const [slug, words, setting] of rows) {
      if (setting !== undefined) await git(world, "config", "aos.key", setting);
      ok(await push(`${slug}-${at}`, words, socket));
      await git(world, "config", "aos.key", "../nobody");
      offered++;
    }
  }
  const proposals = json(await aos(["proposals", "--json"], { cwd: world }))["proposals"] as { slug: string; authors: readonly string[] }[];
  assert.deepEqual(proposals.map(({ authors }) => authors), proposals.map(() => ["author"]));
  assert.equal(proposals.length, offered);
  assert.ok(offered === 5 || offered === 10);
  assert.match(ok(await aos(["keys", "show", "enc"], { cwd: folder })).stdout, new RegExp(line.split(" ")[1]?.replaceAll("+", "\\+") ?? "none"));
});

const WRONG: readonly (readonly [what: string, manners: Manners, exit: number, says: RegExp])[] = [
  ["hangs up", { raw: "hang up" }, 1, /^ssh-agent \(.*\): it hung up$/],
  ["says too much", { raw: Buffer.of(0x7f, 0xff, 0xff, 0xff, 12) }, 1, /: an answer of 2147483647 bytes, which no ssh-agent gives$/],
  ["refuses to list", { list: REFUSAL }, 1, /: its list of keys cannot be read$/],
  ["lists nothing", { list: Buffer.of(12, 0, 0, 0, 0) }, 2, /enc: the private key has a passphrase, and the ssh-agent does not have it$/],
  ["lists what is cut off", { list: Buffer.of(12, 0, 0, 0, 9, 0, 0, 0, 200, 1) }, 2, /the ssh-agent does not have it$/],
  ["refuses to sign", { sign: () => REFUSAL }, 1, /enc: the ssh-agent did not sign$/],
  ["signs with another key", { sign: (_, data) => signedAnswer(generateKey("another").key.sign(data)) }, 4, /enc: what the ssh-agent signed does not hold$/],
  ["signs something else", { sign: (key) => signedAnswer(key.sign(Buffer.from("pay"))) }, 4, /enc: what the ssh-agent signed does not hold$/],
];

test("ssh-agent: one that does not do it, or none: said, with a way out, and nothing is offered", async (t) => {
  const { folder, world, key, push } = await site(t);
  const before = await git(world, "for-each-ref");
  const sockets: (readonly [string, string | undefined, number, RegExp])[] = [
    ["no agent", undefined, 2, /enc: the private key has a passphrase, and there is no ssh-agent that has it \(SSH_AUTH_SOCK\)$/],
    ["no such socket", join(folder, "none"), 1, /^ssh-agent \(.*none\): connect ENOENT/],
  ];
  for (const [at, [what, manners, exit, says]] of WRONG.entries()) {
    const place = join(folder, String(at));
    await mkdir(place);
    sockets.push([what, await agentDouble(t, place, [key], manners), exit, says]);
  }
  let asked = 0;
  for (const [what, socket, exit, says] of sockets) {
    const { code, stdout } = await push("wrong", ["--key", "../enc"], socket);
    const { error } = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as { error: { code: string; message: string; hint?: string } };
    assert.equal(code, exit, `${what}: ${stdout}`);
    assert.match(error.message, says, what);
    assert.notEqual(error.hint, undefined, what);
    asked++;
  }
  assert.equal(asked, 10);
  // A setting that is there is meant: the next one is not taken in its place.
  await git(world, "config", "user.signingkey", "../world/.git/aos/keys/author");
  const settings: readonly (readonly [string, RegExp])[] = [["key::ssh-rsa AAAA", /^git config aos\.key: public key line: only ssh-ed25519/], ["ssh-ed25519 AAAA", /^git config aos\.key: public key line: the key is damaged$/]];
  for (const [setting, says] of settings) {
    await git(world, "config", "aos.key", setting);
    const { code, stdout } = await push("other", [], undefined);
    assert.deepEqual([code, says.test((JSON.parse(stdout) as { error: { message: string } }).error.message)], [2, true], stdout);
  }
  assert.equal(settings.length, 2);
  assert.equal(await git(world, "for-each-ref"), before);
});
