// Tool blobs: which tools a model is offered.

import { AosError } from "../../air/error.ts";
import { fromUtf8 } from "../../air/hash.ts";
import { readJson } from "../../air/json.ts";
import type { Json } from "../../air/types.ts";
import type { Hash } from "../../air/value.ts";
import type { BlobReader } from "./blob-reader.ts";
import { field, listOf, textOf } from "./protocol.ts";

/** A tool that a model may ask to be called. `parameters` is a JSON schema of an object. */
export interface Tool {
  readonly name: string;
  readonly description: string | undefined;
  readonly parameters: Json;
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const TOOLS_MAX = 1_000;

/**
 * Reads the tools of some blobs, in order. A blob is JSON: a tool, a list of tools, or `{tools: [...]}`. A tool is
 * `{name, description?, parameters}`; `input_schema` for `parameters` and OpenAI's `{type: "function", function: {...}}`
 * are understood.
 * @throws AosError `llm.tool` with the place, `llm.blob_missing`, `llm.request_limit`
 */
export async function readTools(blobs: BlobReader, refs: readonly Hash[]): Promise<readonly Tool[]> {
  const tools = new Map<string, Tool>();
  for (const [index, ref] of refs.entries()) {
    const at = `tool_refs[${index}]`;
    for (const [place, json] of toolsIn(readBlob(await blobs.read(ref, at), at))) {
      const tool = readTool(json, at + place);
      if (tools.has(tool.name)) throw bad(at + place, `the tool ${tool.name} is given twice`);
      tools.set(tool.name, tool);
    }
  }
  if (tools.size > TOOLS_MAX) throw bad("tool_refs", `more than ${TOOLS_MAX} tools`);
  return [...tools.values()];
}

function readBlob(bytes: Uint8Array, at: string): Json {
  try {
    return readJson(fromUtf8(bytes), "blob").json;
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    throw bad(at, "the blob is not JSON");
  }
}

function toolsIn(json: Json): readonly (readonly [string, Json])[] {
  const [inside, place] = json instanceof Map && json.size === 1 && field(json, "tools") !== undefined ? [field(json, "tools"), ".tools"] : [json, ""];
  return Array.isArray(inside) ? listOf(inside).map((item, index) => [`${place}[${index}]`, item] as const) : [[place, inside as Json]];
}

function readTool(json: Json, at: string): Tool {
  const type = field(json, "type");
  if (type !== undefined && type !== "function") throw bad(at, "a tool's type is function");
  const tool = field(json, "function") ?? json;
  const name = textOf(field(tool, "name")) ?? "";
  if (!NAME.test(name)) throw bad(`${at}.name`, "expected 1 to 64 letters, digits, _ or -");
  const description = field(tool, "description") ?? undefined;
  if (description !== undefined && typeof description !== "string") throw bad(`${at}.description`, "expected a text");
  const parameters = field(tool, "parameters") ?? field(tool, "input_schema") ?? new Map<string, Json>([["type", "object"], ["properties", new Map()]]);
  if (!(parameters instanceof Map) || field(parameters, "type") !== "object") throw bad(`${at}.parameters`, "expected a JSON schema of type object");
  return { name, description, parameters };
}

function bad(at: string, what: string): AosError {
  return new AosError("llm.tool", `${at}: ${what}`);
}
