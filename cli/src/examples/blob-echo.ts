// 02: two effects of a reducer, one after the other: bytes are put away under their hash and come back.

import assert from "node:assert/strict";
import { hashBytes, utf8 } from "@agentos/kernel";
import { inside, ofKind, type Example } from "./example.ts";

const REDUCER = "demo/BlobEchoSM@1";
const DATA = utf8("Blob Echo Example");

export const blobEcho: Example = {
  number: "02",
  slug: "blob-echo",
  title: "Blob echo",
  summary: "a reducer puts bytes into the blob store, gets them back, and compares",
  reducer: REDUCER,
  begin: () => inside(async (world) => {
    const made = await world.send("demo/BlobEchoEvent@1", { $tag: "Start", $value: { data: DATA } });
    const ref = hashBytes(DATA);
    assert.deepEqual(ofKind(made, "intent").map(({ effect, cap, rule }) => [effect, cap, rule]), [["blob.put", "blob_grant", 0], ["blob.get", "blob_grant", 1]]);
    world.say(`put ${ref}`);
    assert.equal(await world.text(ref), "Blob Echo Example");
    const refs = { pending_blob_ref: ref, stored_blob_ref: ref, retrieved_blob_ref: ref, retrieved_blob_hash: ref };
    assert.deepEqual(world.state(REDUCER).json, { pc: { $tag: "Done" }, ...refs });
    world.say("get: data_ok=true");
    world.say("final state: pc=Done, four refs, all the same");
  }),
};
