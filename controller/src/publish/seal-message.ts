// The message of a seal: what a person reads in `git log refs/notes/aos`, then the checkpoint as trailers.

import { AosError, isHash, type Hash, type JournalRecord } from "@agentos/kernel";
import { isOid, type Oid } from "../git/objects.ts";
import { oneLine } from "./one-line.ts";

/** What a seal vouches for. */
export interface Checkpoint {
  /** First and last seq of the segment. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Path of the segment in the seal's tree. */
  readonly segment: string;
  /** SHA-256 of the segment's bytes. */
  readonly journalHead: Hash;
  /** Of the world after `lastSeq`. */
  readonly stateRoot: Hash;
  /** The commit of main in force after `lastSeq`. */
  readonly world: Oid;
  readonly receipts: number;
  readonly epoch: number;
}

export function sealMessage(number: number, records: readonly JournalRecord[], checkpoint: Checkpoint): string {
  const lines = records.map(describe).filter((line) => line !== undefined);
  const subject = `seal ${number}: seq ${checkpoint.firstSeq}-${checkpoint.lastSeq}${summary(records)}`;
  const trailers = [
    `Seq: ${checkpoint.firstSeq}-${checkpoint.lastSeq}`,
    `Segment: ${checkpoint.segment}`,
    `Journal-Head: ${checkpoint.journalHead}`,
    `State-Root: ${checkpoint.stateRoot}`,
    `World: ${checkpoint.world}`,
    `Receipts: ${checkpoint.receipts}`,
    `Epoch: ${checkpoint.epoch}`,
  ];
  return [subject, "", ...(lines.length === 0 ? [] : [...lines, ""]), ...trailers, ""].join("\n");
}

/** @throws AosError `seal.message` (unverified) when a trailer is missing or malformed */
export function parseSealMessage(message: string, commit: string): Checkpoint {
  const trailers = new Map<string, string>();
  for (const line of message.slice(message.lastIndexOf("\n\n") + 2).split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) trailers.set(line.slice(0, at), line.slice(at + 2));
  }
  const need = <T>(name: string, read: (text: string) => T | undefined): T => {
    const value = read(trailers.get(name) ?? "");
    if (value === undefined) throw new AosError("seal.message", `commit ${commit}: the seal has no valid ${name}`, { class: "unverified", hint: "somebody else than a controller wrote it: git show says who" });
    return value;
  };
  const count = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined);
  const hash = (text: string): Hash | undefined => (isHash(text) ? text : undefined);
  const seqs = need("Seq", (text) => /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? undefined);
  return {
    firstSeq: Number(seqs[1]), lastSeq: Number(seqs[2]),
    segment: need("Segment", (text) => (/^journal\/d[0-9a-f]{2}\/d[0-9a-f]{2}\/s[0-9a-f]{2}$/.test(text) ? text : undefined)),
    journalHead: need("Journal-Head", hash), stateRoot: need("State-Root", hash),
    world: need("World", (text) => (isOid(text) ? text : undefined)), receipts: need("Receipts", count), epoch: need("Epoch", count),
  };
}

function summary(records: readonly JournalRecord[]): string {
  const count = (kind: JournalRecord["kind"]): number => records.filter((record) => record.kind === kind).length;
  const parts = [
    ["applied", count("applied")], ["event", count("event")], ["intent", count("intent")], ["receipt", count("receipt")], ["denied", count("denied")],
  ] as const;
  return parts.filter(([, number]) => number > 0).map(([word, number]) => `, ${number} ${word}${number === 1 || word === "applied" || word === "denied" ? "" : "s"}`).join("");
}

const TEXT_CHARS_MAX = 120;

/** One line for a governance record or a receipt; other records are in the segment. */
function describe(record: JournalRecord): string | undefined {
  switch (record.kind) {
    case "genesis":
      return `${record.seq} genesis of world ${record.world}`;
    case "applied":
      return `${record.seq} applied ${record.commit.slice(0, 12)}, manifest ${record.manifest}`;
    case "receipt":
      return `${record.seq} receipt ${record.status} from ${record.adapter} for intent ${record.intent} (seq ${record.intent_seq})`;
    case "denied":
      return `${record.seq} denied ${oneLine(record.effect, TEXT_CHARS_MAX)} of ${record.by}: ${oneLine(record.code, TEXT_CHARS_MAX)}`;
    case "transition":
      return `${record.seq} controller ${oneLine(record.state, TEXT_CHARS_MAX)}${record.commit === undefined ? "" : ` ${record.commit.slice(0, 12)}`}`;
    case "plan_ended":
      return `${record.seq} ${record.plan} #${record.instance} ended ${record.status}${record.code === undefined ? "" : ` (${oneLine(record.code, TEXT_CHARS_MAX)})`}`;
    default:
      return undefined;
  }
}
