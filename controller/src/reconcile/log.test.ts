import { test } from "node:test";
import assert from "node:assert/strict";
import { jsonLog, scrub, type LogLevel, type LogLine } from "./log.ts";

const CANARY = "canary-7f3a91";

function written(lines: readonly LogLine[], level: LogLevel): readonly Record<string, unknown>[] {
  const out: string[] = [];
  const log = jsonLog((text) => void out.push(text), { level });
  for (const line of lines) log(line);
  return out.map((text) => {
    assert.doesNotMatch(text, /\n/);
    return JSON.parse(text) as Record<string, unknown>;
  });
}

const line = (level: LogLevel, fields: Readonly<Record<string, unknown>> = {}): LogLine => ({ time: "2026-01-02T03:04:05.678Z", level, message: `a ${level} line`, ...fields });

test("log: a line: level, time, message, then its fields, and nothing else", () => {
  const out: string[] = [];
  jsonLog((text) => void out.push(text), { level: "info" })(line("warn", { seq: 4, code: "x.y", gone: undefined }));
  assert.deepEqual(out, ['{"level":"warn","time":"2026-01-02T03:04:05.678Z","seq":4,"code":"x.y","message":"a warn line"}']);
});

test("log: levels: those of the level and above", () => {
  const all = (["debug", "info", "warn", "error"] as const).map((level) => line(level));
  const rows: readonly (readonly [LogLevel, number])[] = [["debug", 4], ["info", 3], ["warn", 2], ["error", 1]];
  for (const [level, count] of rows) assert.deepEqual(written(all, level).map((one) => one["level"]), all.slice(4 - count).map((one) => one.level), level);
});

test("log: a secret, wherever it comes in: not in the line", () => {
  const rows: readonly Readonly<Record<string, unknown>>[] = [
    { problem: `fatal: unable to access 'https://bot:${CANARY}@git.example/x.git/'` },
    { problem: `GET https://api.example/v1?key=${CANARY}&a=b failed` },
    { problem: `GET https://api.example/v1#${CANARY}` },
    { problem: `401 for Authorization: Bearer ${CANARY}` },
    { problem: `basic ${CANARY}==` },
    { params: { url: CANARY } },
    { payload: CANARY },
    { headers: { authorization: `Bearer ${CANARY}` } },
    { call: { token: CANARY, body: CANARY } },
    { nested: { deep: [`ssh://u:${CANARY}@h/x`] } },
    { cause: new Error(`https://x:${CANARY}@h/`) },
    { paths: [`https://${CANARY}@h/x`] },
  ];
  for (const fields of rows) {
    const [one] = written([line("error", fields)], "debug");
    assert.ok(one !== undefined && !JSON.stringify(one).includes(CANARY), JSON.stringify(one));
  }
  const [told] = written([{ ...line("info"), message: `pushed to https://u:${CANARY}@h/x` }], "info");
  assert.equal(told?.["message"], "pushed to https://[redacted]@h/x");
  assert.equal(rows.length, 12);
});

test("log: scrub: addresses stay, and so does what only looks like one", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["https://h/x/y.git", "https://h/x/y.git"],
    ["https://h:8080/x: could not reach it", "https://h:8080/x: could not reach it"],
    ["git@h:x/y.git is away", "git@h:x/y.git is away"],
    ["ask ada@example.com? no", "ask ada@example.com? no"],
    ["https://u:p@h/x?a=b#c and http://v@i/?q", "https://[redacted]@h/x?[redacted] and http://[redacted]@i/?[redacted]"],
    ["why? because", "why? because"],
    ["a bearer of news", "a bearer of news"],
  ];
  for (const [text, expected] of rows) assert.equal(scrub(text), expected);
  assert.equal(rows.length, 7);
});
