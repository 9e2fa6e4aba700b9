// What a new world begins with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { generateKey, parseTrust, TRUST_PATH } from "@agentos/controller";
import { governanceFiles, principal, TEMPLATES, templateFiles } from "./genesis.ts";
import { fingerprint } from "./testing/aos.ts";

const folder = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

test("templates: the counter is example 00, byte for byte", async () => {
  const template = await fingerprint(folder("templates/counter"));
  assert.deepEqual(template, await fingerprint(folder("../examples/00-counter")));
  assert.ok(template.length > 5);
});

test("templates: every template has a sync map and a manifest", async () => {
  let found = 0;
  for (const template of TEMPLATES) {
    const files = await templateFiles(template);
    assert.ok(files.has("aos.sync.json") && files.has("air/manifest.air.json"), template);
    found++;
  }
  assert.equal(found, TEMPLATES.length);
});

test("governance files: each principal may sign what its kind may, and nothing else", () => {
  const key = (name: string): Uint8Array => generateKey(name).key.publicKey;
  const principals = [principal("ada", "person", key("ada")), principal("controller", "controller", key("controller"))];
  const files = governanceFiles({ name: "w", id: "0".repeat(32), principals });
  const text = (path: string): string => new TextDecoder().decode(files.get(path));
  const trust = parseTrust(files.get(TRUST_PATH) ?? new Uint8Array());
  assert.deepEqual(trust.principals.map(({ name, kind }) => `${name} ${kind}`), ["ada person", "controller controller"]);
  assert.match(text(".aos/allowed_signers"), /^ada namespaces="git,aos-review,aos-event,aos-approval" ssh-ed25519 \S+ ada\ncontroller namespaces="git,aos-receipt,aos-shadow" ssh-ed25519 \S+ controller\n$/);
  assert.deepEqual(JSON.parse(text(".aos/policy.json")), { version: 1, approvals: 1, shadow: "required" });
});
