// The blobs that a record speaks of: what a seal brings along, and all that it may bring.

import { decode, isHash, type Hash, type JournalRecord, type Value } from "@agentos/kernel";
import { WORKSPACE_COMMIT } from "../workspaces/history.ts";
import { blobsBelow } from "./tree-blobs.ts";

/**
 * Hashes that may name blobs: the bundle of a control plane with the modules it names, every text of an effect's params or
 * answer that looks like a hash, the root of a workspace version; and of each that is the node of a workspace tree, all that is
 * below it.
 *
 * @param read - the bytes of a blob; undefined where it is not stored, or was brought before
 * @throws AosError `cbor.invalid` for bytes that are no value
 */
export async function mentionedBlobs(record: JournalRecord, read: (hash: Hash) => Promise<Uint8Array | undefined>): Promise<readonly Hash[]> {
  const named = await namedBlobs(record, read);
  if (record.kind === "applied") return named;
  const all = new Set(named);
  for (const hash of named) for (const below of await blobsBelow(hash, read)) all.add(below);
  return [...all];
}

/**
 * Hashes that a record names of the values of secrets: what the vault is given and keeps, what a control plane expects one to be. A
 * blob of such a hash is a secret in clear: a sealer that has seen the record does not bring it.
 */
export async function withheldBlobs(record: JournalRecord, read: (bundle: Hash) => Promise<Uint8Array | undefined>): Promise<readonly Hash[]> {
  switch (record.kind) {
    case "applied": {
      const bundle = await read(record.bundle);
      return bundle === undefined ? [] : hashesIn(decode(bundle), "expected_digest");
    }
    case "receipt":
      return record.adapter === "vault" ? hashesIn(decode(record.payload)) : [];
    case "intent":
    case "held":
      return record.effect.startsWith("vault.") ? hashesIn(decode(record.params)) : [];
    default:
      return [];
  }
}

/** The modules of the control plane that a bundle holds. */
export function modulesOf(bundle: Uint8Array): readonly Hash[] {
  const nodes = fieldOf(decode(bundle), "nodes");
  if (!Array.isArray(nodes)) return [];
  return (nodes as readonly Value[]).filter((node) => fieldOf(node, "$kind") === "defmodule").map((node) => fieldOf(node, "wasm_hash")).filter((hash) => typeof hash === "string").filter(isHash);
}

function fieldOf(value: Value, name: string): Value | undefined {
  return value instanceof Map ? (value as ReadonlyMap<Value, Value>).get(name) : undefined;
}

async function namedBlobs(record: JournalRecord, read: (bundle: Hash) => Promise<Uint8Array | undefined>): Promise<readonly Hash[]> {
  switch (record.kind) {
    case "applied": {
      const bundle = await read(record.bundle);
      return [record.bundle, ...(bundle === undefined ? [] : hashesIn(decode(bundle)))];
    }
    case "receipt":
      return hashesIn(decode(record.payload));
    case "intent":
      return hashesIn(decode(record.params));
    case "event":
    case "raised":
      return record.schema === WORKSPACE_COMMIT ? hashesIn(decode(record.value)) : [];
    default:
      return [];
  }
}

/** @param field - where it is given, only what stands in fields of this name */
function hashesIn(value: Value, field?: string): readonly Hash[] {
  if (typeof value === "string") return field === undefined && isHash(value) ? [value] : [];
  if (value instanceof Map) return [...(value as ReadonlyMap<Value, Value>)].flatMap(([key, part]) => hashesIn(part, key === field ? undefined : field));
  return Array.isArray(value) ? (value as readonly Value[]).flatMap((part) => hashesIn(part, field)) : [];
}
