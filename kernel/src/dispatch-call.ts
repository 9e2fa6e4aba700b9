// One effect at its adapter: secrets go in, attempts are made until the deadline, and nothing secret comes out.

import { after } from "./adapters/alarms.ts";
import { canonical } from "./air/cbor.ts";
import { AosError } from "./air/error.ts";
import type { ControlPlane } from "./air/types.ts";
import { machineOf } from "./core/machine.ts";
import type { OpenIntent } from "./core/world.ts";
import type { Adapter, AdapterCall, AdapterResult, Clock, Entropy, SecretSource } from "./ports.ts";
import { injectSecrets, redaction, type Injected } from "./secrets.ts";

export interface CallDeps {
  readonly clock: Clock;
  /** For the jitter between attempts. */
  readonly entropy: Entropy;
  /** Where injected values are from; without it every reference is unresolved. */
  readonly secrets?: SecretSource | undefined;
  /** Of adapters that have no limit of their own. */
  readonly timeoutMs: number;
  /** Gets pieces of answers as they arrive, redacted. */
  readonly progress?: ((intentSeq: number, chunk: string) => void) | undefined;
}
interface CallOf {
  readonly adapter: Adapter;
  readonly intent: OpenIntent;
  readonly control: ControlPlane;
  /** The adapter says that it no longer waits. */
  readonly awake: () => void;
  /** Called before a wait between attempts; gives what is to be called the moment it is over. */
  readonly resting: () => () => void;
}
export interface RunningCall {
  /** Never rejects; undefined when the call was cut off: its outcome is not known. */
  readonly answer: Promise<AdapterResult | undefined>;
  /** Aborts; the answer is an error with the code `cancelled`, whatever the adapter made of it. */
  cancel(): void;
  /** Aborts; there is no answer. */
  cut(): void;
}

/** How long after an abort an adapter may still answer, with what it learned until then: time of the process, whatever the clock. */
const LATE_MS = 1_000;
const ATTEMPTS_MAX = 10;
const BACKOFF_MS = { first: 100, most: 10_000 } as const;

/** Starts a call. It ends by itself within the adapter's limit on the clock, and a second. */
export function startCall(deps: CallDeps, of: CallOf): RunningCall {
  const abort = new AbortController();
  const timeoutMs = of.adapter.timeoutMs ?? deps.timeoutMs;
  let cancelled = false;
  let expired = false;
  let settle: (answer: AdapterResult | undefined) => void = () => undefined;
  const answer = new Promise<AdapterResult | undefined>((resolve) => (settle = resolve));
  let deadline: () => void = () => undefined;
  let late: () => void = () => undefined;

  const end = (result: AdapterResult | undefined): void => {
    deadline();
    late();
    if (result !== undefined && cancelled) settle({ ...result, status: "error", code: "cancelled" });
    // An error after the deadline is what the abort made of it.
    else if (result?.status === "error" && expired) settle({ ...result, status: "timeout", code: result.code ?? "adapter.timeout" });
    else settle(result);
  };
  if (timeoutMs !== "none") {
    deadline = after(deps.clock, timeoutMs, () => {
      expired = true;
      late = after(undefined, LATE_MS, () => end(noAnswer("adapter.timeout")));
      abort.abort(new DOMException("the deadline passed", "TimeoutError"));
    });
  }
  // An adapter reports what the outside did as a status; what it throws is its own fault and may hold secrets.
  attempt({ ...deps, timeoutMs }, of, abort.signal).then(end, () => end(noAnswer(abort.signal.aborted ? "adapter.timeout" : "adapter.failed")));
  return {
    answer,
    cancel() {
      if (cancelled) return;
      cancelled = true;
      late();
      late = after(undefined, LATE_MS, () => end(noAnswer("cancelled")));
      abort.abort();
    },
    cut() {
      end(undefined);
      abort.abort();
    },
  };
}

/** A result without a payload. */
export function noAnswer(code: string): AdapterResult {
  return { status: code === "adapter.timeout" ? "timeout" : "error", payload: canonical(null), code };
}

/** The parts of a call that are known before it is sent: its params hold references, no secrets. */
export function callOf(intent: OpenIntent, control: ControlPlane): Parameters<Adapter["resend"]>[0] {
  const grant = machineOf(control).grants.get(intent.cap);
  return { intentHash: intent.intent, effect: intent.effect, params: intent.params, idempotencyKey: intent.idempotencyKey, capParams: grant?.params ?? canonical(null) };
}

type Limited = Omit<CallDeps, "timeoutMs"> & { readonly timeoutMs: number | "none" };

async function attempt(deps: Limited, { adapter, intent, control, awake, resting }: CallOf, signal: AbortSignal): Promise<AdapterResult> {
  const startNs = deps.clock.monotonic();
  const leftMs = (): number => (deps.timeoutMs === "none" ? Number.POSITIVE_INFINITY : deps.timeoutMs - Number((deps.clock.monotonic() - startNs) / 1_000_000n));
  const injected = await inject(deps, intent, control);
  if ("status" in injected) return injected;
  if (signal.aborted) return noAnswer("adapter.timeout");
  const secret = injected.secrets.length === 0 ? undefined : redaction(injected.secrets);
  const report = (chunk: string): void => deps.progress?.(intent.seq, chunk);
  for (let tried = 1; ; tried++) {
    const stream = secret?.stream(report);
    const call: AdapterCall = {
      ...callOf(intent, control), params: injected.params, deadlineMs: leftMs(), signal, awake,
      ...(secret === undefined ? {} : { redact: secret.redact }),
      ...(deps.progress === undefined ? {} : { progress: (chunk) => (stream === undefined ? report(chunk) : stream.push(chunk)) }),
    };
    const answered = await adapter.run(call);
    stream?.end();
    const result = secret === undefined ? answered : { ...answered, payload: secret.payload(answered.payload), ...(answered.code === undefined ? {} : { code: secret.redact(answered.code) }) };
    if (result.transient !== true || tried >= ATTEMPTS_MAX || signal.aborted || adapter.retry?.(call) !== true) return result;
    const waitMs = Math.max(backoffMs(tried, deps.entropy), result.retryAfterMs ?? 0);
    if (waitMs >= leftMs()) return result;
    if (waitMs > 0) await pause(waitMs, { clock: deps.clock, signal, over: resting() });
    if (signal.aborted) return result;
  }
}

async function inject(deps: Limited, intent: OpenIntent, control: ControlPlane): Promise<Injected | AdapterResult> {
  try {
    return await injectSecrets(intent, control.secrets, deps.secrets);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return noAnswer(error.code);
  }
}

/** How long to wait before the attempt after the `tried`th: anything up to a most that doubles, so that many do not come back at once. */
export function backoffMs(tried: number, entropy: Entropy): number {
  const [a = 0, b = 0, c = 0, d = 0] = entropy.bytes(4);
  const fraction = (((a * 256 + b) * 256 + c) * 256 + d) / 2 ** 32;
  return Math.floor(fraction * Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** (tried - 1)));
}

/**
 * Waits so much time, of the clock or of the process, or until the signal says that it is no use.
 *
 * @param of.over - called the moment the wait is over
 */
export function pause(ms: number, { clock, signal, over }: { readonly clock: Clock | undefined; readonly signal: AbortSignal; readonly over?: (() => void) | undefined }): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      takeBack();
      signal.removeEventListener("abort", done);
      over?.();
      resolve();
    };
    const takeBack = after(clock, ms, done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
