// The responses protocol, as OpenAI publishes it. Nothing is kept at the provider: each call carries the whole conversation.

import type { Json } from "../../air/types.ts";
import type { Message, Part } from "./messages.ts";
import { unsupportedPart } from "./messages.ts";
import { argumentsText, bearer, dataUrl, temperatureOf } from "./openai-chat.ts";
import {
  argumentsOf, badAnswer, brokenOff, failed, field, finishOf, listOf, providerError, textOf, usageOf,
  type Finish, type LlmAnswer, type LlmRequest, type Protocol, type StreamReader, type ToolCall,
} from "./protocol.ts";

export const openaiResponses: Protocol = {
  path: "/responses",
  headers: bearer,
  body: bodyOf,
  answerOf,
  stream: streamReader,
};

function bodyOf(request: LlmRequest): unknown {
  const { model, maxTokens, messages, tools, toolChoice, delivery } = request;
  return {
    model,
    input: messages.flatMap(wireItems),
    max_output_tokens: maxTokens,
    store: false,
    ...temperatureOf(request),
    ...(tools.length === 0 ? {} : {
      // Strict schemas are a subset that an author did not ask for.
      tools: tools.map(({ name, description, parameters }) => ({ type: "function", name, description, parameters, strict: false })),
      tool_choice: toolChoice.kind === "tool" ? { type: "function", name: toolChoice.name } : toolChoice.kind,
    }),
    ...(delivery === "stream" ? { stream: true } : {}),
  };
}

function wireItems(message: Message): readonly unknown[] {
  switch (message.role) {
    case "system": return [{ role: "system", content: message.text }];
    case "user": return [{ role: "user", content: message.parts.map(wirePart) }];
    case "tool": return [{ type: "function_call_output", call_id: message.callId, output: message.text }];
    default: return [
      ...(message.text === "" ? [] : [{ role: "assistant", content: message.text }]),
      ...message.toolCalls.map((call) => ({ type: "function_call", call_id: call.id, name: call.name, arguments: argumentsText(call) })),
    ];
  }
}

function wirePart(part: Part): unknown {
  switch (part.kind) {
    case "text": return { type: "input_text", text: part.text };
    case "image": return { type: "input_image", image_url: dataUrl(part), detail: "auto" };
    default: throw unsupportedPart("audio", "openai-responses");
  }
}

function answerOf(body: Json): LlmAnswer {
  if (field(body, "error") instanceof Map) throw failed(providerError(body));
  const status = textOf(field(body, "status"));
  if (status !== "completed" && status !== "incomplete") throw badAnswer(status === "failed" ? "it failed and does not say why" : "its status is no end");
  const content: string[] = [];
  const toolCalls: ToolCall[] = [];
  let refused = false;
  for (const item of listOf(field(body, "output"))) {
    const type = textOf(field(item, "type"));
    if (type === "function_call") toolCalls.push(toolCall(item, toolCalls.length));
    if (type !== "message") continue;
    for (const part of listOf(field(item, "content"))) {
      refused ||= field(part, "type") === "refusal";
      content.push(textOf(field(part, "text")) ?? textOf(field(part, "refusal")) ?? "");
    }
  }
  const finish = refused ? "refused" : status === "incomplete" ? cutShort(body) : finishOf("stop", toolCalls);
  return {
    content: content.join(""), toolCalls, finish,
    usage: usageOf(field(body, "usage"), { prompt: ["input_tokens"], completion: "output_tokens" }),
  };
}

function cutShort(body: Json): Finish {
  switch (field(field(body, "incomplete_details"), "reason")) {
    case "max_output_tokens": return "length";
    case "content_filter": return "refused";
    default: return "other";
  }
}

function toolCall(item: Json, index: number): ToolCall {
  const name = textOf(field(item, "name"));
  if (name === undefined || name === "") throw badAnswer("a tool call without a name");
  return { id: textOf(field(item, "call_id")) ?? `call_${index}`, name, arguments: argumentsOf(textOf(field(item, "arguments")) ?? "") };
}

function streamReader(): StreamReader {
  let answer: LlmAnswer | undefined;
  return {
    take(event) {
      switch (field(event, "type")) {
        case "response.output_text.delta":
        case "response.refusal.delta":
          return textOf(field(event, "delta")) ?? "";
        // The last event holds the whole response, so nothing has to be put together.
        case "response.completed":
        case "response.incomplete":
        case "response.failed":
          answer = answerOf(field(event, "response") ?? null);
          return "";
        // Servers differ on whether the fields are nested.
        case "error":
          throw failed(field(event, "error") instanceof Map ? providerError(event) : { type: textOf(field(event, "code")), message: textOf(field(event, "message")) });
        default:
          return "";
      }
    },
    ended: () => answer !== undefined,
    usage: () => answer?.usage,
    answer() {
      if (answer === undefined) throw brokenOff();
      return answer;
    },
  };
}
