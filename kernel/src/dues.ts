// Deadlines of plans and of held effects, watched on one timer: what falls due becomes an input.

import { createAlarms } from "./adapters/alarms.ts";
import { duesOf, type Due } from "./core/due.ts";
import type { JournalRecord } from "./core/record.ts";
import { trieGet } from "./core/trie.ts";
import type { World } from "./core/world.ts";
import type { Clock } from "./ports.ts";

interface DueWatch {
  /** Watches all that a world waits for. */
  start(world: World): void;
  /** Takes up what a durable turn began, and lets go of what it ended. Nothing before `start`. */
  follow(records: readonly JournalRecord[], world: World): void;
  stop(): void;
}

/** @param fall - called when the world's time is at a due or past it, never inside a call of the watch */
export function watchDues(clock: Clock, fall: (due: Due) => void, options: { readonly logicalNow: () => bigint }): DueWatch {
  const alarms = createAlarms(clock, options.logicalNow);
  const set = new Map<string, () => void>();
  let started = false;

  function drop(id: string): void {
    set.get(id)?.();
    set.delete(id);
  }

  function watch(due: Due): void {
    const id = idOf(due.what, due.id);
    drop(id);
    set.set(id, alarms.set(due.atNs, () => {
      set.delete(id);
      fall(due);
    }));
  }

  return {
    start(world) {
      started = true;
      for (const due of duesOf(world)) watch(due);
    },
    follow(records, world) {
      if (!started) return;
      for (const record of records) {
        const begun = dueBegun(record, world);
        if (begun !== undefined) watch(begun);
        const ended = endedBy(record);
        if (ended !== undefined) drop(ended);
      }
    },
    stop() {
      started = false;
      for (const id of set.keys()) drop(id);
    },
  };
}

function dueBegun(record: JournalRecord, world: World): Due | undefined {
  if (record.kind === "plan_started") {
    const atNs = trieGet(world.plans, String(record.instance))?.deadlineNs;
    return atNs === undefined ? undefined : { what: "plan", id: record.instance, atNs };
  }
  if (record.kind !== "held") return undefined;
  const atNs = trieGet(world.held, String(record.seq))?.expiresNs;
  return atNs === undefined ? undefined : { what: "approval", id: record.seq, atNs };
}

function endedBy(record: JournalRecord): string | undefined {
  if (record.kind === "plan_ended") return idOf("plan", record.instance);
  if (record.kind === "approval") return idOf("approval", record.held_seq);
  return record.kind === "withdrawn" ? idOf("approval", record.intent_seq) : undefined;
}

function idOf(what: Due["what"], id: number): string {
  return `${what} ${id}`;
}
