// Which providers an operator offers: where they are, which protocol they speak, what they cost.

import { AosError } from "../../air/error.ts";
import type { Dialect, ProtocolName } from "./protocol.ts";

/** Cents for a million tokens, integers. */
export interface LlmPrice {
  readonly promptCents: number;
  readonly completionCents: number;
}
/** A provider as an operator writes it; `protocol` and `baseUrl` may be left out for a built-in name. */
interface LlmProviderConfig {
  readonly protocol?: ProtocolName;
  /** As the vendors' own clients have it: with `/v1` for the OpenAI protocols, without for Anthropic's. */
  readonly baseUrl?: string;
  /** Where the key is when a call brings none, a binding id of the secret source. */
  readonly apiKeyBinding?: string;
  /** `anthropic-version`. */
  readonly apiVersion?: string;
  /** `compatible` unless the provider is built in and its address left alone. */
  readonly dialect?: Dialect;
  /** By model. */
  readonly prices?: Readonly<Record<string, LlmPrice>>;
}
export interface LlmConfig {
  /** How long a call may take with all its retries, 10 minutes unless told. */
  readonly timeoutMs?: number;
  /** Longest answer, and longest event of a stream, 10 MiB unless told; all of a stream with its framing may be four times that. */
  readonly bodyBytesMax?: number;
  readonly providers?: Readonly<Record<string, LlmProviderConfig>>;
}

/** A configuration with all its defaults. */
interface LlmSettings {
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  readonly providers: ReadonlyMap<string, LlmProvider>;
}

/** A provider, ready to be called. */
export interface LlmProvider {
  readonly name: string;
  readonly protocol: ProtocolName;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly apiKeyBinding: string | undefined;
  readonly apiVersion: string | undefined;
  readonly dialect: Dialect;
  readonly keyNeeded: "always" | "if_given";
  readonly prices: ReadonlyMap<string, LlmPrice>;
}

const OPENAI = "https://api.openai.com/v1";
const BUILT_IN: ReadonlyMap<string, { readonly protocol: ProtocolName; readonly baseUrl: string }> = new Map([
  ["openai", { protocol: "openai-chat", baseUrl: OPENAI }],
  ["openai-chat", { protocol: "openai-chat", baseUrl: OPENAI }],
  ["openai-responses", { protocol: "openai-responses", baseUrl: OPENAI }],
  ["anthropic", { protocol: "anthropic", baseUrl: "https://api.anthropic.com" }],
]);
const PROTOCOLS: readonly unknown[] = ["openai-chat", "openai-responses", "anthropic"] satisfies readonly ProtocolName[];
const DIALECTS: readonly unknown[] = ["platform", "compatible"] satisfies readonly Dialect[];
const FIELDS: readonly string[] = ["protocol", "baseUrl", "apiKeyBinding", "apiVersion", "dialect", "prices"] satisfies readonly (keyof LlmProviderConfig)[];
/** Models think for minutes. */
const TIMEOUT_MS = 600_000;
const ANSWER_BYTES_MAX = 10 * 1024 * 1024;
const PRICE_MAX = 100_000_000;
const TIMEOUT_MS_MAX = 3_600_000;
const BODY_BYTES_MAX = 256 * 1024 * 1024;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** What a header can hold, and a binding id with room to spare. */
const TEXT = /^[!-~]{1,200}$/;

/**
 * Reads an operator's configuration. The providers that calls may name are the built-in `openai` (also `openai-chat`),
 * `openai-responses` and `anthropic`, and the operator's over them.
 * @param config - an {@link LlmConfig} from outside; undefined for none
 * @throws AosError `llm.config` with the place
 */
export function readLlmConfig(config: unknown = {}): LlmSettings {
  const { timeoutMs = TIMEOUT_MS, bodyBytesMax = ANSWER_BYTES_MAX, providers: given = {}, ...others } = objectOf(config, "llm");
  for (const name of Object.keys(others)) throw bad(`llm.${name}`, "no such field; there are bodyBytesMax, providers, timeoutMs");
  if (!isCount(timeoutMs, TIMEOUT_MS_MAX)) throw bad("llm.timeoutMs", `expected a whole number from 1 to ${TIMEOUT_MS_MAX}`);
  if (!isCount(bodyBytesMax, BODY_BYTES_MAX)) throw bad("llm.bodyBytesMax", `expected a whole number from 1 to ${BODY_BYTES_MAX}`);
  const providers = new Map([...BUILT_IN.keys()].map((name) => [name, readProvider(name, {})]));
  for (const [name, provider] of Object.entries(objectOf(given, "llm.providers"))) {
    const at = `llm.providers.${name}`;
    if (!NAME.test(name)) throw bad(at, "a provider's name is up to 64 letters, digits, dots, _ or -");
    providers.set(name, readProvider(name, objectOf(provider, at)));
  }
  return { timeoutMs, bodyBytesMax, providers };
}

function readProvider(name: string, given: Readonly<Record<string, unknown>>): LlmProvider {
  const at = `llm.providers.${name}`;
  for (const field of Object.keys(given)) if (!FIELDS.includes(field)) throw bad(`${at}.${field}`, `no such field; there are ${FIELDS.join(", ")}`);
  const builtIn = BUILT_IN.get(name);
  const protocol = given["protocol"] ?? builtIn?.protocol;
  if (!PROTOCOLS.includes(protocol)) throw bad(`${at}.protocol`, `expected ${PROTOCOLS.join(", ")}`);
  const moved = given["baseUrl"] !== undefined || builtIn === undefined;
  const dialect = given["dialect"] ?? (moved ? "compatible" : "platform");
  if (!DIALECTS.includes(dialect)) throw bad(`${at}.dialect`, `expected ${DIALECTS.join(" or ")}`);
  const apiVersion = optionalText(given["apiVersion"], `${at}.apiVersion`);
  if (apiVersion !== undefined && protocol !== "anthropic") throw bad(`${at}.apiVersion`, "only the protocol anthropic has one");
  return {
    name, protocol: protocol as ProtocolName, dialect: dialect as Dialect, apiVersion,
    baseUrl: readBaseUrl(given["baseUrl"] ?? builtIn?.baseUrl, `${at}.baseUrl`),
    apiKeyBinding: optionalText(given["apiKeyBinding"], `${at}.apiKeyBinding`),
    keyNeeded: moved ? "if_given" : "always",
    prices: readPrices(given["prices"] ?? {}, `${at}.prices`),
  };
}

/** A key goes to this address: over TLS, or to this machine. */
function readBaseUrl(value: unknown, at: string): string {
  if (typeof value !== "string" || !URL.canParse(value)) throw bad(at, "expected a URL");
  const url = new URL(value);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") throw bad(at, "no user, query or fragment may be in it");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) throw bad(at, "expected https, or http to this machine (127.0.0.1, [::1], localhost)");
  return url.href.replace(/\/+$/, "");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function readPrices(value: unknown, at: string): ReadonlyMap<string, LlmPrice> {
  return new Map(Object.entries(objectOf(value, at)).map(([model, price]) => [model, readPrice(price, `${at}[${JSON.stringify(model)}]`)]));
}

function readPrice(value: unknown, at: string): LlmPrice {
  const { promptCents, completionCents, ...others } = objectOf(value, at);
  const priced = (cents: unknown): cents is number => cents === 0 || isCount(cents, PRICE_MAX);
  if (!priced(promptCents) || !priced(completionCents) || Object.keys(others).length > 0) {
    throw bad(at, "expected {promptCents, completionCents}, whole cents for a million tokens");
  }
  return { promptCents, completionCents };
}

function isCount(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= max;
}

function optionalText(value: unknown, at: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || !TEXT.test(value)) throw bad(at, "expected a text of 1 to 200 printable characters without blanks");
  return value;
}

function objectOf(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(at, "expected an object");
  return value as Readonly<Record<string, unknown>>;
}

function bad(at: string, what: string): AosError {
  return new AosError("llm.config", `${at}: ${what}`, { hint: "it stands in `<git folder>/aos/adapters.json`" });
}
