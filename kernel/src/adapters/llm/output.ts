// What a call leaves in the blobs: the answer as one neutral message, or one sentence on why there is none.

import type { AosError } from "../../air/error.ts";
import { utf8 } from "../../air/hash.ts";
import { jsonOf, valueToJson, writeJson } from "../../air/json.ts";
import type { Value } from "../../air/value.ts";
import type { LlmPrice } from "./config.ts";
import type { LlmAnswer, ProviderError, ToolCall, Usage } from "./protocol.ts";

/** A provider's own words in an error, at most. */
const WORDS_MAX = 300;
const TYPE_MAX = 60;
/** What looks like a credential: vendors' key prefixes with their stars, and the scheme that carries one. */
const CREDENTIALS = /\b(?:sk|pk|rk|gsk|xai|key)[-_][\w*.-]{6,}|\bBearer\s+\S+/gi;

/** Takes secrets out of a text. */
export type RedactText = (text: string) => string;

/**
 * The bytes of an answer: canonical JSON text (keys sorted, nothing between) of
 * `{content, finish, role: "assistant", tool_calls: [{arguments, id, name}], usage: {completion, prompt} | null}`.
 */
export function outputBytes(answer: LlmAnswer, redact: RedactText): Uint8Array {
  const message = {
    role: "assistant", content: answer.content, finish: answer.finish,
    tool_calls: answer.toolCalls.map((call: ToolCall) => ({ id: call.id, name: call.name, arguments: call.arguments })),
    usage: answer.usage ?? null,
  };
  return utf8(redact(writeJson(valueToJson(jsonOf(message) as Value))));
}

/** The bytes of a failure: `<code>: <what happened>.` Errors of other parts may name files of this machine: of them the code alone. */
export function failureBytes(error: AosError, redact: RedactText): Uint8Array {
  if (!/^(llm\.|tool_not_allowed$)/.test(error.code)) return utf8(`${error.code}: the call could not be made.`);
  return utf8(redact(`${error.code}: ${error.message}${providerWords(error)}.`));
}

/** What the provider said, made short, one line, and free of what looks like a credential. */
function providerWords(error: AosError): string {
  const words = error.data["provider"] as ProviderError | undefined;
  const [type, message] = [words?.type, words?.message].map((text) => (text === undefined ? "" : oneLine(text)));
  return (type ? ` (${type.slice(0, TYPE_MAX).replace(/\p{Surrogate}/gu, "")})` : "") + (message ? `: ${message.replace(/\.$/, "")}` : "");
}

function oneLine(text: string): string {
  const clean = text.replace(/[\p{Cc}\s]+/gu, " ").trim().replace(CREDENTIALS, "[redacted]");
  // A cut may leave half of a pair.
  return clean.length > WORDS_MAX ? `${clean.slice(0, WORDS_MAX).replace(/\p{Surrogate}/gu, "")} …` : clean;
}

/** Cents for some tokens, rounded up; undefined without a price or without a count. */
export function costCents(price: LlmPrice | undefined, usage: Usage | undefined): number | undefined {
  if (price === undefined || usage === undefined) return undefined;
  const total = BigInt(usage.prompt) * BigInt(price.promptCents) + BigInt(usage.completion) * BigInt(price.completionCents);
  return Number((total + 999_999n) / 1_000_000n);
}
