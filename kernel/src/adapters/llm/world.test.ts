import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../../air/cbor.ts";
import { fromUtf8, hex, utf8 } from "../../air/hash.ts";
import type { Hash, Value } from "../../air/value.ts";
import { assertReplays, controlFrom } from "../../testing/test-world.ts";
import { fetchParts, openOn, recordsOf, turnsIn } from "../../testing/host-kit.ts";
import { llmServer, summarize, type LlmScript } from "../../testing/llm-server.ts";
import type { Blobs } from "../../ports.ts";
import { llmAdapter } from "./llm.ts";

const KEY = "sk-world-0123456789abcdef";
const named = (...names: readonly string[]): readonly unknown[] => names.map((name) => ({ name }));

/** A plan asks a model about the blobs that its event names, with a secret for the key. */
const AIR: readonly unknown[] = [
  { $kind: "defschema", name: "demo/Ask@1", type: { record: { messages: { list: { hash: {} } } } } },
  { $kind: "defsecret", name: "llm/api@1", binding_id: "env:LLM_API_KEY", allowed_caps: ["llm"], allowed_plans: ["demo/ask@1"] },
  {
    $kind: "defplan", name: "demo/ask@1", input: "demo/Ask@1",
    steps: [
      {
        id: "ask", op: "emit_effect", kind: "llm.generate", cap: "llm", bind: { effect_id_as: "asked" },
        params: { record: {
          provider: { text: "mock" }, model: { text: "mock-summarizer" }, temperature: { dec128: "0" }, max_tokens: { nat: 512 },
          message_refs: { ref: "@plan.input.messages" }, tool_refs: { null: {} }, tool_choice: { null: {} },
          api_key: { variant: { tag: "secret", value: { record: { alias: { text: "llm/api" }, version: { nat: 1 } } } } },
        } },
      },
      { id: "wait", op: "await_receipt", for: { ref: "@var:asked" }, bind: { as: "answer" } },
      { id: "end", op: "end" },
    ],
    edges: [{ from: "ask", to: "wait" }, { from: "wait", to: "end" }],
  },
  { $kind: "defpolicy", name: "demo/policy@1", rules: [{ when: { effect_kind: "llm.generate", origin_kind: "plan" }, decision: "allow" }] },
  {
    $kind: "manifest", air_version: "1", schemas: named("demo/Ask@1"), modules: named("sys/CapEnforceLlmBasic@1"), plans: named("demo/ask@1"),
    effects: named("sys/llm.generate@1"), caps: named("sys/llm.basic@1"), policies: named("demo/policy@1"), secrets: named("llm/api@1"),
    defaults: { policy: "demo/policy@1", cap_grants: [{ name: "llm", cap: "sys/llm.basic@1", params: { record: {
      providers: { set: [{ text: "mock" }] }, models: { set: [{ text: "mock-summarizer" }] }, max_tokens: { nat: 2048 },
    } } }] },
    triggers: [{ event: "demo/Ask@1", plan: "demo/ask@1" }],
  },
];

/** Every byte string that was put away. */
function watchedBlobs(inner: Blobs): Blobs & { readonly stored: readonly Uint8Array[] } {
  const stored: Uint8Array[] = [];
  return { stored, get: (hash) => inner.get(hash), put: (bytes) => (stored.push(bytes), inner.put(bytes)) };
}

test("llm in a world: a plan's call, refused once: sent again, one receipt, the same after a replay, the key in no record and no blob", async (t) => {
  const scripts: LlmScript[] = [{ kind: "error", status: 503, headers: { "retry-after": "0" }, type: "overloaded", message: `come back with ${KEY}` }];
  const server = await llmServer({ key: KEY, answer: (request) => scripts.shift() ?? summarize(request) });
  t.after(() => server.close());
  const base = fetchParts();
  const blobs = watchedBlobs(base.blobs);
  const parts = { ...base, blobs };
  const secrets = { resolve: async (binding: string) => (binding === "env:LLM_API_KEY" ? utf8(KEY) : undefined) };
  const adapter = llmAdapter({ ...parts, secrets }, { providers: { mock: { protocol: "openai-chat", baseUrl: `${server.url}/v1` } } });
  const host = await openOn(parts, { adapters: [adapter], secrets });
  await host.apply({ control: controlFrom(AIR), artifacts: [], commit: "0".repeat(40), base: undefined, decision: null });
  host.startEffects();
  const story = "A story about a world that lives in a repository.";
  const ref = await blobs.put(utf8(story));
  await host.submit({ schema: "demo/Ask@1", value: new Map<Value, Value>([["messages", [ref]]]), key: undefined, sender: "test" });
  await host.settled();
  assert.equal(server.requests.length, 1, "until its time comes, the call is not sent again");
  parts.clock.advance((parts.clock.nextWakeNs ?? assert.fail()) - parts.clock.now());
  await host.settled();

  const [intent, ...moreIntents] = await recordsOf(parts.journal, "intent");
  const [receipt, ...moreReceipts] = await recordsOf(parts.journal, "receipt");
  assert.ok(intent !== undefined && receipt !== undefined);
  assert.deepEqual([moreIntents, moreReceipts, server.requests.length], [[], [], 2]);
  assert.deepEqual([receipt.status, receipt.adapter, receipt.code], ["ok", "llm", undefined]);
  const payload = decode(receipt.payload) as ReadonlyMap<string, Value>;
  assert.deepEqual(payload.get("token_usage"), new Map([["completion", 42], ["prompt", 120]]));
  const output = await blobs.get(payload.get("output_ref") as Hash);
  assert.equal((JSON.parse(fromUtf8(output ?? new Uint8Array())) as { content: string }).content, `${story} …${ref.slice(7, 15)}`);
  const ended = await recordsOf(parts.journal, "plan_ended");
  assert.deepEqual(ended.map((record) => record.status), ["ok"]);

  const live = host.world;
  await host.stop();
  await assertReplays(parts.journal, parts.blobs, { modules: parts.modules, live });
  const everything = [...(await turnsIn(parts.journal)).flatMap(({ records }) => records), ...blobs.stored];
  assert.ok(everything.length > 5);
  for (const bytes of everything) assert.ok(!hex(bytes).includes(hex(utf8(KEY))), "the key is nowhere");
});
