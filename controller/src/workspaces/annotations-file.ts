// The annotations of one folder and its files as one JSON file in its Git tree, and back.

import { AosError, bytesEqual, compareText, decodeBase64, encodeBase64, fromUtf8, isHash, readJson, utf8, type Hash, type Json } from "@agentos/kernel";
import { ANNOTATIONS_FILE } from "./git-name.ts";

/** A value: its bytes, or its hash alone where the bytes are not stored. */
export type AnnotationValue = { readonly bytes: Uint8Array } | { readonly hash: Hash };
export type AnnotationValues = ReadonlyMap<string, AnnotationValue>;

export interface FolderAnnotations {
  /** The folder's own; undefined: none were ever set. */
  readonly folder: AnnotationValues | undefined;
  /** By the name of the file in git. */
  readonly files: ReadonlyMap<string, AnnotationValues>;
}

/** The bytes of the file: the same annotations give the same bytes. */
export function encodeAnnotationsFile({ folder, files }: FolderAnnotations): Uint8Array {
  const lists = [...files].sort(([a], [b]) => compareText(a, b)).map(([name, values]) => [name, valuesJson(values)]);
  const json = { ...(folder === undefined ? {} : { folder: valuesJson(folder) }), ...(lists.length === 0 ? {} : { files: Object.fromEntries(lists) }) };
  return utf8(`${JSON.stringify(json, null, 2)}\n`);
}

function valuesJson(values: AnnotationValues): unknown {
  return Object.fromEntries([...values].sort(([a], [b]) => compareText(a, b)).map(([key, value]) => [key, valueJson(value)]));
}

/** Text as it is; what is no text in base64. */
function valueJson(value: AnnotationValue): unknown {
  if ("hash" in value) return { hash: value.hash };
  const text = textOf(value.bytes);
  return text ?? { base64: encodeBase64(value.bytes) };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = fromUtf8(bytes);
    return bytesEqual(utf8(text), bytes) ? text : undefined;
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}

/** Reads the file. @throws AosError `workspace.annotations` naming the place in it */
export function decodeAnnotationsFile(bytes: Uint8Array, place: string): FolderAnnotations {
  const text = textOf(bytes);
  if (text === undefined) throw wrong(place, "", "is not UTF-8");
  const top = mapAt(readJson(text, place).json, place, "");
  for (const key of top.keys()) if (key !== "folder" && key !== "files") throw wrong(place, `/${key}`, "is unknown");
  const folder = top.get("folder");
  const files = [...mapAt(top.get("files") ?? new Map(), place, "/files")];
  return {
    folder: folder === undefined ? undefined : readValues(folder, place, "/folder"),
    files: new Map(files.map(([name, values]) => [name, readValues(values, place, `/files/${name}`)])),
  };
}

function readValues(json: Json, place: string, pointer: string): AnnotationValues {
  return new Map([...mapAt(json, place, pointer)].map(([key, value]) => [key, readValue(value, place, `${pointer}/${key}`)]));
}

function readValue(json: Json, place: string, pointer: string): AnnotationValue {
  if (typeof json === "string") return { bytes: utf8(json) };
  const map = mapAt(json, place, pointer);
  const [base64, hash] = [map.get("base64"), map.get("hash")];
  const bytes = typeof base64 === "string" && map.size === 1 ? decodeBase64(base64) : undefined;
  if (bytes !== undefined) return { bytes };
  if (typeof hash === "string" && isHash(hash) && map.size === 1) return { hash };
  throw wrong(place, pointer, "is neither a text, {base64} nor {hash}");
}

function mapAt(json: Json, place: string, pointer: string): ReadonlyMap<string, Json> {
  if (json instanceof Map) return json as ReadonlyMap<string, Json>;
  throw wrong(place, pointer, "must be an object");
}

function wrong(place: string, pointer: string, what: string): AosError {
  return new AosError("workspace.annotations", `${place}: ${pointer === "" ? "the file" : pointer} ${what}`, { at: { file: place, pointer }, hint: `${ANNOTATIONS_FILE} is {folder?: {KEY: VALUE}, files?: {NAME: {KEY: VALUE}}}` });
}
