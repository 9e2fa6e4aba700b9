// A patch document, an operation a line.

import { unreachable, type PatchDoc, type PatchOp } from "@agentos/kernel";
import { columns, count, short, shown, type Style } from "./style.ts";

export function patchLines(doc: PatchDoc, style: Style): readonly string[] {
  return [`for manifest ${doc.base_manifest_hash}`, ...columns(doc.patches.map((op) => [style.bold(op.op), ...rowOf(op)])).map((line) => `  ${line}`)];
}

function rowOf(op: PatchOp): readonly string[] {
  switch (op.op) {
    case "add_def":
      return [named(op.node)];
    case "replace_def":
      return [`${named({ kind: op.new_node.kind, name: op.name })}, which was ${short(op.pre_hash)}`];
    case "remove_def":
      return [`${named(op)}, which was ${short(op.pre_hash)}`];
    case "set_manifest_refs":
      return [[...(op.remove ?? []).map((ref) => `unlists ${named(ref)}`), ...(op.add ?? []).map((ref) => `lists ${named(ref)}`)].join("; ")];
    case "set_defaults":
      return [[...(op.policy === undefined ? [] : [op.policy === null ? "no policy" : `policy ${shown(op.policy)}`]), ...(op.cap_grants === undefined ? [] : [list("grant", op.cap_grants.map(({ name }) => name))]), ...(op.idempotency === undefined ? [] : [`idempotency ${op.idempotency ?? "as zeros"}`])].join(", ")];
    case "set_routing_events":
      return [list("route", op.events.map(({ event, reducer }) => `${event} to ${reducer}`))];
    case "set_routing_inboxes":
      return [list("inbox", op.inboxes.map(({ source, reducer }) => `${source} to ${reducer}`))];
    case "set_triggers":
      return [list("trigger", op.triggers.map(({ event, plan }) => `${event} starts ${plan}`))];
    case "set_migrations":
      return [list("migration", op.migrations.map(({ reducer, module }) => `${reducer} by ${module}`))];
    case "set_module_bindings":
      return [list("binding", [...op.bindings.keys()])];
    case "set_secrets":
      return [list("secret", op.secrets.map((secret) => ("alias" in secret ? `${secret.alias}@${secret.version}` : secret.name)))];
    case "remove_section":
      return [op.section];
    default:
      return unreachable(op);
  }
}

function named({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind} ${shown(name)}`;
}

function list(noun: string, items: readonly string[]): string {
  const many = noun.endsWith("x") ? `${noun}es` : `${noun}s`;
  return items.length === 0 ? `no ${many}` : `${count(items.length, noun, many)}: ${items.map(shown).join(", ")}`;
}
