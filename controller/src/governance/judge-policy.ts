// The clauses of a policy that speak of meaning: rules, windows, and what makes more possible.

import type { Hash } from "@agentos/kernel";
import { fits } from "./glob.ts";
import { readConsequences } from "./consequences.ts";
import type { Consequences } from "./consequences.ts";
import type { Approval, DecisionInputs, Reason, RunFacts } from "./decision-types.ts";
import { DAYS } from "./policy.ts";
import type { Group, PolicyRule, When } from "./policy.ts";
import { signerOf } from "./signer.ts";
import { count, few, listed } from "./words.ts";

/** What the clauses are judged by, beside the inputs. */
interface Known {
  readonly counted: readonly Approval[];
  readonly reports: ReportsFound;
}
/** The reports that count for a proposal. */
export interface ReportsFound {
  readonly any: boolean;
  /** Hashes of those by controllers. What else CI says is recomputed, but not how its run went. */
  readonly controllers: readonly Hash[];
}

/** The consequences that the inputs name and hold; undefined while nothing says them. */
export function consequencesIn({ consequences, consequencesHash }: DecisionInputs): Consequences | undefined {
  return readConsequences(consequences, consequencesHash);
}

/** One reason for each rule that applies, and for each of which nobody can tell. */
export function judgeRules(inputs: DecisionInputs, known: Known): readonly Reason[] {
  const rules = inputs.policy.rules ?? [];
  return rules.flatMap((rule): readonly Reason[] => {
    const why = applies(inputs, rule.when);
    if (why === "no") return [];
    if (why === "unknown") {
      return [{ rule: "policy", name: rule.name, holds: false, text: `rule ${rule.name} cannot be judged: no shadow report that counts says what the proposal brings` }];
    }
    return [judgeRule(inputs, known, { rule, because: why.because })];
  });
}

/** The approvals that the rules ask for which apply. */
export function rulesRequire(inputs: DecisionInputs): number {
  const applying = (inputs.policy.rules ?? []).filter(({ when }) => typeof applies(inputs, when) === "object");
  return Math.max(0, ...applying.map(({ require }) => require?.approvals ?? 0));
}

interface Applying {
  readonly rule: PolicyRule;
  /** What it is about this proposal. */
  readonly because: readonly string[];
}

function judgeRule(inputs: DecisionInputs, known: Known, { rule, because }: Applying): Reason {
  const about = `rule ${rule.name}${because.length === 0 ? "" : ` (${because.join("; ")})`}`;
  if (rule.deny !== undefined) return { rule: "policy", name: rule.name, holds: false, text: `${about}: ${rule.deny}` };
  const { approvals, from = [], shadow } = rule.require ?? {};
  const needs = [
    ...(approvals === undefined ? [] : [{ holds: known.counted.length >= approvals, text: `${known.counted.length} of ${count(approvals, "approval")}` }]),
    ...from.map((group) => judgeGroup(inputs, known, group)),
    ...(shadow === undefined ? [] : [judgeReport(inputs.run, known, shadow)]),
  ];
  return { rule: "policy", name: rule.name, holds: needs.every(({ holds }) => holds), text: `${about}: ${needs.map(({ text }) => text).join("; ")}` };
}

interface Need {
  readonly holds: boolean;
  readonly text: string;
}

function judgeGroup({ trust }: DecisionInputs, { counted }: Known, group: Group): Need {
  const members = group.role === undefined ? group.principals : (trust.roles?.find(({ role }) => role === group.role)?.principals ?? []);
  const given = counted.map(({ principal }) => principal).filter((name) => members.includes(name));
  const whom = group.role === undefined ? few(group.principals) : `role ${group.role}`;
  return { holds: given.length >= group.count, text: `${given.length} of ${group.count} from ${whom}${given.length === 0 ? "" : `: ${listed(given)}`}` };
}

function judgeReport(run: RunFacts | null | undefined, { reports }: Known, need: "required" | "clean"): Need {
  if (!reports.any) return { holds: false, text: "needs a shadow report" };
  if (need === "required") return { holds: true, text: "has a shadow report" };
  if (run === null || run === undefined || !reports.controllers.includes(run.report)) return { holds: false, text: "needs a clean shadow run, and no controller's report at hand says how it went" };
  const faults = [
    ...(run.failures === 0 ? [] : [count(run.failures, "failure")]),
    ...(run.denials === 0 ? [] : [count(run.denials, "denied effect")]),
    ...(run.misfits === 0 ? [] : [`${count(run.misfits, "cell")} that do not fit`]),
  ];
  return { holds: faults.length === 0, text: faults.length === 0 ? "its shadow run is clean" : `needs a clean shadow run, and this one has ${faults.join(", ")}` };
}

/** Whether a rule applies, and by what. What needs a report and has none is unknown, unless something else rules it out. */
export function applies(inputs: DecisionInputs, when: When): "no" | "unknown" | { readonly because: readonly string[] } {
  const found = [...conditionsOnChange(inputs, when), ...conditionsOnMeaning(consequencesIn(inputs), when)];
  if (found.includes("no")) return "no";
  if (found.includes("unknown")) return "unknown";
  return { because: found.filter((one) => one !== "no" && one !== "unknown") };
}

/** A sentence for a condition that holds. */
type Found = "no" | "unknown" | (string & {});

function conditionsOnChange(inputs: DecisionInputs, { proposer, governance, files }: When): readonly Found[] {
  const found: Found[] = [];
  if (proposer !== undefined) found.push(isAgents(inputs) === (proposer === "agent") ? `proposed by ${proposer === "agent" ? "an agent" : "a person"}` : "no");
  if (governance === true) found.push(inputs.changed.governance > 0 ? "changes .aos" : "no");
  if (files !== undefined) {
    const paths = inputs.changes?.map(({ path }) => path);
    if (paths === undefined) found.push(inputs.changes === null ? "changes too many files to list" : "unknown");
    else found.push(matching("changes", paths, files));
  }
  return found;
}

function conditionsOnMeaning(brought: Consequences | undefined, when: When): readonly Found[] {
  const { kinds, names, authority, widens, migrations } = when;
  const found: Found[] = [];
  const ask = (answer: (known: Consequences) => Found): void => void found.push(brought === undefined ? "unknown" : answer(brought));
  if (kinds !== undefined || names !== undefined) {
    ask(({ definitions }) => {
      const ofKind = definitions.filter(({ kind }) => kinds === undefined || (kinds as readonly string[]).includes(kind));
      return matching("changes", ofKind.map(({ name }) => name), names ?? ["*"]);
    });
  }
  if (authority !== undefined) ask((known) => matching(authority === "widening" ? "widens" : "narrows", known.authority.filter(({ effect }) => effect === authority).map(({ subject }) => subject), ["*"]));
  if (widens !== undefined) ask((known) => matching("widens", known.authority.filter(({ effect }) => effect === "widening").map(({ subject, text }) => `${subject}: ${text}`), widens));
  const verbs = { effects_added: "adds", effects_removed: "takes away", effects_denied: "is denied" } as const;
  for (const field of ["effects_added", "effects_removed", "effects_denied"] as const) {
    const patterns = when[field];
    if (patterns !== undefined) ask((known) => matching(verbs[field], known[field].map(({ kind, target }) => `${kind} ${target}`), patterns));
  }
  if (migrations === true) ask((known) => matching("migrates cells of", known.migrations, ["*"]));
  return found;
}

function matching(verb: string, texts: readonly string[], patterns: readonly string[]): Found {
  const those = texts.filter((text) => patterns.some((pattern) => fits(pattern, text)));
  return those.length === 0 ? "no" : `${verb} ${few([...new Set(those)])}`;
}

function isAgents({ proposal, commits, trust }: DecisionInputs): boolean {
  if (proposal.startsWith("agent/")) return true;
  return commits.some(({ key }) => {
    const signer = signerOf(trust, key);
    return signer.known && signer.kind === "agent";
  });
}

const MINUTES_A_DAY = 24 * 60;

/** Whether now is a time for changes; nothing where the policy has no windows. */
export function judgeWindow({ policy, time }: DecisionInputs): readonly Reason[] {
  const { windows } = policy;
  if (windows === undefined) return [];
  if (time === undefined) return [{ rule: "window", holds: false, text: "changes have their times, and when this was judged is not recorded" }];
  const minute = Math.floor(time / 60) % MINUTES_A_DAY;
  const day = dayOf(time);
  const open = windows.some(({ days, from, to }) => days.includes(day) && minutes(from) <= minute && minute < minutes(to));
  const now = `${day} ${clock(minute)} UTC`;
  const when = windows.map(({ days, from, to }) => `${days.join(" ")} ${from}–${to}`).join(", ");
  return [{ rule: "window", holds: open, text: open ? `${now} is a time for changes` : `${now} is no time for changes: ${when} UTC` }];
}

/** When changes have their time next, in seconds since 1970, from a time on; the time itself where they have it then, or always. */
export function windowOpens({ windows }: Pick<DecisionInputs["policy"], "windows">, time: number): number {
  if (windows === undefined) return time;
  const midnight = time - (time % 86_400);
  const spans = windows.flatMap(({ days, from, to }) => Array.from({ length: 8 }, (_, ahead) => midnight + ahead * 86_400)
    .filter((start) => days.includes(dayOf(start)))
    .map((start) => ({ from: start + minutes(from) * 60, to: start + minutes(to) * 60 })));
  return Math.min(...spans.filter((span) => time < span.to).map((span) => Math.max(time, span.from)));
}

function dayOf(time: number): (typeof DAYS)[number] {
  return DAYS[(Math.floor(time / 86_400) + 4) % 7] ?? "sun";
}

function minutes(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}
