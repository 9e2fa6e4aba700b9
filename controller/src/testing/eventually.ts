// Waits in tests: none is for ever, and one that was in vain says what it waited for and what was there instead.

import assert from "node:assert/strict";
import { inspect } from "node:util";

/** Longer than anything a test waits for takes on a slow machine with other tests beside it. */
const WAIT_MS = 60_000;
const LOOK_MS = 20;

interface WaitOptions {
  readonly withinMs?: number;
  /** What is there now, for the message. */
  readonly seen?: () => unknown;
}

/**
 * Looks again and again until there is an answer.
 *
 * @param look - `undefined` and `false` are no answer
 * @param what - what is waited for, for the message
 * @throws AssertionError when it did not come in time
 */
export async function eventually<T>(look: () => T | Promise<T>, what: string, { withinMs = WAIT_MS, seen }: WaitOptions = {}): Promise<Exclude<T, undefined | false>> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const answer = await look();
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    if (performance.now() > endMs) assert.fail(`waited ${withinMs} ms in vain for: ${what}${seen === undefined ? "" : `; there is ${inspect(seen(), { depth: 6, breakLength: 160 })}`}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The answer, unless it takes longer than anything here should. */
export async function inTime<T>(answer: Promise<T>, what: string, { withinMs = WAIT_MS, seen }: WaitOptions = {}): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => (timer = setTimeout(() => resolve("late"), withinMs)));
  try {
    const first = await Promise.race([answer.then((value) => ({ value })), late]);
    if (first === "late") assert.fail(`waited ${withinMs} ms in vain for: ${what}${seen === undefined ? "" : `; there is ${inspect(seen())}`}`);
    return first.value;
  } finally {
    clearTimeout(timer);
  }
}
