import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "../../air/error.ts";
import { ZERO_HASH } from "../../air/hash.ts";
import { askLlm as ask, llmConfigFor as configFor, llmServerFor as serverFor, LLM_PROTOCOLS as PROTOCOLS, type LlmAsk as Ask } from "../../testing/llm-kit.ts";
import { summarize, type LlmServerProtocol } from "../../testing/llm-server.ts";
import { memoryBlobs } from "../blobs/memory.ts";

test("llm: what a call asks for that cannot be: error with a code and the place, nothing sent", async (t) => {
  const server = await serverFor(t, summarize);
  const tool = { name: "now", parameters: { type: "object" } };
  const rows: readonly (readonly [Ask, RegExp])[] = [
    [{ params: { provider: "nobody" } }, /^llm\.provider: there is no provider of this name; there are openai, openai-chat, openai-responses, anthropic, local\.$/],
    [{ params: { provider: "__proto__" } }, /^llm\.provider: /],
    [{ params: { temperature: "hot" } }, /^llm\.params: temperature: /],
    [{ params: { temperature: "1e9999" } }, /^llm\.params: temperature: /],
    [{ params: { max_tokens: 0 } }, /^llm\.params: max_tokens: /],
    [{ params: { model: "" } }, /^llm\.params: model: /],
    [{ params: { message_refs: [] } }, /^llm\.message: message_refs: there is no message\.$/],
    [{ params: { message_refs: [ZERO_HASH] } }, /^llm\.blob_missing: message_refs\[0\]: sha256:0{64} is not among the blobs\.$/],
    [{ messages: [""] }, /^llm\.message: message_refs\[0\]: the message is empty\.$/],
    [{ messages: [Uint8Array.of(0xff)] }, /^llm\.message: message_refs\[0\]: the blob is not UTF-8\.$/],
    [{ messages: ["a", { role: "developer", content: "x" }] }, /^llm\.message: message_refs\[1\]: a message's role is system, user, assistant or tool\.$/],
    [{ messages: [[{ role: "user", content: "x" }, "y"]] }, /^llm\.message: message_refs\[0\]\[1\]: a message's role/],
    [{ messages: [{ role: "user", content: "x", name: "y" }] }, /^llm\.message: message_refs\[0\]: a message of user has no such field\.$/],
    [{ messages: [{ role: "user", content: 7 }] }, /^llm\.message: message_refs\[0\]\.content: expected a text, or a list of parts\.$/],
    [{ messages: [{ role: "user", content: [{ type: "video" }] }] }, /^llm\.message: message_refs\[0\]\.content\[0\]: a part's type is text, image or audio\.$/],
    [{ messages: [{ role: "user", content: [{ type: "image", media_type: "image/tiff", bytes_ref: ZERO_HASH }] }] }, /content\[0\]\.media_type: expected image\/png/],
    [{ messages: [{ role: "user", content: [{ type: "image", media_type: "image/png", bytes_ref: "x" }] }] }, /content\[0\]\.bytes_ref: expected a hash/],
    [{ messages: [{ role: "user", content: [{ type: "image", media_type: "image/png", bytes_ref: ZERO_HASH }] }] }, /^llm\.blob_missing: .*content\[0\]\.bytes_ref/],
    [{ messages: [{ role: "system", content: [{ type: "image" }] }] }, /only a user's message has parts that are no text/],
    [{ messages: [{ role: "assistant", content: "" }] }, /^llm\.message: message_refs\[0\]: the message is empty/],
    [{ messages: [{ role: "assistant", content: null, tool_calls: [{ id: "a", name: "b", arguments: 7 }] }] }, /tool_calls\[0\]\.arguments: expected an object, or a text/],
    [{ messages: [{ role: "tool", content: "x" }] }, /^llm\.message: message_refs\[0\]\.tool_call_id: expected a text/],
    [{ params: { tool_refs: [ZERO_HASH] } }, /^llm\.blob_missing: tool_refs\[0\]/],
    [{ tools: ["no json"] }, /^llm\.tool: tool_refs\[0\]: the blob is not JSON/],
    [{ tools: [{ ...tool, name: "no blanks" }] }, /^llm\.tool: tool_refs\[0\]\.name: /],
    [{ tools: [{ ...tool, type: "web_search" }] }, /^llm\.tool: tool_refs\[0\]: a tool's type is function/],
    [{ tools: [{ ...tool, parameters: { type: "string" } }] }, /^llm\.tool: tool_refs\[0\]\.parameters: /],
    [{ tools: [{ tools: [tool, tool] }] }, /^llm\.tool: tool_refs\[0\]\.tools\[1\]: the tool now is given twice/],
    [{ params: { tool_choice: { $tag: "Required" } } }, /^llm\.params: tool_choice: the call offers no such tool/],
    [{ tools: [tool], params: { tool_choice: { $tag: "Tool", $value: { name: "other" } } } }, /^llm\.params: tool_choice: /],
    [{ tools: [tool], grant: { tools_allow: ["other"] } }, /^tool_not_allowed: the grant does not name the tool now\.$/],
    [{ tools: [tool], grant: null }, /^tool_not_allowed: /],
  ];
  for (const [options, expected] of rows) {
    const { result, output } = await ask(configFor(server.url, "openai-chat"), options);
    assert.match(output, expected);
    assert.deepEqual([result.status, output.startsWith(`${result.code}: `)], ["error", true]);
  }
  assert.equal(server.requests.length, 0);
  assert.equal(rows.length, 32);
});

test("llm: text blobs: JSON without a role is a text, of the user", async (t) => {
  const server = await serverFor(t, summarize);
  const texts = ["plain", "{not json", "[]", "{}", '{"status":"ok"}', '[1,{"role":"user"}]', "[x](y)", ' {"a":1}\n'];
  for (const text of texts) assert.equal((await ask(configFor(server.url, "openai-chat"), { messages: [text] })).status, "ok");
  assert.deepEqual(server.requests.map(({ userText }) => userText), texts);
  assert.equal(texts.length, 8);
});

test("llm: images and audio: in each protocol's words, or refused where it has none", async (t) => {
  const server = await serverFor(t, summarize);
  const blobs = memoryBlobs();
  const [png, wav] = [await blobs.put(Uint8Array.of(1, 2, 3)), await blobs.put(Uint8Array.of(4, 5, 6))];
  const image = { role: "user", content: [{ type: "text", text: "What?" }, { type: "image", media_type: "image/png", bytes_ref: png }] };
  const audio = { role: "user", content: [{ type: "audio", media_type: "audio/wav", bytes_ref: wav }] };
  const expected = {
    "openai-chat": { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
    "openai-responses": { type: "input_image", image_url: "data:image/png;base64,AQID", detail: "auto" },
    anthropic: { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } },
  };
  for (const protocol of PROTOCOLS) {
    assert.equal((await ask(configFor(server.url, protocol), { messages: [image], blobs })).status, "ok");
    const sent = server.requests.at(-1)?.body as Record<string, readonly { readonly content: readonly unknown[] }[]>;
    assert.deepEqual((sent["messages"] ?? sent["input"])?.[0]?.content[1], expected[protocol]);
    const heard = await ask(configFor(server.url, protocol), { messages: [audio], blobs });
    assert.deepEqual([heard.status, heard.result.code], protocol === "openai-chat" ? ["ok", undefined] : ["error", "llm.message"]);
  }
  assert.equal(server.requests.length, 4);
});

test("llm: what each protocol is sent: limits and temperature in its words, by dialect", async (t) => {
  const server = await serverFor(t, summarize);
  const rows: readonly (readonly [LlmServerProtocol, "platform" | "compatible", string, Readonly<Record<string, unknown>>])[] = [
    ["openai-chat", "compatible", "0.5", { max_tokens: 64, temperature: 0.5 }],
    ["openai-chat", "compatible", "1", { max_tokens: 64, temperature: 1 }],
    ["openai-chat", "platform", "0", { max_completion_tokens: 64, temperature: 0 }],
    ["openai-chat", "platform", "1.0", { max_completion_tokens: 64 }],
    ["openai-responses", "platform", "1", { max_output_tokens: 64, store: false }],
    ["openai-responses", "compatible", "1e0", { max_output_tokens: 64, store: false, temperature: 1 }],
    ["anthropic", "platform", "1", { max_tokens: 64 }],
    ["anthropic", "compatible", "0.25", { max_tokens: 64, temperature: 0.25 }],
  ];
  for (const [protocol, dialect, temperature, expected] of rows) {
    const { status } = await ask(configFor(server.url, protocol, { dialect }), { params: { temperature } });
    const { model, messages: _, input: __, ...rest } = server.requests.at(-1)?.body ?? {};
    assert.deepEqual([status, model, rest], ["ok", "model-1", expected]);
  }
  assert.equal(rows.length, 8);
});

test("llm: messages longer than a request may be: error, nothing sent", async (t) => {
  const server = await serverFor(t, summarize);
  const half = "x".repeat(17 * 1024 * 1024);
  const { output } = await ask(configFor(server.url, "openai-chat"), { messages: [half, half] });
  assert.equal(output, "llm.request_limit: message_refs[1]: messages and tools are longer than 33554432 bytes together.");
  assert.equal(server.requests.length, 0);
});

test("llm: blobs that cannot be read: error with their code, nothing of this machine in it", async (t) => {
  const server = await serverFor(t, summarize);
  const inner = memoryBlobs();
  const blobs = { put: inner.put, get: async (hash: Parameters<typeof inner.get>[0]) => {
    if (hash === ref) throw new AosError("blob.io", "world-folder/blobs: the disk answered EIO", { class: "outside" });
    return inner.get(hash);
  } };
  const ref = await inner.put(new Uint8Array([1, 2, 3]));
  const { result, output } = await ask(configFor(server.url, "openai-chat"), { params: { message_refs: [ref] }, blobs });
  assert.deepEqual([result.status, result.code, output], ["error", "blob.io", "blob.io: the call could not be made."]);
  assert.equal(server.requests.length, 0);
});
