// What a change of the policy in force permits or forbids: one rule after the other, from the old list to the new one.

import type { AuthorityChange } from "./diff.ts";
import { decisionText, keyOf, rulesDiff, ruleText } from "./diff-details.ts";
import { listDiff } from "./diff-list.ts";
import type { ControlPlane, PolicyMatch, PolicyRule } from "./types.ts";
import { covers } from "./validate-grant.ts";

/**
 * Changes of the policy in force. The first rule that matches decides, and no match denies; between deny and allow lies
 * require_approval, the nearer to allow the longer it waits.
 */
export function policyChanges(base: ControlPlane | undefined, next: ControlPlane): readonly AuthorityChange[] {
  const [before, after] = [inForce(base), inForce(next)];
  const subject = `policy \`${after?.name ?? before?.name ?? "allow_all"}\``;
  if (after === undefined) {
    if (base !== undefined && before === undefined) return [];
    return [{ effect: "widening", subject, text: "no policy is in force: every effect that a grant permits is allowed" }];
  }
  if (base !== undefined && before === undefined) return [{ effect: "narrowing", subject, text: "a policy is in force: what no rule allows is denied" }];
  return ruleChanges(before?.rules ?? [], after.rules).map((change) => ({ ...change, subject }));
}

function inForce(control: ControlPlane | undefined): { readonly name: string; readonly rules: readonly PolicyRule[] } | undefined {
  return control?.policies.get(control.manifest.defaults?.policy ?? "");
}

type Change = Omit<AuthorityChange, "subject">;

/** How far a decision is from deny; a u64 is below what has no limit of time. */
type Level = bigint;
const DENY: Level = -1n;
const FOR_EVER: Level = 1n << 64n;

function levelOf({ decision, approval_ttl_ns }: PolicyRule): Level {
  if (decision === "deny") return DENY;
  return decision === "allow" ? FOR_EVER + 1n : (approval_ttl_ns ?? FOR_EVER);
}

/**
 * Takes the one list to the other in single edits and judges each where it is made: whatever is permitted in the end and was not
 * at the start became so by an edit, so it is not missed. What an edit cannot change, because other rules say the same, it does
 * not tell.
 */
function ruleChanges(before: readonly PolicyRule[], after: readonly PolicyRule[]): readonly Change[] {
  const changes: Change[] = [];
  const rules = [...before];
  let at = 0;
  for (const { was, is } of editsOf(before, after)) {
    const one = (is ?? was) as PolicyRule;
    const decides = !rules.slice(0, at).some((rule) => covers(rule.when, one.when));
    if (is === undefined) rules.splice(at, 1);
    const others = is !== undefined && was !== undefined ? [levelOf(was)] : outcomes(one.when, rules.slice(at));
    const own = levelOf(one);
    if (is !== undefined) rules.splice(at++, was === undefined ? 0 : 1, is);
    if (!decides) continue;
    const text = is === undefined ? `rule gone: ${ruleText(one)}` : was === undefined ? `new rule: ${ruleText(is)}` : `rule changed: ${ruleText(is)}, was ${decisionText(was)}`;
    const [below, above] = [others.some((level) => level < own), others.some((level) => level > own)];
    if (is === undefined ? above : below) changes.push({ effect: "widening", text });
    if (is === undefined ? below : above) changes.push({ effect: "narrowing", text });
  }
  return changes;
}

/** A rule that came, went or stays for the same effects; in the order of the new list. */
interface RuleEdit {
  readonly was: PolicyRule | undefined;
  readonly is: PolicyRule | undefined;
}

function editsOf(before: readonly PolicyRule[], after: readonly PolicyRule[]): readonly RuleEdit[] {
  const { removed, added } = rulesDiff(before, after);
  const [gone, come] = [new Set(removed.map(({ index }) => index)), new Set(added.map(({ index }) => index))];
  const edits: RuleEdit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [from, to] = [i, j];
    while (gone.has(i)) i++;
    while (come.has(j)) j++;
    edits.push(...gapEdits(before.slice(from, i), after.slice(to, j)));
    if (i < before.length) edits.push({ was: before[i++], is: after[j++] });
  }
  return edits;
}

/** Between two rules that stay: those for the same effects are one rule that changed. */
function gapEdits(before: readonly PolicyRule[], after: readonly PolicyRule[]): readonly RuleEdit[] {
  const { removed, added } = listDiff(before, after, ({ when }) => keyOf({ ...when }));
  const [gone, come] = [new Set(removed.map(({ index }) => index)), new Set(added.map(({ index }) => index))];
  const edits: RuleEdit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (gone.has(i)) edits.push({ was: before[i++], is: undefined });
    else if (come.has(j)) edits.push({ was: undefined, is: after[j++] });
    else edits.push({ was: before[i++], is: after[j++] });
  }
  return edits;
}

/** Above this many rules behind one, whatever could be decided is taken to be. */
const RULES_MAX = 1000;

/** What rules may decide for effects that a match names: at least all that they do. */
function outcomes(when: PolicyMatch, rules: readonly PolicyRule[]): readonly Level[] {
  if (rules.length > RULES_MAX) return [DENY - 1n, FOR_EVER + 2n];
  const levels: Level[] = [];
  for (const rule of rules) {
    if (!overlaps(rule.when, when)) continue;
    levels.push(levelOf(rule));
    if (covers(rule.when, when)) return levels;
  }
  return [...levels, DENY];
}

/** Whether one effect can match both. */
function overlaps(a: PolicyMatch, b: PolicyMatch): boolean {
  return (Object.keys(a) as (keyof PolicyMatch)[]).every((field) => a[field] === undefined || b[field] === undefined || a[field] === b[field]);
}
