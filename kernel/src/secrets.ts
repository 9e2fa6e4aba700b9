// Secret values: into the params of one call just before it is sent, and out of everything that comes back.

import { encodeBase64 } from "./air/base64.ts";
import { canonical, decode } from "./air/cbor.ts";
import { AosError } from "./air/error.ts";
import { fromUtf8, hashBytes, hex, isHash } from "./air/hash.ts";
import type { SecretDecl } from "./air/types.ts";
import type { Value } from "./air/value.ts";
import type { IntentOrigin } from "./core/world.ts";
import type { Redact, SecretSource } from "./ports.ts";

/** A value that was injected; `name` is `alias@version`. */
interface NamedSecret {
  readonly name: string;
  readonly value: Uint8Array;
}

/** Who asks for the secrets of an effect. */
export interface SecretUse {
  readonly params: Uint8Array;
  readonly cap: string;
  readonly origin: IntentOrigin;
}
export interface Injected {
  /** The params with a text, or bytes where the value is no UTF-8, in the place of each reference. */
  readonly params: Uint8Array;
  readonly secrets: readonly NamedSecret[];
}

/**
 * Puts values in the place of every reference `{"$tag": "secret", "$value": {alias, version}}` of the params.
 *
 * @throws AosError `secret.unresolved` (not declared, no source, no value), `secret.digest` (not the value that was declared),
 *   `secret.policy_denied` (declared for other grants or plans); no error holds a value
 */
export async function injectSecrets(use: SecretUse, declared: readonly SecretDecl[], source: SecretSource | undefined): Promise<Injected> {
  const value = decode(use.params);
  const found = new Map<string, SecretDecl | undefined>();
  visit(value, (reference) => found.set(reference.name, declared.find(({ alias, version }) => `${alias}@${version}` === reference.name)));
  if (found.size === 0) return { params: use.params, secrets: [] };
  const secrets = await Promise.all([...found].map(([name, decl]) => valueOf({ name, decl, use, source })));
  const byName = new Map(secrets.map((secret) => [secret.name, textOrBytes(secret.value)]));
  return { params: canonical(replaced(value, (name) => byName.get(name) ?? null)), secrets };
}

async function valueOf(ask: {
  readonly name: string;
  readonly decl: SecretDecl | undefined;
  readonly use: SecretUse;
  readonly source: SecretSource | undefined;
}): Promise<NamedSecret> {
  const { name, decl, use, source } = ask;
  if (decl === undefined) throw unresolved(name);
  if (!allows(decl, use)) throw new AosError("secret.policy_denied", `secret ${name}: not for this grant or plan`, { class: "refused" });
  let value: Uint8Array | undefined;
  try {
    value = await source?.resolve(decl.binding_id);
  } catch {
    // The error of a source is not ours to show: it may quote what it read.
    throw unresolved(name);
  }
  if (value === undefined || value.length === 0) throw unresolved(name);
  if (decl.expected_digest !== undefined && hashBytes(value) !== decl.expected_digest) {
    throw new AosError("secret.digest", `secret ${name}: the value is not the one that was declared`, { class: "refused" });
  }
  return { name, value };
}

/** An absent or empty list names no limit; plans are the only origin that `allowed_plans` is about. */
function allows({ policy }: SecretDecl, { cap, origin }: SecretUse): boolean {
  const caps = policy?.allowed_caps ?? [];
  const plans = policy?.allowed_plans ?? [];
  return (caps.length === 0 || caps.includes(cap)) && (plans.length === 0 || origin.kind !== "plan" || plans.includes(origin.plan));
}

function unresolved(name: string): AosError {
  return new AosError("secret.unresolved", `secret ${name}: no value`, { class: "outside" });
}

function textOrBytes(value: Uint8Array): string | Uint8Array {
  return textOf(value) ?? value;
}

function textOf(value: Uint8Array): string | undefined {
  try {
    return fromUtf8(value);
  } catch {
    return undefined;
  }
}

interface Reference {
  /** `alias@version` */
  readonly name: string;
}

function referenceOf(value: Value): Reference | undefined {
  if (!(value instanceof Map) || value.size !== 2 || value.get("$tag") !== "secret") return undefined;
  const of: Value | undefined = value.get("$value");
  if (!(of instanceof Map) || of.size !== 2) return undefined;
  const [alias, version] = [of.get("alias"), of.get("version")];
  if (typeof alias !== "string" || (typeof version !== "number" && typeof version !== "bigint")) return undefined;
  return { name: `${alias}@${version}` };
}

function visit(value: Value, found: (reference: Reference) => void): void {
  const reference = referenceOf(value);
  if (reference !== undefined) found(reference);
  else if (value instanceof Map) for (const part of value.values()) visit(part as Value, found);
  else if (Array.isArray(value)) for (const part of value) visit(part as Value, found);
}

function replaced(value: Value, valueOfName: (name: string) => Value): Value {
  const reference = referenceOf(value);
  if (reference !== undefined) return valueOfName(reference.name);
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [key as Value, replaced(part as Value, valueOfName)]));
  if (Array.isArray(value)) return value.map((part) => replaced(part as Value, valueOfName));
  return value;
}

export interface Redaction {
  readonly redact: Redact;
  /** Payload bytes with every text and byte string redacted; bytes that are no CBOR come back as they are, to be refused. */
  payload(bytes: Uint8Array): Uint8Array;
  /** Redacts pieces of one text: a value cut in two by their borders is found too. `end` gives what was held back. */
  stream(emit: (text: string) => void): { push(chunk: string): void; end(): void };
}

/** Finds the values, and their forms in JSON, URLs, base64 and hex, and puts `[secret alias@version]` in their place. */
export function redaction(secrets: readonly NamedSecret[]): Redaction {
  // The longest first: a value that holds another one is replaced whole.
  const forms = secrets.flatMap(({ name, value }) => formsOf(value).map((form) => ({ form, mark: `[secret ${name}]` }))).sort((a, b) => b.form.length - a.form.length);
  const raw = secrets.map(({ name, value }) => ({ form: latin1(value), mark: `[secret ${name}]` }));
  const rawForms = [...raw, ...forms.map(({ form, mark }) => ({ form: latin1(Buffer.from(form)), mark }))].sort((a, b) => b.form.length - a.form.length);

  function redact(text: string): string;
  function redact(bytes: Uint8Array): Uint8Array;
  function redact(input: string | Uint8Array): string | Uint8Array {
    if (typeof input === "string") return swap(input, forms);
    const before = latin1(input);
    const after = swap(before, rawForms);
    return after === before ? input : new Uint8Array(Buffer.from(after, "latin1"));
  }

  return {
    redact,
    payload(bytes) {
      let value: Value;
      try {
        value = decode(bytes);
      } catch {
        return redact(bytes);
      }
      return canonical(redactedValue(value, redact));
    },
    stream(emit) {
      let held = "";
      return {
        push(chunk) {
          const text = swap(held + chunk, forms);
          const tail = openTail(text, forms);
          held = text.slice(text.length - tail);
          if (text.length > tail) emit(text.slice(0, text.length - tail));
        },
        end() {
          if (held !== "") emit(held);
          held = "";
        },
      };
    },
  };
}

interface Form {
  readonly form: string;
  readonly mark: string;
}

function swap(text: string, forms: readonly Form[]): string {
  let result = text;
  for (const { form, mark } of forms) if (result.includes(form)) result = result.replaceAll(form, () => mark);
  return result;
}

/** How many characters at the end may be the beginning of a form. */
function openTail(text: string, forms: readonly Form[]): number {
  const longest = forms[0]?.form.length ?? 0;
  for (let length = Math.min(text.length, longest - 1); length > 0; length--) {
    const tail = text.slice(text.length - length);
    if (forms.some(({ form }) => form.startsWith(tail))) return length;
  }
  return 0;
}

function formsOf(value: Uint8Array): readonly string[] {
  const text = textOf(value);
  const base64 = encodeBase64(value);
  const encoded = [base64, base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""), base64.replace(/=+$/, ""), hex(value)];
  const texts = text === undefined ? [] : [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text)];
  return [...new Set([...texts, ...encoded])].filter((form) => form !== "");
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** A hash is never a secret's bytes, and a mark inside one would make it none. */
function redactedValue(value: Value, redact: Redact): Value {
  if (typeof value === "string") return isHash(value) ? value : redact(value);
  if (value instanceof Uint8Array) return redact(value);
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [redactedValue(key as Value, redact), redactedValue(part as Value, redact)]));
  if (Array.isArray(value)) return value.map((part) => redactedValue(part as Value, redact));
  return value;
}
