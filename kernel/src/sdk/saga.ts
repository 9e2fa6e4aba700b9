// Sagas: steps of work that are done in order, tried again when they fail, and undone in reverse when one cannot be done.

import { timer } from "./backoff.ts";
import type { Backoff } from "./backoff.ts";
import type { EffectOut, Emitted, EventOut } from "./effect.ts";
import { idempotencyKey } from "./key.ts";

/** Where a saga stands; plain data, to be kept in the reducer's state. Its AIR type is on the page docs/sandbox.md. */
export interface SagaState {
  readonly id: string;
  /** `waiting`: a timer is set; `stuck`: a step can be neither done nor undone, and somebody must look. */
  readonly status: "running" | "waiting" | "done" | "undone" | "stuck";
  readonly direction: "forward" | "back";
  /** Index and name of the step that is being done or undone; of the last one when the saga has ended. */
  readonly step: number;
  readonly name: string;
  /** Of this step in this direction, from 1. */
  readonly attempt: number;
}

/** What a step is told. */
export interface SagaCall {
  readonly id: string;
  readonly attempt: number;
  /** 32 bytes, the same for all attempts of this step in this direction: the far side does it once. */
  readonly key: Uint8Array;
}

export interface SagaStep<Data> {
  readonly name: string;
  /** Asks for the work: events that start plans, effects. Their outcome comes back as an event. */
  readonly run: (data: Data, call: SagaCall) => Emitted;
  /** Takes it back; without it there is nothing to take back. */
  readonly undo?: (data: Data, call: SagaCall) => Emitted;
  /** When to try again; without it a failure is final. */
  readonly retry?: Backoff;
}

/** The new standing and what to emit: `return { state: { ...state, saga: moved.saga }, events: moved.events, effects: moved.effects }`. */
export interface Moved {
  readonly saga: SagaState;
  readonly events: readonly EventOut[];
  readonly effects: readonly EffectOut[];
}

export interface Saga<Data> {
  start(id: string, data: Data): Moved;
  /** The step at hand was done, or undone. */
  succeeded(saga: SagaState, data: Data): Moved;
  /** It was not. @param nowNs - logical time, `ctx.logical_now_ns`; timers are set from it */
  failed(saga: SagaState, data: Data, nowNs: bigint): Moved;
  /** A timer fired: `key` is the one that came back with it. A timer of another attempt changes nothing. */
  woke(saga: SagaState, data: Data, key: string): Moved;
}

const ENDED: readonly SagaState["status"][] = ["done", "undone", "stuck"];

/**
 * A saga of these steps. Every function is pure, and an outcome that comes when none is awaited (twice, or late) changes nothing.
 * @param options.timerSlot - the capability slot for the timers of retries
 * @throws TypeError without steps, or when two share a name
 */
export function saga<Data>(steps: readonly SagaStep<Data>[], options: { readonly timerSlot?: string } = {}): Saga<Data> {
  if (steps.length === 0 || new Set(steps.map(({ name }) => name)).size !== steps.length) throw new TypeError("saga: steps have names of their own, and there is at least one");
  const stepAt = (index: number): SagaStep<Data> => steps[index] as SagaStep<Data>;
  const timerKey = ({ id, name, direction, attempt }: SagaState): string => `${id}/${name}/${direction}/${attempt}`;

  function perform(state: SagaState, data: Data): Moved {
    const { id, step, direction, attempt } = state;
    const call = { id, attempt, key: idempotencyKey("saga", id, state.name, direction) };
    const work = direction === "forward" ? stepAt(step).run : stepAt(step).undo;
    const { events = [], effects = [] } = work?.(data, call) ?? {};
    return { saga: state, events, effects };
  }
  const at = (state: SagaState, step: number, direction: SagaState["direction"]): SagaState => ({ ...state, status: "running", step, name: stepAt(step).name, direction, attempt: 1 });

  /** Undoes the last of the steps before this one that can be undone. */
  function undoBefore(state: SagaState, data: Data): Moved {
    for (let step = state.step - 1; step >= 0; step--) if (stepAt(step).undo !== undefined) return perform(at(state, step, "back"), data);
    return standing({ ...state, status: "undone", direction: "back" });
  }

  return {
    start: (id, data) => perform({ id, status: "running", direction: "forward", step: 0, name: stepAt(0).name, attempt: 1 }, data),
    succeeded(state, data) {
      if (ENDED.includes(state.status)) return standing(state);
      if (state.direction === "back") return undoBefore(state, data);
      return state.step + 1 < steps.length ? perform(at(state, state.step + 1, "forward"), data) : standing({ ...state, status: "done" });
    },
    failed(state, data, nowNs) {
      if (state.status !== "running") return standing(state);
      const delay = stepAt(state.step).retry?.delayNs(state.attempt);
      if (delay !== undefined) {
        const slot = options.timerSlot === undefined ? {} : { slot: options.timerSlot };
        return { saga: { ...state, status: "waiting" }, events: [], effects: [timer(nowNs + delay, { key: timerKey(state), ...slot })] };
      }
      return state.direction === "forward" ? undoBefore(state, data) : standing({ ...state, status: "stuck" });
    },
    woke(state, data, key) {
      if (state.status !== "waiting" || key !== timerKey(state)) return standing(state);
      return perform({ ...state, status: "running", attempt: state.attempt + 1 }, data);
    },
  };
}

function standing(state: SagaState): Moved {
  return { saga: state, events: [], effects: [] };
}
