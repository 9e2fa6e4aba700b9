// Objects of any bytes, also such as git would not make.

import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";
import { parseOid } from "@agentos/controller";
import type { ObjectType, Oid } from "@agentos/controller";

/** Writes a loose object, unchecked. */
export async function writeRaw(gitDir: string, type: ObjectType, bytes: Buffer): Promise<Oid> {
  const content = Buffer.concat([Buffer.from(`${type} ${bytes.length}\0`), bytes]);
  const oid = createHash("sha1").update(content).digest("hex");
  const path = join(gitDir, "objects", oid.slice(0, 2), oid.slice(2));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, deflateSync(content));
  return parseOid(oid);
}
