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

/** Nanoseconds. `now` is wall time since 1970; `monotonic` never goes back while the process lives. */
export interface Clock {
  now(): bigint;
  monotonic(): bigint;
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

/** An effect as an adapter gets it. Secrets are already injected into `params`; never log them. */
export interface AdapterCall {
  readonly intentHash: Hash;
  readonly effect: string;
  /** Canonical CBOR of the normalised params. */
  readonly params: Uint8Array;
  /** 32 bytes; all zero when the author gave none. */
  readonly idempotencyKey: Uint8Array;
  /** What the grant allows, canonical CBOR of its params; for checks that only the adapter can make (redirects, resolved addresses). */
  readonly capParams: Uint8Array;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}
export interface AdapterResult {
  readonly status: "ok" | "error" | "timeout";
  /** CBOR of the receipt schema's value; for `error` and `timeout` the adapter fills what it can. */
  readonly payload: Uint8Array;
  readonly costCents?: number;
}
/** One way to carry out effects of some kinds. Never throws for what the outside did: that is a status. */
export interface Adapter {
  readonly id: string;
  readonly effects: readonly string[];
  /** After a crash between dispatch and receipt: may the same call be sent again? */
  resend(call: Omit<AdapterCall, "signal" | "deadlineMs">): "again" | "unknown";
  run(call: AdapterCall): Promise<AdapterResult>;
}
