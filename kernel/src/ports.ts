// What the machine asks of the outside: interfaces only.

import type { Hash } from "./air/value.ts";

/** One call into a module. All bytes are CBOR envelopes of the WASM ABI (runtime 1.3); `fuelLimit` in units of the rewriter. */
export interface ModuleCall {
  readonly wasmHash: Hash;
  readonly entry: "step" | "run";
  readonly input: Uint8Array;
  readonly fuelLimit: number;
}
/** What a call gave: output and the fuel it used, or a deterministic failure (trap, out of fuel, out of stack, bad output). */
export type ModuleResult =
  | { readonly kind: "ok"; readonly output: Uint8Array; readonly fuelUsed: number }
  | { readonly kind: "failed"; readonly code: "trap" | "fuel" | "stack" | "output"; readonly message: string; readonly fuelUsed: number };

/** Runs modules: same call, same result, on every machine. A host fault (native stack, host memory) throws InvariantError instead. */
export interface ModuleRunner {
  /** @throws AosError `module.missing` when no artifact of that hash was added */
  call(call: ModuleCall): ModuleResult;
  has(wasmHash: Hash): boolean;
  /** Admits an artifact (raw WASM, or our canonical CBOR `{abi, kind:"js", engine, bundle}`). Idempotent. @throws AosError `module.refused` */
  add(artifact: Uint8Array): Promise<Hash>;
}

/** Bytes by their SHA-256. Write-once; a read is checked against its hash. */
export interface Blobs {
  /** @returns the bytes, or undefined when absent */
  get(hash: Hash): Promise<Uint8Array | undefined>;
  /** Durable when it resolves. */
  put(bytes: Uint8Array): Promise<Hash>;
  /** The same for bytes that need not be in memory at once; where the pieces fail nothing is stored. Absent: the store has no way. */
  readonly putStream?: (pieces: AsyncIterable<Uint8Array>) => Promise<Hash>;
}

/** One atomic unit of the journal: the canonical bytes of each record of a turn, in order. */
export interface JournalTurn {
  readonly firstSeq: number;
  readonly records: readonly Uint8Array[];
}
/** Append-only log of turns. A turn is in it whole or not at all (I2). */
export interface Journal {
  /** The seq the next record will have. */
  readonly nextSeq: number;
  /** Appends turns in order; they are durable when this resolves (one write and one fsync for all of them). */
  append(turns: readonly JournalTurn[]): Promise<void>;
  /** Turns from the one that holds `fromSeq` on. */
  read(fromSeq: number): AsyncIterable<JournalTurn>;
  close(): Promise<void>;
}

/** A part of a file. */
export interface FilePart {
  readonly file: number;
  readonly offset: number;
  readonly bytes: number;
}
/** The files of a world's snapshots, by their numbers. A file is there whole or not at all, and never changes. */
export interface SnapshotStore {
  /** The files there are, ascending. */
  list(): Promise<readonly { readonly file: number; readonly bytes: number }[]>;
  /**
   * A part of a file, at once: a turn asks for state while it runs. A file that was removed can be read until others are.
   * @throws AosError `snapshot.missing` (unverified) when there is no such part
   */
  read(part: FilePart): Uint8Array;
  /** Durable when it resolves; when it fails, the file is not there. One of that number is replaced. */
  write(file: number, pieces: AsyncIterable<Uint8Array>): Promise<void>;
  remove(files: readonly number[]): Promise<void>;
  /** Forgets what it keeps open; reading opens it again. */
  close(): Promise<void>;
}

/** Nanoseconds. `now` is wall time since 1970; `monotonic` never goes back while the process lives. */
export interface Clock {
  now(): bigint;
  monotonic(): bigint;
  /**
   * Rings once `now()` is at `atNs` or past it, never inside this call; returns what takes the wake back. Only clocks that do
   * not run by themselves have it: where it is absent the system's timers serve.
   */
  readonly wake?: (atNs: bigint, ring: () => void) => () => void;
}
/** Random bytes from the operating system. */
export interface Entropy {
  bytes(count: number): Uint8Array;
}

/** Signs with an Ed25519 key; `publicKey` is 32 bytes, signatures are 64. */
export interface Signer {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** Finds secret values by the id a declaration binds them to, such as `env:NAME` or `vault:NAME`. */
export interface SecretSource {
  /** @returns the value, or undefined where there is none; may reject, with an error that holds no value */
  resolve(bindingId: string): Promise<Uint8Array | undefined>;
}

/** Puts `[secret alias@version]` in the place of every secret value of one call, as text or in the bytes of a body. */
export interface Redact {
  (text: string): string;
  (bytes: Uint8Array): Uint8Array;
}

/** An effect as an adapter gets it. Secrets are already injected into `params`; never log them. */
export interface AdapterCall {
  readonly intentHash: Hash;
  readonly effect: string;
  /** Canonical CBOR of the normalised params. A secret reference has become its value: a text, or bytes where that is no text. */
  readonly params: Uint8Array;
  /** 32 bytes; all zero when the author gave none. */
  readonly idempotencyKey: Uint8Array;
  /** What the grant allows, canonical CBOR of its params; for checks that only the adapter can make (redirects, resolved addresses). */
  readonly capParams: Uint8Array;
  /** What is left of the call's time; infinite for an adapter without a limit. */
  readonly deadlineMs: number;
  /** Aborted at the deadline, with a `TimeoutError` as its reason, and when the call is cancelled. */
  readonly signal: AbortSignal;
  /** For what goes to the blobs: the payload of the result is redacted without the adapter's doing. Absent: there are no secrets. */
  readonly redact?: Redact;
  /** Takes a piece of an answer as it arrives, for whoever watches; never journaled. */
  readonly progress?: (chunk: string) => void;
  /** An adapter without a time limit says that its wait is over: from here on the call counts as running. */
  readonly awake?: () => void;
}
export interface AdapterResult {
  readonly status: "ok" | "error" | "timeout";
  /** CBOR of the receipt schema's value; for `error` and `timeout` the adapter fills what it can. */
  readonly payload: Uint8Array;
  readonly costCents?: number;
  /** Why it is not `ok`, as a stable code such as `vault.digest`; never the words of the outside. */
  readonly code?: string;
  /** The same call may well succeed in a moment: no connection, 429, 502, 503, 504. */
  readonly transient?: boolean;
  /** How long the far side asked to be left alone. */
  readonly retryAfterMs?: number;
}
/** One way to carry out effects of some kinds. Never throws for what the outside did: that is a status. */
export interface Adapter {
  readonly id: string;
  readonly effects: readonly string[];
  /** Calls that run at a time; 32 unless told. */
  readonly concurrency?: number;
  /** How long a call may take with all its retries; the host's limit unless told. A call without a limit does not hold up `settled`. */
  readonly timeoutMs?: number | "none";
  /** After a crash between dispatch and receipt: may the same call be sent again? Params are as the journal holds them. */
  resend(call: Omit<AdapterCall, "signal" | "deadlineMs">): "again" | "unknown";
  /** Whether a call whose result is transient may be sent again at once; absent: never. */
  readonly retry?: (call: AdapterCall) => boolean;
  run(call: AdapterCall): Promise<AdapterResult>;
}
