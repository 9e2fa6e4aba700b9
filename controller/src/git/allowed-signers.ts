// The allowed_signers file by which stock `git verify-commit` and `ssh-keygen -Y verify` know whom to believe.

import { AosError, assert } from "@agentos/kernel";
import { assertStrongKey } from "./ed25519.ts";
import { parsePublicKeyLine, publicKeyLine } from "./keys.ts";

/** One principal's key: what it may sign, and from when until when (seconds since 1970, both inclusive). */
export interface AllowedSigner {
  readonly principal: string;
  /** What the key may sign, e.g. `git`, `aos-receipt`; at least one. */
  readonly namespaces: readonly string[];
  readonly publicKey: Uint8Array;
  readonly comment: string;
  readonly validAfter: number | undefined;
  readonly validBefore: number | undefined;
}

/** No blanks, commas, quotes, or the characters of patterns (`*`, `?`, `!`): a principal is one name, never a pattern. */
const PLAIN_WORD = /^[^\s,"'#*?!=\\]+$/;

/**
 * The file's text, one line a signer in the order given.
 *
 * @throws AosError `signers.word` for a principal or namespace that would read as a pattern or as several words; `key.weak`
 */
export function renderAllowedSigners(signers: readonly AllowedSigner[]): string {
  return signers.map((signer) => `${renderLine(signer)}\n`).join("");
}

function renderLine(signer: AllowedSigner): string {
  assert(signer.namespaces.length > 0, "a signer's key is bound to namespaces");
  for (const word of [signer.principal, ...signer.namespaces])
    if (!PLAIN_WORD.test(word))
      throw new AosError("signers.word", `allowed signers: ${JSON.stringify(word)} cannot be a principal or namespace`, {
        hint: "letters, digits and . _ - @ + : / are safe",
      });
  assertStrongKey(signer.publicKey);
  const options = [`namespaces="${signer.namespaces.join(",")}"`];
  if (signer.validAfter !== undefined) options.push(`valid-after="${renderTime(signer.validAfter)}"`);
  if (signer.validBefore !== undefined) options.push(`valid-before="${renderTime(signer.validBefore)}"`);
  return `${signer.principal} ${options.join(",")} ${publicKeyLine(signer)}`;
}

/**
 * Parses a file of such lines; empty lines and lines that start with `#` say nothing.
 *
 * @throws AosError `signers.line` with the line for anything else than one plain principal, `namespaces`, times in UTC and
 *   an Ed25519 key: what this program does not understand, it must not believe
 */
export function parseAllowedSigners(text: string, file: string): readonly AllowedSigner[] {
  const signers: AllowedSigner[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed !== "" && !trimmed.startsWith("#")) signers.push(parseLine(trimmed, { file, line: index + 1 }));
  }
  return signers;
}

const LINE = /^(\S+) (\S+) (ssh-\S+ \S+(?: .*)?)$/;
const OPTION = /^(namespaces|valid-after|valid-before)="([^"]+)"$/;

function parseLine(line: string, at: { readonly file: string; readonly line: number }): AllowedSigner {
  const wrong = (what: string): AosError => new AosError("signers.line", `${at.file}:${at.line}: ${what}`, { at });
  const [, principal, optionText, keyText] = LINE.exec(line) ?? [];
  if (principal === undefined || optionText === undefined || keyText === undefined)
    throw wrong('expected: <principal> namespaces="…" ssh-ed25519 AAAA…');
  if (!PLAIN_WORD.test(principal)) throw wrong(`${JSON.stringify(principal)} is not one plain principal`);
  const options = new Map<string, string>();
  for (const option of splitOptions(optionText)) {
    const [, name, value] = OPTION.exec(option) ?? [];
    if (name === undefined || value === undefined || options.has(name)) throw wrong(`the option ${JSON.stringify(option)} is not understood`);
    options.set(name, value);
  }
  const namespaces = options.get("namespaces")?.split(",") ?? [];
  if (namespaces.length === 0 || !namespaces.every((word) => PLAIN_WORD.test(word))) throw wrong("namespaces are missing or not plain");
  const times = ["valid-after", "valid-before"].map((name) => {
    const value = options.get(name);
    const seconds = value === undefined ? undefined : parseTime(value);
    if (value !== undefined && seconds === undefined) throw wrong(`${name} must be YYYYMMDDHHMMSSZ`);
    return seconds;
  });
  return { principal, namespaces, ...placedKey(keyText, wrong), validAfter: times[0], validBefore: times[1] };
}

function placedKey(text: string, wrong: (what: string) => AosError): { readonly publicKey: Uint8Array; readonly comment: string } {
  try {
    return parsePublicKeyLine(text);
  } catch (cause) {
    throw cause instanceof AosError ? wrong(cause.message) : cause;
  }
}

/** Splits at commas outside quotes. */
function splitOptions(text: string): readonly string[] {
  return text.match(/(?:[^,"]|"[^"]*")+/g) ?? [];
}

function renderTime(seconds: number): string {
  assert(Number.isSafeInteger(seconds) && seconds >= 0, "a validity time is whole seconds since 1970");
  return `${new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "").replace(/[-:T]/g, "")}Z`;
}

function parseTime(text: string): number | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  if (year === undefined) return undefined;
  const seconds = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) / 1000;
  return renderTime(seconds) === text ? seconds : undefined;
}
