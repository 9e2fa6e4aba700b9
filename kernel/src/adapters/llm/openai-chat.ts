// The chat completions protocol, as OpenAI publishes it and most local servers speak it.

import { encodeBase64 } from "../../air/base64.ts";
import { writeJson } from "../../air/json.ts";
import type { Json } from "../../air/types.ts";
import type { Message, Part } from "./messages.ts";
import {
  argumentsOf, badAnswer, brokenOff, failed, field, finishOf, listOf, providerError, textOf, usageOf,
  type Finish, type LlmAnswer, type LlmRequest, type Protocol, type StreamReader, type ToolCall, type Usage,
} from "./protocol.ts";

/** Calls of one answer; an index beyond is no answer of a model. */
const TOOL_CALLS_MAX = 1_000;

export const openaiChat: Protocol = {
  path: "/chat/completions",
  headers: bearer,
  body: bodyOf,
  answerOf,
  stream: streamReader,
};

function bodyOf(request: LlmRequest): unknown {
  const { model, maxTokens, messages, tools, toolChoice, delivery, dialect } = request;
  return {
    model,
    messages: messages.map(wireMessage),
    ...(dialect === "platform" ? { max_completion_tokens: maxTokens } : { max_tokens: maxTokens }),
    ...temperatureOf(request),
    ...(tools.length === 0 ? {} : {
      tools: tools.map(({ name, description, parameters }) => ({ type: "function", function: { name, description, parameters } })),
      tool_choice: toolChoice.kind === "tool" ? { type: "function", function: { name: toolChoice.name } } : toolChoice.kind,
    }),
    ...(delivery === "stream" ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}

export function bearer(key: string | undefined): ReadonlyMap<string, string> {
  return new Map(key === undefined ? [] : [["authorization", `Bearer ${key}`]]);
}

/** 1 is the platform's default, and some of its models refuse the field. */
export function temperatureOf({ dialect, temperature }: LlmRequest): { readonly temperature?: number } {
  return dialect === "platform" && temperature === 1 ? {} : { temperature };
}

function wireMessage(message: Message): unknown {
  switch (message.role) {
    case "system": return { role: "system", content: message.text };
    case "user": return { role: "user", content: userContent(message.parts) };
    case "tool": return { role: "tool", tool_call_id: message.callId, content: message.text };
    default: return {
      role: "assistant",
      content: message.text === "" && message.toolCalls.length > 0 ? null : message.text,
      ...(message.toolCalls.length === 0 ? {} : {
        tool_calls: message.toolCalls.map((call) => ({ id: call.id, type: "function", function: { name: call.name, arguments: argumentsText(call) } })),
      }),
    };
  }
}

function wirePart(part: Part): unknown {
  switch (part.kind) {
    case "text": return { type: "text", text: part.text };
    case "image": return { type: "image_url", image_url: { url: dataUrl(part) } };
    default: return { type: "input_audio", input_audio: { data: encodeBase64(part.bytes), format: part.mediaType === "audio/wav" ? "wav" : "mp3" } };
  }
}

/** A text alone goes as a text: not every server takes parts. */
function userContent(parts: readonly Part[]): unknown {
  const [first] = parts;
  return parts.length === 1 && first?.kind === "text" ? first.text : parts.map(wirePart);
}

export function dataUrl(part: { readonly mediaType: string; readonly bytes: Uint8Array }): string {
  return `data:${part.mediaType};base64,${encodeBase64(part.bytes)}`;
}

/** The text of a call's arguments, as the model wrote it. */
export function argumentsText(call: ToolCall): string {
  return typeof call.arguments === "string" ? call.arguments : writeJson(call.arguments);
}

function answerOf(body: Json): LlmAnswer {
  if (field(body, "error") instanceof Map) throw failed(providerError(body));
  const choice = listOf(field(body, "choices"))[0];
  const message = field(choice, "message");
  if (!(message instanceof Map)) throw badAnswer("no message");
  const toolCalls = listOf(field(message, "tool_calls")).map((call, index) => toolCall({
    id: textOf(field(call, "id")), name: textOf(field(field(call, "function"), "name")), text: textOf(field(field(call, "function"), "arguments")) ?? "",
  }, index));
  return answer({
    content: textOf(field(message, "content")) ?? "", refusal: textOf(field(message, "refusal")) ?? "", toolCalls,
    reason: textOf(field(choice, "finish_reason")), usage: chatUsage(field(body, "usage")),
  });
}

interface Parts {
  readonly content: string;
  readonly refusal: string;
  readonly toolCalls: readonly ToolCall[];
  readonly reason: string | undefined;
  readonly usage: Usage | undefined;
}

function answer(parts: Parts): LlmAnswer {
  const { toolCalls, usage } = parts;
  if (parts.refusal !== "") return { content: parts.refusal, toolCalls, finish: "refused", usage };
  return { content: parts.content, toolCalls, finish: finishOf(finishFrom(parts.reason), toolCalls), usage };
}

function finishFrom(reason: string | undefined): Finish {
  switch (reason) {
    case "stop": return "stop";
    case "length": return "length";
    case "tool_calls": case "function_call": return "tool_calls";
    case "content_filter": return "refused";
    default: return "other";
  }
}

function chatUsage(json: Json | undefined): Usage | undefined {
  return usageOf(json, { prompt: ["prompt_tokens"], completion: "completion_tokens" });
}

/** A call as it is put together. Some local servers give no id: the position is one that the answer can be told apart by. */
function toolCall(call: { readonly id: string | undefined; readonly name: string | undefined; readonly text: string }, index: number): ToolCall {
  if (call.name === undefined || call.name === "") throw badAnswer("a tool call without a name");
  return { id: call.id ?? `call_${index}`, name: call.name, arguments: argumentsOf(call.text) };
}

function streamReader(): StreamReader {
  const content: string[] = [];
  const refusal: string[] = [];
  const calls = new Map<number, { id: string | undefined; name: string | undefined; readonly pieces: string[] }>();
  let reason: string | undefined;
  let usage: Usage | undefined;

  function takeCall(piece: Json): void {
    const id = textOf(field(piece, "id"));
    const given = field(piece, "index");
    // Without an index a new id begins a new call.
    const index = typeof given === "number" ? given : Math.max(0, calls.size - (id === undefined ? 1 : 0));
    if (index < 0 || index >= TOOL_CALLS_MAX) throw badAnswer("a tool call's index");
    const call = calls.get(index) ?? { id: undefined, name: undefined, pieces: [] };
    calls.set(index, call);
    call.id ??= id;
    call.name ??= textOf(field(field(piece, "function"), "name"));
    call.pieces.push(textOf(field(field(piece, "function"), "arguments")) ?? "");
  }

  return {
    take(event) {
      const error = field(event, "error");
      if (error !== undefined && error !== null) throw failed(providerError(event));
      usage = chatUsage(field(event, "usage")) ?? usage;
      const choice = listOf(field(event, "choices"))[0];
      const delta = field(choice, "delta");
      const text = textOf(field(delta, "content")) ?? "";
      const refused = textOf(field(delta, "refusal")) ?? "";
      content.push(text);
      refusal.push(refused);
      for (const piece of listOf(field(delta, "tool_calls"))) takeCall(piece);
      reason ??= textOf(field(choice, "finish_reason"));
      return text + refused;
    },
    // Usage follows the end, and `[DONE]` closes the stream.
    ended: () => false,
    usage: () => usage,
    answer() {
      if (reason === undefined) throw brokenOff();
      const toolCalls = [...calls].sort(([a], [b]) => a - b).map(([, { id, name, pieces }], index) => toolCall({ id, name, text: pieces.join("") }, index));
      return answer({ content: content.join(""), refusal: refusal.join(""), toolCalls, reason, usage });
    },
  };
}
