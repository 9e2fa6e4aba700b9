// What a change of a grant lets the world do, dimension by dimension: hosts, methods, models, budgets.

import type { AuthorityChange } from "./diff.ts";
import { keyOf } from "./diff-details.ts";
import { setDiff } from "./diff-list.ts";
import { budgetText, DIMENSIONS, literalText } from "./diff-sections.ts";
import { literalValue } from "./serialize.ts";
import { compareText } from "./text.ts";
import { resolveType } from "./type-shape.ts";
import type { Budget, CapGrant, ControlPlane, DefCap, Literal } from "./types.ts";

/** A grant with the control plane it stands in. */
export interface HeldGrant {
  readonly control: ControlPlane;
  readonly grant: CapGrant;
}

const ALLOW_ALL = "sys/CapAllowAll@1";

/** The change of one grant's authority; either side may be absent. */
export function grantChanges(before: HeldGrant | undefined, after: HeldGrant | undefined): readonly AuthorityChange[] {
  const subject = `grant \`${(after ?? before)?.grant.name ?? ""}\``;
  const change = (effect: AuthorityChange["effect"], text: string): AuthorityChange => ({ effect, subject, text });
  if (before === undefined) return after === undefined ? [] : [change("widening", describe(after))];
  if (after === undefined) return [change("narrowing", `${typeName(before)} is no longer granted`)];
  const limits = [...expiryChanges(before.grant, after.grant), ...budgetChanges(before.grant.budget, after.grant.budget)];
  const changes: AuthorityChange[] = limits.map(({ effect, text }) => change(effect, `${typeName(after)} ${text}`));
  if (before.grant.cap !== after.grant.cap) {
    changes.push(change("widening", `${describe(after)}, by \`${after.grant.cap}\` instead of \`${before.grant.cap}\``));
    return changes;
  }
  for (const { effect, text } of paramChanges(before, after)) changes.push(change(effect, `${typeName(after)} ${text}`));
  return changes;
}

type Change = Omit<AuthorityChange, "subject">;

function capOf({ control, grant }: HeldGrant): DefCap | undefined {
  return control.caps.get(grant.cap);
}

function typeName(held: HeldGrant): string {
  return `\`${capOf(held)?.cap_type ?? held.grant.cap}\``;
}

/** "`http.out` may now reach example.com (GET)", or what a grant without hosts is limited to. */
function describe(held: HeldGrant): string {
  const cap = capOf(held);
  const spend = held.grant.budget === undefined ? "" : `, spending at most ${budgetText(held.grant.budget)}`;
  const more = `${cap?.enforcer.module === ALLOW_ALL && fieldsOf(held.grant).size > 0 ? "; no enforcer checks this" : ""}${spend}`;
  const reach = reachText(held);
  if (reach !== undefined) return `${typeName(held)} may now reach ${reach}${more}`;
  const limits = [...fieldsOf(held.grant)].sort(([a], [b]) => compareText(a, b)).map(([field, literal]) => `${field} ${membersText(literal)}`);
  return `${typeName(held)} is now granted ${limits.length === 0 ? "without limits" : `with ${limits.join("; ")}`}${more}`;
}

/** Hosts with what else limits them; undefined for a capability that knows no hosts. */
function reachText({ control, grant }: HeldGrant): string | undefined {
  const schema = resolveType(control.schemas, control.caps.get(grant.cap)?.schema ?? { kind: "unit" });
  if (schema?.kind !== "record" || !schema.fields.has("hosts")) return undefined;
  const fields = fieldsOf(grant);
  const hosts = fields.get("hosts");
  const methods = fields.get("methods");
  const more = ["schemes", "ports", "path_prefixes"].flatMap((field) => {
    const literal = fields.get(field);
    return literal === undefined ? [] : [`${field} ${membersText(literal)}`];
  });
  const how = [methods === undefined ? "any method" : membersText(methods), ...more].join("; ");
  return `${hosts === undefined ? "any host" : membersText(hosts)} (${how})`;
}

/** The limits a grant sets: an option that is absent or null is none. */
function fieldsOf(grant: CapGrant): ReadonlyMap<string, Literal> {
  if (grant.params.kind !== "record") return grant.params.kind === "null" ? new Map() : new Map([["params", grant.params]]);
  return new Map([...grant.params.fields].filter(([, literal]) => literal.kind !== "null"));
}

/** Members of a set or list by their bytes. */
function membersOf(literal: Literal): ReadonlyMap<string, string> | undefined {
  if (literal.kind !== "set" && literal.kind !== "list") return undefined;
  return new Map(literal.items.map((item) => [keyOf(literalValue(item)), literalText(item)]));
}

function membersText(literal: Literal): string {
  const members = membersOf(literal);
  if (members === undefined) return literalText(literal);
  return members.size === 0 ? "(an empty list)" : [...members.values()].sort(compareText).join(", ");
}

function expiryChanges(before: CapGrant, after: CapGrant): readonly Change[] {
  const [was, is] = [before.expiry_ns, after.expiry_ns];
  if (was === is) return [];
  if (is === undefined) return [{ effect: "widening", text: "no longer expires" }];
  if (was === undefined) return [{ effect: "narrowing", text: `now expires at ${is} ns` }];
  return [is > was ? { effect: "widening", text: `now expires at ${is} ns, later than ${was}` } : { effect: "narrowing", text: `now expires at ${is} ns, earlier than ${was}` }];
}

/** A budget is spent under the grant's name, so more of it permits more, whatever was spent. */
function budgetChanges(before: Budget = {}, after: Budget = {}): readonly Change[] {
  return DIMENSIONS.flatMap((dimension): readonly Change[] => {
    const [was, is] = [before[dimension], after[dimension]];
    if (was === is) return [];
    if (is === undefined) return [{ effect: "widening", text: `may now spend any ${dimension}, was ${was} in all` }];
    if (was === undefined) return [{ effect: "narrowing", text: `may now spend ${is} ${dimension} in all` }];
    if (is > was) return [{ effect: "widening", text: `may now spend ${is} ${dimension} in all, was ${was}` }];
    return [{ effect: "narrowing", text: `may now spend only ${is} ${dimension} in all, was ${was}` }];
  });
}

function paramChanges(before: HeldGrant, after: HeldGrant): readonly Change[] {
  const [was, is] = [fieldsOf(before.grant), fieldsOf(after.grant)];
  const fields = [...new Set([...was.keys(), ...is.keys()])].sort(compareText);
  return fields.flatMap((field) => dimensionChanges(field, { was: was.get(field), is: is.get(field), after }));
}

interface Dimension {
  readonly was: Literal | undefined;
  readonly is: Literal | undefined;
  readonly after: HeldGrant;
}

function dimensionChanges(field: string, { was, is, after }: Dimension): readonly Change[] {
  if (was === undefined && is === undefined) return [];
  if (is === undefined) return [{ effect: "widening", text: field === "hosts" ? `may now reach ${reachText(after) ?? "any host"}` : `is no longer limited in \`${field}\`` }];
  if (was === undefined) return limited(field, is, after);
  if (keyOf(literalValue(was)) === keyOf(literalValue(is))) return [];
  const [a, b] = [membersOf(was), membersOf(is)];
  if (a !== undefined && b !== undefined) return memberChanges(field, { a, b, after });
  if ((was.kind === "nat" || was.kind === "int") && is.kind === was.kind) {
    if (is.value > was.value) return [{ effect: "widening", text: `may now use \`${field}\` up to ${is.value}, was ${was.value}` }];
    return [{ effect: "narrowing", text: `may now use \`${field}\` only up to ${is.value}, was ${was.value}` }];
  }
  return [{ effect: "widening", text: `has another \`${field}\`: ${literalText(is)} instead of ${literalText(was)}` }];
}

/** A limit where there was none narrows. Yet a host that a grant names may lie at a private address, and one that it does not name may not. */
function limited(field: string, is: Literal, after: HeldGrant): readonly Change[] {
  const limit: Change = { effect: "narrowing", text: `is now limited to \`${field}\` ${membersText(is)}` };
  if (field !== "hosts" || membersOf(is)?.size === 0) return [limit];
  return [limit, { effect: "widening", text: `may now reach ${reachText(after) ?? membersText(is)} even at a private address` }];
}

function memberChanges(field: string, { a, b, after }: { readonly a: ReadonlyMap<string, string>; readonly b: ReadonlyMap<string, string>; readonly after: HeldGrant }): readonly Change[] {
  const diff = setDiff(a.keys(), b.keys());
  const text = (keys: readonly string[], from: ReadonlyMap<string, string>): string => keys.map((key) => from.get(key) ?? "").sort(compareText).join(", ");
  const changes: Change[] = [];
  // Some enforcers take an empty list for no limit, others for nothing at all.
  if (b.size === 0) return [{ effect: "widening", text: `has an empty list of \`${field}\` now, was ${text(diff.removed, a)}` }];
  if (diff.added.length > 0) {
    const methods = fieldsOf(after.grant).get("methods");
    const gained = text(diff.added, b);
    changes.push({ effect: "widening", text: field === "hosts" ? `may now reach ${gained} (${methods === undefined ? "any method" : membersText(methods)})` : `may now use \`${field}\` ${gained}` });
  }
  if (diff.removed.length > 0) {
    const lost = text(diff.removed, a);
    changes.push({ effect: "narrowing", text: field === "hosts" ? `may no longer reach ${lost}` : `may no longer use \`${field}\` ${lost}` });
  }
  return changes;
}
