// A world with one made-up effect, `demo.call`, and everything that a check of effects can look at.

import { controlFrom } from "./test-world.ts";
import { nativeModules } from "./native-modules.ts";
import type { ControlPlane } from "../air/types.ts";

export interface CallWorldOptions {
  /** More fields of the grant `calls`. */
  readonly grant?: Record<string, unknown>;
  readonly rules?: readonly unknown[];
  readonly secrets?: readonly unknown[];
}

const ref = (name: string): unknown => ({ name });

/**
 * `demo.call` takes `{n, token?, extra}` and is for plans; grants of its type are `calls` and `denied`, `timer` is of another. The
 * secrets `demo/open@1`, `demo/for-denied@1` (grant `denied` alone) and `demo/for-plan@1` (plan `demo/call@1` alone) are declared.
 */
export function callWorld(options: CallWorldOptions = {}): readonly unknown[] {
  const secret = (name: string, more: object = {}): unknown => ({ $kind: "defsecret", name, binding_id: "env:TOKEN", ...more });
  const grant = (name: string, cap: string, more: object = {}): unknown => ({ name, cap, params: { record: {} }, ...more });
  return [
    { $kind: "defschema", name: "demo/Params@1", type: { record: { n: { nat: {} }, token: { option: { ref: "sys/TextOrSecretRef@1" } }, extra: { map: { key: { text: {} }, value: { map: { key: { text: {} }, value: { text: {} } } } } } } } },
    { $kind: "defschema", name: "demo/Answer@1", type: { record: { n: { nat: {} } } } },
    { $kind: "defeffect", name: "demo/Call@1", kind: "demo.call", params_schema: "demo/Params@1", receipt_schema: "demo/Answer@1", cap_type: "demo.calls", origin_scope: "plan" },
    { $kind: "defcap", name: "demo/calls@1", cap_type: "demo.calls", schema: { record: {} }, enforcer: { module: "sys/CapAllowAll@1" } },
    {
      $kind: "defplan", name: "demo/call@1", input: "demo/Answer@1", edges: [],
      steps: [{ id: "call", op: "emit_effect", kind: "demo.call", cap: "calls", params: { record: { n: { ref: "@plan.input.n" }, token: { null: {} }, extra: { map: [] } } }, bind: { effect_id_as: "called" } }],
    },
    { $kind: "defpolicy", name: "demo/policy@1", rules: options.rules ?? [{ when: { cap_name: "denied" }, decision: "deny" }, { when: {}, decision: "allow" }] },
    secret("demo/open@1"), secret("demo/for-denied@1", { allowed_caps: ["denied"] }), secret("demo/for-plan@1", { allowed_plans: ["demo/call@1"] }),
    {
      $kind: "manifest", air_version: "1", schemas: [ref("demo/Params@1"), ref("demo/Answer@1")], modules: [], plans: [ref("demo/call@1")],
      effects: [ref("demo/Call@1"), ref("sys/timer.set@1")], caps: [ref("demo/calls@1"), ref("sys/timer@1")], policies: [ref("demo/policy@1")],
      secrets: [ref("demo/open@1"), ref("demo/for-denied@1"), ref("demo/for-plan@1")],
      defaults: { policy: "demo/policy@1", cap_grants: [grant("calls", "demo/calls@1", options.grant), grant("denied", "demo/calls@1", options.grant), grant("timer", "sys/timer@1")] },
      triggers: [{ event: "demo/Answer@1", plan: "demo/call@1" }],
    },
  ];
}

export function callControl(options: CallWorldOptions = {}): ControlPlane {
  return controlFrom(callWorld(options));
}

export const noModules = { modules: nativeModules(), artifacts: [], moduleHashes: new Map() } as const;
