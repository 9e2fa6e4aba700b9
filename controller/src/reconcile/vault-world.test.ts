// Secrets of a running world: in no record, no ref, no line of the log, and in the state folder only where they are meant to be.

import { test } from "node:test";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { createModuleRunner, forgetBlob, hashBytes } from "@agentos/kernel";
import { llmServer, summarize } from "@agentos/kernel/testing";
import { atEnd } from "../testing/at-end.ts";
import { connectWorld } from "../control/connect.ts";
import { openRepo } from "../git/repo.ts";
import { safeUpgradeRepo } from "../testing/world-repo.ts";
import { start, until } from "../testing/world-steps.ts";
import { verifyRepository } from "../world-access.ts";
import { worldVault } from "./adapters.ts";
import type { LogLine } from "./log.ts";

const run = promisify(execFile);
/** Put away by hand; what a plan puts away; what nobody may find. */
const TYPED = "canary-typed-4a8a08f09d37b737";
const PUT = "canary-put-95649038408b5f33";

const text = (value: string): unknown => ({ text: value });
const named = (...names: readonly string[]): readonly unknown[] => names.map((name) => ({ name }));
const NODES: readonly unknown[] = [
  { $kind: "defschema", name: "demo/Keep@1", type: { record: { value: { hash: {} }, ask: { hash: {} } } } },
  { $kind: "defsecret", name: "llm/api@1", binding_id: "vault:llm/key" },
  { $kind: "defsecret", name: "other@1", binding_id: "vault:other", expected_digest: hashBytes(Buffer.from(PUT)) },
  {
    $kind: "defplan", name: "demo/keep@1", input: "demo/Keep@1",
    steps: [
      { id: "put", op: "emit_effect", kind: "vault.put", cap: "vault", params: { record: { alias: text("put by a plan"), binding_id: text("vault:other"), value_ref: { ref: "@plan.input.value" }, expected_digest: { ref: "@plan.input.value" } } }, bind: { effect_id_as: "putting" } },
      { id: "kept", op: "await_receipt", for: { ref: "@var:putting" }, bind: { as: "kept" } },
      {
        id: "ask", op: "emit_effect", kind: "llm.generate", cap: "llm", bind: { effect_id_as: "asked" },
        params: { record: {
          provider: text("mock"), model: text("m"), temperature: { dec128: "0" }, max_tokens: { nat: 9 }, message_refs: { list: [{ ref: "@plan.input.ask" }] }, tool_refs: { null: {} }, tool_choice: { null: {} },
          api_key: { variant: { tag: "secret", value: { record: { alias: text("llm/api"), version: { nat: 1 } } } } },
        } },
      },
      { id: "answered", op: "await_receipt", for: { ref: "@var:asked" }, bind: { as: "answer" } },
      { id: "end", op: "end" },
    ],
    edges: [{ from: "put", to: "kept" }, { from: "kept", to: "ask" }, { from: "ask", to: "answered" }, { from: "answered", to: "end" }],
  },
  { $kind: "defpolicy", name: "demo/vault_policy@1", rules: [{ when: { origin_kind: "plan" }, decision: "allow" }] },
];
const MANIFEST = {
  $kind: "manifest", air_version: "1", schemas: named("demo/Keep@1"), modules: named("sys/CapEnforceLlmBasic@1"), plans: named("demo/keep@1"), effects: named("sys/llm.generate@1", "sys/vault.put@1"),
  caps: named("sys/llm.basic@1", "sys/secret@1"), policies: named("demo/vault_policy@1"), secrets: named("llm/api@1", "other@1"),
  defaults: { policy: "demo/vault_policy@1", cap_grants: [
    { name: "llm", cap: "sys/llm.basic@1", params: { record: { providers: { set: [text("mock")] }, models: { set: [text("m")] }, max_tokens: { nat: 100 } } } }, { name: "vault", cap: "sys/secret@1", params: { record: {} } },
  ] },
  triggers: [{ event: "demo/Keep@1", plan: "demo/keep@1" }],
};

/** Files below a folder that hold a text in some form, by their paths in it. */
async function holding(folder: string, value: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && holds(await readFile(join(entry.parentPath, entry.name)), value)) found.push(join(entry.parentPath, entry.name).slice(folder.length + 1));
  }
  return found;
}

function holds(bytes: Buffer, value: string): boolean {
  return (["utf8", "base64", "hex"] as const).some((form) => bytes.includes(Buffer.from(value).toString(form).replace(/=+$/, "")));
}

test("controller: secrets put away by hand and by a plan, and used: nowhere in clear but in the blob that the plan was given, which no seal brings and the world can do without", { timeout: 120_000 }, async (t) => {
  const air = ["authority", "fetch-plan-1", "module", "schemas"].map((name): readonly [string, string] => [`air/${name}.air.json`, "[]\n"]);
  const world = await safeUpgradeRepo({ files: { ...Object.fromEntries(air), "air/manifest.air.json": `${JSON.stringify(MANIFEST)}\n`, "air/vault.air.json": `${JSON.stringify(NODES)}\n` } });
  atEnd(t, () => world.remove());
  const server = await llmServer({ key: TYPED, answer: (request) => summarize(request) });
  atEnd(t, () => server.close());
  const path = `${world.folder}/world`;
  const state = join(path, ".git", "aos");
  const log: LogLine[] = [];
  let controller = await start(world);
  atEnd(t, () => controller.stop());
  await controller.stop();
  await writeFile(join(state, "adapters.json"), JSON.stringify({ llm: { providers: { mock: { protocol: "openai-chat", baseUrl: `${server.url}/v1` } } } }));
  const vault = await worldVault(state);
  await vault.put("llm/key", { alias: "by hand", value: Buffer.from(TYPED) });
  controller = await start(world, path, { log });
  await until(controller, ({ ready }) => ready.status === "True");
  const client = await connectWorld(await openRepo(path));
  assert.ok(client !== undefined);
  const value = hashBytes(Buffer.from(PUT));
  const ask = hashBytes(Buffer.from("what is the key?"));
  for (const [hash, body] of [[value, PUT], [ask, "what is the key?"]] as const) {
    await client.bytes("PUT", `/blobs/${hash}`, (async function* () { yield Buffer.from(body); })());
  }
  await client.ask("POST", "/events", { schema: "demo/Keep@1", value: { value, ask } });
  await client.ask("POST", "/settle");
  await client.ask("POST", "/snapshot");
  const { records } = (await client.ask("GET", "/journal?from=0&limit=100&kinds=receipt,plan_ended")) as { readonly records: readonly { readonly kind: string; readonly status: string; readonly code?: string }[] };
  assert.deepEqual(records.map(({ kind, status, code }) => [kind, status, code]), [["receipt", "ok", undefined], ["receipt", "ok", undefined], ["plan_ended", "ok", undefined]]);
  assert.deepEqual([server.requests.length, Buffer.from((await vault.get("other")) ?? []).toString()], [1, PUT]);
  await controller.stop();

  const blob = join("blobs", value.slice(7, 9), value.slice(7));
  assert.deepEqual((await holding(state, PUT)).map((file) => (file.endsWith(value.slice(9)) ? blob : file)), [blob]);
  assert.deepEqual(await holding(world.folder, TYPED), []);
  const { stdout: objects } = await run("git", ["-C", path, "cat-file", "--batch", "--batch-all-objects", "--buffer"], { encoding: "buffer", maxBuffer: 1 << 28 });
  assert.ok(objects.includes("what is the key?") && objects.includes("put by a plan"), "what is published is looked through");
  for (const secret of [TYPED, PUT]) assert.ok(!holds(objects, secret));
  assert.ok(log.length > 10);
  assert.ok(!inspect(log, { depth: 9 }).includes("canary"));
  const report = await verifyRepository({ repo: await openRepo(path), trust: world.trust, modules: createModuleRunner() });
  assert.deepEqual(report.problems, []);

  assert.equal(await forgetBlob(join(state, "blobs"), value), "removed");
  assert.deepEqual(await holding(state, PUT), []);
  await rm(join(state, "snapshots"), { recursive: true });
  controller = await start(world, path);
  await until(controller, ({ ready }) => ready.status === "True");
});
