import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { hashBytes, utf8 } from "../../air/hash.ts";
import { folder } from "../../testing/folder.ts";
import { fileBlobStreams } from "./file-stream.ts";
import { fileBlobs } from "./file.ts";
import { forgetBlob } from "./forget.ts";

test("blobs file: one that is forgotten: gone, the others stay; in a file with others it stays; one that is not there", async (t) => {
  const dir = await folder(t);
  const blobs = fileBlobs(dir);
  const [secret, other] = [await blobs.put(utf8("secret")), await blobs.put(utf8("other"))];
  const [small, ...more] = await fileBlobStreams(dir).writeAll((async function* () {
    yield* ["a", "b"].map(utf8);
  })());
  assert.ok(small !== undefined && more.length === 1);
  assert.deepEqual([await forgetBlob(dir, secret), await forgetBlob(dir, secret), await forgetBlob(dir, small), await forgetBlob(dir, hashBytes(utf8("never")))], ["removed", "absent", "shared", "absent"]);
  assert.deepEqual([await fileBlobs(dir).get(secret), await fileBlobs(dir).get(other), await fileBlobs(dir).get(small)], [undefined, utf8("other"), utf8("a")]);
  assert.equal((await readdir(dir, { recursive: true })).some((name) => name.endsWith(secret.slice(9))), false);
  assert.equal(await forgetBlob(join(dir, "nowhere"), secret), "absent");
});
