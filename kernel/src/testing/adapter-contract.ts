// What every adapter promises, as tests that each one runs: against a real server that breaks its answers, where it has one.

import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { memoryBlobs } from "../adapters/blobs/memory.ts";
import { DEFAULT_CONFIG } from "../adapters/config.ts";
import type { AdapterEnv } from "../adapters/env.ts";
import { canonical, decode } from "../air/cbor.ts";
import { BUILTIN_EFFECTS, BUILTIN_SCHEMAS } from "../air/catalog.ts";
import { hex, utf8, ZERO_HASH } from "../air/hash.ts";
import { compileNormalizer } from "../air/normalize.ts";
import type { TypeExpr } from "../air/types.ts";
import type { Encodable } from "../air/value.ts";
import { blankWorld } from "../core/world.ts";
import type { Adapter, AdapterCall, AdapterResult, Blobs } from "../ports.ts";
import { redaction, type Redaction } from "../secrets.ts";
import { faultServer, type Fault, type FaultServer } from "./fault-server.ts";
import { manualClock, type ManualClock } from "./manual-clock.ts";
import { TEST_SANDBOX, TEST_WORLD_ID } from "./test-world.ts";

export interface ContractEnv extends AdapterEnv {
  readonly clock: ManualClock;
  readonly blobs: Blobs;
  /** Where the server is: `http://127.0.0.1:<port>`, no slash at the end. */
  readonly url: string;
  /** A secret value: it goes where the params of a call have a secret, and must never come out again. */
  readonly canary: string;
}

export interface ContractCall {
  readonly effect: string;
  readonly params: Encodable;
  /** The grant's params; null unless told. */
  readonly capParams?: Encodable;
  readonly idempotencyKey?: Uint8Array;
  /** The type of its receipt: for an effect that worlds declare themselves (`defeffect`). Those of the catalog are known. */
  readonly receipt?: TypeExpr;
}

export interface AdapterContract {
  readonly name: string;
  /** A fresh adapter. Its limit of an answer's size is to be at most 1 MiB. */
  make(env: ContractEnv): Adapter;
  /** Calls that succeed with a healthy server, by what they are; at least one. They may put blobs into `env.blobs` first. */
  calls(env: ContractEnv): Promise<Readonly<Record<string, ContractCall>>> | Readonly<Record<string, ContractCall>>;
  /** What a healthy server answers; absent: the adapter reaches no server, and the faults of one are left out. */
  readonly answer?: RequestListener;
  /** Makes a call come to its end, such as time for a timer; called once the call runs. */
  readonly nudge?: (env: ContractEnv) => void;
  /** Statuses that a fault may have instead of `error`: for adapters whose answer is whatever the server says (`http`). */
  readonly passes?: readonly Fault[];
  /** Whether a call of `calls` may be sent again while it is busy outside; `again` unless told. */
  readonly retry?: "again" | "never";
}

const CANARY = "canary-5d41402abc4b2a76";
const SLOW_MS = 60;
const LONG_MS = 20_000;

/** Faults that end a call before its deadline. */
const QUICK: readonly Fault[] = ["reset_before_headers", "reset_after_headers", "huge_body", "malformed", "truncated", "redirect_loop", "echo"];
const SLOW: readonly Fault[] = ["slow_first_byte", "slow_body"];
/** Faults after which the same call may succeed. */
const BUSY: readonly Fault[] = ["busy", "unavailable"];

interface Subject {
  readonly env: ContractEnv;
  readonly adapter: Adapter;
  readonly calls: readonly (readonly [name: string, call: ContractCall])[];
  readonly server: FaultServer | undefined;
  /** Everything that was put into the blobs. */
  readonly stored: readonly Uint8Array[];
}

/** Runs the suite on an adapter. */
export function adapterContract(contract: AdapterContract): void {
  const { name } = contract;

  test(`adapter ${name}: each of its calls: ok, a receipt that fits its schema, no secret in it`, async (t) => {
    const subject = await subjectOf(contract, t);
    let ran = 0;
    for (const [label, call] of subject.calls) {
      const { result } = await runCall(contract, subject, call);
      assert.equal(result.status, "ok", label);
      checkResult(subject, call, result);
      ran++;
    }
    assert.notEqual(ran, 0);
  });

  test(`adapter ${name}: after a crash: an answer for each call, and the same one twice`, async (t) => {
    const { adapter, calls, env } = await subjectOf(contract, t);
    for (const [label, call] of calls) {
      const sent = callOf(env, call);
      assert.ok(["again", "unknown"].includes(adapter.resend(sent)), label);
      assert.equal(adapter.resend(sent), adapter.resend(sent));
    }
    assert.notEqual(calls.length, 0);
    assert.ok(adapter.effects.length > 0 && new Set(adapter.effects).size === adapter.effects.length);
    for (const [, call] of calls) assert.ok(adapter.effects.includes(call.effect));
  });

  test(`adapter ${name}: aborted before it begins: ends, with a status that is not ok or the whole answer`, async (t) => {
    const subject = await subjectOf(contract, t);
    for (const [, call] of subject.calls) {
      const { result } = await runCall(contract, subject, call, { abort: "before" });
      checkResult(subject, call, result);
    }
    assert.notEqual(subject.calls.length, 0);
  });

  test(`adapter ${name}: params that are none of its own: no ok, or it is a broken program that says nothing of the params`, async (t) => {
    const { adapter, env, calls: [[, some] = ["", undefined]] } = await subjectOf(contract, t);
    assert.ok(some !== undefined);
    for (const params of [null, 7, { other: CANARY }, [CANARY]]) {
      const ended = await adapter.run(callOf(env, { ...some, params })).then(({ status }) => status, String);
      assert.notEqual(ended, "ok");
      assert.ok(!ended.includes(CANARY));
    }
  });

  if (contract.answer === undefined) return;

  for (const fault of QUICK) {
    test(`adapter ${name}: ${fault.replaceAll("_", " ")}: a status that is not ok, nothing leaks, no connection stays`, async (t) => {
      const subject = await subjectOf(contract, t);
      const { result, call } = await withFault(contract, subject, { fault, deadlineMs: LONG_MS });
      if (contract.passes?.includes(fault) !== true) assert.equal(result.status, "error");
      checkResult(subject, call, result);
      await closed(subject);
    });
  }
  for (const fault of SLOW) {
    test(`adapter ${name}: ${fault.replaceAll("_", " ")}: timeout at the deadline, no connection stays`, async (t) => {
      const subject = await subjectOf(contract, t);
      const { result, call } = await withFault(contract, subject, { fault, deadlineMs: SLOW_MS });
      assert.equal(result.status, "timeout");
      checkResult(subject, call, result);
      await closed(subject);
    });
    test(`adapter ${name}: ${fault.replaceAll("_", " ")}, aborted in flight: ends as an error, no connection stays`, async (t) => {
      const subject = await subjectOf(contract, t);
      const { result, call } = await withFault(contract, subject, { fault, deadlineMs: LONG_MS, abort: "in flight" });
      assert.equal(result.status, "error");
      checkResult(subject, call, result);
      await closed(subject);
    });
  }
  for (const fault of BUSY) {
    test(`adapter ${name}: ${fault}, then well: transient, and the same call again is ok`, async (t) => {
      const subject = await subjectOf(contract, t);
      const { result, call } = await withFault(contract, subject, { fault, deadlineMs: LONG_MS });
      assert.equal(result.transient, true);
      assert.equal(result.retryAfterMs, fault === "busy" ? 1_000 : undefined);
      assert.equal(subject.adapter.retry?.(callOf(subject.env, call)) ?? false, contract.retry !== "never");
      checkResult(subject, call, result);
      subject.server?.fail("none");
      const again = await runCall(contract, subject, call);
      assert.deepEqual([again.result.status, again.result.transient ?? false], ["ok", false]);
    });
  }
  test(`adapter ${name}: nobody listens: transient, a status that is not ok`, async (t) => {
    const subject = await subjectOf(contract, t, { server: "gone" });
    const [[, call] = ["", undefined]] = subject.calls;
    assert.ok(call !== undefined);
    const { result } = await runCall(contract, subject, call);
    assert.deepEqual([result.status, result.transient], ["error", true]);
    checkResult(subject, call, result);
  });
}

async function subjectOf(contract: AdapterContract, t: TestContext, options: { readonly server?: "gone" } = {}): Promise<Subject> {
  const server = contract.answer === undefined ? undefined : await faultServer(t, contract.answer);
  const inner = memoryBlobs();
  const stored: Uint8Array[] = [];
  const env: ContractEnv = {
    blobs: { get: (hash) => inner.get(hash), put: (bytes) => (stored.push(bytes), inner.put(bytes)) },
    clock: manualClock(1_700_000_000_000_000_000n), config: DEFAULT_CONFIG, vault: undefined, canary: CANARY,
    secrets: { resolve: async () => utf8(CANARY) },
    world: () => blankWorld(TEST_WORLD_ID, TEST_SANDBOX), submit: async () => undefined,
    // Port 1 of loopback is the one nobody serves.
    url: options.server === "gone" ? "http://127.0.0.1:1" : (server?.url ?? ""),
  };
  const calls = Object.entries(await contract.calls(env));
  stored.length = 0;
  return { env, server, stored, adapter: contract.make(env), calls };
}

type Abort = "before" | "in flight" | "never";
interface Run {
  readonly deadlineMs?: number;
  readonly abort?: Abort;
}

async function withFault(contract: AdapterContract, subject: Subject, run: Run & { readonly fault: Fault }): Promise<{ readonly result: AdapterResult; readonly call: ContractCall }> {
  const [[, call] = ["", undefined]] = subject.calls;
  assert.ok(call !== undefined && subject.server !== undefined);
  subject.server.fail(run.fault);
  const ended = await runCall(contract, subject, call, run);
  const reached = subject.server.seen.length > 0;
  // On a busy machine a short deadline may pass before anything was sent: that says nothing of the fault.
  if (!reached && ended.result.status === "timeout" && (run.deadlineMs ?? LONG_MS) < LONG_MS) return withFault(contract, subject, { ...run, deadlineMs: 4 * (run.deadlineMs ?? LONG_MS) });
  assert.ok(reached, "the server was reached");
  return { ...ended, call };
}

/** A call that never ends fails the test by its absence: the test runner sees a promise that nothing will settle. */
async function runCall(contract: AdapterContract, subject: Subject, call: ContractCall, { deadlineMs = LONG_MS, abort = "never" }: Run = {}): Promise<{ readonly result: AdapterResult }> {
  const controller = new AbortController();
  if (abort === "before") controller.abort();
  const running = subject.adapter.run({ ...callOf(subject.env, call), deadlineMs, signal: controller.signal });
  contract.nudge?.(subject.env);
  if (abort === "in flight") {
    await subject.server?.reached(1);
    controller.abort();
  }
  const result = await running;
  // As the dispatcher does with every payload.
  return { result: { ...result, payload: redactionOf(subject.env).payload(result.payload) } };
}

function redactionOf(env: ContractEnv): Redaction {
  return redaction([{ name: "canary@1", value: utf8(env.canary) }]);
}

function callOf(env: ContractEnv, call: ContractCall): AdapterCall {
  return {
    intentHash: ZERO_HASH, effect: call.effect, params: canonical(call.params), capParams: canonical(call.capParams ?? null),
    idempotencyKey: call.idempotencyKey ?? new Uint8Array(32), deadlineMs: LONG_MS, signal: new AbortController().signal,
    redact: redactionOf(env).redact,
  };
}

function checkResult(subject: Subject, call: ContractCall, result: AdapterResult): void {
  const name = BUILTIN_EFFECTS.get(call.effect)?.receipt_schema;
  const type = call.receipt ?? (name === undefined ? undefined : { kind: "ref" as const, name });
  assert.ok(type !== undefined, `${call.effect} is in the catalog, or its call says what its receipt is`);
  assert.doesNotThrow(() => compileNormalizer(BUILTIN_SCHEMAS, type)(decode(result.payload)), `the payload of ${call.effect} fits its schema`);
  const canary = hex(utf8(CANARY));
  for (const bytes of [result.payload, utf8(result.code ?? ""), ...subject.stored]) assert.ok(!hex(bytes).includes(canary), "no secret comes out");
}

/** Waits until the server has no connection any more; one that stayed would keep the test from ending. */
async function closed(subject: Subject): Promise<void> {
  while ((subject.server?.openCount ?? 0) > 0) await new Promise((resolve) => setImmediate(resolve));
}
