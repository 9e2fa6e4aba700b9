// What the three protocols have in common: one neutral request, one neutral answer, and how their JSON is read.

import { AosError } from "../../air/error.ts";
import { readJson } from "../../air/json.ts";
import type { Json } from "../../air/types.ts";
import type { Message } from "./messages.ts";
import type { Tool } from "./tools.ts";

export type ProtocolName = "openai-chat" | "openai-responses" | "anthropic";

/** `platform`: the vendor's own service, whose models differ in what they take; `compatible`: a server that speaks its protocol. */
export type Dialect = "platform" | "compatible";

export type ToolChoice = { readonly kind: "auto" | "none" | "required" } | { readonly kind: "tool"; readonly name: string };

/** A call in no protocol's words. */
export interface LlmRequest {
  readonly model: string;
  readonly temperature: number;
  readonly maxTokens: number;
  /** At least one. */
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice;
  readonly delivery: "whole" | "stream";
  readonly dialect: Dialect;
}

/** Tokens, as the provider counts them. */
export interface Usage {
  readonly prompt: number;
  readonly completion: number;
}

/** `arguments` is a JSON object; a text when the model wrote something else. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: Json;
}

/** Why the model stopped; `refused` includes a provider's content filter. */
export type Finish = "stop" | "length" | "tool_calls" | "refused" | "other";

/** An answer in no protocol's words. `usage` is undefined when the provider told none. */
export interface LlmAnswer {
  readonly content: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finish: Finish;
  readonly usage: Usage | undefined;
}

/** Puts the events of one stream together. */
export interface StreamReader {
  /**
   * Takes the data of one event.
   * @returns the text that it adds, perhaps empty
   * @throws AosError `llm.failed` (the event is an error), `llm.answer` (it is not of the protocol)
   */
  take(event: Json): string;
  /** Whether nothing more is to come. */
  ended(): boolean;
  /** What is known of the tokens so far. */
  usage(): Usage | undefined;
  /** @throws AosError `llm.stream` when the stream broke off before its end */
  answer(): LlmAnswer;
}

/** One way of speaking with a provider. */
export interface Protocol {
  /** Follows the base URL. */
  readonly path: string;
  /** Names in lower case; the key goes nowhere else. */
  headers(key: string | undefined, apiVersion: string | undefined): ReadonlyMap<string, string>;
  /**
   * What is posted, for `jsonOf`.
   * @throws AosError `llm.message` for a part that the protocol does not carry
   */
  body(request: LlmRequest): unknown;
  /** @throws AosError `llm.failed`, `llm.answer` */
  answerOf(body: Json): LlmAnswer;
  stream(): StreamReader;
}

export function field(json: Json | undefined, name: string): Json | undefined {
  return json instanceof Map ? (json as ReadonlyMap<string, Json>).get(name) : undefined;
}

export function textOf(json: Json | undefined): string | undefined {
  return typeof json === "string" ? json : undefined;
}

export function listOf(json: Json | undefined): readonly Json[] {
  return Array.isArray(json) ? (json as readonly Json[]) : [];
}

/** A count; 0 when there is none or it is no nat. */
export function countOf(json: Json | undefined): number {
  return typeof json === "number" && json >= 0 ? json : 0;
}

/** Usage from two fields; undefined when neither is there. */
export function usageOf(json: Json | undefined, names: { readonly prompt: readonly string[]; readonly completion: string }): Usage | undefined {
  if (!(json instanceof Map) || ![...names.prompt, names.completion].some((name) => typeof field(json, name) === "number")) return undefined;
  return {
    prompt: names.prompt.reduce((sum, name) => sum + countOf(field(json, name)), 0),
    completion: countOf(field(json, names.completion)),
  };
}

/** A model's arguments: the object that its text spells; no text is no arguments. */
export function argumentsOf(text: string): Json {
  if (text.trim() === "") return new Map();
  const json = jsonIn(text);
  return json instanceof Map ? json : text;
}

/** The JSON that a text spells, undefined when it spells none. */
export function jsonIn(text: string): Json | undefined {
  try {
    return readJson(text, "llm").json;
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return undefined;
  }
}

/** An answer that calls tools has that as its end, whatever the server called it. */
export function finishOf(finish: Finish, toolCalls: readonly ToolCall[]): Finish {
  return finish === "stop" && toolCalls.length > 0 ? "tool_calls" : finish;
}

export function badAnswer(what: string): AosError {
  return new AosError("llm.answer", `the answer is not of the protocol: ${what}`, { class: "outside" });
}

export function brokenOff(): AosError {
  return new AosError("llm.stream", "the stream ended before the answer was whole", { class: "outside" });
}

/** What a provider says of an error, unredacted: `type` or `code`, and its sentence. */
export interface ProviderError {
  readonly type: string | undefined;
  readonly message: string | undefined;
}

/** Reads `{error: {type, code, message}}`, the shape that all three protocols share. */
export function providerError(json: Json | undefined): ProviderError {
  const error = field(json, "error");
  return { type: textOf(field(error, "type")) ?? textOf(field(error, "code")), message: textOf(field(error, "message")) ?? textOf(error) };
}

/** A provider's error inside an answer that began well. */
export function failed(error: ProviderError): AosError {
  return new AosError("llm.failed", "the provider gave up on the answer", { class: "outside", data: { provider: error } });
}
