// Bytes over the control API: an answer that is no JSON, sent as fast as its client reads, and blobs in a row as one body.

import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import type { ServerResponse } from "node:http";
import { AosError } from "@agentos/kernel";

const BYTES = Symbol("bytes");

export interface ByteAnswer {
  readonly [BYTES]: true;
  readonly size: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

export function byteAnswer(size: number, bytes: AsyncIterable<Uint8Array>): ByteAnswer {
  return { [BYTES]: true, size, bytes };
}

export function isByteAnswer(value: unknown): value is ByteAnswer {
  return typeof value === "object" && value !== null && BYTES in value;
}

/** Sends the answer, or its head alone. A client that goes away, or bytes that end early, cut the connection. */
export async function sendBytes(response: ServerResponse, { size, bytes }: ByteAnswer, part: "all" | "head"): Promise<void> {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size, "cache-control": "no-store" });
  if (part === "head") {
    response.end();
    return;
  }
  await pipeline(Readable.from(bytes), response).catch(() => response.destroy());
}

const LENGTH_BYTES = 4;

/** Small pieces are sent together: what a stream costs is by the piece. */
const PART_BYTES = 64 << 10;

/** Each piece behind its length in four bytes, the greatest first. */
export async function* framed(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(piece.length);
    held.push(length, piece);
    size += LENGTH_BYTES + piece.length;
    if (size < PART_BYTES) continue;
    yield Buffer.concat(held, size);
    [held, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(held, size);
}

/** The pieces again. @throws AosError `control.body` for one over the limit, and where the body ends within one */
export async function* unframed(body: AsyncIterable<Uint8Array>, { bytesMax }: { readonly bytesMax: number }): AsyncGenerator<Uint8Array> {
  let held: Buffer[] = [];
  let size = 0;
  let wanted: number | undefined;
  for await (const part of body) {
    held.push(Buffer.from(part.buffer, part.byteOffset, part.byteLength));
    size += part.length;
    while (size >= (wanted ?? LENGTH_BYTES)) {
      const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
      const taken = wanted ?? LENGTH_BYTES;
      const piece = all.subarray(0, taken);
      [held, size] = [[all.subarray(taken)], size - taken];
      if (wanted === undefined) {
        wanted = piece.readUInt32BE(0);
        if (wanted > bytesMax) throw new AosError("control.body", `a blob of ${wanted} bytes: more than ${bytesMax}`);
      } else {
        yield new Uint8Array(piece);
        wanted = undefined;
      }
    }
  }
  if (size > 0 || wanted !== undefined) throw new AosError("control.body", "the body ends within a blob");
}
