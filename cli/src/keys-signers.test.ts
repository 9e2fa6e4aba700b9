// The file of keys for stock git: what it says, when it says something else than the trust file, and how it is made to follow.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { aos, json, ok, temporaryFolder } from "./testing/aos.ts";

test("allowed signers: a key more in the trust file: told by check, printed, written once", async (t) => {
  const folder = await temporaryFolder(t);
  ok(await aos(["init", "world", "--template", "empty"], { cwd: folder }));
  const cwd = join(folder, "world");
  const [trust, signers] = [join(cwd, ".aos/trust.json"), join(cwd, ".aos/allowed_signers")];
  const told = async (): Promise<unknown> => json(await aos(["check", "--json"], { cwd }))["diagnostics"];
  assert.deepEqual(await told(), []);
  const { public: line } = json(await aos(["keys", "new", "second", "--out", "second", "--json"], { cwd: folder }));
  const before = JSON.parse(await readFile(trust, "utf8")) as { readonly principals: { readonly author: { readonly keys: string[] } } };
  before.principals.author.keys.push(String(line));
  await writeFile(trust, JSON.stringify(before));
  assert.deepEqual(await told(), [{ severity: "warning", code: "signers.stale", file: ".aos/allowed_signers", pointer: "", line: 1, column: 1, message: "not the keys of .aos/trust.json", hint: "aos keys signers --write" }]);
  const old = await readFile(signers, "utf8");
  const printed = ok(await aos(["keys", "signers"], { cwd })).stdout;
  assert.ok(printed.includes(String(line)) && !old.includes(String(line)));
  assert.equal(await readFile(signers, "utf8"), old);
  for (const written of [true, false]) assert.deepEqual(json(await aos(["keys", "signers", "--write", "--json"], { cwd })), { path: ".aos/allowed_signers", signers: printed, written });
  assert.equal(await readFile(signers, "utf8"), printed);
  assert.deepEqual(await told(), []);
  await writeFile(trust, "{}");
  const wrong = await aos(["keys", "signers", "--write"], { cwd });
  assert.equal(wrong.code, 2, wrong.stderr);
  assert.match(wrong.stderr, /\.aos\/trust\.json/);
  assert.equal(await readFile(signers, "utf8"), printed);
});
