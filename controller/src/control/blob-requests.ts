// Blobs of a running world, put and read over the control API. They change nothing in it until an event names them.

import { AosError, isHash, type BlobStreams, type Hash } from "@agentos/kernel";
import { byteAnswer, unframed, type ByteAnswer } from "./byte-answer.ts";
import type { ControlRequest } from "./exchange.ts";
import { valueFromJson } from "./record-json.ts";

/** The largest blob that is taken. */
export const BLOB_BYTES_MAX = 64 << 20;

/** `HEAD` and `GET /blobs/<hash>`. @throws AosError `control.hash`, `blob.missing` */
export async function readBlob(blobs: BlobStreams, { path }: Pick<ControlRequest, "path">): Promise<ByteAnswer> {
  const hash = hashOf(path);
  const size = await blobs.size(hash);
  if (size === undefined) throw new AosError("blob.missing", `${hash}: the world has no such blob`);
  return byteAnswer(size, blobs.read(hash));
}

/** `PUT /blobs/<hash>`: the body is the blob. @throws AosError `control.hash`, `blob.hash`, `blob.too_large` */
export async function putBlob(blobs: BlobStreams, { path, bytes }: Pick<ControlRequest, "path" | "bytes">): Promise<unknown> {
  const hash = hashOf(path);
  const { size } = await blobs.write(hash, bytes, { bytesMax: BLOB_BYTES_MAX });
  return { hash, size };
}

/** `POST /blobs`: blobs in a row, each behind its length. @throws AosError `control.body` */
export async function putBlobs(blobs: BlobStreams, { bytes }: Pick<ControlRequest, "bytes">): Promise<unknown> {
  return { hashes: await blobs.writeAll(unframed(bytes, { bytesMax: BLOB_BYTES_MAX })) };
}

/** `POST /missing-blobs {hashes}`: those that the world has not. @throws AosError `control.body` */
export async function missingBlobs(blobs: BlobStreams, { body }: Pick<ControlRequest, "body">): Promise<unknown> {
  const value = body === undefined ? null : valueFromJson(body, "request");
  const hashes: unknown = value instanceof Map && value.size === 1 ? value.get("hashes") : undefined;
  if (!Array.isArray(hashes) || !hashes.every((hash): hash is Hash => typeof hash === "string" && isHash(hash))) throw new AosError("control.body", "request: expected {hashes: [hash]}, and nothing else");
  return { missing: await blobs.missing(hashes) };
}

function hashOf(path: string): Hash {
  const hash = path.slice("/blobs/".length);
  if (isHash(hash)) return hash;
  throw new AosError("control.hash", `${path}: not a hash`, { hint: "/blobs/sha256:<64 hex digits>" });
}
