// A secret that somebody types or pipes in: never an argument, which every process of the machine can read, and never shown.

import { AosError } from "@agentos/kernel";

/** What a value may have; a vault keeps no longer ones. */
const INPUT_BYTES_MAX = 64 * 1024 + 2;

/** As much of `process.stdin` as is used here. */
interface SecretSource extends AsyncIterable<string | Uint8Array> {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
}

/**
 * Reads a secret to the end of its input; of what is typed, to the end of its line.
 *
 * @param options.say - shows the question to a person; nothing of the answer is shown
 * @param options.end - `line`: one line break at the end of the input is not part of the value; `exact`: it is
 * @throws AosError `cli.secret` when nothing was given, too much, or a person changed their mind
 */
export async function readSecret(source: SecretSource, options: { readonly question: string; readonly say: (text: string) => void; readonly end: "line" | "exact" }): Promise<Uint8Array> {
  const value = source.isTTY === true ? await typed(source, options) : await piped(source, options.end);
  if (value.length === 0) throw new AosError("cli.secret", "no value was given", { hint: "type it, or pipe it in: aos vault put NAME < FILE" });
  return value;
}

async function piped(source: SecretSource, end: "line" | "exact"): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of source) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > INPUT_BYTES_MAX) throw tooLong();
    parts.push(bytes);
  }
  const whole = Buffer.concat(parts);
  const kept = end === "exact" ? whole : whole.subarray(0, whole.length - lineBreak(whole));
  return Uint8Array.from(kept);
}

function lineBreak(bytes: Buffer): number {
  if (bytes.at(-1) !== 0x0a) return 0;
  return bytes.at(-2) === 0x0d ? 2 : 1;
}

const [INTERRUPT, END, ERASE_LINE, ESCAPE] = ["\u0003", "\u0004", "\u0015", "\u001b"];

async function typed(source: SecretSource, { question, say }: { readonly question: string; readonly say: (text: string) => void }): Promise<Uint8Array> {
  say(question);
  source.setRawMode?.(true);
  try {
    return await line(source);
  } finally {
    source.setRawMode?.(false);
    say("\n");
  }
}

async function line(source: SecretSource): Promise<Uint8Array> {
  const decoder = new TextDecoder();
  let characters: string[] = [];
  for await (const part of source) {
    for (const character of decoder.decode(Buffer.from(part), { stream: true })) {
      if (character === "\r" || character === "\n" || character === END) return Uint8Array.from(Buffer.from(characters.join("")));
      if (character === INTERRUPT || character === ESCAPE) throw new AosError("cli.secret", "stopped: nothing was kept", { class: "refused" });
      if (character === "\u007f" || character === "\b") characters.pop();
      else if (character === ERASE_LINE) characters = [];
      else characters.push(character);
      if (characters.length > INPUT_BYTES_MAX) throw tooLong();
    }
  }
  return Uint8Array.from(Buffer.from(characters.join("")));
}

function tooLong(): AosError {
  return new AosError("cli.secret", "the value is longer than a vault keeps, 64 KiB");
}
