// Packs as bytes: a pack of whole objects (no deltas) and its version 2 index.

import { createHash } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";
import { assert } from "@agentos/kernel";
import type { GitObject, ObjectType } from "./objects.ts";

const TYPE_CODES: Readonly<Record<ObjectType, number>> = { commit: 1, tree: 2, blob: 3, tag: 4 };
/** Fast and nearly as small: what a pack holds is repacked later. */
const ZLIB_LEVEL = 1;
const INDEX_MAGIC = Buffer.from("ff744f6300000002", "hex");
const OFFSET_MAX = 0x7fffffff;

/**
 * Encodes objects as a pack and its index. An object given twice is in it once; order is kept.
 *
 * @returns both files' bytes
 */
export function encodePack(objects: readonly GitObject[]): { readonly pack: Buffer; readonly index: Buffer } {
  const unique = [...new Map(objects.map((object) => [object.oid, object])).values()];
  const parts: Buffer[] = [packHead(unique.length)];
  const located: Located[] = [];
  let offset = 12;
  for (const object of unique) {
    const entry = Buffer.concat([entryHead(object), deflateSync(object.bytes, { level: ZLIB_LEVEL })]);
    located.push({ oid: Buffer.from(object.oid, "hex"), crc: crc32(entry), offset });
    parts.push(entry);
    offset += entry.length;
  }
  assert(offset <= OFFSET_MAX, "a pack written at once stays below 2 GiB");
  const body = Buffer.concat(parts);
  const checksum = sha1(body);
  return { pack: Buffer.concat([body, checksum]), index: encodeIndex(located, checksum) };
}

interface Located {
  readonly oid: Buffer;
  readonly crc: number;
  readonly offset: number;
}

function packHead(count: number): Buffer {
  const head = Buffer.from("PACK\0\0\0\x02\0\0\0\0", "latin1");
  head.writeUInt32BE(count, 8);
  return head;
}

/** Type and size: four bits of size in the first byte, seven in each further one, low bits first. */
function entryHead({ type, bytes }: GitObject): Buffer {
  const out: number[] = [];
  let byte = (TYPE_CODES[type] << 4) | (bytes.length & 0x0f);
  for (let rest = Math.floor(bytes.length / 16); rest > 0; rest = Math.floor(rest / 128)) {
    out.push(byte | 0x80);
    byte = rest & 0x7f;
  }
  out.push(byte);
  return Buffer.from(out);
}

/** Fan-out by first byte, ids, checksums of entries, offsets, then the pack's checksum and the index's own. */
function encodeIndex(located: readonly Located[], packChecksum: Buffer): Buffer {
  const sorted = [...located].sort((a, b) => Buffer.compare(a.oid, b.oid));
  const fanout = Buffer.alloc(256 * 4);
  const crcs = Buffer.alloc(sorted.length * 4);
  const offsets = Buffer.alloc(sorted.length * 4);
  for (const [at, { oid, crc, offset }] of sorted.entries()) {
    const first = oid[0] ?? 0;
    fanout.writeUInt32BE(at + 1, first * 4);
    crcs.writeUInt32BE(crc, at * 4);
    offsets.writeUInt32BE(offset, at * 4);
  }
  for (let byte = 1; byte < 256; byte++)
    fanout.writeUInt32BE(Math.max(fanout.readUInt32BE(byte * 4), fanout.readUInt32BE((byte - 1) * 4)), byte * 4);
  const body = Buffer.concat([INDEX_MAGIC, fanout, ...sorted.map(({ oid }) => oid), crcs, offsets, packChecksum]);
  return Buffer.concat([body, sha1(body)]);
}

function sha1(bytes: Buffer): Buffer {
  return createHash("sha1").update(bytes).digest();
}
