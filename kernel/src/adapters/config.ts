// What an operator may set about adapters: one JSON file beside the world's local state, defaults for the rest.

import { AosError } from "../air/error.ts";

/** Limits and places, by adapter; the file has the same names. Times in milliseconds, sizes in bytes. */
export interface AdapterConfig {
  readonly http: {
    readonly timeoutMs: number;
    readonly bodyBytesMax: number;
    /** Origins of URLs that are really somewhere else, such as behind a gateway: by origin, the origin that is connected to. */
    readonly origins: Readonly<Record<string, string>>;
  };
  readonly blob: { readonly bytesMax: number };
  /**
   * Paths, relative ones from the folder of the world's local state. With a passphrase there is no key file: `env:NAME` is in an
   * environment variable, `file:PATH` the first line of a file that only its owner may read.
   */
  readonly vault: { readonly file: string; readonly keyFile: string; readonly passphrase?: string };
  /** What `readLlmConfig` of the adapter `llm` reads and checks. */
  readonly llm?: unknown;
}

export const DEFAULT_CONFIG: AdapterConfig = {
  http: { timeoutMs: 30_000, bodyBytesMax: 10 * 1024 * 1024, origins: {} },
  blob: { bytesMax: 1024 * 1024 },
  vault: { file: "vault.json", keyFile: "vault.key" },
};

/** What a field may be: a whole number from 1 to a most, a path, where a passphrase is, or origins by origin. */
type Rule = number | "path" | "place" | "origins";
type Sections = Omit<AdapterConfig, "llm">;

const RULES: { readonly [A in keyof Sections]: { readonly [F in keyof Sections[A]]-?: Rule } } = {
  http: { timeoutMs: 3_600_000, bodyBytesMax: 256 * 1024 * 1024, origins: "origins" },
  blob: { bytesMax: 8 * 1024 * 1024 },
  vault: { file: "path", keyFile: "path", passphrase: "place" },
};

/**
 * Reads the text of an `adapters.json`; what it does not say is as in `DEFAULT_CONFIG`.
 *
 * @param file - where the text is from, for errors
 * @throws AosError `adapters.config` at the first field that is unknown or is not what it may be
 */
export function parseAdapterConfig(text: string, file: string): AdapterConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong({ file, pointer: "" }, "not JSON", 'write one object, such as {"http": {"timeoutMs": 10000}}');
  }
  const { llm, ...given } = objectOf(value, { file, pointer: "" });
  const known = [...Object.keys(RULES), "llm"].sort();
  for (const name of Object.keys(given)) if (!known.includes(name)) throw wrong({ file, pointer: `/${name}` }, "no such adapter", `there are ${known.join(", ")}`);
  const section = <A extends keyof Sections>(name: A): Sections[A] => ({ ...DEFAULT_CONFIG[name], ...sectionOf(given[name], RULES[name], { file, pointer: `/${name}` }) });
  return { http: section("http"), blob: section("blob"), vault: section("vault"), ...(llm === undefined ? {} : { llm }) };
}

interface At {
  readonly file: string;
  readonly pointer: string;
}

function sectionOf(given: unknown, rules: Readonly<Record<string, Rule>>, at: At): object {
  if (given === undefined) return {};
  const fields = objectOf(given, at);
  for (const [name, value] of Object.entries(fields)) {
    const place = { file: at.file, pointer: `${at.pointer}/${name}` };
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) throw wrong(place, "no such field", `there are ${Object.keys(rules).join(", ")}`);
    if (rule === "origins") checkOrigins(value, place);
    if (rule === "path" && !(typeof value === "string" && value !== "" && !value.includes("\0"))) throw wrong(place, "not a path");
    if (rule === "place" && !(typeof value === "string" && /^(env:[A-Za-z_][A-Za-z0-9_]*|file:[^\0]+)$/.test(value))) throw wrong(place, "not a place of a passphrase", "env:NAME, or file:PATH");
    if (typeof rule === "number" && !(Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= rule)) throw wrong(place, `not a whole number from 1 to ${rule}`);
  }
  return fields;
}

function checkOrigins(value: unknown, at: At): void {
  for (const [from, to] of Object.entries(objectOf(value, at))) {
    if (!isOrigin(from) || !isOrigin(to)) throw wrong({ file: at.file, pointer: `${at.pointer}/${from.replaceAll("~", "~0").replaceAll("/", "~1")}` }, "not an origin for an origin", "for example \"https://api.example.com\": \"http://10.0.0.7:8080\"");
  }
}

function isOrigin(text: unknown): boolean {
  return typeof text === "string" && /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

function objectOf(value: unknown, at: At): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw wrong(at, "not an object");
}

function wrong(at: At, what: string, hint?: string): AosError {
  return new AosError("adapters.config", `${at.file}${at.pointer === "" ? "" : `: ${at.pointer}`}: ${what}`, { at, ...(hint === undefined ? {} : { hint }) });
}
