// A control plane made ready to run: routes, triggers, grants and policy as look-up tables. Built once per control plane.

import { AosError } from "../air/error.ts";
import { grantHash } from "../air/envelope.ts";
import { grantParams } from "../air/grants.ts";
import { decode } from "../air/cbor.ts";
import type { Budget, ControlPlane, DefModule, DefPlan, DefPolicy, ReducerAbi, Trigger, TypeExpr } from "../air/types.ts";
import type { Hash, Value } from "../air/value.ts";

export interface Grant {
  readonly name: string;
  readonly cap: string;
  readonly capType: string;
  readonly enforcer: string;
  /** Canonical CBOR of the normalised params, and the same decoded. */
  readonly params: Uint8Array;
  readonly paramsValue: Value;
  readonly expiryNs: bigint | undefined;
  /** What it may spend in all; undefined: no limit. */
  readonly budget: Budget | undefined;
  readonly hash: Hash;
}

/** One way from an event schema to a reducer. */
export interface Route {
  readonly reducer: ReducerModule;
  /** The arm of the reducer's event variant the value is wrapped in; undefined: passed as it is. */
  readonly arm: string | undefined;
  /** Where the cell's key is: segments of `key_field`, read from the event as sent or as the reducer sees it. */
  readonly keyField: { readonly path: readonly string[]; readonly from: "sent" | "wrapped" } | undefined;
  /** Whether the value goes to the reducer as it is, and is not looked into for a key. */
  readonly asSent: boolean;
}
export interface ReducerModule {
  readonly def: DefModule;
  readonly abi: ReducerAbi;
}

export interface Machine {
  readonly control: ControlPlane;
  readonly routes: ReadonlyMap<string, readonly Route[]>;
  readonly triggers: ReadonlyMap<string, readonly Trigger[]>;
  readonly grants: ReadonlyMap<string, Grant>;
  readonly policy: DefPolicy | undefined;
}

const RECEIPT_EVENTS: readonly string[] = ["sys/TimerFired@1", "sys/BlobPutResult@1", "sys/BlobGetResult@1"];

const machines = new WeakMap<ControlPlane, Machine>();
/** The one asked for last: nearly always the one in force. */
let latest: Machine | undefined;

export function machineOf(control: ControlPlane): Machine {
  if (latest?.control !== control) latest = known(control);
  return latest;
}

function known(control: ControlPlane): Machine {
  let machine = machines.get(control);
  if (machine === undefined) {
    machine = build(control);
    machines.set(control, machine);
  }
  return machine;
}

function build(control: ControlPlane): Machine {
  const { manifest } = control;
  const triggers = new Map<string, Trigger[]>();
  for (const trigger of manifest.triggers ?? []) push(triggers, trigger.event, trigger);
  for (const list of triggers.values()) list.sort((a, b) => (a.plan < b.plan ? -1 : a.plan > b.plan ? 1 : 0));
  const policyName = manifest.defaults?.policy;
  return {
    control,
    routes: routesOf(control),
    triggers,
    grants: grantsOf(control),
    policy: policyName === undefined ? undefined : found(control.policies.get(policyName), policyName),
  };
}

function grantsOf(control: ControlPlane): ReadonlyMap<string, Grant> {
  const grants = new Map<string, Grant>();
  for (const grant of control.manifest.defaults?.cap_grants ?? []) {
    const cap = found(control.caps.get(grant.cap), grant.cap);
    const params = grantParams(grant, cap, control.schemas);
    const expiry = grant.expiry_ns === undefined ? {} : { expiryNs: grant.expiry_ns };
    grants.set(grant.name, {
      name: grant.name, cap: grant.cap, capType: cap.cap_type, enforcer: cap.enforcer.module, params, paramsValue: decode(params),
      expiryNs: grant.expiry_ns, budget: grant.budget, hash: grantHash({ cap: grant.cap, capType: cap.cap_type, params, ...expiry }),
    });
  }
  return grants;
}

/** Registers a route under its event and under every member of the reducer's event family (runtime sheet 2.4). */
function routesOf(control: ControlPlane): ReadonlyMap<string, readonly Route[]> {
  const routes = new Map<string, Route[]>();
  for (const entry of control.manifest.routing?.events ?? []) {
    const reducer = reducerOf(control, entry.reducer);
    const family = typeOf(control, reducer.abi.event);
    const path = entry.key_field?.split(".").filter((segment) => segment !== "");
    const add = (event: string, arm: string | undefined): void => {
      const from = entry.event === event ? "sent" : "wrapped";
      push(routes, event, { reducer, arm, keyField: path === undefined ? undefined : { path, from }, asSent: event === reducer.abi.event && path === undefined });
    };
    const arms = family.kind === "variant" ? [...family.arms] : [];
    if (entry.event !== reducer.abi.event) {
      const arm = arms.find(([, type]) => type.kind === "ref" && type.name === entry.event);
      add(entry.event, arm?.[0]);
      continue;
    }
    add(entry.event, undefined);
    if (family.kind === "ref") add(family.name, undefined);
    for (const [tag, type] of arms) {
      if (type.kind === "ref" && !(path !== undefined && RECEIPT_EVENTS.includes(type.name))) add(type.name, tag);
    }
  }
  return routes;
}

export function reducerOf(control: ControlPlane, name: string): ReducerModule {
  const def = found(control.modules.get(name), name);
  return { def, abi: found(def.abi.reducer, `${name} (reducer ABI)`) };
}

export function planOf(control: ControlPlane, name: string): DefPlan {
  return found(control.plans.get(name), name);
}

/** The type of a schema, as it is declared: refs are not followed. @throws AosError `schema.missing` */
export function typeOf(control: ControlPlane, schema: string): TypeExpr {
  const def = control.schemas.get(schema);
  if (def === undefined) throw new AosError("schema.missing", `${schema}: no such schema`);
  return def.type;
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new AosError("manifest.missing", `${name}: the manifest does not hold it`);
  return value;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
