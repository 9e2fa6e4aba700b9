import assert from "node:assert/strict";
import { test } from "node:test";
import { ALLOW_SECRET, bitsPerChar, findSecrets } from "./secrets.ts";

/** Random-looking, the same in every run; in pieces, so that this file holds no secret. */
const RANDOM = ["q7Zt", "R2mX", "9vLp", "K4wB", "n8Hs", "D1cY", "6jFg", "U3eA", "x5TQ", "o0Ni", "W", "b2Vr"].join("");

const SECRETS: readonly (readonly [what: string, text: string])[] = [
  ["a private key", `-----BEGIN ${"OPENSSH"} PRIVATE KEY-----`],
  ["a private key", `-----BEGIN ${""}PRIVATE KEY-----`],
  ["an age key", `AGE-SECRET-${"KEY-1"}${"Q".repeat(58)}`],
  ["an AWS access key", `id = ${"AKIA"}${"IOSFODNN7EXAMPLQ"}`],
  ["a GitHub token", `${"ghp"}_${RANDOM.slice(0, 36)}`],
  ["a GitHub token", `${"github"}_pat_${RANDOM}${RANDOM}`],
  ["a GitLab token", `${"glpat"}-${RANDOM.slice(0, 20)}`],
  ["a Slack token", `${"xoxb"}-${"1234567890-abcdef"}`],
  ["a Google API key", `${"AIza"}${RANDOM.slice(0, 35)}`],
  ["a Stripe key", `${"sk_live"}_${RANDOM.slice(0, 24)}`],
  ["a model provider's API key", `${"sk-ant"}-${RANDOM}`],
  ["a Hugging Face token", `${"hf"}_${"abcdefghijklmnopqrABCDEFGHIJKLMNOP"}`],
  ["an npm token", `${"npm"}_${RANDOM.slice(0, 36)}`],
  ["a JSON web token", `${"eyJ"}hbGciOiJ.${"eyJ"}zdWIiOiIx.${RANDOM.slice(0, 20)}`],
  ["a password in a URL", `https://user:${"hunter2hunter2"}@host.example/x`],
  ["a value that looks like a secret", `api_key: "${RANDOM.slice(0, 32)}"`],
  ["a value that looks like a secret", `PASSWORD=${RANDOM.slice(0, 24)}`],
  ["a value that looks like a secret", `const x = "${RANDOM}";`],
];

test("secrets: every kind: found on its line, told without its value", () => {
  let rows = 0;
  for (const [what, text] of SECRETS) {
    assert.deepEqual(findSecrets(`fine\n${text}\nfine\n`, "text"), [{ line: 2, what }], what);
    rows++;
  }
  assert.equal(rows, 18);
});

const HARMLESS: readonly string[] = [
  "air_format 1", `"sha256:${"0123456789abcdef".repeat(4)}"`, `"integrity": "sha512-${RANDOM}${RANDOM}=="`, `token: ${"0123456789abcdef".repeat(4)}`,
  `ssh-ed25519 ${"AAAA"}C3NzaC1lZDI1NTE5AAAAIE9vL2pXk4wBn8HsD1cY6jFgU3eAx5TQo0NiWb2V`, '"token_schema": "demo/TokenExchangeResult@1"', "https://host.example:8080/@scope/name", "password: hunter2",
  "secret: { binding: \"env:API_KEY\" }", "https://user:${TOKEN}@host/", `const alphabet = "${"a".repeat(64)}";`, "authorization = some.module.with.a.long.name.of.parts", "auth: refs/heads/proposals/agent/helper/task",
];

test("secrets: what looks a little like one: left alone", () => {
  let rows = 0;
  for (const text of HARMLESS) {
    assert.deepEqual(findSecrets(text, "text"), [], text);
    rows++;
  }
  assert.equal(rows, 13);
});

test("secrets: allowed on its line or the one above: left alone, the next one is not", () => {
  const token = `${"ghp"}_${RANDOM.slice(0, 36)}`;
  assert.deepEqual(findSecrets(`${token} // ${ALLOW_SECRET}\n${token}\n${token}\n`, "text"), [{ line: 3, what: "a GitHub token" }]);
});

test("secrets: in a binary: known shapes only", () => {
  assert.deepEqual(findSecrets(`\0\x01${"ghp"}_${RANDOM.slice(0, 36)}\0`, "binary"), [{ line: 1, what: "a GitHub token" }]);
  assert.deepEqual(findSecrets(`\0"${RANDOM}"\0`, "binary"), []);
});

test("secrets: entropy: none of one character, one bit of two, two of four", () => {
  assert.deepEqual(["aaaa", "abab", "abcdabcd"].map(bitsPerChar), [0, 1, 2]);
});
