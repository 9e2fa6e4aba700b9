// One call of the adapter `llm` against the LLM server, for its tests.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { memoryBlobs } from "../adapters/blobs/memory.ts";
import type { LlmConfig } from "../adapters/llm/config.ts";
import { llmAdapter } from "../adapters/llm/llm.ts";
import { canonical, decode } from "../air/cbor.ts";
import { BUILTIN_SCHEMAS } from "../air/catalog.ts";
import { fromUtf8, utf8, ZERO_HASH } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { Encodable, Hash, Value } from "../air/value.ts";
import type { AdapterCall, AdapterResult, Blobs } from "../ports.ts";
import { llmServer, type LlmServer, type LlmServerOptions, type LlmServerProtocol } from "./llm-server.ts";
import { manualClock } from "./manual-clock.ts";

export const LLM_PROTOCOLS: readonly LlmServerProtocol[] = ["openai-chat", "openai-responses", "anthropic"];
/** The key that the server asks for. */
export const LLM_KEY = "sk-test-0123456789abcdef";
/** What the adapter takes for now: 2023-11-14T22:13:20Z. */
const NOW_NS = 1_700_000_000_000_000_000n;

/** A server that goes away with the test. */
export async function llmServerFor(t: TestContext, answer: LlmServerOptions["answer"], options: Omit<LlmServerOptions, "answer"> = {}): Promise<LlmServer> {
  const server = await llmServer({ key: LLM_KEY, ...options, answer });
  t.after(() => server.close());
  return server;
}

/** A configuration with a provider `local` that speaks a protocol with a server. */
export function llmConfigFor(url: string, protocol: LlmServerProtocol, more: Partial<NonNullable<LlmConfig["providers"]>[string]> = {}): LlmConfig {
  return { providers: { local: { protocol, baseUrl: protocol === "anthropic" ? url : `${url}/v1`, ...more } } };
}

/** What differs from a plain call: see {@link askLlm}. */
export interface LlmAsk {
  readonly messages?: readonly (string | Encodable)[];
  readonly tools?: readonly Encodable[];
  readonly params?: Readonly<Record<string, Encodable>>;
  readonly grant?: Encodable;
  readonly progress?: (chunk: string) => void;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  readonly blobs?: Blobs;
  /** What the secret source has. */
  readonly bound?: Uint8Array;
}

/** A receipt, its payload read and its output from the blobs. */
interface LlmReceipt {
  readonly result: AdapterResult;
  readonly status: string;
  readonly usage: Value | undefined;
  readonly cost: Value | undefined;
  readonly output: string;
}

/** Runs one call; texts go to the blobs as they are, anything else as JSON. The payload is checked against the catalog. */
export async function askLlm(config: LlmConfig, options: LlmAsk = {}): Promise<LlmReceipt> {
  const { messages = ["Say hi."], tools, params = {}, grant = {}, blobs = memoryBlobs(), bound, deadlineMs = 20_000, signal = new AbortController().signal, progress } = options;
  const put = (value: unknown): Promise<Hash> => blobs.put(typeof value === "string" ? utf8(value) : value instanceof Uint8Array ? value : utf8(JSON.stringify(value)));
  const adapter = llmAdapter({ blobs, clock: manualClock(NOW_NS), secrets: { resolve: async () => bound } }, config);
  const call: AdapterCall = {
    intentHash: ZERO_HASH, effect: "llm.generate", idempotencyKey: new Uint8Array(32), capParams: canonical(grant), deadlineMs, signal,
    params: canonical({
      provider: "local", model: "model-1", temperature: "0.5", max_tokens: 64, message_refs: await Promise.all(messages.map(put)),
      tool_refs: tools === undefined ? null : await Promise.all(tools.map(put)), tool_choice: null, api_key: LLM_KEY, ...params,
    }),
    ...(progress === undefined ? {} : { progress }),
  };
  const result = await adapter.run(call);
  const payload = normalizerFor(BUILTIN_SCHEMAS, "sys/LlmGenerateReceipt@1")(decode(result.payload)) as ReadonlyMap<string, Value>;
  const bytes = await blobs.get(payload.get("output_ref") as Hash);
  assert.ok(bytes !== undefined, "the output is among the blobs");
  return { result, status: result.status, usage: payload.get("token_usage"), cost: payload.get("cost_cents"), output: fromUtf8(bytes) };
}

/** Waits until a server has no connection any more; one that stays keeps the test from ending. */
export async function llmClosed(server: LlmServer): Promise<void> {
  while (server.openCount > 0) await new Promise((resolve) => setImmediate(resolve));
}
