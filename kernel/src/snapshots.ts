// A world written down and taken up again: what changed since the last snapshot goes into a file of its own, the rest stays where it is.

import { AosError, assert } from "./air/error.ts";
import { hashBytes } from "./air/hash.ts";
import type { Hash } from "./air/value.ts";
import { codecs, corrupt, readNode, StateLost, writeNode, type Codec, type Codecs, type TrieName, type TrieValues } from "./core/snapshot.ts";
import {
  readRoot, rootLength, SNAPSHOT_END_BYTES, SNAPSHOT_HEADER_BYTES, snapshotHeader, stubOf, worldFrom, writeRoot, type SnapshotRoot, type SourceFile, type TrieRoot,
} from "./core/snapshot-root.ts";
import { packTrie, settleTrie } from "./core/trie-pack.ts";
import type { Branch, Leaf, NodeSource, Place, Stub, Trie } from "./core/trie.ts";
import { stateRoot, type World } from "./core/world.ts";
import type { ControlShelf } from "./fold.ts";
import type { Journal, SnapshotStore } from "./ports.ts";

/** A snapshot that is durable. */
export interface TakenSnapshot {
  /** Records it holds: opening goes on with this seq. */
  readonly seq: number;
  readonly root: Hash;
  /** How long its file is. */
  readonly bytes: number;
  readonly file: number;
}
/** A snapshot that opening did not trust, and why. */
export interface PassedOver {
  readonly file: number;
  readonly code: string;
  readonly reason: string;
}
interface LoadedSnapshot {
  readonly world: World | undefined;
  readonly file: number | undefined;
  /** Newest first. */
  readonly passed: readonly PassedOver[];
}

export interface Snapshots {
  /**
   * The world of the newest good snapshot that this journal goes on from; undefined when there is none.
   *
   * @param passed - those that are not to be looked at again
   */
  load(journal: Pick<Journal, "nextSeq" | "read">, passed?: readonly PassedOver[]): Promise<LoadedSnapshot>;
  /**
   * Writes a snapshot, in slices: turns run between them. One at a time. A world that has its snapshot is not written again.
   *
   * @param options.last - the bytes of the journal's last record
   * @param options.mode - `full`: everything, whatever was written before
   */
  take(world: World, options: { readonly last: Uint8Array; readonly mode: "changes" | "full" }): Promise<TakenSnapshot>;
  /** The same world, with what the last snapshot holds left to it: memory has the rest alone. To be called after each `take`. */
  settle(world: World): World;
  close(): Promise<void>;
}

/** Raw bytes of loaded nodes that are kept; in memory they take about five times as much. */
const CACHE_BYTES = 16 << 20;
/** Pieces handed to the store. */
const PIECE_BYTES = 1 << 18;
/** A chain of files is written anew when it is longer than this, or than twice its full snapshot and this many bytes. */
const CHAIN_FILES_MAX = 256;
const CHAIN_SLACK_BYTES = 1 << 20;

/** What the newest snapshot is. */
interface Base {
  readonly file: number;
  readonly bytes: number;
  readonly root: SnapshotRoot;
}

/**
 * @param shelf - makes the bundles ready that a snapshot names
 * @param options.build - snapshots of another world or sandbox are passed over
 */
export function openSnapshots(
  store: SnapshotStore,
  shelf: Pick<ControlShelf, "prepare" | "control">,
  options: { readonly world: Hash; readonly sandbox: string; readonly cacheBytes?: number },
): Snapshots {
  const codec = codecs((bundle) => shelf.control(bundle));
  const sources = sourcesOf(store, codec, options.cacheBytes ?? CACHE_BYTES);
  let base: Base | undefined;
  /** Were files left behind by the last `take`? */
  let moved = false;

  return {
    async load(journal, before = []) {
      const passed = [...before];
      const files = await store.list();
      const sizes = new Map(files.map(({ file, bytes }) => [file, bytes]));
      base = undefined;
      for (const { file, bytes } of files.toReversed()) {
        if (passed.some((one) => one.file === file)) continue;
        try {
          const root = readRoot(rootBytes(store, file, bytes));
          await refuseOther(root, sizes, { ...options, journal });
          for (const bundle of [...root.bundles, ...(root.bundle === undefined ? [] : [root.bundle])]) await shelf.prepare(bundle);
          const world = worldFrom(root, root.bundle === undefined ? undefined : shelf.control(root.bundle), sources);
          base = { file, bytes, root };
          return { world, file, passed };
        } catch (error) {
          passed.push(passedOver(file, error));
        }
      }
      return { world: undefined, file: undefined, passed };
    },
    async take(world, { last, mode }) {
      const from = mode === "full" || base === undefined || crowded(base) ? undefined : base;
      const file = 2 * world.nextSeq + (from === undefined ? 1 : 0);
      if (base?.root.seq === world.nextSeq && (mode === "changes" || base.file === file)) return takenOf(base);
      const writing = writingTo(file, { world, from, last, codec, sources });
      await store.write(file, writing.pieces());
      const made = writing.made();
      moved = base !== undefined && from === undefined;
      base = made;
      const chain = new Set([file, ...made.root.files.map((earlier) => earlier.file)]);
      await store.remove((await store.list()).map((there) => there.file).filter((there) => !chain.has(there)));
      return takenOf(made);
    },
    settle(world) {
      if (base === undefined) return world;
      const { root, file } = base;
      const chain = new Set([file, ...root.files.map((earlier) => earlier.file)]);
      const settle = <N extends TrieName>(name: N, trie: Trie<TrieValues[N]>): Trie<TrieValues[N]> => settleTrie(trie, {
        source: sources[name], stays: (at) => chain.has(at), root: moved ? stubOf<TrieValues[N]>(root.tries[name], sources[name]) : undefined,
      });
      return {
        ...world, cells: settle("cells", world.cells), plans: settle("plans", world.plans), intents: settle("intents", world.intents), held: settle("held", world.held),
        spent: settle("spent", world.spent),
      };
    },
    close: () => store.close(),
  };
}

/** May what stopped the replay of a tail be the fault of the snapshot it started from, so that another one, or none, leads on? */
export function maybeOfSnapshot(error: unknown): boolean {
  return error instanceof StateLost || (error instanceof AosError && (error.code === "replay.divergence" || error.code === "replay.checkpoint"));
}

/** A snapshot that cannot be trusted is passed over; what is not its fault is thrown on. */
export function passedOver(file: number, error: unknown): PassedOver {
  const why = error instanceof StateLost ? error.cause : error;
  if (!(why instanceof AosError) || why.class === "outside") throw error;
  return { file, code: why.code, reason: why.message };
}

function takenOf({ root, bytes, file }: Base): TakenSnapshot {
  return { seq: root.seq, root: root.stateRoot, bytes, file };
}

/** Most of such a chain may be nodes that nothing refers to any more. */
function crowded({ file, bytes, root }: Base): boolean {
  const chain: readonly SourceFile[] = [...root.files, { file, bytes }];
  const total = chain.reduce((sum, one) => sum + one.bytes, 0);
  return chain.length > CHAIN_FILES_MAX || total > 2 * (chain[0]?.bytes ?? 0) + CHAIN_SLACK_BYTES;
}

function rootBytes(store: SnapshotStore, file: number, bytes: number): Uint8Array {
  if (bytes < SNAPSHOT_HEADER_BYTES + SNAPSHOT_END_BYTES) throw corrupt(`file ${file}: too short`);
  const length = rootLength(store.read({ file, offset: bytes - SNAPSHOT_END_BYTES, bytes: SNAPSHOT_END_BYTES })) + SNAPSHOT_END_BYTES;
  if (length > bytes - SNAPSHOT_HEADER_BYTES) throw corrupt(`file ${file}: the root is longer than the file`);
  return store.read({ file, offset: bytes - length, bytes: length });
}

/** Is it of this world, are the files there that it needs, and does this journal go on from it? */
async function refuseOther(
  root: SnapshotRoot,
  sizes: ReadonlyMap<number, number>,
  { world, sandbox, journal }: { readonly world: Hash; readonly sandbox: string; readonly journal: Pick<Journal, "nextSeq" | "read"> },
): Promise<void> {
  const other = (what: string): AosError => new AosError("snapshot.other", `snapshot of seq ${root.seq}: ${what}`, { class: "unverified", at: { seq: root.seq } });
  if (root.world !== world || root.sandbox !== sandbox) throw other("it is of another world or sandbox");
  for (const { file, bytes } of root.files) if (sizes.get(file) !== bytes) throw other(`file ${file}, which it needs, is not there or of another length`);
  if (root.seq > journal.nextSeq) throw other(`the journal ends before it, with seq ${journal.nextSeq}`);
  const last = await recordAt(journal, root.seq - 1);
  if (last === undefined || hashBytes(last) !== root.last) throw other("the journal has another record before it");
}

/** The bytes of one record; undefined when the journal does not hold it. */
export async function recordAt(journal: Pick<Journal, "read">, seq: number): Promise<Uint8Array | undefined> {
  if (seq < 0) return undefined;
  for await (const { firstSeq, records } of journal.read(seq)) return records[seq - firstSeq];
  return undefined;
}

type Sources = { readonly [N in TrieName]: NodeSource<TrieValues[N]> };

function sourcesOf(store: SnapshotStore, codec: Codecs, cacheBytes: number): Sources {
  return {
    cells: sourceOf(store, codec.cells, cacheBytes), plans: sourceOf(store, codec.plans, cacheBytes / 8), intents: sourceOf(store, codec.intents, cacheBytes / 8),
    held: sourceOf(store, codec.held, cacheBytes / 8), spent: sourceOf(store, codec.spent, cacheBytes / 8),
  };
}

/** Reads nodes and keeps those used lately: what was not asked for while half of the bytes came in is forgotten. */
function sourceOf<V>(store: SnapshotStore, codec: Codec<V>, cacheBytes: number): NodeSource<V> {
  let young = new Map<string, Leaf<V> | Branch<V>>();
  let old: typeof young = new Map();
  let youngBytes = 0;
  return {
    load(stub) {
      const key = `${stub.at.file}:${stub.at.offset}`;
      const kept = young.get(key);
      if (kept !== undefined) return kept;
      const node = old.get(key) ?? lostUnless(() => readNode(stub, store.read(stub.at), codec));
      if (youngBytes + stub.at.bytes > cacheBytes / 2) {
        old = young;
        young = new Map();
        youngBytes = 0;
      }
      young.set(key, node);
      youngBytes += stub.at.bytes;
      return node;
    },
  };
}

function lostUnless<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof AosError ? new StateLost(error) : error;
  }
}

interface Writing {
  pieces(): AsyncGenerator<Uint8Array>;
  /** What was written, once all pieces are. */
  made(): Base;
}

function writingTo(
  file: number,
  { world, from, last, codec, sources }: { readonly world: World; readonly from: Base | undefined; readonly last: Uint8Array; readonly codec: Codecs; readonly sources: Sources },
): Writing {
  const sink = pieceSink(file);
  const bundles = new Set(from?.root.bundles ?? []);
  let made: Base | undefined;

  async function* packed<V>(node: Trie<V>["node"], before: Stub<V> | undefined, how: { readonly codec: Codec<V>; readonly source: NodeSource<V>; readonly note?: (value: V) => void }): AsyncGenerator<Uint8Array, TrieRoot | undefined> {
    if (node === undefined) return undefined;
    const write = (one: Leaf<V> | Branch<V>): Place => {
      if (one.kind === "leaf") how.note?.(one.value);
      return sink.put(writeNode(one, how.codec));
    };
    const work = packTrie(node, before, { digest: (value) => how.codec.digest(value), write, source: how.source });
    for (;;) {
      const { done, value } = work.next();
      if (sink.waiting >= PIECE_BYTES) yield sink.take();
      if (done === true) return { digest: value.digest, size: value.size, at: value.at };
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  const before = <N extends TrieName>(name: N): Stub<TrieValues[N]> | undefined => stubOf<TrieValues[N]>(from?.root.tries[name], sources[name]);

  async function* pieces(): AsyncGenerator<Uint8Array> {
    sink.put(snapshotHeader());
    const tries = {
      cells: yield* packed(world.cells.node, before("cells"), { codec: codec.cells, source: sources.cells }),
      plans: yield* packed(world.plans.node, before("plans"), { codec: codec.plans, source: sources.plans, note: (plan) => bundles.add(plan.bundle) }),
      intents: yield* packed(world.intents.node, before("intents"), { codec: codec.intents, source: sources.intents }),
      held: yield* packed(world.held.node, before("held"), { codec: codec.held, source: sources.held }),
      spent: yield* packed(world.spent.node, before("spent"), { codec: codec.spent, source: sources.spent }),
    };
    const root: SnapshotRoot = {
      seq: world.nextSeq, stateRoot: stateRoot(world), world: world.id, sandbox: world.sandbox, logicalNs: world.logicalNs, bundle: world.bundle, commit: world.commit,
      nextInstance: world.nextInstance, last: hashBytes(last), bundles: [...bundles].sort(), tries,
      files: from === undefined ? [] : [...from.root.files, { file: from.file, bytes: from.bytes }],
    };
    sink.put(writeRoot(root));
    made = { file, bytes: sink.written, root };
    yield sink.take();
  }

  return {
    pieces,
    made() {
      assert(made !== undefined, "a snapshot that was written has its root");
      return made;
    },
  };
}

interface Sink {
  readonly written: number;
  readonly waiting: number;
  put(bytes: Uint8Array): Place;
  take(): Uint8Array;
}

/** Bytes in the order of the file, told where they stand, handed on in pieces. */
function pieceSink(file: number): Sink {
  let parts: Uint8Array[] = [];
  let waiting = 0;
  let written = 0;
  return {
    get written() {
      return written;
    },
    get waiting() {
      return waiting;
    },
    put(bytes) {
      const offset = written;
      parts.push(bytes);
      waiting += bytes.length;
      written += bytes.length;
      return { file, offset, bytes: bytes.length };
    },
    take() {
      const piece = Buffer.concat(parts);
      parts = [];
      waiting = 0;
      return piece;
    },
  };
}

