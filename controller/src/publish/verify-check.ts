// What a verification carries along: what it was asked, what it has found so far, and what is wrong with it.

import { AosError, type Hash, type JournalRecord, type ModuleRunner } from "@agentos/kernel";
import { principalOfKey, type Principal, type Trust } from "../governance/trust.ts";
import { keyId } from "../governance/ssh-key.ts";
import type { Oid } from "../git/objects.ts";
import type { Repo } from "../git/repo.ts";
import type { ObjectStore } from "../git/store.ts";

/** Something that does not hold, with the place: the record, the commit and the file it is about, as far as there is one. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly seq?: number;
  readonly commit?: string;
  readonly file?: string;
}
export interface VerifyOptions {
  readonly repo: Repo;
  readonly store: ObjectStore;
  /** Hash of the genesis trust file, got by another way than this repository. */
  readonly trust: Hash;
  /** Runs the modules of a replay; undefined: no replay. */
  readonly replay: ModuleRunner | undefined;
  /** The ref that is main here; a clone may only have the remote-tracking one. */
  readonly mainRef: string;
  /** The ref that is verified; by default refs/notes/aos. */
  readonly notesRef?: string;
}

export interface Checking extends VerifyOptions {
  /** In the order found; each seal's most telling ones first. */
  readonly problems: Problem[];
  readonly counts: { seals: number; records: number; receipts: number; approvals: number; decisions: number; reviews: number };
  /** Commits the journal applied, in order. */
  readonly applied: Oid[];
  /** Intents without an answer, by seq. */
  readonly open: Map<number, Hash>;
  /** Effects that wait for a person, by seq. */
  readonly held: Map<number, Hash>;
  /** Effects that a person let run and that have not been asked for since, by the seq of the approval. */
  readonly granted: Map<number, Hash>;
  /** Blobs that were published so far, whose bytes have the hash of their name. */
  readonly blobs: Set<Hash>;
  /** Blobs that a replay needs and that are not published so far, with what they are. */
  readonly needed: Map<Hash, { readonly what: string; readonly seq: number }>;
  /** Sentences about decisions whose words for changes of authority are not those of this release. */
  readonly reworded: string[];
  /** The trust file in force after the records looked at so far. */
  trustNow: Trust | undefined;
  /** The sandbox that the genesis record pins. */
  sandbox: string | undefined;
}

export function beginCheck(options: VerifyOptions): Checking {
  return {
    ...options, problems: [], counts: { seals: 0, records: 0, receipts: 0, approvals: 0, decisions: 0, reviews: 0 },
    applied: [], open: new Map(), held: new Map(), granted: new Map(), blobs: new Set(), needed: new Map(), reworded: [], trustNow: undefined, sandbox: undefined,
  };
}

/** Problems after this many are not listed. */
const PROBLEMS_MAX = 100;

export function report(check: Checking, problem: Problem): void {
  if (check.problems.length < PROBLEMS_MAX) check.problems.push(problem);
}

/** Runs a check; what it finds wrong with what is published becomes a problem, with the place. */
export async function guarded<T>(check: Checking, at: Omit<Problem, "code" | "message">, act: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof AosError) || error.class === "outside" || error.code === "git.absent") throw error;
    const seq = error.at?.seq ?? at.seq;
    report(check, { ...at, ...(seq === undefined ? {} : { seq }), code: error.code, message: error.message });
    return undefined;
  }
}

export function unverified(code: string, message: string): AosError {
  return new AosError(code, message, { class: "unverified" });
}

/** Who speaks with a key at a seq; a retired key still speaks for its principal in the records before it was retired. */
export function principalAt(trust: Trust, publicKey: Uint8Array, seq: number): Principal | undefined {
  const id = keyId(publicKey);
  const retired = trust.retired.find(({ key }) => key === id);
  if (retired === undefined) return principalOfKey(trust, publicKey);
  return seq < retired.fromSeq ? trust.principals.find(({ name }) => name === retired.principal) : undefined;
}

/** A record as people are told of it. */
export function nameOf(record: JournalRecord): string {
  switch (record.kind) {
    case "receipt":
      return `receipt seq ${record.seq} (intent ${record.intent})`;
    case "applied":
      return `applied seq ${record.seq} (commit ${record.commit.slice(0, 12)})`;
    default:
      return `${record.kind} seq ${record.seq}`;
  }
}
