// aos vault: what is typed or piped in goes into the vault, and nowhere else.

import { test } from "node:test";
import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fileBlobs, fileVault, hashBytes, utf8 } from "@agentos/kernel";
import { readSecret } from "./secret-input.ts";
import { aos, temporaryFolder, type Ran } from "./testing/aos.ts";

const CANARY = "canary-7d793037a0760186";
const OTHER = "canary-0cc175b9c0f1b6a8";
const json = ({ stdout }: Ran): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

/** Files below a folder that hold a value, in some form. */
async function leaksBelow(folder: string, values: readonly string[]): Promise<readonly string[]> {
  const leaks: string[] = [];
  let read = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name));
    read++;
    for (const value of values) for (const form of ["utf8", "base64", "hex"] as const) if (bytes.includes(Buffer.from(value).toString(form))) leaks.push(`${entry.name} (${form})`);
  }
  assert.ok(read > 10);
  return leaks;
}

test("aos vault: put, ls, rotate: names and digests are told, values nowhere; the files are their owner's alone", async (t) => {
  const folder = await temporaryFolder(t);
  const cwd = join(folder, "w");
  assert.equal((await aos(["init", "w"], { cwd: folder })).code, 0);
  const runs: Ran[] = [];
  const vault = async (words: readonly string[], stdin = "", env: Readonly<Record<string, string>> = {}): Promise<Ran> => {
    const ran = await aos(["vault", ...words], { cwd, stdin, env });
    runs.push(ran);
    return ran;
  };
  assert.equal((await vault(["ls"])).stdout, "the vault is empty\n");
  assert.match((await vault(["put", "llm/key"], `${CANARY}\n`)).stdout, /^vault:llm\/key is now version 1 \(sha256:[0-9a-f]{64}\)\n$/);
  const second = json(await vault(["put", "llm/key", "--alias", "a new one", "--json"], OTHER));
  assert.deepEqual([second["version"], second["binding"], second["alias"]], [2, "vault:llm/key", "a new one"]);
  assert.equal(json(await vault(["put", "llm/key", "--json"], `${OTHER}\r\n`))["version"], 2, "the same value again");
  assert.equal(json(await vault(["put", "llm/key", "--exact", "--json"], `${OTHER}\n`))["version"], 3, "with its line break it is another");
  const { names } = json(await vault(["ls", "--json"])) as { readonly names: readonly { readonly name: string; readonly current: number; readonly versions: readonly { readonly digest: string }[] }[] };
  assert.deepEqual(names.map(({ name, current, versions }) => [name, current, versions.length]), [["llm/key", 3, 3]]);
  assert.match((await vault(["rotate", "llm/key", "1"])).stdout, /^vault:llm\/key is now version 1, as it was before \(sha256:/);
  assert.match((await vault(["ls"])).stdout, /^llm\/key {2}\* 1 {2}sha256:[0-9a-f]{64}\n {11}2 {2}sha256:\S+ {2}a new one\n/);

  const refused: readonly (readonly [words: readonly string[], stdin: string, code: string])[] = [
    [["put", "llm/key"], "", "cli.secret"], [["put", "llm/key"], "\n", "cli.secret"], [["put", "llm/key"], "x".repeat(70_000), "cli.secret"], [["put", "a b"], CANARY, "vault.name"],
    [["rotate", "llm/key", "4"], "", "vault.version"], [["rotate", "llm/key", "x"], "", "cli.count"], [["rotate", "none", "1"], "", "vault.unknown"],
  ];
  for (const [words, stdin, code] of refused) {
    const ran = await vault([...words, "--json"], stdin);
    assert.deepEqual([ran.code, (json(ran)["error"] as { readonly code: string }).code], [2, code], words.join(" "));
  }
  assert.equal(refused.length, 7);
  assert.equal((await aos(["vault", "put", "llm/key", CANARY], { cwd })).code, 2, "a value is no argument");

  const state = join(cwd, ".git", "aos");
  assert.equal((await vault(["scrub"])).stdout, "no value of the vault is among the blobs\n");
  // As a plan leaves it that asked for `vault.put`: the bytes of the blob that it named.
  const blobs = fileBlobs(join(state, "blobs"));
  const [digest, other] = [await blobs.put(utf8(OTHER)), await blobs.put(utf8("another blob"))];
  assert.deepEqual(json(await vault(["scrub", "--dry-run", "--json"])), { blobs: [{ name: "llm/key", version: 2, digest, outcome: "clear" }] });
  assert.equal((await leaksBelow(folder, [OTHER])).length, 1);
  assert.match((await vault(["scrub"])).stdout, new RegExp(`^llm/key {2}2 {2}${digest} {2}removed from the blobs\n$`));
  assert.deepEqual([await blobs.get(digest), await blobs.get(other)], [undefined, utf8("another blob")]);
  for (const file of ["vault.json", "vault.key"]) assert.equal((await stat(join(state, file))).mode & 0o777, 0o600);
  assert.deepEqual(await leaksBelow(folder, [CANARY, OTHER]), []);
  for (const { stdout, stderr } of runs) assert.ok(!`${stdout}${stderr}`.includes("canary"));
});

test("aos vault scrub: what is published, such as a module, is left, whatever the vault holds", async (t) => {
  const folder = await temporaryFolder(t);
  const cwd = join(folder, "w");
  for (const [words, at] of [[["init", "w"], folder], [["run", "--once"], cwd]] as const) assert.equal((await aos(words, { cwd: at })).code, 0);
  const blobs = fileBlobs(join(cwd, ".git", "aos", "blobs"));
  const module = await readFile(join(cwd, "modules", "demo", "CounterSM@1.js.cbor"));
  const digest = hashBytes(module);
  assert.deepEqual(await blobs.get(digest), new Uint8Array(module));
  await fileVault(join(cwd, ".git", "aos", "vault.json"), { kind: "file", path: join(cwd, ".git", "aos", "vault.key") }).put("m", { alias: "m", value: new Uint8Array(module) });
  assert.deepEqual(json(await aos(["vault", "scrub", "--json"], { cwd })), { blobs: [{ name: "m", version: 1, digest, outcome: "published" }] });
  assert.deepEqual(await blobs.get(digest), new Uint8Array(module));
});

test("aos vault: with a passphrase from the environment or a file: opened by it alone", async (t) => {
  const folder = await temporaryFolder(t);
  const cwd = join(folder, "w");
  assert.equal((await aos(["init", "w"], { cwd: folder })).code, 0);
  const state = join(cwd, ".git", "aos");
  const settings = (passphrase: string): Promise<void> => writeFile(join(state, "adapters.json"), JSON.stringify({ vault: { passphrase } }));
  const run = async (words: readonly string[], env: Readonly<Record<string, string>>, stdin = ""): Promise<string> => {
    const ran = await aos(["vault", ...words, "--json"], { cwd, env, stdin });
    return ran.code === 0 ? "ok" : (json(ran)["error"] as { readonly code: string }).code;
  };
  await settings("env:VAULT_WORDS");
  assert.equal(await run(["put", "a"], {}, CANARY), "vault.key");
  assert.equal(await run(["put", "a"], { VAULT_WORDS: "correct horse" }, CANARY), "ok");
  assert.equal(await run(["ls"], { VAULT_WORDS: "other horse" }), "vault.sealed");
  await settings("file:words");
  assert.equal(await run(["ls"], {}), "vault.key");
  await writeFile(join(state, "words"), "correct horse\n", { mode: 0o644 });
  assert.equal(await run(["ls"], {}), "vault.key", "others may read it");
  await writeFile(join(state, "words2"), "correct horse\n", { mode: 0o600 });
  await settings("file:words2");
  assert.equal(await run(["ls"], {}), "ok");
  assert.deepEqual(await leaksBelow(folder, [CANARY]), []);
});

test("secret input: typed at a terminal: up to the end of the line, what is taken back is not in it, nothing is echoed", async () => {
  const rows: readonly (readonly [typed: readonly string[], value: string | undefined])[] = [
    [["s3cret\r"], "s3cret"], [["s3", "crét\n", "more"], "s3crét"], [["wrong\u0015right\r"], "right"], [["sx\u007f3\u007f\u007f\u007fok\u0004"], "ok"],
    [["half\u0003"], undefined], [["\u001b[A"], undefined], [["\r"], undefined], [[], undefined],
  ];
  for (const [typed, value] of rows) {
    const modes: boolean[] = [];
    const said: string[] = [];
    const terminal = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (mode: boolean) => modes.push(mode) });
    for (const text of typed) terminal.write(text);
    if (typed.length === 0) terminal.end();
    const reading = readSecret(terminal, { question: "Value: ", say: (text) => said.push(text), end: "line" });
    if (value === undefined) await assert.rejects(reading, { code: "cli.secret" });
    else assert.equal(Buffer.from(await reading).toString(), value);
    assert.deepEqual([modes, said], [[true, false], ["Value: ", "\n"]]);
  }
  assert.equal(rows.length, 8);
});
