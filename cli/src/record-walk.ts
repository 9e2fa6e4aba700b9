// From a record to what it follows from, step by step to the input that began it; and from an effect on to what became of it.

import { AosError } from "@agentos/kernel";
import type { RecordJson } from "@agentos/controller";
import type { Answers } from "./answer.ts";

interface WalkStep {
  readonly relation: "asked" | "because of" | "answers" | "about" | "granted by" | "answered by";
  readonly record: RecordJson;
}

/** How far on an answer is looked for. */
const PAGES_MAX = 100;
const PAGE = 1000;

/**
 * The record, its causes, and the answer to the effect that it is.
 *
 * @throws AosError `journal.seq` when the journal ends before it
 */
export async function walkOf(answers: Pick<Answers, "journal">, seq: number): Promise<readonly WalkStep[]> {
  const asked = await recordAt(answers, seq);
  const steps: WalkStep[] = [{ relation: "asked", record: asked }];
  for (let record = asked; ; ) {
    const next = causeOf(record);
    // A cause stands before what it causes, so this ends.
    if (next === undefined || next.seq >= record.seq) break;
    const granted = record.kind === "intent" ? record["approved"] : undefined;
    if (typeof granted === "number") steps.push({ relation: "granted by", record: await recordAt(answers, granted) });
    record = await recordAt(answers, next.seq);
    steps.push({ relation: next.relation, record });
  }
  const answer = asked.kind === "intent" || asked.kind === "held" ? await answerTo(answers, asked) : undefined;
  return answer === undefined ? steps : [...steps, { relation: "answered by", record: answer }];
}

async function recordAt(answers: Pick<Answers, "journal">, seq: number): Promise<RecordJson> {
  const { records, end } = await answers.journal({ from: seq, limit: 1 });
  const [record] = records;
  if (record?.seq === seq) return record;
  throw new AosError("journal.seq", `#${seq}: there is no such record; the journal ends before #${end}`, { hint: "`aos journal tail` prints the last ones" });
}

function causeOf(record: RecordJson): { readonly seq: number; readonly relation: WalkStep["relation"] } | undefined {
  const fields = [["cause", "because of"], ["intent_seq", "answers"], ["held_seq", "about"]] as const;
  for (const [field, relation] of fields) {
    const seq = record[field];
    if (typeof seq === "number") return { seq, relation };
  }
  return undefined;
}

/** The receipt of an intent, or a person's word on a held effect. */
async function answerTo(answers: Pick<Answers, "journal">, asked: RecordJson): Promise<RecordJson | undefined> {
  const field = asked.kind === "held" ? "held_seq" : "intent_seq";
  const kinds = asked.kind === "held" ? ["approval"] : ["receipt", "withdrawn"];
  let from = asked.seq + 1;
  for (let page = 0; page < PAGES_MAX; page++) {
    const { records, next, end } = await answers.journal({ from, limit: PAGE });
    const found = records.find((record) => kinds.includes(record.kind) && record[field] === asked.seq);
    if (found !== undefined || records.length === 0 || next >= end) return found;
    from = next;
  }
  return undefined;
}
