// What the installed hooks run: `main.js pre-receive`, the refs on stdin as git gives them.

import { resolve } from "node:path";
import { AosError, InvariantError } from "@agentos/kernel";
import { preReceive } from "./pre-receive.ts";
import type { PushedLine } from "./pre-receive.ts";

/** A program that is wrong must not let a push pass. */
const EXIT_BROKEN = 70;

async function main(hook: string | undefined): Promise<number> {
  if (hook !== "pre-receive") {
    say([`there is no hook ${JSON.stringify(hook)}`]);
    return 2;
  }
  const verdict = await preReceive(resolve(process.env["GIT_DIR"] ?? "."), parseLines(await readInput()));
  if (verdict.ok) return 0;
  say(verdict.messages);
  return 1;
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString("utf8");
}

/** `<old> <new> <ref>` a line. */
function parseLines(text: string): readonly PushedLine[] {
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    const [old = "", next = "", ...ref] = line.split(" ");
    return [{ old, new: next, ref: ref.join(" ") }];
  });
}

/** git hands these lines to whoever pushes. */
function say(messages: readonly string[]): void {
  for (const message of messages) process.stderr.write(`aos: ${message.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ")}\n`);
}

try {
  process.exitCode = await main(process.argv[2]);
} catch (error) {
  say([error instanceof Error ? error.message : String(error)]);
  process.exitCode = error instanceof InvariantError ? EXIT_BROKEN : error instanceof AosError ? 1 : EXIT_BROKEN;
}
