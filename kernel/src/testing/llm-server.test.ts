import assert from "node:assert/strict";
import { test } from "node:test";
import { hashBytes, utf8 } from "../air/hash.ts";
import { askLlm as ask, llmConfigFor as configFor, llmServerFor as serverFor, LLM_KEY as KEY, LLM_PROTOCOLS as PROTOCOLS } from "./llm-kit.ts";
import { summarize } from "./llm-server.ts";

test("llm server: summarize: the beginning of a text and eight digits of its hash", async (t) => {
  const server = await serverFor(t, summarize);
  const long = "ä".repeat(130);
  for (const text of ["short", long]) {
    const { output } = await ask(configFor(server.url, "openai-chat"), { messages: [text] });
    const { content } = JSON.parse(output) as { content: string };
    assert.equal(content, `${text.slice(0, 120)} …${hashBytes(utf8(text)).slice(7, 15)}`);
  }
  assert.equal(server.requests.length, 2);
});

test("llm server: model, path, method, body: refused as the services do", async (t) => {
  const server = await serverFor(t, summarize, { models: ["other"] });
  for (const protocol of PROTOCOLS) {
    const { result } = await ask(configFor(server.url, protocol));
    assert.equal(result.code, "llm.not_found");
  }
  const headers = { "content-type": "application/json", authorization: `Bearer ${KEY}` };
  const post = (path: string, body: unknown): Promise<Response> => fetch(server.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal((await post("/v1/other", {})).status, 404);
  assert.equal((await fetch(`${server.url}/v1/responses`)).status, 405);
  const bad = [
    {}, { model: "other" }, { model: "other", max_tokens: 1, messages: [{ role: "tool", content: "x", tool_call_id: "none" }] },
    { model: "other", max_tokens: 1, messages: [{ role: "user", content: "x" }], tool_choice: "required" },
    { model: "other", max_tokens: 1, messages: [{ role: "user", content: "x" }], top: 1 },
  ];
  for (const body of bad) assert.equal((await post("/v1/chat/completions", body)).status, 400);
  assert.equal(bad.length, 5);
  assert.equal(server.requests.length, 0);
});
