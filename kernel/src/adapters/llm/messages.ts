// Message blobs: what an author may store as a conversation, and how it is read.

import { AosError } from "../../air/error.ts";
import { fromUtf8, isHash } from "../../air/hash.ts";
import type { Json } from "../../air/types.ts";
import type { Hash } from "../../air/value.ts";
import type { BlobReader } from "./blob-reader.ts";
import { argumentsOf, field, jsonIn, listOf, textOf, type ToolCall } from "./protocol.ts";

export type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "image" | "audio"; readonly mediaType: string; readonly bytes: Uint8Array };

/** One message of a conversation. `callId` of a result is the `id` of the tool call that it answers. */
export type Message =
  | { readonly role: "system"; readonly text: string }
  | { readonly role: "user"; readonly parts: readonly Part[] }
  | { readonly role: "assistant"; readonly text: string; readonly toolCalls: readonly ToolCall[] }
  | { readonly role: "tool"; readonly callId: string; readonly text: string; readonly isError: boolean };

const MEDIA_TYPES = {
  image: ["image/png", "image/jpeg", "image/gif", "image/webp"],
  audio: ["audio/wav", "audio/mpeg"],
} as const;

/** Fields of each role; `finish` and `usage` are in an output blob, which is a message as it is. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  system: ["role", "content"],
  user: ["role", "content"],
  assistant: ["role", "content", "tool_calls", "finish", "usage"],
  tool: ["role", "content", "tool_call_id", "is_error"],
};

/**
 * Reads the messages of some blobs, in order. A blob is UTF-8: JSON of one message (an object with `role`) or of a list
 * of them, else a text, which is one message of the user.
 * @throws AosError `llm.message` with the place, `llm.blob_missing`, `llm.request_limit`
 */
export async function readMessages(blobs: BlobReader, refs: readonly Hash[]): Promise<readonly Message[]> {
  const messages: Message[] = [];
  for (const [index, ref] of refs.entries()) {
    const at = `message_refs[${index}]`;
    const text = textIn(await blobs.read(ref, at), at);
    const found = messagesIn(text);
    if (found === undefined) messages.push({ role: "user", parts: [{ kind: "text", text: nonEmpty(text, at) }] });
    else for (const [place, json] of found) messages.push(await readMessage(blobs, json, at + place));
  }
  if (messages.length === 0) throw bad("message_refs", "there is no message");
  return messages;
}

function textIn(bytes: Uint8Array, at: string): string {
  try {
    return fromUtf8(bytes);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    throw bad(at, "the blob is not UTF-8");
  }
}

/** The messages that a blob's JSON holds with their places; undefined when the blob is a text of its own. */
function messagesIn(text: string): readonly (readonly [string, Json])[] | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  const json = jsonIn(text);
  if (field(json, "role") !== undefined) return [["", json as Json]];
  const items = listOf(json);
  return field(items[0], "role") === undefined ? undefined : items.map((item, index) => [`[${index}]`, item]);
}

async function readMessage(blobs: BlobReader, json: Json, at: string): Promise<Message> {
  const role = textOf(field(json, "role")) ?? "";
  const known = Object.hasOwn(FIELDS, role) ? FIELDS[role] : undefined;
  if (!(json instanceof Map) || known === undefined) throw bad(at, "a message's role is system, user, assistant or tool");
  for (const [name, value] of json as ReadonlyMap<string, Json>) {
    // Servers write fields that say nothing; one that says something must not be lost.
    if (!known.includes(name) && value !== null && !(Array.isArray(value) && value.length === 0)) throw bad(at, `a message of ${role} has no such field`);
  }
  const content = field(json, "content") ?? null;
  switch (role) {
    case "system": return { role, text: nonEmpty(textContent(content, at), at) };
    case "user": return { role, parts: await userParts(blobs, content, at) };
    case "tool": return { role, callId: need(field(json, "tool_call_id"), `${at}.tool_call_id`), text: textContent(content, at), isError: field(json, "is_error") === true };
    default: return assistant(json, content, at);
  }
}

function assistant(json: Json, content: Json, at: string): Message {
  const toolCalls = listOf(field(json, "tool_calls")).map((call, index) => readCall(call, `${at}.tool_calls[${index}]`));
  const text = content === null ? "" : textContent(content, at);
  if (text === "" && toolCalls.length === 0) throw bad(at, "the message is empty");
  return { role: "assistant", text, toolCalls };
}

/** A tool call in our spelling, or in that of a chat completions server. */
function readCall(json: Json, at: string): ToolCall {
  const call = field(json, "function") ?? json;
  const given = field(call, "arguments") ?? new Map();
  if (!(given instanceof Map) && typeof given !== "string") throw bad(`${at}.arguments`, "expected an object, or a text");
  return {
    id: need(field(json, "id"), `${at}.id`), name: need(field(call, "name"), `${at}.name`),
    arguments: typeof given === "string" ? argumentsOf(given) : given,
  };
}

/** A content that is text alone: a text, or parts of text, which are put together as they are. */
function textContent(content: Json, at: string): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) throw bad(`${at}.content`, "expected a text, or a list of parts");
  return listOf(content).map((part, index) => textPart(part, `${at}.content[${index}]`)).join("");
}

function textPart(part: Json, at: string): string {
  if (field(part, "type") !== "text") throw bad(at, "only a user's message has parts that are no text");
  return need(field(part, "text"), `${at}.text`);
}

async function userParts(blobs: BlobReader, content: Json, at: string): Promise<readonly Part[]> {
  if (typeof content === "string") return [{ kind: "text", text: nonEmpty(content, at) }];
  if (!Array.isArray(content) || content.length === 0) throw bad(`${at}.content`, "expected a text, or a list of parts");
  const parts: Part[] = [];
  for (const [index, json] of listOf(content).entries()) parts.push(await readPart(blobs, json, `${at}.content[${index}]`));
  return parts;
}

async function readPart(blobs: BlobReader, json: Json, at: string): Promise<Part> {
  const kind = field(json, "type");
  if (kind === "text") return { kind, text: textPart(json, at) };
  if (kind !== "image" && kind !== "audio") throw bad(at, "a part's type is text, image or audio");
  const mediaType = need(field(json, "media_type"), `${at}.media_type`);
  if (!(MEDIA_TYPES[kind] as readonly string[]).includes(mediaType)) throw bad(`${at}.media_type`, `expected ${MEDIA_TYPES[kind].join(", ")}`);
  const ref = need(field(json, "bytes_ref"), `${at}.bytes_ref`);
  if (!isHash(ref)) throw bad(`${at}.bytes_ref`, "expected a hash");
  return { kind, mediaType, bytes: await blobs.read(ref, `${at}.bytes_ref`) };
}

function need(json: Json | undefined, at: string): string {
  if (typeof json !== "string" || json === "") throw bad(at, "expected a text");
  return json;
}

function nonEmpty(text: string, at: string): string {
  if (text === "") throw bad(at, "the message is empty");
  return text;
}

function bad(at: string, what: string): AosError {
  return new AosError("llm.message", `${at}: ${what}`);
}

/** A part that a protocol has no place for. */
export function unsupportedPart(kind: "image" | "audio", protocol: string): AosError {
  return new AosError("llm.message", `a part of type ${kind} is not carried by ${protocol}`);
}
