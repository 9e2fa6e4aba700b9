// Rules of schemas, capabilities and effects as definitions: every schema they name exists, no type contains itself.

import { AosError } from "./error.ts";
import { expandName } from "./expand.ts";
import { MANIFEST, requireSchema, suggestion, unresolved, type Draft, type Owner, type Report } from "./findings.ts";
import { compareText } from "./text.ts";
import { refNames, refsOf, type Schemas } from "./type-shape.ts";
import type { DefCap, DefEffect, TypeExpr } from "./types.ts";

/** Rules D-21, M12 and those of enforcers. */
export function validateSchemas(draft: Draft, report: Report): void {
  for (const [name, schema] of draft.schemas) if (!isBuiltin(name)) checkType(draft, schema.type, { owner: { kind: "defschema", name }, pointer: "/type", report });
  const recursive = recursiveSchemas(draft.schemas);
  if (recursive.length === 0) reportDeep(draft, report);
  for (const { name, path, pointer } of recursive) {
    report({ kind: "defschema", name }, {
      code: "schema.recursive",
      pointer,
      message: `schema \`${name}\` contains itself: ${path.join(" → ")}`,
      hint: "a type is finite; keep the inner values elsewhere and refer to them by hash or key",
    });
  }
  for (const cap of draft.caps.values()) validateCap(draft, cap, report);
  validateEffects(draft, report);
}

function reportDeep(draft: Draft, report: Report): void {
  for (const name of draft.schemas.keys()) {
    if (isBuiltin(name)) continue;
    try {
      expandName(draft.schemas, name);
    } catch (error) {
      if (!(error instanceof AosError)) throw error;
      if (error.code === "schema.depth") report({ kind: "defschema", name }, { code: error.code, pointer: "/type", message: error.message });
    }
  }
}

function checkType(draft: Draft, type: TypeExpr, place: { readonly owner: Owner; readonly pointer: string; readonly report: Report }): void {
  for (const { name, pointer } of refsOf(type, place.pointer)) requireSchema(draft, name, { ...place, pointer });
}

/** The catalog is known to keep these rules, and refers to nothing outside itself. */
function isBuiltin(name: string): boolean {
  return name.startsWith("sys/");
}

type Refs = ReadonlyMap<string, readonly string[]>;

/** Schemas that reach themselves through refs, in name order, each with the way round and the pointer to its first ref on it. */
export function recursiveSchemas(schemas: Schemas): readonly { readonly name: string; readonly path: readonly string[]; readonly pointer: string }[] {
  const refs = new Map([...schemas].flatMap(([name, schema]) => (isBuiltin(name) ? [] : [[name, refNames(schema.type)] as const])));
  return endless(refs).flatMap((name) => {
    const path = wayBack(refs, name);
    const type = schemas.get(name)?.type;
    const pointer = type === undefined ? undefined : refsOf(type, "/type").find((ref) => ref.name === path?.[1])?.pointer;
    return path === undefined || pointer === undefined ? [] : [{ name, path, pointer }];
  });
}

/** Schemas from which refs never end, in name order: what is left when those are struck off that refer only to such as were struck off. */
function endless(refs: Refs): readonly string[] {
  const users = new Map<string, string[]>();
  const left = new Map<string, number>();
  for (const [name, targets] of refs) {
    const known = new Set(targets.filter((target) => refs.has(target)));
    left.set(name, known.size);
    for (const target of known) push(users, target, name);
  }
  const ended = [...left].filter(([, count]) => count === 0).map(([name]) => name);
  for (const name of ended) {
    left.delete(name);
    for (const user of users.get(name) ?? []) {
      const count = (left.get(user) ?? 0) - 1;
      left.set(user, count);
      if (count === 0) ended.push(user);
    }
  }
  return [...left.keys()].sort(compareText);
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** The shortest way from a schema back to itself, both ends included; breadth first. */
function wayBack(refs: Refs, start: string): readonly string[] | undefined {
  const from = new Map<string, string>();
  const queue = [start];
  for (const at of queue) {
    for (const name of refs.get(at) ?? []) {
      if (from.has(name)) continue;
      from.set(name, at);
      if (name !== start) {
        queue.push(name);
        continue;
      }
      const path = [start];
      for (let back = at; back !== start; back = from.get(back) as string) path.unshift(back);
      return [start, ...path];
    }
  }
  return undefined;
}

const ALLOW_ALL = "sys/CapAllowAll@1";

function validateCap(draft: Draft, cap: DefCap, report: Report): void {
  const owner: Owner = { kind: "defcap", name: cap.name };
  checkType(draft, cap.schema, { owner, pointer: "/schema", report });
  const granted = (draft.manifest.defaults?.cap_grants ?? []).some((grant) => grant.cap === cap.name);
  const listed = draft.manifest.caps.findIndex((ref) => ref.name === cap.name);
  if (cap.enforcer.module === ALLOW_ALL || (!granted && listed < 0)) return;
  const builtin = cap.name.startsWith("sys/");
  const where = builtin ? { owner: MANIFEST, pointer: listed < 0 ? "/modules" : `/caps/${listed}` } : { owner, pointer: "/enforcer/module" };
  const enforcer = draft.modules.get(cap.enforcer.module);
  if (enforcer === undefined && cap.enforcer.module.startsWith("sys/")) {
    report(where.owner, {
      code: "cap.enforcer_unlisted",
      severity: "warning",
      pointer: where.pointer,
      message: `capability \`${cap.name}\` is judged by \`${cap.enforcer.module}\`, which the manifest does not list`,
      hint: `add { "name": "${cap.enforcer.module}" } to \`modules\``,
    });
  } else if (enforcer === undefined) {
    const problem = unresolved(draft, { kind: "defmodule", name: cap.enforcer.module, what: "enforcer module", among: [...draft.modules.keys(), ALLOW_ALL] });
    if (problem !== undefined) report(where.owner, { code: "cap.enforcer_missing", pointer: where.pointer, ...problem });
  } else if (enforcer.abi.pure?.input !== "sys/CapCheckInput@1" || enforcer.abi.pure.output !== "sys/CapCheckOutput@1") {
    report(where.owner, {
      code: "cap.enforcer_abi",
      pointer: where.pointer,
      message: `enforcer \`${enforcer.name}\` is not a pure module from \`sys/CapCheckInput@1\` to \`sys/CapCheckOutput@1\``,
    });
  }
}

function validateEffects(draft: Draft, report: Report): void {
  const capTypes = new Set([...draft.caps.values()].map((cap) => cap.cap_type));
  const claimed = new Map<string, DefEffect>();
  for (const [kind, effect] of draft.effects) if (effect.name.startsWith("sys/")) claimed.set(kind, effect);
  for (const effect of draft.effectDefs) {
    const owner: Owner = { kind: "defeffect", name: effect.name };
    requireSchema(draft, effect.params_schema, { owner, pointer: "/params_schema", report });
    requireSchema(draft, effect.receipt_schema, { owner, pointer: "/receipt_schema", report });
    const first = claimed.get(effect.effect);
    if (first !== undefined && first.name !== effect.name) {
      report(owner, {
        code: "effect.duplicate_kind",
        pointer: "/kind",
        message: `effect kind \`${effect.effect}\` is defined by \`${first.name}\` already`,
        hint: "give this effect a kind of its own",
      });
    }
    if (first === undefined) claimed.set(effect.effect, effect);
    if (!capTypes.has(effect.cap_type)) {
      report(owner, {
        code: "effect.cap_type",
        severity: "warning",
        pointer: "/cap_type",
        message: `no capability has the type \`${effect.cap_type}\`, so no grant can allow \`${effect.effect}\``,
        ...suggestion(effect.cap_type, capTypes),
      });
    }
  }
}
