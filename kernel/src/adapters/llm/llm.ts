// Carries out `llm.generate`: one call of a model, in the protocol of its provider.

import { canonical, decode } from "../../air/cbor.ts";
import { AosError } from "../../air/error.ts";
import { utf8 } from "../../air/hash.ts";
import { jsonOf, writeJson } from "../../air/json.ts";
import { allowsTool } from "../../core/enforce-llm.ts";
import type { Adapter, AdapterCall, AdapterResult, Blobs, Clock, SecretSource } from "../../ports.ts";
import { timeLimit } from "../http.ts";
import { anthropic } from "./anthropic.ts";
import { blobReader } from "./blob-reader.ts";
import { readLlmConfig, type LlmProvider } from "./config.ts";
import { readMessages } from "./messages.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";
import { costCents, failureBytes, outputBytes, type RedactText } from "./output.ts";
import { keyText, readParams, type LlmParams } from "./params.ts";
import { providerError, type LlmAnswer, type LlmRequest, type Protocol, type ProtocolName, type ToolChoice, type Usage } from "./protocol.ts";
import { readTools, type Tool } from "./tools.ts";
import { post, readEvents, readSome, readWhole, type Limits, type Reply } from "./transport.ts";

/** The framing of a stream is many times its text. */
const STREAM_FACTOR = 4;
const ERROR_BYTES_MAX = 64 * 1024;
/** A shorter key is a placeholder, and its letters are everywhere. */
const SECRET_LENGTH_MIN = 8;
const RETRY_AFTER_MS_MAX = 3_600_000;

const PROTOCOLS: Readonly<Record<ProtocolName, Protocol>> = { "openai-chat": openaiChat, "openai-responses": openaiResponses, anthropic };

/** What a call learned, kept while it runs so that a failure can tell it too. */
interface Learned {
  provider: LlmProvider | undefined;
  params: LlmParams | undefined;
  usage: Usage | undefined;
  redact: RedactText;
}

/**
 * The adapter `llm` for `llm.generate`. Messages, tools, answers, codes: `docs/llm.md`.
 *
 * An answer is `ok`: `output_ref` is a blob of its neutral message, `token_usage` what the provider counted (zeros when it
 * did not say), `cost_cents` by the operator's prices, rounded up (0 in the payload without one, absent from the result).
 * Everything else is `error` or `timeout`, with `output_ref` a blob of one sentence `<code>: <what happened>.`, never with
 * a key in it.
 *
 * A call is sent again only while nothing can have been accepted (no connection, 429, 503, 529): no provider documents a
 * key that makes a repeated call one.
 * @param config - an `LlmConfig` as it came from outside, or undefined
 * @throws AosError `llm.config`
 */
export function llmAdapter(deps: { readonly blobs: Blobs; readonly clock: Clock; readonly secrets: SecretSource }, config: unknown): Adapter {
  const { blobs, clock, secrets } = deps;
  const { timeoutMs, bodyBytesMax, providers } = readLlmConfig(config);
  const limits: Limits = { answerBytesMax: bodyBytesMax, streamBytesMax: STREAM_FACTOR * bodyBytesMax };

  async function run(call: AdapterCall): Promise<AdapterResult> {
    const limit = timeLimit(call);
    const learned: Learned = { provider: undefined, params: undefined, usage: undefined, redact: (text) => call.redact?.(text) ?? text };
    try {
      const answer = await generate(call, learned, limit.signal);
      learned.usage = answer.usage;
      return result("ok", await blobs.put(outputBytes(answer, learned.redact)), learned);
    } catch (error) {
      // What is not an outcome of the outside is our own mistake, and must be heard of.
      if (!(error instanceof AosError)) throw error;
      const ended = limit.expired() ? timedOut() : call.signal.aborted ? cancelled() : error;
      const text = await blobs.put(failureBytes(ended, learned.redact)).catch(nothingStored);
      return { ...result(limit.expired() ? "timeout" : "error", text, learned), code: ended.code, ...retryOf(ended) };
    } finally {
      limit.clear();
    }
  }

  async function generate(call: AdapterCall, learned: Learned, signal: AbortSignal): Promise<LlmAnswer> {
    const params = readParams(call.params);
    learned.params = params;
    const provider = providers.get(params.provider);
    if (provider === undefined) throw new AosError("llm.provider", `there is no provider of this name; there are ${[...providers.keys()].join(", ")}`);
    learned.provider = provider;
    const key = await keyOf(params, provider);
    if (key !== undefined && key.length >= SECRET_LENGTH_MIN) learned.redact = withoutKey(key, learned.redact);
    const request = await requestOf(call, params, provider);
    if (signal.aborted) throw cancelled();
    const protocol = PROTOCOLS[provider.protocol];
    const reply = await post({
      url: provider.baseUrl + protocol.path, headers: protocol.headers(key, provider.apiVersion), signal,
      body: utf8(writeJson(jsonOf(protocol.body(request)))),
    });
    try {
      return await (reply.status === 200 ? readAnswer(protocol, reply, { call, learned, limits }) : refuse(reply, clock));
    } finally {
      // What was not read to its end holds a connection.
      reply.response.destroy();
    }
  }

  async function keyOf(params: LlmParams, provider: LlmProvider): Promise<string | undefined> {
    if (params.apiKey !== undefined) return params.apiKey;
    const found = provider.apiKeyBinding === undefined ? undefined : await secrets.resolve(provider.apiKeyBinding).catch(noSecret);
    if (found !== undefined) return keyText(found);
    if (provider.keyNeeded === "if_given" && provider.apiKeyBinding === undefined) return undefined;
    throw new AosError("llm.key", `no API key for ${provider.name}: neither api_key nor the provider's binding has one`);
  }

  async function requestOf(call: AdapterCall, params: LlmParams, provider: LlmProvider): Promise<LlmRequest> {
    const reader = blobReader(blobs);
    const messages = await readMessages(reader, params.messageRefs);
    const tools = await readTools(reader, params.toolRefs);
    const grant = decode(call.capParams);
    for (const { name } of tools) {
      if (!allowsTool(grant, name)) throw new AosError("tool_not_allowed", `the grant does not name the tool ${name}`, { class: "refused" });
    }
    return {
      model: params.model, temperature: params.temperature, maxTokens: params.maxTokens, messages, tools,
      toolChoice: offered(params.toolChoice, tools), delivery: call.progress === undefined ? "whole" : "stream", dialect: provider.dialect,
    };
  }

  return { id: "llm", effects: ["llm.generate"], timeoutMs, resend: () => "unknown", retry: () => true, run };
}

/** A choice that the tools of the call allow. */
function offered(choice: ToolChoice, tools: readonly Tool[]): ToolChoice {
  const possible = choice.kind === "tool" ? tools.some(({ name }) => name === choice.name) : choice.kind !== "required" || tools.length > 0;
  if (!possible) throw new AosError("llm.params", "tool_choice: the call offers no such tool");
  return choice;
}

/** Reads an answer whole, or as a stream when it is one: a server may answer a wish for a stream with a whole. */
async function readAnswer(protocol: Protocol, reply: Reply, to: { readonly call: AdapterCall; readonly learned: Learned; readonly limits: Limits }): Promise<LlmAnswer> {
  const { progress } = to.call;
  if (progress === undefined || !/^text\/event-stream\b/i.test(reply.header("content-type") ?? "")) {
    const answer = protocol.answerOf(await readWhole(reply, to.limits));
    if (answer.content !== "") progress?.(to.learned.redact(answer.content));
    return answer;
  }
  const stream = protocol.stream();
  for await (const event of readEvents(reply, to.limits)) {
    const text = stream.take(event);
    to.learned.usage = stream.usage();
    if (text !== "") progress(to.learned.redact(text));
    if (stream.ended()) break;
  }
  return stream.answer();
}

/** What a status other than 200 means. The body is read for the provider's words; where the key is at fault they may quote it. */
async function refuse(reply: Reply, clock: Clock): Promise<never> {
  const { status } = reply;
  const [code, what] = meaning(status);
  const body = status === 401 || status === 403 ? undefined : await readSome(reply, ERROR_BYTES_MAX);
  const transient = status === 429 || status === 503 || status === 529;
  throw new AosError(code, `the provider answered ${status}, ${what}`, {
    class: "outside", data: { provider: providerError(body), transient, ...(transient ? { retryAfterMs: retryAfterMs(reply, clock) } : {}) },
  });
}

function meaning(status: number): readonly [code: string, what: string] {
  if (status === 401 || status === 403) return ["llm.unauthorized", "the key is missing, wrong, or may not do this"];
  if (status === 404) return ["llm.not_found", "no such model or address"];
  if (status === 429) return ["llm.rate_limited", "too many requests or tokens"];
  if (status === 503 || status === 529) return ["llm.overloaded", "it is overloaded"];
  if (status >= 500) return ["llm.server", "it failed"];
  if (status >= 400) return ["llm.rejected", "it does not take the request"];
  return ["llm.status", "which is no answer; redirects are not followed, a key goes only where it was meant"];
}

/** How long the provider asks to be left alone: milliseconds, seconds or a date. */
function retryAfterMs(reply: Reply, clock: Clock): number | undefined {
  const [ms, after] = [reply.header("retry-after-ms") ?? "", reply.header("retry-after") ?? ""];
  const asked = /^\d+(\.\d+)?$/.test(ms) ? Number(ms) : /^\d+(\.\d+)?$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Number(clock.now() / 1_000_000n);
  return Number.isFinite(asked) ? Math.min(Math.max(Math.ceil(asked), 0), RETRY_AFTER_MS_MAX) : undefined;
}

function retryOf(error: AosError): Pick<AdapterResult, "transient" | "retryAfterMs"> {
  const { transient, retryAfterMs: after } = error.data;
  return { ...(transient === true ? { transient } : {}), ...(typeof after === "number" ? { retryAfterMs: after } : {}) };
}

function result(status: AdapterResult["status"], outputRef: string | null, learned: Learned): AdapterResult {
  const { provider, params, usage } = learned;
  const cost = costCents(provider?.prices.get(params?.model ?? ""), usage);
  const { prompt, completion } = usage ?? { prompt: 0, completion: 0 };
  const payload = canonical({ output_ref: outputRef, token_usage: { prompt, completion }, cost_cents: cost ?? 0, provider_id: provider?.name ?? "" });
  return { status, payload, ...(cost === undefined ? {} : { costCents: cost }) };
}

/** A key that an operator bound is no declared secret: nobody else takes it out. */
function withoutKey(key: string, redact: RedactText): RedactText {
  return (text) => redact(text).replaceAll(key, "[redacted]");
}

/** A receipt without its text says more than none: the blobs may be what failed. */
function nothingStored(error: unknown): null {
  if (error instanceof AosError) return null;
  throw error;
}

/** Why a source has no value may quote one. */
function noSecret(): undefined {
  return undefined;
}

function timedOut(): AosError {
  return new AosError("llm.timeout", "the deadline passed before the answer was whole", { class: "outside" });
}

function cancelled(): AosError {
  return new AosError("llm.cancelled", "the call was cancelled", { class: "outside" });
}
