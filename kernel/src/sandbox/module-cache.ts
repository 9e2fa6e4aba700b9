// Keeps on disk what admission makes of a module, so that the next process need not make it again.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decode, plain } from "../air/cbor.ts";
import { hashValue } from "../air/hash.ts";
import type { Hash, Value, ValueMap } from "../air/value.ts";
import type { Encodable } from "../air/value.ts";
import type { Rewritten } from "./rewrite.ts";
import { SANDBOX_VERSION } from "./version.ts";

/**
 * Entries by the hash of what they were made of. A broken entry is none, and a folder that cannot be written keeps nothing: the
 * cache never decides whether a module runs, only how soon.
 */
export interface ModuleCache {
  read(source: Hash): ValueMap | undefined;
  write(source: Hash, entry: Readonly<Record<string, Encodable>>): void;
}

const DIGEST_BYTES = 32;

/** A cache in a folder, one file an entry: SHA-256 of the file's name and the rest, then CBOR. Another sandbox version never sees it. */
export function moduleCache(dir: string): ModuleCache {
  const nameOf = (source: Hash): string => `${hashValue({ source, sandbox: SANDBOX_VERSION }).slice("sha256:".length)}.aosm`;
  return {
    read(source) {
      const name = nameOf(source);
      const file = readIfThere(join(dir, name));
      if (file === undefined || file.length < DIGEST_BYTES) return undefined;
      const content = file.subarray(DIGEST_BYTES);
      if (!digestOf(name, content).equals(file.subarray(0, DIGEST_BYTES))) return undefined;
      const entry: Value = decode(content);
      return entry instanceof Map ? entry : undefined;
    },
    write(source, entry) {
      const name = nameOf(source);
      const content = plain(entry);
      const part = join(dir, `${name}.${process.pid}.part`);
      try {
        mkdirSync(dir, { recursive: true });
        writeFileSync(part, Buffer.concat([digestOf(name, content), content]));
        renameSync(part, join(dir, name));
      } catch {
        removeIfThere(part);
      }
    },
  };
}

function digestOf(name: string, content: Uint8Array): Buffer {
  return createHash("sha256").update(name).update(content).digest();
}

/** What is left of a write that failed. */
function removeIfThere(path: string): void {
  try {
    rmSync(path);
  } catch {
    // Nothing was left, or nothing there can be changed.
  }
}

/** A file that is missing or cannot be read is no entry. */
function readIfThere(path: string): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    return undefined;
  }
}

/** A rewritten module as the fields of an entry. */
export function rewrittenEntry(rewritten: Rewritten): Readonly<Record<string, Encodable>> {
  return { ...rewritten, trackedAt: rewritten.trackedAt ?? null };
}

/** The fields of {@link rewrittenEntry} again; the digest of the file vouches for their types. */
export function rewrittenOf(entry: ValueMap): Rewritten {
  const number = (field: string): number => Number(entry.get(field));
  const trackedAt = entry.get("trackedAt");
  return {
    bytes: entry.get("bytes") as Uint8Array, pages: number("pages"), pagesAtStart: number("pagesAtStart"), physicalPages: number("physicalPages"),
    trackedAt: typeof trackedAt === "number" ? trackedAt : undefined, globalCount: number("globalCount"), unrestorable: entry.get("unrestorable") === true, stackBytes: number("stackBytes"),
  };
}
