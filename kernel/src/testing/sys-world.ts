// Worlds whose plan asks the kernel's own effects, one after the other: what a test wants to see is in the receipts.

import { decode } from "../air/cbor.ts";
import { encodeBase64 } from "../air/base64.ts";
import type { JournalRecord } from "../core/record.ts";
import type { Value } from "../air/value.ts";

/** An effect of the chain, its params as expressions; its receipt is `@var:<id>`. */
export interface ChainEffect {
  readonly id: string;
  readonly effect: string;
  readonly params: Readonly<Record<string, unknown>>;
}
/** An event of the chain, its value as expressions. */
export interface ChainEvent {
  readonly id: string;
  readonly event: string;
  readonly value: Readonly<Record<string, unknown>>;
}

export interface SysWorldOptions {
  readonly chain: readonly (ChainEffect | ChainEvent)[];
  /** Params of the grant of `workspace`, as literals; by default it is not restricted. */
  readonly grant?: Readonly<Record<string, unknown>>;
  /** The same of the grant of `governance`. */
  readonly governance?: Readonly<Record<string, unknown>>;
}

/** Grants by the first word of the effects they are for: name, capability. */
const GRANTS: ReadonlyMap<string, readonly [name: string, cap: string]> = new Map([
  ["workspace", ["trees", "sys/workspace@1"]],
  ["introspect", ["world", "sys/query@1"]],
  ["governance", ["rules", "sys/governance@1"]],
]);

/** The world: `demo/Go@1` starts the chain; `sys/Workspace@1` and `sys/HttpPublish@1` take commits and rules. An error ends the chain. */
export function sysWorld({ chain, grant = {}, governance = {} }: SysWorldOptions): readonly unknown[] {
  const steps = chain.flatMap((link): readonly { readonly id: string }[] => {
    if ("event" in link) return [{ id: link.id, op: "raise_event", event: link.event, value: { record: link.value } } as { readonly id: string }];
    const [cap] = GRANTS.get(link.effect.split(".")[0] ?? "") ?? [];
    return [
      { id: `ask_${link.id}`, op: "emit_effect", kind: link.effect, cap, params: { record: link.params }, bind: { effect_id_as: `sent_${link.id}` } } as { readonly id: string },
      { id: `wait_${link.id}`, op: "await_receipt", for: { ref: `@var:sent_${link.id}` }, bind: { as: link.id } } as { readonly id: string },
    ];
  });
  const effects = [...new Set(chain.flatMap((link) => ("effect" in link ? [link.effect] : [])))];
  const named = (names: readonly string[]): readonly unknown[] => names.map((name) => ({ name }));
  return [
    { $kind: "defschema", name: "demo/Go@1", type: { record: {} } },
    {
      $kind: "defplan", name: "demo/chain@1", input: "demo/Go@1", steps: [...steps, { id: "end", op: "end" }],
      edges: steps.map(({ id }, index) => ({ from: id, to: steps[index + 1]?.id ?? "end" })),
    },
    { $kind: "defpolicy", name: "demo/policy@1", rules: effects.map((effect_kind) => ({ when: { effect_kind, origin_kind: "plan" }, decision: "allow" })) },
    {
      $kind: "manifest", air_version: "1",
      schemas: named(["demo/Go@1", "sys/WorkspaceCommit@1", "sys/HttpPublishSet@1"]),
      modules: named(["sys/Workspace@1", "sys/HttpPublish@1", "sys/CapEnforceWorkspace@1", "sys/CapEnforceGovernance@1"]),
      plans: named(["demo/chain@1"]), effects: named(effects.map((effect) => `sys/${effect}@1`)), caps: named([...GRANTS.values()].map(([, cap]) => cap)),
      policies: named(["demo/policy@1"]),
      defaults: {
        policy: "demo/policy@1",
        cap_grants: [...GRANTS.values()].map(([name, cap]) => ({ name, cap, params: { record: { trees: grant, world: {}, rules: governance }[name] } })),
      },
      routing: {
        events: [
          { event: "sys/WorkspaceCommit@1", reducer: "sys/Workspace@1", key_field: "workspace" },
          { event: "sys/HttpPublishSet@1", reducer: "sys/HttpPublish@1" },
        ],
      },
      triggers: [{ event: "demo/Go@1", plan: "demo/chain@1" }],
    },
  ];
}

/** Expressions, short. */
export const say = {
  text: (text: string): unknown => ({ text }),
  nat: (nat: number): unknown => ({ nat }),
  time: (time_ns: number): unknown => ({ time_ns }),
  bytes: (bytes: Uint8Array): unknown => ({ bytes_b64: encodeBase64(bytes) }),
  of: (path: string): unknown => ({ ref: `@var:${path}` }),
  none: { null: {} },
} as const;

/** Receipts in the order they came: status, code, payload. */
export function answersIn(records: readonly JournalRecord[]): readonly { readonly effect: string; readonly status: string; readonly code: string | undefined; readonly payload: Value }[] {
  const effects = new Map(records.flatMap((record) => (record.kind === "intent" ? [[record.seq as number, record.effect] as const] : [])));
  return records.flatMap((record) =>
    record.kind === "receipt" ? [{ effect: effects.get(record.intent_seq) ?? "", status: record.status, code: record.code, payload: decode(record.payload) }] : []);
}
