// What differs in the sections of a manifest that are not reference lists.

import type { SectionChange, SectionName } from "./diff.ts";
import { listDiff, pairs } from "./diff-list.ts";
import { keyOf } from "./diff-details.ts";
import { literalValue } from "./serialize.ts";
import { compareText } from "./text.ts";
import type { Budget, CapGrant, ControlPlane, Literal, Manifest, SecretDecl } from "./types.ts";

/** What sections are compared of: a control plane, or a manifest by itself with the secrets that it declares. */
export type Sectioned = Pick<ControlPlane, "manifest" | "secrets">;

/** Sections that differ, in manifest order, each with one line a difference. */
export function sectionChanges(base: Sectioned | undefined, next: Sectioned): readonly SectionChange[] {
  const [before, after] = [base?.manifest, next.manifest];
  const all: readonly { readonly section: SectionName; readonly details: readonly string[] }[] = [
    { section: "routing", details: [...lines("route", routes(before), routes(after)), ...lines("inbox", inboxes(before), inboxes(after))] },
    { section: "triggers", details: lines("trigger", triggers(before), triggers(after)) },
    { section: "defaults.policy", details: policy(before?.defaults?.policy, after.defaults?.policy) },
    { section: "defaults.idempotency", details: idempotency(before?.defaults?.idempotency, after.defaults?.idempotency) },
    { section: "cap_grants", details: grants(before, after) },
    { section: "module_bindings", details: bindings(before, after) },
    { section: "secrets", details: secrets(base, next) },
    { section: "migrations", details: lines("migration", migrations(before), migrations(after)) },
    { section: "effects", details: lines("effect", (before?.effects ?? []).map((ref) => `\`${ref.name}\``), (after.effects ?? []).map((ref) => `\`${ref.name}\``)) },
  ];
  return all.filter(({ details }) => details.length > 0);
}

/** References of one list that came, went or moved; what they refer to is not looked at. */
export function refDetails(noun: string, before: NonNullable<Manifest["secrets"]>, after: NonNullable<Manifest["secrets"]>): readonly string[] {
  const named = (list: typeof before): readonly string[] => list.flatMap((ref) => ("name" in ref ? [`\`${ref.name}\``] : []));
  return lines(noun, named(before), named(after));
}

/** Members that came and went; where both have the same ones in another order, that. */
function lines(noun: string, before: readonly string[], after: readonly string[]): readonly string[] {
  const { added, removed } = listDiff([...before].sort(compareText), [...after].sort(compareText), (line) => line);
  if (added.length + removed.length === 0) return before.join("\n") === after.join("\n") ? [] : [`order of the ${noun} list changed`];
  return [...removed.map(({ item }) => `${noun} removed: ${item}`), ...added.map(({ item }) => `${noun} added: ${item}`)];
}

function routes(manifest: Manifest | undefined): readonly string[] {
  return (manifest?.routing?.events ?? []).map(({ event, reducer, key_field }) => `\`${event}\` to \`${reducer}\`${key_field === undefined ? "" : ` by key \`${key_field}\``}`);
}

function inboxes(manifest: Manifest | undefined): readonly string[] {
  return (manifest?.routing?.inboxes ?? []).map(({ source, reducer }) => `\`${source}\` to \`${reducer}\``);
}

function triggers(manifest: Manifest | undefined): readonly string[] {
  return (manifest?.triggers ?? []).map(({ event, plan, correlate_by }) => `\`${event}\` starts \`${plan}\`${correlate_by === undefined ? "" : `, correlated by \`${correlate_by}\``}`);
}

function migrations(manifest: Manifest | undefined): readonly string[] {
  return (manifest?.migrations ?? []).map(({ reducer, module }) => `cells of \`${reducer}\` by \`${module}\``);
}

function policy(before: string | undefined, after: string | undefined): readonly string[] {
  if (before === after) return [];
  if (before === undefined) return [`policy \`${after}\` put in force`];
  return [after === undefined ? `policy \`${before}\` taken out of force` : `policy changed from \`${before}\` to \`${after}\``];
}

function idempotency(before: string | undefined, after: string | undefined): readonly string[] {
  return before === after ? [] : [`keys of effects without one changed from ${before ?? "zero"} to ${after ?? "zero"}`];
}

function grants(before: Manifest | undefined, after: Manifest): readonly string[] {
  const byName = (manifest: Manifest | undefined): ReadonlyMap<string, CapGrant> => new Map((manifest?.defaults?.cap_grants ?? []).map((grant) => [grant.name, grant]));
  const changes = pairs(byName(before), byName(after)).flatMap(({ name, before: was, after: is }) => {
    if (is === undefined) return [`grant \`${name}\` removed`];
    if (was === undefined) return [`grant \`${name}\` added: \`${is.cap}\` ${literalText(is.params)}${expiryText(is)}${is.budget === undefined ? "" : `, budget ${budgetText(is.budget)}`}`];
    return grantDetails(name, was, is);
  });
  const order = (manifest: Manifest | undefined): string => (manifest?.defaults?.cap_grants ?? []).map((grant) => grant.name).join("\n");
  if (changes.length > 0 || order(before) === order(after)) return changes;
  return ["order of the grant list changed"];
}

function grantDetails(name: string, was: CapGrant, is: CapGrant): readonly string[] {
  return [
    ...(was.cap === is.cap ? [] : [`grant \`${name}\`: capability changed from \`${was.cap}\` to \`${is.cap}\``]),
    ...paramDetails(name, was.params, is.params),
    ...(was.expiry_ns === is.expiry_ns ? [] : [`grant \`${name}\`: expiry changed from ${was.expiry_ns ?? "never"} to ${is.expiry_ns ?? "never"}`]),
    ...budgetDetails(name, was.budget, is.budget),
  ];
}

function budgetDetails(name: string, was: Budget | undefined, is: Budget | undefined): readonly string[] {
  const [before, after] = [was, is].map((budget) => (budget === undefined ? "none" : budgetText(budget)));
  return before === after ? [] : [`grant \`${name}\`: budget changed from ${before} to ${after}`];
}

/** The dimensions that a budget limits. */
export const DIMENSIONS = ["calls", "tokens", "cents", "bytes"] as const;

/** "5 calls, 100 cents" */
export function budgetText(budget: Budget): string {
  return DIMENSIONS.flatMap((dimension) => (budget[dimension] === undefined ? [] : [`${budget[dimension]} ${dimension}`])).join(", ");
}

function paramDetails(name: string, was: Literal, is: Literal): readonly string[] {
  if (keyOf(literalValue(was)) === keyOf(literalValue(is))) return [];
  const [before, after] = [literalText(was), literalText(is)];
  return [before === after ? `grant \`${name}\`: params are written in another order or form` : `grant \`${name}\`: params changed from ${before} to ${after}`];
}

function expiryText({ expiry_ns }: CapGrant): string {
  return expiry_ns === undefined ? "" : `, until ${expiry_ns} ns`;
}

/** A literal in one line: `{hosts: {example.com}, max_tokens: 2048}`. */
export function literalText(literal: Literal): string {
  switch (literal.kind) {
    case "null":
      return "null";
    case "record":
      return `{${[...literal.fields].sort(([a], [b]) => compareText(a, b)).map(([name, field]) => `${name}: ${literalText(field)}`).join(", ")}}`;
    case "list":
      return `[${literal.items.map(literalText).join(", ")}]`;
    case "set":
      return `{${literal.items.map(literalText).sort(compareText).join(", ")}}`;
    case "map":
      return `{${literal.entries.map(({ key, value }) => `${literalText(key)}: ${literalText(value)}`).join(", ")}}`;
    case "variant":
      return literal.value === undefined ? literal.tag : `${literal.tag}(${literalText(literal.value)})`;
    case "secret":
      return `secret ${literal.alias} version ${literal.version}`;
    default:
      return String(literal.value);
  }
}

function bindings(before: Manifest | undefined, after: Manifest): readonly string[] {
  return pairs(before?.module_bindings, after.module_bindings).flatMap(({ name, before: was, after: is }) => {
    const slots = pairs(was?.slots, is?.slots).flatMap((slot) => {
      if (slot.before === slot.after) return [];
      if (slot.before === undefined) return [`slot \`${slot.name}\` of \`${name}\` bound to \`${slot.after}\``];
      if (slot.after === undefined) return [`slot \`${slot.name}\` of \`${name}\` no longer bound to \`${slot.before}\``];
      return [`slot \`${slot.name}\` of \`${name}\` bound to \`${slot.after}\` instead of \`${slot.before}\``];
    });
    if (slots.length > 0 || (was === undefined) === (is === undefined)) return slots;
    return [`entry of \`${name}\`, which binds nothing, ${was === undefined ? "added" : "removed"}`];
  });
}

function secrets(base: Sectioned | undefined, next: Sectioned): readonly string[] {
  const byId = (control: Sectioned | undefined): ReadonlyMap<string, SecretDecl> => new Map((control?.secrets ?? []).map((decl) => [secretText(decl), decl]));
  const changes = pairs(byId(base), byId(next)).flatMap(({ name, before: was, after: is }) => {
    if (was === undefined) return [`secret ${name} added, bound to \`${is?.binding_id}\``];
    if (is === undefined) return [`secret ${name} removed`];
    return keyOf(declValue(was)) === keyOf(declValue(is)) ? [] : [`secret ${name} changed`];
  });
  const order = (control: Sectioned | undefined): string => (control?.secrets ?? []).map(secretText).join("\n");
  if (changes.length > 0 || order(base) === order(next)) return changes;
  return ["order of the secret list changed"];
}

function declValue({ policy: allowed, ...decl }: SecretDecl): { readonly [key: string]: string | bigint | undefined | readonly string[] } {
  return { ...decl, caps: allowed?.allowed_caps ?? [], plans: allowed?.allowed_plans ?? [] };
}

/** A secret as findings and diffs name it. */
export function secretText({ alias, version }: SecretDecl): string {
  return `\`${alias}\` version ${version}`;
}
