// Every kind of failure: its exit code, and what people and programs are told.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { AosError, InvariantError } from "@agentos/kernel";
import { failureOf, usageFailure } from "./failure.ts";
import { failureJson, failureLines } from "./render/failure.ts";
import { createStyle, PLAIN } from "./render/style.ts";

test("failure: the class of an error decides the exit code", () => {
  const table: readonly (readonly [unknown, number, string])[] = [
    [new AosError("a.b", "place: wrong"), 2, "a.b"],
    [new AosError("a.b", "place: away", { class: "outside" }), 1, "a.b"],
    [new AosError("a.b", "place: no", { class: "refused" }), 3, "a.b"],
    [new AosError("a.b", "place: false", { class: "unverified" }), 4, "a.b"],
    [new InvariantError("broken invariant: x"), 70, "program.invariant"],
    [new TypeError("x is not a function"), 70, "program.broken"],
    ["a string", 70, "program.broken"],
    [systemError("/nonexistent/file"), 1, "io.enoent"],
  ];
  let rows = 0;
  for (const [error, exit, code] of table) {
    const failure = failureOf(error);
    assert.deepEqual([failure.exit, failure.code], [exit, code]);
    rows++;
  }
  assert.equal(rows, 8);
  assert.equal(failureOf(systemError("/nonexistent/file")).message, "/nonexistent/file: no such file or folder");
});

test("failure: words that do not fit: the word, and what was probably meant", () => {
  const scope = { path: ["build"], commands: [], flags: ["check", "json", "world"] };
  const top = { path: [], commands: ["build", "check", "merge"], flags: ["json", "world"] };
  const table: readonly (readonly [string, Parameters<typeof usageFailure>[1], string, string])[] = [
    ["Unknown argument: chek", { argv: ["build", "--chek"], ...scope }, "--chek: unknown flag of `aos build`", "did you mean --check?"],
    ["Unknown argument: chek", { argv: ["build", "--chek=1"], ...scope }, "--chek: unknown flag of `aos build`", "did you mean --check?"],
    ["Unknown arguments: x-y, xY", { argv: ["build", "--x-y"], ...scope }, "--x-y: unknown flag of `aos build`", "see aos build --help"],
    ["Unknown argument: now", { argv: ["build", "now"], ...scope }, "now: one argument too many of `aos build`", "see aos build --help"],
    ["Unknown argument: merg", { argv: ["merg"], ...top }, "merg: unknown command", "did you mean `aos merge`?"],
    ["Unknown argument: sing", { argv: ["sing"], ...top }, "sing: unknown command", "see aos --help"],
    ["Not enough non-option arguments: got 0, need at least 1", { argv: ["build"], ...scope }, "aos build: an argument is missing", "see aos build --help"],
    ["Missing required argument: dir", { argv: ["build"], ...scope }, "aos build: --dir is missing", "see aos build --help"],
    ["Not enough arguments following: world", { argv: ["build", "-w"], ...scope }, "aos build: --world needs a value", "see aos build --help"],
    ['Invalid values:\n  Argument: template, Given: "x", Choices: "a", "b"', { argv: ["build"], ...scope }, 'aos build: --template "x": expected one of "a", "b"', "see aos build --help"],
  ];
  let rows = 0;
  for (const [message, typed, told, hint] of table) {
    assert.deepEqual(usageFailure(message, typed), { code: usageFailure(message, typed).code, message: told, at: undefined, hint, exit: 2 });
    rows++;
  }
  assert.equal(rows, 10);
});

test("failure: as lines and as an object", () => {
  const failure = { code: "a.b", message: "place:\u001b[2J wrong", at: { file: "f", line: 1 }, hint: "do this" };
  assert.deepEqual(failureLines(failure, PLAIN), ["error: place:\\u{1b}[2J wrong", "hint: do this"]);
  assert.deepEqual(failureLines({ message: "m", hint: undefined }, createStyle("colour")), ["\u001b[31merror:\u001b[39m m"]);
  assert.deepEqual(failureJson(failure), { error: { code: "a.b", message: failure.message, at: { file: "f", line: 1 }, hint: "do this" } });
});

function systemError(path: string): unknown {
  try {
    return readFileSync(path);
  } catch (error) {
    return error;
  }
}
