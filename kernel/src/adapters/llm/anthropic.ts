// The messages protocol, as Anthropic publishes it.

import { encodeBase64 } from "../../air/base64.ts";
import type { Json } from "../../air/types.ts";
import type { Message, Part } from "./messages.ts";
import { unsupportedPart } from "./messages.ts";
import {
  argumentsOf, badAnswer, brokenOff, countOf, failed, field, finishOf, listOf, providerError, textOf, usageOf,
  type Finish, type LlmAnswer, type LlmRequest, type Protocol, type StreamReader, type ToolCall, type ToolChoice, type Usage,
} from "./protocol.ts";

const API_VERSION = "2023-06-01";
/** What was written to the cache or read from it is counted apart. */
const PROMPT_TOKENS = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"] as const;

export const anthropic: Protocol = {
  path: "/v1/messages",
  headers: (key, apiVersion = API_VERSION) => new Map([["anthropic-version", apiVersion], ...(key === undefined ? [] : [["x-api-key", key] as const])]),
  body: bodyOf,
  answerOf,
  stream: streamReader,
};

function bodyOf(request: LlmRequest): unknown {
  const { model, temperature, maxTokens, messages, tools, toolChoice, delivery, dialect } = request;
  const system = messages.flatMap((message) => (message.role === "system" ? [message.text] : []));
  return {
    model,
    max_tokens: maxTokens,
    ...(system.length === 0 ? {} : { system: system.join("\n\n") }),
    messages: turns(messages),
    // 1 is the platform's default, and some of its models refuse the field.
    ...(dialect === "platform" && temperature === 1 ? {} : { temperature }),
    ...(tools.length === 0 ? {} : {
      tools: tools.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters })),
      tool_choice: wireChoice(toolChoice),
    }),
    ...(delivery === "stream" ? { stream: true } : {}),
  };
}

function wireChoice(choice: ToolChoice): unknown {
  switch (choice.kind) {
    case "tool": return { type: "tool", name: choice.name };
    case "required": return { type: "any" };
    default: return { type: choice.kind };
  }
}

/** Neighbours of one side are one turn: all results of a turn's tool calls have to be in the next one. */
function turns(messages: readonly Message[]): unknown {
  const out: { readonly role: "user" | "assistant"; readonly content: unknown[] }[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const last = out.at(-1);
    if (last?.role === role) last.content.push(...blocks(message));
    else out.push({ role, content: [...blocks(message)] });
  }
  return out;
}

function blocks(message: Exclude<Message, { readonly role: "system" }>): readonly unknown[] {
  switch (message.role) {
    case "user": return message.parts.map(wirePart);
    case "tool": return [{ type: "tool_result", tool_use_id: message.callId, content: message.text, ...(message.isError ? { is_error: true } : {}) }];
    default: return [
      ...(message.text === "" ? [] : [{ type: "text", text: message.text }]),
      // The protocol takes objects alone: a text that is none is kept where the model finds it again.
      ...message.toolCalls.map((call) => ({
        type: "tool_use", id: call.id, name: call.name, input: call.arguments instanceof Map ? call.arguments : { text: call.arguments },
      })),
    ];
  }
}

function wirePart(part: Part): unknown {
  switch (part.kind) {
    case "text": return { type: "text", text: part.text };
    case "image": return { type: "image", source: { type: "base64", media_type: part.mediaType, data: encodeBase64(part.bytes) } };
    default: throw unsupportedPart("audio", "anthropic");
  }
}

function answerOf(body: Json): LlmAnswer {
  if (field(body, "type") === "error") throw failed(providerError(body));
  const blocksOf = field(body, "content");
  if (!Array.isArray(blocksOf)) throw badAnswer("no content");
  const content: string[] = [];
  const toolCalls: ToolCall[] = [];
  for (const block of listOf(blocksOf)) {
    const type = field(block, "type");
    if (type === "text") content.push(textOf(field(block, "text")) ?? "");
    if (type === "tool_use") toolCalls.push(toolCall(block, field(block, "input") ?? new Map()));
  }
  return {
    content: content.join(""), toolCalls, finish: finishOf(finishFrom(textOf(field(body, "stop_reason"))), toolCalls),
    usage: messageUsage(field(body, "usage")),
  };
}

function messageUsage(json: Json | undefined): Usage | undefined {
  return usageOf(json, { prompt: PROMPT_TOKENS, completion: "output_tokens" });
}

function finishFrom(reason: string | undefined): Finish {
  switch (reason) {
    case "end_turn": case "stop_sequence": return "stop";
    case "max_tokens": case "model_context_window_exceeded": return "length";
    case "tool_use": return "tool_calls";
    case "refusal": return "refused";
    default: return "other";
  }
}

function toolCall(block: Json | undefined, input: Json): ToolCall {
  const [id, name] = [textOf(field(block, "id")), textOf(field(block, "name"))];
  if (id === undefined || name === undefined || name === "") throw badAnswer("a tool call without an id or a name");
  return { id, name, arguments: input };
}

function streamReader(): StreamReader {
  const content: string[] = [];
  /** Tool calls by the index of their block. */
  const calls = new Map<number, { readonly block: Json; readonly pieces: string[] }>();
  let usage: Usage | undefined;
  let reason: string | undefined;
  let stopped = false;

  function takeDelta(event: Json): string {
    const delta = field(event, "delta");
    switch (field(delta, "type")) {
      case "text_delta": {
        const text = textOf(field(delta, "text")) ?? "";
        content.push(text);
        return text;
      }
      case "input_json_delta":
        calls.get(countOf(field(event, "index")))?.pieces.push(textOf(field(delta, "partial_json")) ?? "");
        return "";
      default:
        return "";
    }
  }

  function takeStart(event: Json): string {
    const block = field(event, "content_block");
    if (field(block, "type") === "tool_use" && block !== undefined) calls.set(countOf(field(event, "index")), { block, pieces: [] });
    const text = field(block, "type") === "text" ? (textOf(field(block, "text")) ?? "") : "";
    content.push(text);
    return text;
  }

  return {
    take(event) {
      switch (field(event, "type")) {
        case "message_start":
          usage = messageUsage(field(field(event, "message"), "usage"));
          return "";
        case "content_block_start": return takeStart(event);
        case "content_block_delta": return takeDelta(event);
        case "message_delta": {
          // Counts here are of the whole message so far; the prompt's are told again or not at all.
          const now = messageUsage(field(event, "usage"));
          if (now !== undefined) usage = { prompt: now.prompt === 0 ? (usage?.prompt ?? 0) : now.prompt, completion: now.completion };
          reason = textOf(field(field(event, "delta"), "stop_reason")) ?? reason;
          return "";
        }
        case "message_stop":
          stopped = true;
          return "";
        case "error": throw failed(providerError(event));
        default: return "";
      }
    },
    ended: () => stopped,
    usage: () => usage,
    answer() {
      if (!stopped) throw brokenOff();
      const toolCalls = [...calls].sort(([a], [b]) => a - b).map(([, { block, pieces }]) => toolCall(block, argumentsOf(pieces.join(""))));
      return { content: content.join(""), toolCalls, finish: finishOf(finishFrom(reason), toolCalls), usage };
    },
  };
}
