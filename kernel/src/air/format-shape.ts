// In which order the keys of an AIR node are written.

import type { Member, Piece, Written } from "./format-read.ts";
import type { Node } from "./types.ts";

/** Keys with a place, in their order, and what is inside of them; an object whose keys are the author's has `each`. */
interface Shape {
  readonly keys: readonly string[];
  readonly inside?: (key: string) => Shape | undefined;
  readonly each?: Shape;
}

const plain = (...keys: readonly string[]): Shape => ({ keys });
const shape = (keys: readonly string[], inside: Readonly<Record<string, () => Shape>>): Shape => ({
  keys, inside: (key) => (Object.hasOwn(inside, key) ? inside[key]?.() : undefined),
});
const mapOf = (each: Shape): Shape => ({ keys: [], each });

const type = (): Shape => TYPE;
const TYPE: Shape = shape([], {
  record: () => mapOf(TYPE), variant: () => mapOf(TYPE), list: type, set: type, option: type, map: () => shape(["key", "value"], { key: type, value: type }),
});

const expr = (): Shape => EXPR;
/** Expressions and tagged literals; plain JSON in a slot keeps its order but for these pairs. */
const EXPR: Shape = shape(["op", "args", "tag", "key", "value", "alias", "version"], {
  args: expr, record: () => mapOf(EXPR), list: expr, set: expr, map: expr, key: expr, value: expr, variant: expr,
});

const STEP: Shape = shape(
  ["id", "op", "event", "kind", "cap", "for", "where", "expr", "value", "params", "idempotency_key", "result", "bind"],
  { for: expr, where: expr, expr, value: expr, params: expr, idempotency_key: expr, result: expr, bind: () => plain("as", "status_as", "effect_id_as") },
);
const node = (keys: readonly string[], inside: Readonly<Record<string, () => Shape>> = {}): Shape => shape(["$schema", "$kind", "name", ...keys], inside);

const BUDGET = ["calls", "tokens", "cents", "bytes"];
const REF = (): Shape => plain("name", "hash");
const NODES: { readonly [Kind in Node["kind"]]: Shape } = {
  defschema: node(["type"], { type }),
  defmodule: node(["module_kind", "wasm_hash", "key_schema", "abi"], {
    abi: () => shape(["reducer", "pure"], {
      reducer: () => plain("state", "event", "context", "annotations", "effects_emitted", "cap_slots"), pure: () => plain("input", "output", "context"),
    }),
  }),
  defplan: node(["input", "output", "locals", "steps", "edges", "required_caps", "allowed_effects", "invariants", "deadline_ns"], {
    steps: () => STEP, edges: () => shape(["from", "to", "when"], { when: expr }), invariants: expr,
  }),
  defcap: node(["cap_type", "schema", "enforcer"], { schema: type }),
  defeffect: node(["kind", "params_schema", "receipt_schema", "cap_type", "origin_scope"]),
  defpolicy: node(["rules"], {
    rules: () => shape(["when", "decision", "approval_ttl_ns"], { when: () => plain("effect_kind", "cap_name", "cap_type", "origin_kind", "origin_name") }),
  }),
  defsecret: node(["binding_id", "expected_digest", "allowed_caps", "allowed_plans"]),
  manifest: node(
    ["air_version", "schemas", "modules", "plans", "effects", "caps", "policies", "secrets", "defaults", "module_bindings", "routing", "triggers", "migrations"],
    {
      schemas: REF, modules: REF, plans: REF, effects: REF, caps: REF, policies: REF,
      secrets: () => shape(["name", "hash", "alias", "version", "binding_id", "expected_digest", "policy"], { policy: () => plain("allowed_caps", "allowed_plans") }),
      defaults: () => shape(["policy", "idempotency", "cap_grants"], { cap_grants: () => shape(["name", "cap", "params", "expiry_ns", "budget"], { params: expr, budget: () => plain(...BUDGET) }) }),
      module_bindings: () => mapOf(plain("slots")),
      routing: () => shape(["events", "inboxes"], { events: () => plain("event", "reducer", "key_field"), inboxes: () => plain("source", "reducer") }),
      triggers: () => plain("event", "plan", "correlate_by"),
      migrations: () => plain("reducer", "module"),
    },
  ),
};

/**
 * Puts the keys of every node in a document into their order. A key without a place, such as `$comment`, stays before the key it
 * stood before. Lists keep their order, and so do maps whose keys are the author's: fields, arms, locals, slots.
 */
export function ordered(value: Written): Written {
  return sorted(value, undefined);
}

function sorted(value: Written, known: Shape | undefined): Written {
  if (value.kind === "atom") return value;
  if (value.kind === "list") return { ...value, items: value.items.map((item): Piece => ({ ...item, value: sorted(item.value, known) })) };
  const own = known ?? shapeOf(value.members);
  const members = value.members.map((member): Member => ({ ...member, value: sorted(member.value, own?.each ?? own?.inside?.(member.name)) }));
  return { ...value, members: own === undefined ? members : inOrder(members, own.keys) };
}

/** The shape of an object that says its kind. */
function shapeOf(members: readonly Member[]): Shape | undefined {
  const kind = members.find(({ name }) => name === "$kind")?.value;
  if (kind?.kind !== "atom" || !kind.text.startsWith('"')) return undefined;
  const word = JSON.parse(kind.text) as string;
  return Object.hasOwn(NODES, word) ? NODES[word as Node["kind"]] : undefined;
}

function inOrder(members: readonly Member[], keys: readonly string[]): readonly Member[] {
  const groups: { readonly rank: number; readonly members: readonly Member[] }[] = [];
  let riders: Member[] = [];
  for (const member of members) {
    const rank = keys.indexOf(member.name);
    riders.push(member);
    if (rank < 0) continue;
    groups.push({ rank, members: riders });
    riders = [];
  }
  return [...groups.sort((a, b) => a.rank - b.rank).flatMap((group) => group.members), ...riders];
}
