// Takes objects as they are made and writes them as packs of bounded size; what the repository has already is left out.

import { git } from "../git/run.ts";
import { parseTree, type GitObject, type Oid, type TreeEntry } from "../git/objects.ts";
import type { ObjectStore, WrittenPack } from "../git/store.ts";

interface PackSink {
  add(object: GitObject): Promise<void>;
  /** A tree that was taken, or that the repository has. */
  readTree(oid: Oid): Promise<readonly TreeEntry[]>;
  /** Writes what is left: all objects are durable then. */
  flush(): Promise<void>;
  /** To be called once a ref points to the objects, or when none will. */
  release(): Promise<void>;
}

const PACK_BYTES = 32 << 20;

export function packSink(store: ObjectStore): PackSink {
  const packs: WrittenPack[] = [];
  const trees = new Map<Oid, readonly TreeEntry[]>();
  let waiting = new Map<Oid, GitObject>();
  let bytes = 0;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const objects = waiting;
    [waiting, bytes] = [new Map(), 0];
    if (objects.size === 0) return;
    const there = await present(store.gitDir, [...objects.keys()]);
    packs.push(await store.writePack([...objects.values()].filter(({ oid }) => !there.has(oid))));
  }

  function next(): Promise<void> {
    writing = writing.then(write);
    return writing;
  }

  return {
    async add(object) {
      waiting.set(object.oid, object);
      if (object.type === "tree") trees.set(object.oid, parseTree(object.bytes));
      bytes += object.bytes.length;
      if (bytes >= PACK_BYTES) await next();
    },
    readTree: async (oid) => trees.get(oid) ?? store.readTree(oid),
    flush: next,
    async release() {
      for (const pack of packs.splice(0)) await pack.release();
    },
  };
}

/** Which of these objects the repository has. */
async function present(gitDir: string, oids: readonly Oid[]): Promise<ReadonlySet<string>> {
  const { stdout } = await git(gitDir, ["cat-file", "--batch-check"], { stdin: `${oids.join("\n")}\n`, env: { GIT_DIR: gitDir } });
  return new Set(stdout.toString("latin1").split("\n").filter((line) => line !== "" && !line.endsWith(" missing")).map((line) => line.slice(0, line.indexOf(" "))));
}
