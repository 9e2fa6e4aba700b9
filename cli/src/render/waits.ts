// What a world waits for: plan instances, effects without a receipt, effects that wait for a person.

import type { ApprovalRow, EffectRow, PlanDetail, PlanRow, WaitRow } from "@agentos/controller";
import { lasting, span } from "./ago.ts";
import { brief, columns, count, shown, type Style } from "./style.ts";

export interface WaitsView {
  readonly style: Style;
  /** Milliseconds since 1970: what is shown as `for 3 min` ends here. */
  readonly nowMs: number;
}

const VALUE_CHARS_MAX = 200;

/** `answer: the receipt of http.request under web #9, for 3 min (since seq 10)`. */
function waitText(wait: WaitRow, nowMs: number): string {
  return `${shown(wait.step)}: ${thing(wait)}${lasting(wait.since, nowMs)} (since seq ${wait.sinceSeq})`;
}

function thing({ kind, what, seq }: WaitRow): string {
  const named = `${shown(what)}${seq === undefined ? "" : ` #${seq}`}`;
  switch (kind) {
    case "event":
      return `an event ${named}`;
    case "approval":
      return `a person's word on ${named}`;
    case "receipt":
      return `the receipt of ${named}`;
  }
}

/** A row for each thing an instance waits for. */
export function planLines(plans: readonly PlanRow[], { style, nowMs }: WaitsView): readonly string[] {
  if (plans.length === 0) return ["no plan runs"];
  const rows = plans.flatMap(({ id, plan, started, deadline, waits }) => {
    const age = span(started, nowMs);
    const ends = deadline === undefined ? "" : `, ${deadlineText(deadline, nowMs)}`;
    const [first, ...others] = waits.map((wait) => waitText(wait, nowMs));
    const head = [`#${id}`, shown(plan), `${age === "" ? "running" : `running ${age}`}${ends}`, first === undefined ? "waits for nothing" : `waits at ${first}`];
    return [head, ...others.map((text) => ["", "", "", `and at ${text}`])];
  });
  return columns(rows.map(([id = "", ...cells]) => [style.bold(id), ...cells]));
}

function deadlineText(deadline: string, nowMs: number): string {
  return Date.parse(deadline) > nowMs ? `ends in ${span(deadline, nowMs)}` : "ends now";
}

export function planDetailLines(plan: PlanDetail, { style, nowMs }: WaitsView): readonly string[] {
  const waitOf = new Map(plan.waits.map((wait) => [wait.step, wait]));
  const paints = { done: style.green, waiting: style.yellow, skipped: style.dim, pending: style.dim };
  const steps = plan.steps.map(({ step, op, state }) => {
    const wait = waitOf.get(step);
    return [`  ${shown(step)}`, op, paints[state](state), wait === undefined ? "" : `${thing(wait)}${lasting(wait.since, nowMs)} (since seq ${wait.sinceSeq})`];
  });
  const vars = Object.entries(plan.vars).map(([name, value]) => [`  ${shown(name)}`, json(value)]);
  return [
    ...columns([
      [style.dim("plan"), `${shown(plan.plan)} #${plan.id}`],
      [style.dim("started"), `${plan.started === undefined ? "" : `${plan.started}, ${span(plan.started, nowMs)} ago, `}at seq ${plan.startedSeq}`],
      ...(plan.deadline === undefined ? [] : [[style.dim("deadline"), `${plan.deadline}, ${deadlineText(plan.deadline, nowMs)}`]]),
      [style.dim("input"), json(plan.input)],
    ]),
    style.dim("steps"), ...columns(steps),
    ...(vars.length === 0 ? [] : [style.dim("vars"), ...columns(vars)]),
  ];
}

export function effectLines(effects: readonly EffectRow[], { style, nowMs }: WaitsView): readonly string[] {
  if (effects.length === 0) return ["no effect waits for its receipt"];
  return columns(effects.map((effect) => [style.bold(`#${effect.seq}`), `${shown(effect.effect)} under ${shown(effect.cap)}`, byText(effect), `${stateText(effect)}${lasting(effect.since, nowMs)}`]));
}

function stateText({ adapter, state }: EffectRow): string {
  const words = { queued: "waits its turn", running: "runs", waiting: "waits for its time", answered: "answered, its receipt is on its way" };
  return state === undefined ? "no receipt yet" : `${words[state]}${adapter === undefined ? "" : ` (${shown(adapter)})`}`;
}

/** Each with what a person needs to decide: the effect, who wants it, its params whole, the rule that asks. */
export function approvalLines(approvals: readonly ApprovalRow[], { style, nowMs }: WaitsView): readonly string[] {
  if (approvals.length === 0) return ["nothing waits for a person"];
  const lines = approvals.flatMap((held) => [
    `${style.bold(`#${held.seq}`)}  ${shown(held.effect)} under ${shown(held.cap)}, ${byText(held)}`,
    `    ${style.dim("params")}  ${shown(JSON.stringify(held.params))}`,
    `    ${style.dim("rule")}    ${held.rule} of ${shown(held.policy)}`,
    `    ${style.dim("waits")}   ${waiting(held, nowMs)}`,
  ]);
  const [first] = approvals;
  return [...lines, `Next:`, `  aos approvals grant ${first?.seq ?? 0}   or   aos approvals deny ${first?.seq ?? 0} --reason WHY`];
}

function waiting({ since, expires }: ApprovalRow, nowMs: number): string {
  const parts = [since === undefined ? "" : `${span(since, nowMs)}, since ${since}`, expires === undefined ? "for as long as it takes" : Date.parse(expires) > nowMs ? `denied by itself in ${span(expires, nowMs)}` : "denied by itself now"];
  return parts.filter((part) => part !== "").join("; ");
}

/** What a decision came to, under the lines of the records it made. */
export function decidedLines(done: { readonly seq: number; readonly effect: string; readonly decision: "grant" | "deny"; readonly by: string }, style: Style): readonly string[] {
  const word = done.decision === "grant" ? style.green("granted") : style.red("denied");
  return [`${word}  #${done.seq} ${shown(done.effect)}, as ${shown(done.by)}`];
}

/** In the status: what waits, on whom, for how long. */
export function waitingRows({ plans, planCount, approvals }: { readonly plans: readonly PlanRow[]; readonly planCount: number; readonly approvals: readonly ApprovalRow[] }, { style, nowMs }: WaitsView): readonly (readonly string[])[] {
  return [
    ...approvals.map((held) => [style.yellow("approval"), `#${held.seq} ${shown(held.effect)} ${byText(held)} waits for a person${lasting(held.since, nowMs)}`]),
    ...plans.flatMap(({ id, plan, waits }) => {
      const [first, ...others] = waits.map((wait) => waitText(wait, nowMs));
      return [[style.dim("plan"), `${shown(plan)} #${id} ${first === undefined ? "waits for nothing" : `waits at ${first}`}`], ...others.map((text) => ["", `  and at ${text}`])];
    }),
    ...(planCount > plans.length ? [[style.dim("plan"), `and ${count(planCount - plans.length, "more plan", "more plans")}: aos plan ls`]] : []),
  ];
}

function byText({ by, instance, step }: EffectRow): string {
  return `of ${shown(by)}${instance === undefined ? "" : ` #${instance}`}${step === undefined ? "" : ` at ${shown(step)}`}`;
}

function json(value: unknown): string {
  return brief(JSON.stringify(value) ?? "null", VALUE_CHARS_MAX);
}
