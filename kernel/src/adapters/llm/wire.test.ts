import assert from "node:assert/strict";
import { test } from "node:test";
import { readJson } from "../../air/json.ts";
import type { Json } from "../../air/types.ts";
import { anthropic } from "./anthropic.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";
import { costCents, failureBytes } from "./output.ts";
import { failed, type LlmAnswer, type Protocol } from "./protocol.ts";

const json = (value: unknown): Json => readJson(JSON.stringify(value), "test").json;

/** Plays the events of a stream to the protocol's reader; `text` is what progress would have shown. */
function streamed(protocol: Protocol, events: readonly unknown[]): { readonly answer: LlmAnswer; readonly text: string } {
  const reader = protocol.stream();
  const text = events.map((event) => reader.take(json(event))).join("");
  return { answer: reader.answer(), text };
}

const chunk = (choice: unknown, more: object = {}): unknown => ({ object: "chat.completion.chunk", choices: choice === undefined ? [] : [choice], ...more });

test("openai chat: streams as servers differ in them: one answer", () => {
  const said: LlmAnswer = { content: "Hi there", toolCalls: [], finish: "stop", usage: { prompt: 3, completion: 2 } };
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  const called: LlmAnswer = { content: "", toolCalls: [{ id: "a", name: "f", arguments: new Map([["x", 1]]) }, { id: "b", name: "g", arguments: new Map() }], finish: "tool_calls", usage: undefined };
  const call = (fields: object, fn: object): unknown => chunk({ index: 0, delta: { tool_calls: [{ ...fields, function: fn }] } });
  const rows: readonly (readonly [string, readonly unknown[], LlmAnswer, string])[] = [
    ["usage in a chunk of its own, choices empty", [chunk({ delta: { role: "assistant", content: "" } }), chunk({ delta: { content: "Hi " } }), chunk({ delta: { content: "there" }, finish_reason: null }), chunk({ delta: {}, finish_reason: "stop" }), chunk(undefined, { usage })], said, "Hi there"],
    ["usage in a chunk of its own, choices null", [chunk({ delta: { content: "Hi there" }, finish_reason: "stop" }), { choices: null, usage }], said, "Hi there"],
    ["usage with the end", [chunk({ delta: { content: "Hi there" } }, { usage: null }), chunk({ delta: { content: null }, finish_reason: "stop" }, { usage })], said, "Hi there"],
    ["usage counted up", [chunk({ delta: { content: "Hi there" } }, { usage: { ...usage, completion_tokens: 1 } }), chunk({ delta: {}, finish_reason: "stop" }, { usage })], said, "Hi there"],
    ["thoughts beside the text", [chunk({ delta: { reasoning_content: "hm" } }), chunk({ delta: { content: "Hi there" }, finish_reason: "stop" }, { usage })], said, "Hi there"],
    ["an error that is none", [chunk({ delta: { content: "Hi there" }, finish_reason: "stop" }, { usage, error: null })], said, "Hi there"],
    ["calls by index, in pieces, interleaved", [call({ index: 0, id: "a" }, { name: "f", arguments: "" }), call({ index: 1, id: "b" }, { name: "g", arguments: "{" }), call({ index: 0 }, { arguments: '{"x"' }), call({ index: 1 }, { arguments: "}" }), call({ index: 0 }, { arguments: ":1}" }), chunk({ delta: {}, finish_reason: "tool_calls" })], called, ""],
    ["calls without an index", [call({ id: "a" }, { name: "f", arguments: '{"x":' }), call({}, { arguments: "1}" }), call({ id: "b" }, { name: "g", arguments: "" }), chunk({ delta: {}, finish_reason: "stop" })], called, ""],
    ["calls whole, id and name told again", [call({ index: 0, id: "a" }, { name: "f", arguments: '{"x":1}' }), call({ index: 1, id: "b" }, { name: "g" }), call({ index: 1, id: "b" }, { name: "g", arguments: "{}" }), chunk({ delta: {}, finish_reason: "tool_calls" })], called, ""],
  ];
  for (const [what, events, answer, text] of rows) assert.deepEqual(streamed(openaiChat, events), { answer, text }, what);
  assert.equal(rows.length, 9);
});

test("openai chat: a refusal, arguments that are no object, a call without an id: told as they are", () => {
  const message = (fields: object, reason = "stop"): Json => json({ choices: [{ message: fields, finish_reason: reason }] });
  const call = (fields: object): Json => message({ content: null, tool_calls: [fields] }, "tool_calls");
  const rows: readonly (readonly [Json, Partial<LlmAnswer>])[] = [
    [message({ content: null, refusal: "No." }), { content: "No.", finish: "refused" }],
    [message({ content: "x" }, "eos"), { content: "x", finish: "other" }],
    [call({ id: "a", function: { name: "f", arguments: '{"x": 1' } }), { toolCalls: [{ id: "a", name: "f", arguments: '{"x": 1' }] }],
    [call({ id: "a", function: { name: "f", arguments: "[1]" } }), { toolCalls: [{ id: "a", name: "f", arguments: "[1]" }] }],
    [call({ function: { name: "f", arguments: "" } }), { toolCalls: [{ id: "call_0", name: "f", arguments: new Map() }] }],
  ];
  for (const [body, expected] of rows) assert.deepEqual({ ...openaiChat.answerOf(body), ...expected }, openaiChat.answerOf(body));
  assert.throws(() => openaiChat.answerOf(call({ id: "a", function: { arguments: "{}" } })), { code: "llm.answer" });
  assert.throws(() => streamed(openaiChat, [chunk({ delta: { tool_calls: [{ index: 1e6, id: "a", function: { name: "f" } }] } })]), { code: "llm.answer" });
  assert.throws(() => streamed(openaiChat, [chunk({ delta: { content: "x" } })]), { code: "llm.stream" });
  assert.throws(() => streamed(openaiChat, [{ error: { message: "out of memory", code: 500 } }]), { code: "llm.failed" });
  assert.equal(rows.length, 5);
});

test("openai responses: reasoning and other items beside the answer, each end of a response: read", () => {
  const message = { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi ", annotations: [] }, { type: "output_text", text: "there" }] };
  const usage = { input_tokens: 3, output_tokens: 2, output_tokens_details: { reasoning_tokens: 1 } };
  const base = { object: "response", status: "completed", error: null, output: [{ type: "reasoning", summary: [] }, { type: "web_search_call" }, message], usage };
  const said: LlmAnswer = { content: "Hi there", toolCalls: [], finish: "stop", usage: { prompt: 3, completion: 2 } };
  const rows: readonly (readonly [object, string, LlmAnswer])[] = [
    [base, "response.completed", said],
    [{ ...base, status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }, "response.incomplete", { ...said, finish: "length" }],
    [{ ...base, status: "incomplete", incomplete_details: { reason: "content_filter" } }, "response.incomplete", { ...said, finish: "refused" }],
    [{ ...base, output: [{ type: "message", content: [{ type: "refusal", refusal: "No." }] }] }, "response.completed", { ...said, content: "No.", finish: "refused" }],
    [{ ...base, output: [{ type: "function_call", id: "fc_1", call_id: "a", name: "f", arguments: '{"x":1}' }], usage: null }, "response.completed",
      { content: "", toolCalls: [{ id: "a", name: "f", arguments: new Map([["x", 1]]) }], finish: "tool_calls", usage: undefined }],
  ];
  for (const [body, type, answer] of rows) {
    assert.deepEqual(openaiResponses.answerOf(json(body)), answer);
    const events = [{ type: "response.created", response: { ...base, status: "in_progress" } }, { type: "response.reasoning_summary_text.delta", delta: "hm" }, { type: "response.output_text.delta", delta: "Hi" }, { type, response: body }];
    assert.deepEqual(streamed(openaiResponses, events), { answer, text: "Hi" });
  }
  const broken = { ...base, status: "failed", error: { code: "server_error", message: "Sorry." } };
  const failures: readonly (readonly [readonly unknown[], string])[] = [
    [[{ type: "response.failed", response: broken }], "llm.failed"],
    [[{ type: "error", code: "server_error", message: "Sorry." }], "llm.failed"],
    [[{ type: "error", error: { type: "server_error", message: "Sorry." } }], "llm.failed"],
    [[{ type: "response.completed", response: { ...base, status: "queued" } }], "llm.answer"],
    [[{ type: "response.completed" }], "llm.answer"],
    [[{ type: "response.output_text.delta", delta: "Hi" }], "llm.stream"],
  ];
  for (const [events, code] of failures) assert.throws(() => streamed(openaiResponses, events), { code });
  assert.deepEqual([rows.length, failures.length], [5, 6]);
});

test("anthropic: thoughts, pings, events of a later version, cached tokens: the answer all the same", () => {
  const start = { type: "message_start", message: { type: "message", role: "assistant", content: [], usage: { input_tokens: 3, cache_creation_input_tokens: 20, cache_read_input_tokens: 100, output_tokens: 1 } } };
  const events = [
    start, { type: "ping" },
    { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "hm" } },
    { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "x" } },
    { type: "content_block_stop", index: 0 },
    { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Hi " } },
    { type: "something_new", index: 1 },
    { type: "content_block_delta", index: 1, delta: { type: "something_new" } },
    { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "there" } },
    { type: "content_block_stop", index: 1 },
    { type: "content_block_start", index: 2, content_block: { type: "tool_use", id: "a", name: "f", input: {} } },
    { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: "" } },
    { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"x": ' } },
    { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: "1.50}" } },
    { type: "content_block_stop", index: 2 },
  ];
  const end = { type: "message_delta", delta: { stop_reason: "tool_use", stop_sequence: null }, usage: { output_tokens: 42 } };
  const again = { ...end, usage: { input_tokens: 5, output_tokens: 42 } };
  const { text, answer } = streamed(anthropic, [...events, end, { type: "message_stop" }]);
  assert.equal(text, "Hi there");
  const whole = anthropic.answerOf(json({
    type: "message", stop_reason: "tool_use", usage: { input_tokens: 123, output_tokens: 42 },
    content: [{ type: "thinking", thinking: "hm" }, { type: "text", text: "Hi there" }, { type: "tool_use", id: "a", name: "f", input: { x: 1.5 } }],
  }));
  assert.deepEqual(answer, whole);
  assert.deepEqual(answer.usage, { prompt: 123, completion: 42 });
  assert.deepEqual(streamed(anthropic, [...events, again, { type: "message_stop" }]).answer.usage, { prompt: 5, completion: 42 });
  assert.throws(() => streamed(anthropic, [...events, end]), { code: "llm.stream" });
  assert.throws(() => streamed(anthropic, [start, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }]), { code: "llm.failed" });
  assert.throws(() => anthropic.answerOf(json({ type: "message", content: [{ type: "tool_use", name: "f", input: {} }] })), { code: "llm.answer" });
});

test("llm output: cost: rounded up to whole cents, exact for counts beyond what a number holds", () => {
  const rows: readonly (readonly [prompt: number, completion: number, cents: number])[] = [[0, 0, 0], [1, 0, 1], [1_000_000, 0, 300], [1_000_001, 0, 301], [2 ** 40, 2 ** 40, 1_979_120_930]];
  for (const [prompt, completion, cents] of rows) assert.equal(costCents({ promptCents: 300, completionCents: 1_500 }, { prompt, completion }), cents);
  assert.equal(costCents(undefined, { prompt: 1, completion: 1 }), undefined);
  assert.equal(costCents({ promptCents: 1, completionCents: 1 }, undefined), undefined);
  assert.equal(rows.length, 5);
});

test("llm output: a provider's words: one line, short, no credential, never half a character", () => {
  const same = (text: string): string => text;
  const said = (type: string, message: string): string => new TextDecoder().decode(failureBytes(failed({ type, message }), same));
  assert.equal(said("t", "a\r\n\tb."), "llm.failed: the provider gave up on the answer (t): a b.");
  assert.equal(said("t", "x".repeat(1_000)), `llm.failed: the provider gave up on the answer (t): ${"x".repeat(300)} ….`);
  assert.equal(said("t".repeat(100), ""), `llm.failed: the provider gave up on the answer (${"t".repeat(60)}).`);
  assert.doesNotThrow(() => said(`${"t".repeat(59)}🙂`, `${"x".repeat(299)}🙂 and more`));
  for (const text of ["sk-abcd1234", "sk-ant-api03-AbCd_12", "sk-proj-****wxyz", "gsk_abcdef123456", "Bearer eyJhbGci.x.y"]) assert.equal(said("t", `key ${text} is wrong`), "llm.failed: the provider gave up on the answer (t): key [redacted] is wrong.");
});
