// A writer in a process of its own, for tests: `cas <gitDir> <ref>` answers one move a line, `append <gitDir> <ref>` appends until killed.

import { createInterface } from "node:readline";
import { IDENTITY, T0, testKey } from "./fixture.ts";
import { blobObject, parseOid } from "./objects.ts";
import { casRef } from "./refs.ts";
import { appendSigned } from "./signed-ref.ts";
import { openStore } from "./store.ts";

/** Each line of input is `<expected> <next>`; each line of output what casRef said. */
async function compareAndSwap(gitDir: string, ref: string): Promise<void> {
  process.stdout.write("ready\n");
  for await (const line of createInterface({ input: process.stdin })) {
    const [expected = "", next = ""] = line.split(" ");
    process.stdout.write(`${await casRef(gitDir, ref, parseOid(expected), parseOid(next), { lockTimeoutMs: 20_000 })}\n`);
  }
}

/** Prints the id of each commit once it is durable on the ref. */
async function append(gitDir: string, ref: string): Promise<void> {
  const store = openStore(gitDir);
  for (let at = 0; ; at++) {
    const bytes = Buffer.alloc(20_000, `${process.pid} ${at}`);
    const note = blobObject(bytes).oid;
    const entries = new Map([[`journal/d00/${process.pid}/s${at}`, bytes]]);
    const changes = { notes: new Map([[note, Buffer.from(`note ${at}\n`)]]), entries };
    const done = await appendSigned({ store, ref, key: testKey(1), identity: IDENTITY, message: `seal ${at}\n`, timeSeconds: T0, changes });
    process.stdout.write(`${done.kind === "updated" ? done.commit : done.kind}\n`);
  }
}

const [mode, gitDir = "", ref = ""] = process.argv.slice(2);
if (mode === "cas") await compareAndSwap(gitDir, ref);
if (mode === "append") await append(gitDir, ref);
