import assert from "node:assert/strict";
import { test } from "node:test";
import { readLlmConfig } from "./config.ts";

test("llm config: nothing set: the vendors' own services, which need a key", () => {
  const { timeoutMs, bodyBytesMax, providers } = readLlmConfig(undefined);
  assert.deepEqual([timeoutMs, bodyBytesMax], [600_000, 10_485_760]);
  assert.deepEqual([...providers.values()].map(({ name, protocol, baseUrl, dialect, keyNeeded }) => [name, protocol, baseUrl, dialect, keyNeeded]), [
    ["openai", "openai-chat", "https://api.openai.com/v1", "platform", "always"],
    ["openai-chat", "openai-chat", "https://api.openai.com/v1", "platform", "always"],
    ["openai-responses", "openai-responses", "https://api.openai.com/v1", "platform", "always"],
    ["anthropic", "anthropic", "https://api.anthropic.com", "platform", "always"],
  ]);
});

test("llm config: a provider of the operator's, and a built-in one with prices, another address: as written, defaults by where it is", () => {
  const prices = { m: { promptCents: 0, completionCents: 1_000 } };
  const { providers } = readLlmConfig({
    timeoutMs: 1, bodyBytesMax: 2,
    providers: {
      mock: { protocol: "openai-chat", baseUrl: "http://127.0.0.1:8080/v1/", apiKeyBinding: "env:K" },
      openai: { prices },
      anthropic: { baseUrl: "https://llm.example.com/x//", apiVersion: "2024-01-01", dialect: "platform" },
    },
  });
  assert.equal(providers.size, 5);
  assert.deepEqual(providers.get("mock"), {
    name: "mock", protocol: "openai-chat", dialect: "compatible", apiVersion: undefined, baseUrl: "http://127.0.0.1:8080/v1", apiKeyBinding: "env:K",
    keyNeeded: "if_given", prices: new Map(),
  });
  const { openai, anthropic } = Object.fromEntries(providers);
  assert.deepEqual([openai?.dialect, openai?.keyNeeded, openai?.prices], ["platform", "always", new Map([["m", prices.m]])]);
  assert.deepEqual([anthropic?.baseUrl, anthropic?.dialect, anthropic?.keyNeeded, anthropic?.apiVersion], ["https://llm.example.com/x", "platform", "if_given", "2024-01-01"]);
});

test("llm config: base URLs: https anywhere, http to this machine alone, nothing that could carry a secret", () => {
  const good = ["https://a.example", "https://10.0.0.1:8443/v1", "http://127.0.0.1:1", "http://127.9.9.9", "http://localhost:11434/v1", "http://[::1]:80", "http://2130706433"];
  const bad = ["http://a.example", "http://10.0.0.1", "http://127.0.0.1.evil.example", "http://localhost.example", "ftp://127.0.0.1", "https://user:word@a.example", "https://a.example/?key=x", "https://a.example/#x", "nothing", "", 7, null];
  const withUrl = (baseUrl: unknown): unknown => ({ providers: { p: { protocol: "openai-chat", baseUrl } } });
  for (const url of good) assert.ok(readLlmConfig(withUrl(url)).providers.has("p"), url);
  for (const url of bad) assert.throws(() => readLlmConfig(withUrl(url)), { code: "llm.config", message: /^llm\.providers\.p\.baseUrl: / }, String(url));
  assert.deepEqual([good.length, bad.length], [7, 12]);
});

test("llm config: what is none: refused, with the place", () => {
  const local = { protocol: "openai-chat", baseUrl: "http://127.0.0.1/v1" };
  const rows: readonly (readonly [unknown, RegExp])[] = [
    [null, /^llm: expected an object/],
    [[], /^llm: expected an object/],
    [{ provider: {} }, /^llm\.provider: no such field; there are bodyBytesMax, providers, timeoutMs/],
    [{ timeoutMs: 0 }, /^llm\.timeoutMs: expected a whole number from 1 to 3600000/],
    [{ bodyBytesMax: "1" }, /^llm\.bodyBytesMax: /],
    [{ providers: [] }, /^llm\.providers: expected an object/],
    [{ providers: { "a b": local } }, /^llm\.providers\.a b: a provider's name/],
    [JSON.parse('{"providers": {"__proto__": {}}}'), /^llm\.providers\.__proto__: a provider's name/],
    [{ providers: { p: 1 } }, /^llm\.providers\.p: expected an object/],
    [{ providers: { p: {} } }, /^llm\.providers\.p\.protocol: expected openai-chat, openai-responses, anthropic/],
    [{ providers: { p: { ...local, protocol: "openai" } } }, /^llm\.providers\.p\.protocol: /],
    [{ providers: { p: { protocol: "anthropic" } } }, /^llm\.providers\.p\.baseUrl: /],
    [{ providers: { p: { ...local, key: "x" } } }, /^llm\.providers\.p\.key: no such field; there are protocol, baseUrl, /],
    [{ providers: { p: { ...local, apiKeyBinding: "" } } }, /^llm\.providers\.p\.apiKeyBinding: /],
    [{ providers: { p: { ...local, apiVersion: "1" } } }, /^llm\.providers\.p\.apiVersion: only the protocol anthropic/],
    [{ providers: { anthropic: { apiVersion: "a\r\nb: c" } } }, /^llm\.providers\.anthropic\.apiVersion: /],
    [{ providers: { p: { ...local, dialect: "x" } } }, /^llm\.providers\.p\.dialect: expected platform or compatible/],
    [{ providers: { p: { ...local, prices: { m: { promptCents: 1 } } } } }, /^llm\.providers\.p\.prices\["m"\]: expected/],
    [{ providers: { p: { ...local, prices: { m: { promptCents: 1, completionCents: 0.5 } } } } }, /^llm\.providers\.p\.prices\["m"\]: /],
    [{ providers: { p: { ...local, prices: { m: { promptCents: 1, completionCents: 1, x: 1 } } } } }, /^llm\.providers\.p\.prices\["m"\]: /],
  ];
  for (const [config, message] of rows) assert.throws(() => readLlmConfig(config), { code: "llm.config", message });
  assert.equal(rows.length, 20);
});
