// What the published API descriptions ask of a request: the checks that a real service answers with 400.

import type { IncomingHttpHeaders } from "node:http";

type Json = Readonly<Record<string, unknown>>;

/**
 * What is wrong with a request, as a sentence; undefined when a real service would take it.
 * @param body - the JSON that was posted, undefined when it was none
 */
export function requestProblem(protocol: "openai-chat" | "openai-responses" | "anthropic", body: unknown, headers: IncomingHttpHeaders): string | undefined {
  if (!isObject(body)) return "The body is not a JSON object.";
  if (!/^application\/json\b/.test(headers["content-type"] ?? "")) return "The content-type is not application/json.";
  if (typeof body["model"] !== "string" || body["model"] === "") return "model: required.";
  const temperature = body["temperature"];
  if (temperature !== undefined && (typeof temperature !== "number" || temperature < 0 || temperature > 2)) return "temperature: out of range.";
  switch (protocol) {
    case "openai-chat": return chatProblem(body);
    case "openai-responses": return responsesProblem(body);
    default: return headers["anthropic-version"] === undefined ? "anthropic-version: header is required." : anthropicProblem(body);
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectsIn(value: unknown): readonly Json[] | undefined {
  return Array.isArray(value) && value.every(isObject) ? (value as readonly Json[]) : undefined;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function unknownField(body: Json, known: readonly string[]): string | undefined {
  const field = Object.keys(body).find((name) => !known.includes(name));
  return field === undefined ? undefined : `Unknown parameter: ${field}.`;
}

function chatProblem(body: Json): string | undefined {
  const unknown = unknownField(body, ["model", "messages", "max_tokens", "max_completion_tokens", "temperature", "tools", "tool_choice", "stream", "stream_options"]);
  if (unknown !== undefined) return unknown;
  if (body["max_tokens"] !== undefined && body["max_completion_tokens"] !== undefined) return "max_tokens and max_completion_tokens exclude each other.";
  if (!isCount(body["max_tokens"] ?? body["max_completion_tokens"])) return "max_tokens: invalid.";
  if (body["stream_options"] !== undefined && body["stream"] !== true) return "stream_options: only with stream.";
  const messages = objectsIn(body["messages"]);
  if (messages === undefined || messages.length === 0) return "messages: at least one.";
  const open = new Set<unknown>();
  for (const message of messages) {
    const problem = chatMessageProblem(message, open);
    if (problem !== undefined) return problem;
  }
  return chatToolsProblem(body, (tool) => (tool["type"] === "function" && isObject(tool["function"]) ? tool["function"] : undefined));
}

function chatMessageProblem(message: Json, open: Set<unknown>): string | undefined {
  const { role, content } = message;
  const calls = message["tool_calls"] === undefined ? [] : objectsIn(message["tool_calls"]);
  if (role === "tool") return open.delete(message["tool_call_id"]) ? undefined : "messages with role tool must follow a message with tool_calls.";
  if (open.size > 0) return "an assistant message with tool_calls must be followed by tool messages for each tool_call_id.";
  if (role !== "system" && role !== "user" && role !== "assistant") return "messages: unknown role.";
  if (calls === undefined || (calls.length > 0 && role !== "assistant")) return "messages: tool_calls.";
  for (const call of calls) {
    const fn = call["function"];
    if (typeof call["id"] !== "string" || call["type"] !== "function" || !isObject(fn) || typeof fn["name"] !== "string" || typeof fn["arguments"] !== "string") return "messages: a tool call.";
    open.add(call["id"]);
  }
  if (content === null || content === undefined) return calls.length > 0 ? undefined : "messages: content is required.";
  return typeof content === "string" ? undefined : partsProblem(content, { text: ["text"], image_url: ["image_url"], input_audio: ["input_audio"] });
}

/** Parts by their type, each with the fields that it must have. */
function partsProblem(content: unknown, shapes: Readonly<Record<string, readonly string[]>>): string | undefined {
  const parts = objectsIn(content);
  if (parts === undefined || parts.length === 0) return "content: a text or a list of parts.";
  for (const part of parts) {
    const fields = shapes[String(part["type"])];
    if (fields === undefined || fields.some((field) => part[field] === undefined)) return `content: a part of type ${String(part["type"])}.`;
  }
  return undefined;
}

function chatToolsProblem(body: Json, functionOf: (tool: Json) => Json | undefined): string | undefined {
  const tools = body["tools"] === undefined ? [] : objectsIn(body["tools"]);
  if (tools === undefined || (body["tools"] !== undefined && tools.length === 0)) return "tools: at least one.";
  if (body["tool_choice"] !== undefined && tools.length === 0) return "tool_choice: only with tools.";
  for (const tool of tools) {
    const fn = functionOf(tool);
    if (fn === undefined || !/^[A-Za-z0-9_-]{1,64}$/.test(String(fn["name"])) || !isObject(fn["parameters"])) return "tools: a function.";
  }
  const choice = body["tool_choice"];
  const chosen = isObject(choice) ? functionOf({ parameters: {}, ...choice })?.["name"] : undefined;
  const known = choice === undefined || choice === "auto" || choice === "none" || choice === "required" || tools.some((tool) => functionOf(tool)?.["name"] === chosen);
  return known ? undefined : "tool_choice: unknown.";
}

function responsesProblem(body: Json): string | undefined {
  const unknown = unknownField(body, ["model", "input", "max_output_tokens", "temperature", "tools", "tool_choice", "stream", "store"]);
  if (unknown !== undefined) return unknown;
  if (!isCount(body["max_output_tokens"])) return "max_output_tokens: invalid.";
  const items = objectsIn(body["input"]);
  if (items === undefined || items.length === 0) return "input: at least one item.";
  const called = new Set<unknown>();
  for (const item of items) {
    const problem = itemProblem(item, called);
    if (problem !== undefined) return problem;
  }
  return chatToolsProblem(body, (tool) => (tool["type"] === "function" ? tool : undefined));
}

function itemProblem(item: Json, called: Set<unknown>): string | undefined {
  switch (item["type"]) {
    case "function_call":
      called.add(item["call_id"]);
      return ["call_id", "name", "arguments"].every((field) => typeof item[field] === "string") ? undefined : "input: a function_call.";
    case "function_call_output":
      return called.has(item["call_id"]) && typeof item["output"] === "string" ? undefined : "input: no tool call found for function call output.";
    case undefined: case "message":
      if (!["system", "user", "assistant"].includes(String(item["role"]))) return "input: unknown role.";
      return typeof item["content"] === "string" ? undefined : partsProblem(item["content"], { input_text: ["text"], input_image: ["image_url", "detail"], output_text: ["text"] });
    default: return "input: unknown type.";
  }
}

function anthropicProblem(body: Json): string | undefined {
  const unknown = unknownField(body, ["model", "messages", "system", "max_tokens", "temperature", "tools", "tool_choice", "stream"]);
  if (unknown !== undefined) return unknown;
  if (!isCount(body["max_tokens"])) return "max_tokens: required.";
  const messages = objectsIn(body["messages"]);
  if (messages === undefined || messages.length === 0) return "messages: at least one message is required.";
  let open: readonly unknown[] = [];
  for (const message of messages) {
    if (message["role"] !== "user" && message["role"] !== "assistant") return "messages: unknown role.";
    const blocks = typeof message["content"] === "string" ? [{ type: "text", text: message["content"] }] : objectsIn(message["content"]);
    const problem = blocks === undefined ? "messages: content." : blocksProblem(blocks, open);
    if (problem !== undefined) return problem;
    open = (blocks ?? []).filter(({ type }) => type === "tool_use").map((block) => (block as Json)["id"]);
  }
  const tools = body["tools"] === undefined ? [] : objectsIn(body["tools"]);
  if (tools === undefined || tools.some((tool) => typeof tool["name"] !== "string" || !isObject(tool["input_schema"]))) return "tools: a tool.";
  const choice = body["tool_choice"];
  if (choice === undefined) return undefined;
  if (tools.length === 0 || !isObject(choice)) return "tool_choice: only with tools.";
  return ["auto", "none", "any"].includes(String(choice["type"])) || tools.some(({ name }) => name === choice["name"]) ? undefined : "tool_choice: unknown.";
}

/** Blocks of one turn; `open` are the tool calls of the turn before, whose results have to come first and all of them. */
function blocksProblem(blocks: readonly Json[], open: readonly unknown[]): string | undefined {
  const results = blocks.filter(({ type }) => type === "tool_result");
  if (open.some((id) => !results.some((result) => result["tool_use_id"] === id))) return "tool_use ids were found without tool_result blocks immediately after.";
  if (results.some((result) => !open.includes(result["tool_use_id"]))) return "unexpected tool_use_id in a tool_result block.";
  if (results.some((result, index) => blocks[index] !== result)) return "tool_result blocks come first.";
  for (const block of blocks) if (block["type"] === "text" && (typeof block["text"] !== "string" || block["text"] === "")) return "text content blocks must be non-empty.";
  return partsProblem(blocks, { text: ["text"], image: ["source"], tool_use: ["id", "name", "input"], tool_result: ["tool_use_id", "content"] });
}
