// Changes what is published as an attacker would: with git's plumbing, and with whatever keys they got hold of.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { decodeRecord, encodeRecord, type Hash, type JournalRecord } from "@agentos/kernel";
import { editTree } from "../git/edit-tree.ts";
import { commitObject, parseOid, type Oid } from "../git/objects.ts";
import { readRef } from "../git/refs.ts";
import { openStore, type ObjectStore } from "../git/store.ts";
import { NOTES_REF, readSeals } from "../publish/published.ts";
import { receiptLines } from "../publish/receipt-lines.ts";
import { sealMessage, type Checkpoint } from "../publish/seal-message.ts";
import { decodeSegment, encodeSegment, segmentHash, segmentPath } from "../publish/segment.ts";
import { treeChanges } from "../publish/tree-changes.ts";
import type { WorldRepo } from "./world-repo.ts";

export type Signer = "author" | "reviewer" | "controller" | "nobody";
type FileChange = ReadonlyMap<string, Uint8Array | null>;

/** A seal as an attacker would like it to be; what is derived is made from this when it is written. */
export interface SealDraft {
  readonly records: readonly Uint8Array[];
  /** Notes and blobs that the seal adds. */
  readonly files: FileChange;
  readonly stateRoot: Hash;
  readonly world: Oid;
  readonly time: number;
  /** Files in place of those that are derived from the records, by path; null: left out. */
  readonly instead?: FileChange;
  /** Trailers in place of the true ones. */
  readonly says?: Partial<Checkpoint>;
  readonly signer?: Signer;
  /** Changes the segment's bytes after all hashes in it were made. */
  readonly bytes?: (segment: Uint8Array) => Uint8Array;
}

export interface Tampering {
  readonly folder: string;
  git(args: readonly string[], options?: { readonly stdin?: Uint8Array | string; readonly env?: Readonly<Record<string, string>> }): Promise<string>;
  bytesAt(commit: string, path: string): Promise<Uint8Array>;
  /** A tree with changed files; `base` null: nothing else. */
  tree(base: string | null, changes: FileChange): Promise<Oid>;
  commit(of: { readonly tree: string; readonly parents: readonly string[]; readonly message: string; readonly time?: number; readonly signer: Signer | "helper" }): Promise<Oid>;
  setRef(ref: string, oid: string): Promise<void>;
  /** Seals from the first to the tip, as they are. */
  seals(): Promise<readonly { readonly oid: Oid; readonly message: string; readonly tree: Oid; readonly parents: readonly Oid[]; readonly time: number; readonly checkpoint: Checkpoint; readonly draft: SealDraft }[]>;
  /** Writes the whole journal anew from drafts, every hash made again, signed by the controller's key unless a draft says otherwise. */
  reseal(edit: (drafts: SealDraft[]) => readonly SealDraft[]): Promise<readonly Oid[]>;
}

/** @param keys - where keys lie by name, and the keys that reseal() signs with; undefined: it signs nothing */
export function tampering(folder: string, keys: Pick<WorldRepo, "folder" | "trust"> & { readonly keys: WorldRepo["keys"] | undefined }): Tampering {
  const self: Tampering = {
    folder,
    git: (args, options = {}) => runGit(folder, args, options).then((out) => out.toString("utf8").trimEnd()),
    bytesAt: async (commit, path) => new Uint8Array(await runGit(folder, ["cat-file", "blob", `${commit}:${path}`], {})),
    async tree(base, changes) {
      const index = await mkdtemp(join(tmpdir(), "aos-index-"));
      try {
        const env = { GIT_INDEX_FILE: join(index, "index") };
        await self.git(base === null ? ["read-tree", "--empty"] : ["read-tree", base], { env });
        const lines: string[] = [];
        for (const [path, bytes] of changes) {
          const blob = bytes === null ? "0".repeat(40) : await self.git(["hash-object", "-w", "--stdin"], { stdin: bytes });
          lines.push(`${bytes === null ? "0" : "100644"} ${blob}\t${path}\n`);
        }
        await self.git(["update-index", "--index-info"], { env, stdin: lines.join("") });
        return parseOid(await self.git(["write-tree"], { env }));
      } finally {
        await rm(index, { recursive: true, force: true });
      }
    },
    async commit({ tree, parents, message, time, signer }) {
      const name = signer === "nobody" ? "mallory" : signer;
      const date = `${time ?? Math.floor(Date.now() / 1000)} +0000`;
      const env = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: `${name}@aos`, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: `${name}@aos`, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
      const sign = signer === "nobody" ? [] : ["-S"];
      const args = ["-c", "gpg.format=ssh", "-c", `user.signingkey=${join(keys.folder, signer)}`, "commit-tree", ...sign, ...parents.flatMap((parent) => ["-p", parent]), "-F", "-", tree];
      return parseOid(await self.git(args, { env, stdin: message }));
    },
    async setRef(ref, oid) {
      await mkdir(dirname(join(folder, ref)), { recursive: true });
      await writeFile(join(folder, ref), `${oid}\n`);
    },
    seals: () => withStore(folder, draftsIn),
    reseal: (edit) => withStore(folder, async (store) => {
      const before = await draftsIn(store);
      const drafts = edit(before.map(({ draft }) => draft));
      const oids: Oid[] = [];
      let head: Uint8Array = new Uint8Array(32);
      let nextSeq = 0;
      let tree: Oid | null = null;
      let tip: Oid | undefined;
      for (const [number, draft] of drafts.entries()) {
        const made = derive(draft, { number, firstSeq: nextSeq, previous: head, trust: keys.trust });
        // What stays as it was keeps its name.
        const same: (typeof before)[number] | undefined = before[number];
        if (same !== undefined && draft === same.draft && same.parents[0] === tip) tip = same.oid;
        else {
          const edited = await editTree(store, tree, new Map([...made.files].map(([path, bytes]) => [path, bytes === null ? { kind: "remove" } : { kind: "write", bytes, mode: "100644" }])));
          const who = { name: "controller", email: "controller@aos", time: draft.time, tz: "+0000" };
          const content = { tree: edited.tree, parents: tip === undefined ? [] : [tip], author: who, committer: who, message: made.message };
          const commit = commitObject(content, draft.signer === "nobody" ? undefined : keys.keys?.[draft.signer ?? "controller"]);
          await (await store.writePack([...edited.objects, commit])).release();
          tip = commit.oid;
        }
        oids.push(tip);
        [head, nextSeq, tree] = [made.head, nextSeq + draft.records.length, (await store.readCommit(tip)).tree];
      }
      if (tip !== undefined) await self.setRef(NOTES_REF, tip);
      return oids;
    }),
  };
  return self;
}

function derive(draft: SealDraft, at: { readonly number: number; readonly firstSeq: number; readonly previous: Uint8Array; readonly trust: Hash }): { readonly files: FileChange; readonly message: string; readonly head: Uint8Array } {
  const records = draft.records.flatMap((bytes) => readable(bytes));
  const plain = encodeSegment({ number: at.number, firstSeq: at.firstSeq, previous: at.previous, records: draft.records });
  const segment = draft.bytes?.(plain) ?? plain;
  const receipts = receiptLines(at.trust, records);
  const files = new Map<string, Uint8Array | null>([...draft.files, [segmentPath("journal", at.number), segment]]);
  if (receipts.length > 0) files.set(segmentPath("receipts", at.number), receipts);
  for (const [path, bytes] of draft.instead ?? []) if (bytes === null) files.delete(path);
  else files.set(path, bytes);
  const checkpoint: Checkpoint = {
    firstSeq: at.firstSeq, lastSeq: at.firstSeq + draft.records.length - 1, segment: segmentPath("journal", at.number), journalHead: segmentHash(segment),
    stateRoot: draft.stateRoot, world: draft.world, receipts: records.filter(({ kind }) => kind === "receipt").length, epoch: 1, ...draft.says,
  };
  return { files, message: sealMessage(at.number, records, checkpoint), head: Buffer.from(segmentHash(segment).slice(7), "hex") };
}

function readable(bytes: Uint8Array): readonly JournalRecord[] {
  try {
    return [decodeRecord(bytes)];
  } catch {
    return [];
  }
}

async function withStore<T>(folder: string, use: (store: ObjectStore) => Promise<T>): Promise<T> {
  const store = openStore(folder);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** What the tip's id stands for is read once: copies of one repository have it in common. */
const known = new Map<Oid, ReturnType<Tampering["seals"]>>();

async function draftsIn(store: ObjectStore): ReturnType<Tampering["seals"]> {
  const tip = await readRef(store.gitDir, NOTES_REF);
  if (tip === undefined) return readDrafts(store);
  const reading = known.get(tip) ?? readDrafts(store);
  known.set(tip, reading);
  return reading;
}

async function readDrafts(store: ObjectStore): ReturnType<Tampering["seals"]> {
  const found: Awaited<ReturnType<Tampering["seals"]>>[number][] = [];
  let before: Oid | null = null;
  for (const { oid, commit, checkpoint } of await readSeals(store)) {
    const files = new Map<string, Uint8Array>();
    for (const { path, after } of await treeChanges(store, before, commit.tree)) {
      if (after !== undefined && !/^(journal|receipts)\//.test(path)) files.set(path, await store.readBlob(after.oid));
    }
    const { records } = decodeSegment((await store.readPath(commit.tree, checkpoint.segment)) ?? new Uint8Array(0));
    const time = commit.committer.time;
    found.push({ oid, message: commit.message, tree: commit.tree, parents: commit.parents, time, checkpoint, draft: { records, files, stateRoot: checkpoint.stateRoot, world: checkpoint.world, time } });
    before = commit.tree;
  }
  return found;
}

/** The records of a draft with one changed: the first of its kind. */
export function edited<K extends JournalRecord["kind"]>(draft: SealDraft, kind: K, change: (record: JournalRecord<K>) => JournalRecord): SealDraft {
  let seen = 0;
  const records = draft.records.map((bytes) => {
    const record = decodeRecord(bytes);
    return record.kind === kind && seen++ === 0 ? encodeRecord(change(record as JournalRecord<K>)) : bytes;
  });
  if (seen === 0) throw new Error(`the seal has no ${kind}`);
  return { ...draft, records };
}

/** Bytes with one bit of one byte turned. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice();
  const index = at < 0 ? out.length + at : at;
  out[index] = (out[index] ?? 0) ^ 1;
  return out;
}

function runGit(folder: string, args: readonly string[], options: { readonly stdin?: Uint8Array | string; readonly env?: Readonly<Record<string, string>> }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C", ...options.env };
    const child = execFile("git", ["--git-dir", folder, ...args], { env, encoding: "buffer", maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`git ${args.join(" ")}: ${stderr.toString("utf8")}`, { cause: error }));
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.stdin ?? "");
  });
}
