// Rules of secrets: what a declaration says, and that every reference to a secret finds one that admits it.

import { MANIFEST, suggestion, under, type Draft, type Owner, type Report } from "./findings.ts";
import type { DefSecret, Expr, Literal, SecretDecl } from "./types.ts";
import { grantsOf } from "./validate-grant.ts";
import { slotsOf } from "./validate-plan-refs.ts";

/** A declaration and where its parts are written. */
interface PlacedSecret {
  readonly decl: SecretDecl;
  readonly owner: Owner;
  readonly binding: string;
  /** Pointer of the allowed lists' parent. */
  readonly policy: string;
  readonly name: string;
}

/** The declarations in force: inline ones as they are, listed definitions by splitting `alias@version`. A name that does not split has none. */
export function secretsOf(draft: Draft): readonly PlacedSecret[] {
  return (draft.manifest.secrets ?? []).flatMap((entry, index): PlacedSecret[] => {
    const at = `/secrets/${index}`;
    if ("alias" in entry) return [{ decl: entry, owner: MANIFEST, binding: `${at}/binding_id`, policy: `${at}/policy`, name: at }];
    const def = draft.secretDefs.get(entry.name);
    const decl = def === undefined ? undefined : declarationOf(def);
    if (decl === undefined) return [];
    return [{ decl, owner: { kind: "defsecret", name: entry.name }, binding: "/binding_id", policy: "", name: "/name" }];
  });
}

/** The declaration a secret definition makes; undefined when its name is not `alias@version` with a version from 1 to 2^64−1. */
function declarationOf(def: DefSecret): SecretDecl | undefined {
  const at = def.name.lastIndexOf("@");
  const text = def.name.slice(at + 1);
  if (at < 0 || !/^[0-9]{1,20}$/.test(text)) return undefined;
  const version = BigInt(text);
  if (version < 1n || version >= 1n << 64n) return undefined;
  const policy = {
    ...(def.allowed_caps === undefined ? {} : { allowed_caps: def.allowed_caps }),
    ...(def.allowed_plans === undefined ? {} : { allowed_plans: def.allowed_plans }),
  };
  return {
    alias: def.name.slice(0, at),
    version,
    binding_id: def.binding_id,
    ...(def.expected_digest === undefined ? {} : { expected_digest: def.expected_digest }),
    ...(Object.keys(policy).length === 0 ? {} : { policy }),
  };
}

/** Rules S1 to S4, M19. */
export function validateSecrets(draft: Draft, report: Report): void {
  for (const [name, def] of draft.secretDefs) {
    if (declarationOf(def) !== undefined) continue;
    report({ kind: "defsecret", name }, { code: "secret.name", pointer: "/name", message: `\`${name}\` is not \`alias@version\` with a version from 1`, hint: "for example `llm/api@1`" });
  }
  const secrets = secretsOf(draft);
  const declared = new Map<string, SecretDecl>();
  for (const secret of secrets) {
    const { decl, owner } = secret;
    const id = secretId(decl.alias, decl.version);
    if (declared.has(id)) report(owner, { code: "secret.duplicate", pointer: secret.name, message: `secret ${id} is declared twice` });
    else declared.set(id, decl);
    if (decl.binding_id.trim() === "") {
      report(owner, { code: "secret.binding", pointer: secret.binding, message: `secret ${id} is bound to nothing`, hint: "for example `env:LLM_API_KEY`" });
    }
    validateAllowed(draft, secret, report);
  }
  validateUses(draft, declared, report);
}

function secretId(alias: string, version: bigint): string {
  return `\`${alias}\` version ${version}`;
}

function validateAllowed(draft: Draft, { decl, owner, policy }: PlacedSecret, report: Report): void {
  const grants = grantsOf(draft);
  for (const [index, name] of (decl.policy?.allowed_caps ?? []).entries()) {
    if (grants.has(name)) continue;
    report(owner, { code: "secret.unknown_grant", pointer: `${policy}/allowed_caps/${index}`, message: `grant \`${name}\` does not exist`, ...suggestion(name, grants.keys()) });
  }
  for (const [index, name] of (decl.policy?.allowed_plans ?? []).entries()) {
    if (draft.plans.has(name)) continue;
    report(owner, { code: "secret.unknown_plan", severity: "warning", pointer: `${policy}/allowed_plans/${index}`, message: `plan \`${name}\` does not exist`, ...suggestion(name, draft.plans.keys()) });
  }
}

interface SecretUse {
  readonly alias: string;
  readonly version: bigint;
}

function validateUses(draft: Draft, declared: ReadonlyMap<string, SecretDecl>, report: Report): void {
  const check = (use: SecretUse, place: { readonly owner: Owner; readonly pointer: string }, allowed: { readonly list: "allowed_plans" | "allowed_caps"; readonly user: string }): void => {
    const id = secretId(use.alias, use.version);
    const decl = declared.get(id);
    const admitted = decl?.policy?.[allowed.list] ?? [];
    if (use.version < 1n) {
      report(place.owner, { code: "secret.version", pointer: place.pointer, message: `secret ${id}: versions count from 1` });
    } else if (decl === undefined) {
      report(place.owner, { code: "secret.unknown", pointer: place.pointer, message: `secret ${id} is not declared`, ...otherVersion(use, declared) });
    } else if (admitted.length > 0 && !admitted.includes(allowed.user)) {
      report(place.owner, { code: "secret.policy", pointer: place.pointer, message: `secret ${id} is not for \`${allowed.user}\`: its ${allowed.list} does not name it` });
    }
  };
  for (const plan of draft.plans.values()) {
    const owner: Owner = { kind: "defplan", name: plan.name };
    for (const [index, step] of plan.steps.entries()) {
      for (const { slot, pointer } of slotsOf(step)) {
        if (pointer === "/idempotency_key" || slot.lens === "sugar") continue;
        const uses = slot.lens === "literal" ? literalUses(slot.literal) : exprUses(slot.expr);
        for (const use of uses) check(use, { owner, pointer: `/steps/${index}${pointer}` }, { list: "allowed_plans", user: plan.name });
      }
    }
  }
  for (const [index, grant] of (draft.manifest.defaults?.cap_grants ?? []).entries()) {
    for (const use of literalUses(grant.params)) {
      check(use, { owner: MANIFEST, pointer: under("/defaults/cap_grants", index, "params") }, { list: "allowed_caps", user: grant.name });
    }
  }
}

function otherVersion(use: SecretUse, declared: ReadonlyMap<string, SecretDecl>): { readonly hint?: string } {
  const same = [...declared.values()].find((decl) => decl.alias === use.alias);
  if (same !== undefined) return { hint: `version ${same.version} is declared` };
  return suggestion(use.alias, [...declared.values()].map((decl) => decl.alias));
}

/** Secret references in a literal: tagged ones, and the record under a `secret` arm, which is what a reference written as sugar becomes. */
function literalUses(literal: Literal): readonly SecretUse[] {
  switch (literal.kind) {
    case "secret":
      return [literal];
    case "record":
      return [...literal.fields.values()].flatMap(literalUses);
    case "list":
    case "set":
      return literal.items.flatMap(literalUses);
    case "map":
      return literal.entries.flatMap(({ key, value }) => [...literalUses(key), ...literalUses(value)]);
    case "variant": {
      const { value } = literal;
      if (value === undefined) return [];
      const use = literal.tag === "secret" && value.kind === "record" ? useOf(value.fields) : undefined;
      return use === undefined ? literalUses(value) : [use];
    }
    default:
      return [];
  }
}

/** The same in an expression, where only constants can be judged. */
function exprUses(expr: Expr): readonly SecretUse[] {
  switch (expr.kind) {
    case "op":
      return expr.args.flatMap(exprUses);
    case "record":
      return [...expr.fields.values()].flatMap(exprUses);
    case "list":
    case "set":
      return expr.items.flatMap(exprUses);
    case "map":
      return expr.entries.flatMap(({ key, value }) => [...exprUses(key), ...exprUses(value)]);
    case "variant": {
      const { value } = expr;
      if (value === undefined) return [];
      const use = expr.tag === "secret" && value.kind === "record" ? useOf(value.fields) : undefined;
      return use === undefined ? exprUses(value) : [use];
    }
    default:
      return [];
  }
}

function useOf(fields: ReadonlyMap<string, Literal | Expr>): SecretUse | undefined {
  const alias = fields.get("alias");
  const version = fields.get("version");
  return fields.size === 2 && alias?.kind === "text" && version?.kind === "nat" ? { alias: alias.value, version: version.value } : undefined;
}
