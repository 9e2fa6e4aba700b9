// One journal record as one line: what happened, in words, with the names that matter.

import { brief, short, shown, type Style } from "./style.ts";

export type RecordView = { readonly seq: number; readonly kind: string; readonly [field: string]: unknown };

/** `#seq kind summary`. */
export function recordLine(record: RecordView, style: Style): string {
  const paint = PAINTS[record.kind];
  const kind = record.kind.padEnd(12);
  const told = summaryOf(record);
  return `${style.dim(`#${String(record.seq).padEnd(5)}`)} ${paint === undefined ? kind : style[paint](kind)} ${told}`.trimEnd();
}

const PAINTS: Readonly<Record<string, "cyan" | "green" | "red" | "yellow">> = {
  genesis: "green", applied: "green", event: "cyan", receipt: "cyan", rejected: "red", denied: "red", step_failed: "red", receipt_refused: "yellow", held: "yellow", approval: "green", cancelled: "yellow",
};

function summaryOf(record: RecordView): string {
  const text = (field: string): string => (record[field] === undefined ? "" : shown(String(record[field])));
  const json = (field: string): string => (record[field] === undefined ? "" : brief(JSON.stringify(record[field]), 80));
  const key = record["key"] === undefined ? "" : ` key ${json("key")}`;
  const plan = record["instance"] === undefined ? "" : ` #${text("instance")}`;
  const step = record["step"] === undefined ? "" : ` at ${text("step")}`;
  const code = record["code"] === undefined ? "" : ` ${text("code")}`;
  switch (record.kind) {
    case "genesis":
      return `world ${short(text("world"))}, ${text("sandbox")}`;
    case "applied":
      return `commit ${short(text("commit"))}, manifest ${short(text("manifest"))}`;
    case "event":
    case "raised":
      return `${text("schema")} ${json("value")}${key}${record.kind === "raised" ? ` by ${text("by")}${plan}${step}` : ` from ${text("sender")}`}`;
    case "stepped":
      return `${text("reducer")}${key} ${record["state"] === undefined ? "has no state" : `state ${short(text("state"))}`}, fuel ${text("fuel")}`;
    case "intent":
      return `${text("effect")} under ${text("cap")} by ${text("by")}${plan}${step}, allowed by ${text("policy")}${record["rule"] === undefined ? "" : ` rule ${text("rule")}`}`;
    case "receipt":
      return `${text("status")}${code} from ${text("adapter")} for #${text("intent_seq")}`;
    case "receipt_refused":
      return `${text("code")} from ${text("adapter")} for #${text("intent_seq")}`;
    case "denied":
      return `${text("effect")} under ${text("cap")} by ${text("by")}${plan}${step}:${code} (${text("stage")}) ${text("message")}`;
    case "rejected":
      return `${text("schema")} from ${text("sender")}:${code} ${text("message")}`;
    case "plan_started":
      return `${text("plan")}${plan}`;
    case "plan_ended":
      return `${text("plan")}${plan} ${text("status")}${code}${step}${record["message"] === undefined ? "" : ` ${text("message")}`}`;
    case "step_failed":
      return `${text("by")}:${code} ${text("message")}`;
    case "held":
      return `${text("effect")} under ${text("cap")} by ${text("by")}${plan}${step} waits for a person: ${text("policy")} rule ${text("rule")}`;
    case "approval":
      return `${text("decision")} #${text("held_seq")} by ${text("by")}${record["reason"] === undefined ? "" : `: ${brief(text("reason"), 80)}`}`;
    case "cancelled":
      return `plan${plan} by ${text("by")}${record["reason"] === undefined ? "" : `: ${brief(text("reason"), 80)}`}`;
    case "due":
      return `${text("what")} #${text("id")}`;
    case "settled":
      return `${text("cap")} took ${json("took")} for #${text("intent_seq")}, spent ${json("spent")}`;
    case "withdrawn":
      return `#${text("intent_seq")}`;
    case "migrated":
      return `${text("reducer")}${key} by ${text("module")}, fuel ${text("fuel")}`;
    case "transition":
      return `${text("state")}${record["commit"] === undefined ? "" : ` ${short(text("commit"))}`}`;
    default:
      return "";
  }
}
