// What a turn looks like in the log: names, codes and times. Params, payloads and messages stay in the journal.

import { isInput, trieEntries, type DurableTurn, type JournalRecord, type World } from "@agentos/kernel";
import type { Log } from "./log.ts";

/**
 * Logs turns as they become durable: each at debug, effects with how long they took, and at warn what was refused or failed.
 *
 * @param world - the world before the first of them
 */
export function turnLog(log: Log, world: World): (turn: Pick<DurableTurn, "records">) => void {
  /** What each open intent asks for, by its seq. */
  const effects = new Map<number, string>([...trieEntries(world.intents)].map(([, { seq, effect }]) => [seq, effect]));

  function tell(record: JournalRecord): void {
    const { seq } = record;
    switch (record.kind) {
      case "intent":
        effects.set(seq, record.effect);
        return log("info", "effect started", { seq, effect: record.effect, cap: record.cap, ...byOf(record), ...(record.approved === undefined ? {} : { approved: record.approved }) });
      case "receipt": {
        const effect = effects.get(record.intent_seq);
        effects.delete(record.intent_seq);
        return log(record.status === "ok" ? "info" : "warn", "effect finished", {
          seq, intent_seq: record.intent_seq, effect, status: record.status, ...codeOf(record), adapter: record.adapter, duration_ms: Number(record.finished_ns - record.started_ns) / 1e6,
        });
      }
      case "withdrawn":
        effects.delete(record.intent_seq);
        return;
      case "denied":
        return log("warn", "effect denied", { seq, effect: record.effect, cap: record.cap, ...byOf(record), stage: record.stage, code: record.code });
      case "held":
        return log("info", "effect waits for a person", { seq, effect: record.effect, cap: record.cap, ...byOf(record), rule: record.rule });
      case "approval":
        return log("info", "effect decided on", { seq, held_seq: record.held_seq, decision: record.decision, by: record.by });
      case "cancelled":
        return log("info", "plan cancelled", { seq, instance: record.instance, by: record.by });
      case "rejected":
        return log("warn", "event rejected", { seq, schema: record.schema, sender: record.sender, code: record.code });
      case "receipt_refused":
        return log("warn", "receipt refused", { seq, intent_seq: record.intent_seq, adapter: record.adapter, code: record.code });
      case "step_failed":
        return log("warn", "step failed", { seq, by: record.by, code: record.code });
      case "plan_ended":
        if (record.status === "ok" || record.code === "cancelled") return;
        return log("warn", "plan failed", { seq, plan: record.plan, instance: record.instance, ...codeOf(record), ...(record.step === undefined ? {} : { step: record.step }) });
      default:
        return;
    }
  }

  return ({ records }) => {
    const [first] = records;
    if (first === undefined || !isInput(first)) return;
    log("debug", "turn", { seq: first.seq, input: first.kind, records: records.length });
    for (const record of records) tell(record);
  };
}

function codeOf({ code }: { readonly code?: string }): { readonly code?: string } {
  return code === undefined ? {} : { code };
}

function byOf({ by, instance, step }: { readonly by: string; readonly instance?: number; readonly step?: string }): Readonly<Record<string, unknown>> {
  return { by, ...(instance === undefined ? {} : { instance }), ...(step === undefined ? {} : { step }) };
}
