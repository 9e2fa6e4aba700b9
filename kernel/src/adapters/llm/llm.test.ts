import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical } from "../../air/cbor.ts";
import { utf8, ZERO_HASH } from "../../air/hash.ts";
import type { Encodable, Value } from "../../air/value.ts";
import { askLlm as ask, llmClosed as closed, llmConfigFor as configFor, llmServerFor as serverFor, LLM_KEY as KEY, LLM_PROTOCOLS as PROTOCOLS, type LlmAsk as Ask } from "../../testing/llm-kit.ts";
import { llmServer, summarize, type LlmScript } from "../../testing/llm-server.ts";
import { manualClock } from "../../testing/manual-clock.ts";
import { memoryBlobs } from "../blobs/memory.ts";
import type { LlmConfig } from "./config.ts";
import { llmAdapter } from "./llm.ts";

function usage(prompt: number, completion: number): Value {
  return new Map([["completion", completion], ["prompt", prompt]]);
}

const ANSWERS: readonly (readonly [what: string, script: LlmScript, output: string])[] = [
  ["a text", { kind: "answer", text: "Hello, wörld 🙂 and more than one piece." },
    '{"content":"Hello, wörld 🙂 and more than one piece.","finish":"stop","role":"assistant","tool_calls":[],"usage":{"completion":5,"prompt":10}}'],
  ["no usage", { kind: "answer", text: "x", usage: "none" }, '{"content":"x","finish":"stop","role":"assistant","tool_calls":[],"usage":null}'],
  ["cut by max_tokens", { kind: "answer", text: "once upon", finish: "length" },
    '{"content":"once upon","finish":"length","role":"assistant","tool_calls":[],"usage":{"completion":5,"prompt":10}}'],
  ["refused", { kind: "answer", text: "I cannot.", finish: "refused" },
    '{"content":"I cannot.","finish":"refused","role":"assistant","tool_calls":[],"usage":{"completion":5,"prompt":10}}'],
  ["two tool calls after a text", {
    kind: "answer", text: "Let me see.", usage: { prompt: 120, completion: 42 },
    toolCalls: [{ id: "c1", name: "weather", arguments: { unit: "C", city: "Zürich", depth: 2.5, big: 9007199254740991 } }, { id: "c2", name: "now", arguments: {} }],
  }, '{"content":"Let me see.","finish":"tool_calls","role":"assistant","tool_calls":[{"arguments":{"big":9007199254740991,"city":"Zürich","depth":2.5,"unit":"C"},"id":"c1","name":"weather"},' +
    '{"arguments":{},"id":"c2","name":"now"}],"usage":{"completion":42,"prompt":120}}'],
  ["a tool call alone", { kind: "answer", toolCalls: [{ id: "c1", name: "now", arguments: { a: [1, null, true] } }] },
    '{"content":"","finish":"tool_calls","role":"assistant","tool_calls":[{"arguments":{"a":[1,null,true]},"id":"c1","name":"now"}],"usage":{"completion":5,"prompt":10}}'],
];
const TOOLS = [{ name: "weather", description: "Weather", parameters: { type: "object", properties: { city: { type: "string" } } } }, { name: "now", parameters: { type: "object", properties: {} } }];

for (const protocol of PROTOCOLS) {
  test(`llm ${protocol}: each kind of answer: the same output whole, streamed, and streamed in slices of one byte`, async (t) => {
    let compared = 0;
    for (const [what, script, output] of ANSWERS) {
      for (const writeBytes of [undefined, 1]) {
        const server = await serverFor(t, () => script, writeBytes === undefined ? {} : { writeBytes });
        const config = configFor(server.url, protocol);
        const whole = await ask(config, { tools: TOOLS });
        const chunks: string[] = [];
        const streamed = await ask(config, { tools: TOOLS, progress: (chunk) => chunks.push(chunk) });
        assert.deepEqual([whole.status, whole.output], ["ok", output], what);
        assert.deepEqual(streamed, whole, what);
        assert.equal(chunks.join(""), (JSON.parse(output) as { content: string }).content);
        assert.deepEqual(server.requests.map(({ delivery }) => delivery), ["whole", "stream"]);
        compared++;
      }
    }
    assert.equal(compared, 2 * ANSWERS.length);
  });

  test(`llm ${protocol}: a long text streamed: progress in pieces, as they arrive`, async (t) => {
    const text = "All work and no play. ".repeat(50);
    const server = await serverFor(t, () => ({ kind: "answer", text }));
    const chunks: string[] = [];
    await ask(configFor(server.url, protocol), { progress: (chunk) => chunks.push(chunk) });
    assert.ok(chunks.length > 100);
    assert.equal(chunks.join(""), text);
  });

  test(`llm ${protocol}: usage and price: tokens as counted, cents rounded up; without a price no cost`, async (t) => {
    const server = await serverFor(t, summarize);
    const priced = configFor(server.url, protocol, { prices: { "model-1": { promptCents: 250, completionCents: 1_000 } } });
    // 120 · 250 + 42 · 1000 = 72000 millionths of a cent.
    const rows: readonly (readonly [LlmConfig, number | undefined])[] = [[priced, 1], [configFor(server.url, protocol), undefined]];
    for (const [config, cents] of rows) {
      const receipt = await ask(config);
      assert.deepEqual([receipt.usage, receipt.cost, receipt.result.costCents], [usage(120, 42), cents ?? 0, cents]);
    }
    const exact = await ask(configFor(server.url, protocol, { prices: { "model-1": { promptCents: 25_000_000, completionCents: 1_000_000 } } }));
    assert.equal(exact.cost, 120 * 25 + 42);
    assert.equal(rows.length, 2);
  });

  test(`llm ${protocol}: a conversation with tools, fed its own output: a request that the service takes`, async (t) => {
    const scripts: LlmScript[] = [
      { kind: "answer", text: "Let me see.", toolCalls: [{ id: "c1", name: "weather", arguments: { city: "Bern" } }, { id: "c2", name: "now", arguments: {} }] },
      { kind: "answer", text: "Sunny." },
    ];
    const server = await serverFor(t, () => scripts.shift() ?? { kind: "answer", text: "?" });
    const config = configFor(server.url, protocol);
    const start = [{ role: "system", content: "Be brief." }, { role: "user", content: "Weather in Bern?" }];
    const first = await ask(config, { messages: [start], tools: [TOOLS] });
    const results = [{ role: "tool", tool_call_id: "c1", content: "sun" }, { role: "tool", tool_call_id: "c2", content: [{ type: "text", text: "12:00" }], is_error: true }];
    const second = await ask(config, { messages: [start, first.output, results, "And tomorrow?"], tools: [TOOLS] });
    assert.deepEqual([first.status, second.status, (JSON.parse(second.output) as { content: string }).content], ["ok", "ok", "Sunny."]);
    assert.equal(server.requests[1]?.userText.endsWith("And tomorrow?"), true);
  });

  test(`llm ${protocol}: each tool choice: sent in the protocol's words`, async (t) => {
    const server = await serverFor(t, summarize);
    const chosen = { "openai-chat": { type: "function", function: { name: "now" } }, "openai-responses": { type: "function", name: "now" }, anthropic: { type: "tool", name: "now" } };
    const simple = (name: string): unknown => (protocol === "anthropic" ? { type: name === "required" ? "any" : name } : name);
    const rows: readonly (readonly [Encodable, unknown])[] = [
      [null, simple("auto")], [{ $tag: "Auto" }, simple("auto")], [{ $tag: "None" }, simple("none")], [{ $tag: "Required" }, simple("required")],
      [{ $tag: "Tool", $value: { name: "now" } }, chosen[protocol]],
    ];
    for (const [choice] of rows) assert.equal((await ask(configFor(server.url, protocol), { tools: TOOLS, params: { tool_choice: choice } })).status, "ok");
    assert.deepEqual(server.requests.map(({ body }) => body["tool_choice"]), rows.map(([, wire]) => wire));
    assert.equal(rows.length, 5);
  });

  test(`llm ${protocol}: statuses of refusal: error with a code, transient where nothing was accepted, no key`, async (t) => {
    let script: LlmScript = { kind: "answer" };
    const server = await serverFor(t, () => script);
    const rows: readonly (readonly [status: number, headers: Record<string, string>, code: string, transient: boolean | undefined, retryAfterMs: number | undefined])[] = [
      [400, {}, "llm.rejected", undefined, undefined],
      [403, {}, "llm.unauthorized", undefined, undefined],
      [404, {}, "llm.not_found", undefined, undefined],
      [413, {}, "llm.rejected", undefined, undefined],
      [429, { "retry-after": "7" }, "llm.rate_limited", true, 7_000],
      [429, { "retry-after": "7", "retry-after-ms": "1500.2" }, "llm.rate_limited", true, 1_501],
      [429, { "retry-after": "Tue, 14 Nov 2023 22:13:50 GMT" }, "llm.rate_limited", true, 30_000],
      [429, { "retry-after": "Tue, 14 Nov 2022 22:13:50 GMT" }, "llm.rate_limited", true, 0],
      [429, { "retry-after": "99999999999" }, "llm.rate_limited", true, 3_600_000],
      [429, { "retry-after": "soon" }, "llm.rate_limited", true, undefined],
      [500, { "retry-after": "7" }, "llm.server", undefined, undefined],
      [502, {}, "llm.server", undefined, undefined],
      [503, {}, "llm.overloaded", true, undefined],
      [529, { "retry-after": "2" }, "llm.overloaded", true, 2_000],
      [307, { location: "http://127.0.0.1:1/v1" }, "llm.status", undefined, undefined],
      [204, {}, "llm.status", undefined, undefined],
    ];
    for (const [status, headers, code, transient, retryAfterMs] of rows) {
      script = { kind: "error", status, headers, type: "some_error", message: `You said Bearer abc and ${KEY} and sk-proj-abcdef***7890, line\n\u0007two. ${"long ".repeat(200)}` };
      const { result, output } = await ask(configFor(server.url, protocol));
      assert.deepEqual([result.status, result.code, result.transient, result.retryAfterMs], ["error", code, transient, retryAfterMs]);
      assert.match(output, new RegExp(`^${code.replace(".", "\\.")}: the provider answered ${status}, [^\\n]*\\.$`));
      assert.doesNotMatch(output, /0123456789abcdef|Bearer abc|7890/);
      assert.ok(output.length < 500, output);
      if (status === 400) assert.match(output, /\(some_error\): You said \[redacted\] and \[redacted\] and \[redacted\], line two\. long/);
    }
    assert.equal(rows.length, 16);
  });

  test(`llm ${protocol}: answers that break: error with a code, whole and streamed; tokens as far as known`, async (t) => {
    const rows: readonly (readonly [script: LlmScript, whole: string, streamed: string])[] = [
      [{ kind: "malformed", after: 2, text: "some text" }, "llm.answer", "llm.answer"],
      [{ kind: "cut", after: 2, text: "some text" }, "llm.transport", "llm.stream"],
      [{ kind: "cut", after: 0, text: "some text" }, "llm.transport", "llm.stream"],
      [{ kind: "reset", after: 3, text: "some text" }, "llm.transport", "llm.transport"],
      [{ kind: "error_event", after: 2, type: "overloaded_error", message: "Overloaded", text: "some text" }, "llm.failed", "llm.failed"],
      [{ kind: "raw", status: 200, headers: { "content-type": "application/json" }, body: "[]" }, "llm.answer", "llm.answer"],
      [{ kind: "raw", status: 200, headers: { "content-type": "application/json" }, body: "{}" }, "llm.answer", "llm.answer"],
      [{ kind: "raw", status: 200, headers: {}, body: "" }, "llm.answer", "llm.answer"],
      [{ kind: "raw", status: 200, headers: { "content-type": "application/json" }, body: Uint8Array.of(0x22, 0xff, 0x22) }, "llm.answer", "llm.answer"],
      [{ kind: "raw", status: 200, headers: { "content-type": "application/json", "content-encoding": "gzip" }, body: "x" }, "llm.answer", "llm.answer"],
      [{ kind: "raw", status: 200, headers: { "content-type": "text/event-stream" }, body: "this is no stream\n\n" }, "llm.answer", "llm.stream"],
      [{ kind: "raw", status: 200, headers: { "content-type": "text/event-stream" }, body: "data: [DONE]\n\n" }, "llm.answer", "llm.stream"],
    ];
    let script: LlmScript = { kind: "answer" };
    const server = await serverFor(t, () => script);
    for (const row of rows) {
      script = row[0];
      const codes: unknown[] = [];
      for (const progress of [undefined, () => undefined]) {
        const { result, output } = await ask(configFor(server.url, protocol), progress === undefined ? {} : { progress });
        assert.deepEqual([result.status, result.transient], ["error", undefined], JSON.stringify(script));
        assert.ok(output.startsWith(`${result.code}: `), output);
        codes.push(result.code);
      }
      assert.deepEqual(codes, row.slice(1), JSON.stringify(script));
    }
    script = { kind: "error_event", after: 3, type: "overloaded_error", message: "Overloaded", text: "some text", usage: { prompt: 120, completion: 42 } };
    const { output, usage: used } = await ask(configFor(server.url, protocol), { progress: () => undefined });
    assert.equal(output, "llm.failed: the provider gave up on the answer (overloaded_error): Overloaded.");
    // Anthropic tells the prompt's tokens at the start, the others all at the end.
    assert.deepEqual(used, protocol === "anthropic" ? usage(120, 1) : usage(0, 0));
    assert.equal(rows.length, 12);
  });

  test(`llm ${protocol}: longer than the limit: error, whole, as one event, and as many`, async (t) => {
    const server = await serverFor(t, () => ({ kind: "answer", text: "x".repeat(20_000) }));
    const config = configFor(server.url, protocol);
    for (const [bodyBytesMax, progress] of [[10_000, undefined], [10_000, () => undefined], [100, () => undefined]] as const) {
      const { result } = await ask({ ...config, bodyBytesMax }, progress === undefined ? {} : { progress });
      assert.deepEqual([result.status, result.code], ["error", "llm.answer_limit"]);
    }
    const endless = await serverFor(t, () => ({ kind: "raw", status: 200, headers: { "content-type": "text/event-stream" }, body: `data: ${"x".repeat(15_000)}` }));
    const { result } = await ask({ ...configFor(endless.url, protocol), bodyBytesMax: 10_000 }, { progress: () => undefined });
    assert.equal(result.code, "llm.answer_limit");
  });

  test(`llm ${protocol}: nothing comes: timeout at the deadline, error when cancelled, whole and streamed`, async (t) => {
    const cancel = { now: (): void => undefined };
    const server = await serverFor(t, () => {
      setImmediate(cancel.now);
      return { kind: "hang", after: 2, text: "some text" };
    });
    const config = configFor(server.url, protocol);
    for (const progress of [undefined, () => undefined]) {
      const more = progress === undefined ? {} : { progress };
      const late = await ask(config, { ...more, deadlineMs: 40 });
      assert.deepEqual([late.status, late.result.code, late.output], ["timeout", "llm.timeout", "llm.timeout: the deadline passed before the answer was whole."]);
      const controller = new AbortController();
      cancel.now = () => controller.abort();
      const cut = await ask(config, { ...more, signal: controller.signal });
      assert.deepEqual([cut.status, cut.result.code], ["error", "llm.cancelled"]);
      cancel.now = () => undefined;
    }
    const before = await ask(config, { signal: AbortSignal.abort() });
    assert.equal(before.result.code, "llm.cancelled");
    assert.equal(server.requests.length, 4);
  });
}

test("llm: a server that was asked for a stream and answers whole: the same output, one piece of progress", async (t) => {
  const body = JSON.stringify({ choices: [{ message: { role: "assistant", content: "whole" }, finish_reason: "stop" }] });
  const server = await serverFor(t, () => ({ kind: "raw", status: 200, headers: { "content-type": "application/json" }, body }));
  const chunks: string[] = [];
  const { output } = await ask(configFor(server.url, "openai-chat"), { progress: (chunk) => chunks.push(chunk) });
  assert.match(output, /"content":"whole","finish":"stop"/);
  assert.deepEqual(chunks, ["whole"]);
});

test("llm: a stream that is whole, and a connection that stays open: the answer, nothing is waited for", async (t) => {
  for (const protocol of PROTOCOLS) {
    const server = await serverFor(t, () => ({ kind: "hang", after: 1_000, text: "whole" }));
    const { status, output } = await ask(configFor(server.url, protocol), { progress: () => undefined });
    assert.equal(status, "ok");
    assert.match(output, /"content":"whole"/);
    await closed(server);
  }
  assert.equal(PROTOCOLS.length, 3);
});

test("llm: an answer that is not read to its end: no connection stays", async (t) => {
  const body = "x".repeat(64 * 1024 * 1024);
  const heads: readonly (readonly [number, Record<string, string>])[] = [[200, { "content-encoding": "gzip" }], [401, {}], [500, {}], [302, { location: "/" }]];
  for (const [status, headers] of heads) {
    const server = await serverFor(t, () => ({ kind: "raw", status, headers, body }));
    assert.equal((await ask(configFor(server.url, "openai-chat"))).status, "error");
    await closed(server);
  }
  assert.equal(heads.length, 4);
});

test("llm: an answer that is not UTF-8: error, no replacement characters", async (t) => {
  const text = JSON.stringify({ choices: [{ message: { content: "?" }, finish_reason: "stop" }] });
  for (const [type, before, after] of [["application/json", "", ""], ["text/event-stream", "data: ", "\n\ndata: [DONE]\n\n"]] as const) {
    const body = Buffer.from(before + text + after);
    body[body.indexOf("?")] = 0xff;
    const server = await serverFor(t, () => ({ kind: "raw", status: 200, headers: { "content-type": type }, body }));
    assert.equal((await ask(configFor(server.url, "openai-chat"), { progress: () => undefined })).result.code, "llm.answer");
  }
});

test("llm: nobody listens: error, transient, as nothing was accepted", async () => {
  for (const protocol of PROTOCOLS) {
    const { result } = await ask(configFor("http://127.0.0.1:1", protocol));
    assert.deepEqual([result.status, result.code, result.transient], ["error", "llm.transport", true]);
  }
  assert.equal(PROTOCOLS.length, 3);
});

test("llm: a server without TLS where the address says https: error, not transient, nothing sent", async (t) => {
  const server = await serverFor(t, summarize);
  for (const protocol of PROTOCOLS) {
    const { result } = await ask(configFor(server.url.replace("http:", "https:"), protocol));
    assert.deepEqual([result.status, result.code, result.transient], ["error", "llm.transport", undefined]);
  }
  assert.deepEqual([PROTOCOLS.length, server.requests.length], [3, 0]);
});

test("llm: a host name that does not exist: error, not transient, the name not told", async () => {
  const { result, output } = await ask(configFor("https://nobody.invalid", "openai-chat"));
  assert.deepEqual([result.status, result.code], ["error", "llm.transport"]);
  assert.doesNotMatch(output, /nobody/);
});

test("llm: the key: from the call first, then from the binding; where none is needed none is sent", async (t) => {
  const server = await serverFor(t, summarize, {});
  const keyless = await llmServer({ answer: summarize });
  t.after(() => keyless.close());
  const bound = { apiKeyBinding: "env:LOCAL_KEY" };
  const rows: readonly (readonly [LlmConfig, Ask, string | undefined])[] = [
    [configFor(server.url, "openai-chat"), {}, undefined],
    [configFor(server.url, "openai-chat"), { params: { api_key: { $tag: "literal", $value: KEY } } }, undefined],
    [configFor(server.url, "openai-chat"), { params: { api_key: { literal: KEY } } }, undefined],
    [configFor(server.url, "openai-chat"), { params: { api_key: utf8(KEY) } }, undefined],
    [configFor(server.url, "openai-chat", bound), { params: { api_key: null }, bound: utf8(`${KEY}\n`) }, undefined],
    [configFor(server.url, "anthropic", bound), { params: { api_key: null }, bound: utf8(KEY) }, undefined],
    [configFor(server.url, "openai-chat", bound), { bound: utf8("another") }, undefined],
    [configFor(keyless.url, "openai-chat"), { params: { api_key: null } }, undefined],
    [configFor(server.url, "openai-chat", bound), { params: { api_key: null } }, "llm.key"],
    [configFor(server.url, "openai-chat", bound), { params: { api_key: null }, bound: utf8("two\nlines") }, "llm.key"],
    [configFor(server.url, "openai-chat", bound), { params: { api_key: null }, bound: Uint8Array.of(0xff) }, "llm.key"],
    [configFor(server.url, "openai-chat"), { params: { api_key: { $tag: "secret", $value: { alias: "llm/api", version: 1 } } } }, "llm.params"],
    [configFor(server.url, "openai-chat"), { params: { api_key: "wrong-key-of-some-length" } }, "llm.unauthorized"],
    [configFor(server.url, "anthropic"), { params: { api_key: "wrong-key-of-some-length" } }, "llm.unauthorized"],
    [{}, { params: { provider: "openai", api_key: null } }, "llm.key"],
  ];
  for (const [config, options, code] of rows) {
    const { result, output } = await ask(config, options);
    assert.equal(result.code, code, output);
    assert.doesNotMatch(output, /wrong-key|0123456789abcdef/);
  }
  assert.equal(keyless.requests[0]?.headers.authorization, undefined);
  assert.equal(rows.length, 15);
});

test("llm: a key that a server quotes in its answer: taken out of the output and of the progress", async (t) => {
  for (const protocol of PROTOCOLS) {
    const server = await serverFor(t, () => ({ kind: "raw", status: 200, headers: {}, body: JSON.stringify({
      choices: [{ message: { content: `key ${KEY}` }, finish_reason: "stop" }],
      status: "completed", output: [{ type: "message", content: [{ type: "output_text", text: `key ${KEY}` }] }],
      content: [{ type: "text", text: `key ${KEY}` }], stop_reason: "end_turn",
    }) }));
    const chunks: string[] = [];
    const { output } = await ask(configFor(server.url, protocol), { progress: (chunk) => chunks.push(chunk) });
    assert.match(output, /"content":"key \[redacted\]"/);
    assert.deepEqual(chunks, ["key [redacted]"]);
  }
  assert.equal(PROTOCOLS.length, 3);
});

test("llm: after a crash: unknown; while busy: again", () => {
  const adapter = llmAdapter({ blobs: memoryBlobs(), clock: manualClock(0n), secrets: { resolve: async () => undefined } }, undefined);
  const call = { intentHash: ZERO_HASH, effect: "llm.generate", params: canonical(null), idempotencyKey: new Uint8Array(32), capParams: canonical(null) };
  assert.equal(adapter.resend(call), "unknown");
  assert.equal(adapter.retry?.({ ...call, deadlineMs: 1, signal: new AbortController().signal }), true);
});
