// Rules of modules: the ABI is there, its schemas exist, the event family can be dispatched, emitted effects are a reducer's to emit.

import { requireSchema, suggestion, type Draft, type Owner, type Report } from "./findings.ts";
import type { DefModule, ReducerAbi, TypeExpr } from "./types.ts";

/** The event a reducer gets when the receipt of such an effect arrives. */
export const RECEIPT_EVENTS: ReadonlyMap<string, string> = new Map([
  ["timer.set", "sys/TimerFired@1"],
  ["blob.put", "sys/BlobPutResult@1"],
  ["blob.get", "sys/BlobGetResult@1"],
]);

/** Rules M10, M11, M20 and the origin scope of what reducers emit. */
export function validateModules(draft: Draft, report: Report): void {
  for (const module of draft.modules.values()) {
    const owner: Owner = { kind: "defmodule", name: module.name };
    for (const [pointer, name] of schemasOf(module)) requireSchema(draft, name, { owner, pointer, report });
    if (module.abi[module.module_kind] === undefined) {
      report(owner, { code: "module.abi", pointer: "/abi", message: `a ${module.module_kind} module needs an \`abi.${module.module_kind}\` block` });
    }
    const { reducer } = module.abi;
    if (reducer === undefined) continue;
    validateFamily(draft, reducer, { owner, report });
    validateEmitted(draft, reducer, { owner, report });
  }
}

function schemasOf(module: DefModule): readonly (readonly [string, string])[] {
  const { reducer, pure } = module.abi;
  const named: readonly (readonly [string, string | undefined])[] = [
    ["/key_schema", module.key_schema],
    ["/abi/reducer/state", reducer?.state],
    ["/abi/reducer/event", reducer?.event],
    ["/abi/reducer/context", reducer?.context],
    ["/abi/reducer/annotations", reducer?.annotations],
    ["/abi/pure/input", pure?.input],
    ["/abi/pure/output", pure?.output],
    ["/abi/pure/context", pure?.context],
  ];
  return named.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
}

interface Place {
  readonly owner: Owner;
  readonly report: Report;
}

/** A reducer's event is one schema, or a choice among schemas: events are dispatched to arms by schema name. */
function validateFamily(draft: Draft, abi: ReducerAbi, { owner, report }: Place): void {
  const type = draft.schemas.get(abi.event)?.type;
  const invalid = (why: string): void =>
    report(owner, {
      code: "reducer.event_family",
      pointer: "/abi/reducer/event",
      message: `event schema \`${abi.event}\` ${why}`,
      hint: "use a record, a ref, or a variant whose arms are refs to distinct event schemas",
    });
  if (type === undefined || type.kind === "record" || type.kind === "ref") return;
  if (type.kind !== "variant") return invalid(`is a ${type.kind}`);
  const seen = new Map<string, string>();
  for (const [tag, arm] of type.arms) {
    if (arm.kind !== "ref") {
      invalid(`has the arm \`${tag}\`, which is not a ref`);
      continue;
    }
    const first = seen.get(arm.name);
    if (first !== undefined) invalid(`refers to \`${arm.name}\` in two arms, \`${first}\` and \`${tag}\``);
    else seen.set(arm.name, tag);
  }
}

function validateEmitted(draft: Draft, abi: ReducerAbi, { owner, report }: Place): void {
  for (const [index, kind] of (abi.effects_emitted ?? []).entries()) {
    const pointer = `/abi/reducer/effects_emitted/${index}`;
    const effect = draft.effects.get(kind);
    if (effect === undefined) {
      report(owner, { code: "effect.missing", pointer, message: `effect kind \`${kind}\` does not exist`, ...suggestion(kind, draft.effects.keys()) });
    } else if (effect.origin_scope === "plan") {
      report(owner, {
        code: "effect.origin_scope",
        pointer,
        message: `effect \`${kind}\` is for plans, not for reducers`,
        hint: "emit an event from the reducer and let a plan that it triggers ask for the effect",
      });
    }
    const receipt = RECEIPT_EVENTS.get(kind);
    const family = draft.schemas.get(abi.event)?.type;
    if (receipt !== undefined && family !== undefined && abi.event !== receipt && !isMember(family, receipt)) {
      report(owner, {
        code: "reducer.receipt_event",
        pointer,
        message: `the receipt of \`${kind}\` arrives as \`${receipt}\`, which \`${abi.event}\` does not take`,
        hint: `add an arm that refers to \`${receipt}\``,
      });
    }
  }
}

/** Whether a reducer whose event has this type takes events of that schema: the type is a ref to it, or a variant with an arm that is. */
export function isMember(family: TypeExpr, schema: string): boolean {
  if (family.kind === "ref") return family.name === schema;
  return family.kind === "variant" && [...family.arms.values()].some((arm) => arm.kind === "ref" && arm.name === schema);
}
