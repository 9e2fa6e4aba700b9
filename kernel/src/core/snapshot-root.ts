// What a snapshot's file ends with: the state of a world but for its tries, and where their roots are.

import { canonical, decodeCanonical } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { bytesEqual, sha256, utf8 } from "../air/hash.ts";
import type { Encodable, Hash, Value } from "../air/value.ts";
import type { ControlPlane } from "../air/types.ts";
import { corrupt, countOf, hashOf, reader, TRIE_NAMES, type TrieName, type TrieValues } from "./snapshot.ts";
import { emptyTrie, type NodeSource, type Place, type Stub, type Trie } from "./trie.ts";
import { stateRoot, waitIndex, type World } from "./world.ts";

/** The digest and size of a trie, and where its root is; undefined for an empty one. */
export interface TrieRoot {
  readonly digest: Uint8Array;
  readonly size: number;
  readonly at: Place;
}
/** An earlier file that nodes are taken from, and how long it is. */
export interface SourceFile {
  readonly file: number;
  readonly bytes: number;
}
export interface SnapshotRoot {
  /** Records folded; the next has this seq. */
  readonly seq: number;
  readonly stateRoot: Hash;
  readonly world: Hash;
  readonly sandbox: string;
  readonly logicalNs: bigint;
  readonly bundle: Hash | undefined;
  readonly commit: string | undefined;
  readonly nextInstance: number;
  /** Hash of the journal's last record: tells another history of the same world. */
  readonly last: Hash;
  /** Bundles that the running plans were started with. */
  readonly bundles: readonly Hash[];
  readonly tries: { readonly [N in TrieName]: TrieRoot | undefined };
  /** The files before this one, ascending; none for a full snapshot. */
  readonly files: readonly SourceFile[];
}

const MAGIC = "AOSSNAP1";
const END_MAGIC = "AOSSEND1";
/** Magic and eight reserved bytes, zero in this version. */
export const SNAPSHOT_HEADER_BYTES = 16;
/** u32be length of the root, its SHA-256, end magic. */
export const SNAPSHOT_END_BYTES = 4 + 32 + 8;

/** The bytes a snapshot's file begins with. */
export function snapshotHeader(): Uint8Array {
  const header = new Uint8Array(SNAPSHOT_HEADER_BYTES);
  header.set(utf8(MAGIC));
  return header;
}

/** The bytes a snapshot's file ends with: canonical root, its length and checksum, end magic. */
export function writeRoot(root: SnapshotRoot): Uint8Array {
  const tries = Object.fromEntries(TRIE_NAMES.map((name) => [name, rootFields(root.tries[name])]));
  const body = canonical({
    seq: root.seq, state_root: root.stateRoot, world: root.world, sandbox: root.sandbox, logical_ns: root.logicalNs, bundle: root.bundle, commit: root.commit,
    next_instance: root.nextInstance, last: root.last, bundles: root.bundles, tries, files: root.files.map(({ file, bytes }) => [file, bytes]),
  });
  const out = new Uint8Array(body.length + SNAPSHOT_END_BYTES);
  out.set(body);
  new DataView(out.buffer).setUint32(body.length, body.length);
  out.set(sha256(body), body.length + 4);
  out.set(utf8(END_MAGIC), body.length + 36);
  return out;
}

/** How long the root is that stands before these last bytes of a file. @throws AosError `snapshot.corrupt` */
export function rootLength(end: Uint8Array): number {
  if (end.length !== SNAPSHOT_END_BYTES || !bytesEqual(end.subarray(36), utf8(END_MAGIC))) throw corrupt("the file does not end as a snapshot does");
  return new DataView(end.buffer, end.byteOffset).getUint32(0);
}

/** Reads a root and the end behind it. @throws AosError `snapshot.corrupt` (unverified) */
export function readRoot(bytes: Uint8Array): SnapshotRoot {
  const length = rootLength(bytes.subarray(-SNAPSHOT_END_BYTES));
  const body = bytes.subarray(0, length);
  if (bytes.length !== length + SNAPSHOT_END_BYTES || !bytesEqual(sha256(body), bytes.subarray(length + 4, length + 36))) throw corrupt("the root's checksum does not hold");
  try {
    return rootFrom(decodeCanonical(body));
  } catch (error) {
    throw error instanceof AosError && error.code !== "snapshot.corrupt" ? corrupt("the root cannot be read") : error;
  }
}

/**
 * The world a root stands for; nothing of its tries is loaded but its plans, for the index of what they wait for.
 *
 * @throws AosError `snapshot.corrupt` when the parts do not have the state root that is named
 */
export function worldFrom(
  root: SnapshotRoot,
  control: ControlPlane | undefined,
  sources: { readonly [N in TrieName]: NodeSource<TrieValues[N]> },
): World {
  const trie = <N extends TrieName>(name: N): Trie<TrieValues[N]> => {
    const node = stubOf(root.tries[name], sources[name]);
    return node === undefined ? emptyTrie() : { node };
  };
  const plans = trie("plans");
  const world: World = {
    id: root.world, sandbox: root.sandbox, nextSeq: root.seq, logicalNs: root.logicalNs, control, bundle: root.bundle, commit: root.commit,
    cells: trie("cells"), plans, intents: trie("intents"), held: trie("held"), spent: trie("spent"), waiting: waitIndex(plans), nextInstance: root.nextInstance,
  };
  if (stateRoot(world) !== root.stateRoot) throw corrupt("its parts have another state root than it names");
  return world;
}

/** The stub of a trie's root. */
export function stubOf<V>(root: TrieRoot | undefined, source: NodeSource<V>): Stub<V> | undefined {
  return root === undefined ? undefined : { kind: "stub", size: root.size, digest: root.digest, at: root.at, source };
}

function rootFields(root: TrieRoot | undefined): Encodable {
  return root === undefined ? null : [root.digest, root.size, root.at.file, root.at.offset, root.at.bytes];
}

function rootFrom(value: Value): SnapshotRoot {
  const { text, hash, count, int, list, item, maybe } = reader(value);
  const tries = reader(item("tries"));
  const trie = (name: TrieName): TrieRoot | undefined => readTrieRoot(tries.item(name));
  return {
    seq: count("seq"), stateRoot: hash("state_root"), world: hash("world"), sandbox: text("sandbox"), logicalNs: int("logical_ns"), bundle: maybe("bundle", hash),
    commit: maybe("commit", text), nextInstance: count("next_instance"), last: hash("last"),
    bundles: list("bundles").map(hashOf),
    tries: { cells: trie("cells"), plans: trie("plans"), intents: trie("intents"), held: trie("held"), spent: trie("spent") },
    files: list("files").map((pair) => {
      const [file, bytes] = Array.isArray(pair) ? (pair as readonly Value[]) : [];
      return { file: countOf(file ?? null), bytes: countOf(bytes ?? null) };
    }),
  };
}

function readTrieRoot(value: Value): TrieRoot | undefined {
  if (value === null) return undefined;
  const [digest, size, file, offset, bytes] = Array.isArray(value) ? (value as readonly Value[]) : [];
  if (!(digest instanceof Uint8Array) || digest.length !== 32) throw corrupt("a trie's root has a digest of 32 bytes");
  return { digest, size: countOf(size ?? null), at: { file: countOf(file ?? null), offset: countOf(offset ?? null), bytes: countOf(bytes ?? null) } };
}
