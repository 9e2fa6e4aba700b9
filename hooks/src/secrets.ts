// Finds what looks like a secret in a text, and tells where, never what.

interface SecretFound {
  /** From 1. */
  readonly line: number;
  readonly what: string;
}

/** A line that holds this, or the line above it, is somebody's word that there is no secret. */
export const ALLOW_SECRET = "aos:allow-secret";

interface Kind {
  readonly what: string;
  readonly at: RegExp;
}

const KINDS: readonly Kind[] = [
  { what: "a private key", at: /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/ },
  { what: "an age key", at: /\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b/ },
  { what: "an AWS access key", at: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/ },
  { what: "a GitHub token", at: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})/ },
  { what: "a GitLab token", at: /\bglpat-[\w-]{20,}/ },
  { what: "a Slack token", at: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com\/services\/T[A-Z0-9]+\/B[A-Z0-9]+\/[A-Za-z0-9]{16,}/ },
  { what: "a Google API key", at: /\bAIza[0-9A-Za-z_-]{35}/ },
  { what: "a Stripe key", at: /\b[sr]k_live_[0-9A-Za-z]{16,}/ },
  { what: "a model provider's API key", at: /\bsk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{24,}/ },
  { what: "a Hugging Face token", at: /\bhf_[A-Za-z]{34}\b/ },
  { what: "an npm token", at: /\bnpm_[A-Za-z0-9]{36}\b/ },
  { what: "a PyPI token", at: /\bpypi-[A-Za-z0-9_-]{50,}/ },
  { what: "a JSON web token", at: /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}/ },
  { what: "a password in a URL", at: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"'<>]{1,100}:(?!\*|\$|%7B|\{)[^\s/:@"'<>]{6,200}@/i },
];

/** A name that says its value is secret, and the value. */
const ASSIGNED = /(?:secret|token|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|private[_-]?key|credential|auth)[\w-]{0,20}["']?\s{0,4}(?::=|=>|=|:)\s{0,4}["'`]?([A-Za-z0-9+/_=.~-]{20,512})/gi;
/** A long string by itself, in quotes. */
const QUOTED = /["'`]([A-Za-z0-9+/_-]{40,512}={0,2})["'`]/g;
/** What is long and random and no secret: hashes, fingerprints, public keys, integrity of packages, names. */
const PUBLIC = /^(?:[0-9a-f]{40}|[0-9a-f]{64}|AAAA[A-Za-z0-9+/]+=*|sha(?:1|256|384|512)[-:].*)$|^[a-z]+(?:[._/-][a-z0-9]+)+$/i;

const ASSIGNED_BITS_MIN = 3.5;
const QUOTED_BITS_MIN = 4.5;
const LINE_CHARS_MAX = 20_000;

/** @param kind - of a binary file only the shapes of known secrets are looked for, not what merely looks random */
export function findSecrets(text: string, kind: "text" | "binary"): readonly SecretFound[] {
  const lines = text.split("\n");
  const found: SecretFound[] = [];
  for (const [at, whole] of lines.entries()) {
    if (whole.includes(ALLOW_SECRET) || lines[at - 1]?.includes(ALLOW_SECRET) === true) continue;
    const line = kind === "text" ? whole : printable(whole);
    const shaped = KINDS.find((one) => one.at.test(line));
    const what = shaped?.what ?? (kind === "text" && line.length <= LINE_CHARS_MAX && looksRandom(line) ? "a value that looks like a secret" : undefined);
    if (what !== undefined) found.push({ line: at + 1, what });
  }
  return found;
}

function looksRandom(line: string): boolean {
  const values = (pattern: RegExp): readonly string[] => [...line.matchAll(pattern)].map((match) => match[1] ?? "").filter((value) => !PUBLIC.test(value));
  return values(ASSIGNED).some((value) => /\d/.test(value) && bitsPerChar(value) >= ASSIGNED_BITS_MIN) || values(QUOTED).some((value) => /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value) && bitsPerChar(value) >= QUOTED_BITS_MIN);
}

/** Shannon entropy of a text's characters, in bits. */
export function bitsPerChar(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  const total = [...text].length;
  return [...counts.values()].reduce((sum, count) => sum - (count / total) * Math.log2(count / total), 0);
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, " ");
}
