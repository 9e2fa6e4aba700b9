// From an event to the reducers it goes to: wrapping into their event family, and the key of the cell.

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { bytesEqual } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { Value } from "../air/value.ts";
import type { Machine, ReducerModule, Route } from "./machine.ts";
import type { DomainEvent } from "./turn.ts";

/** An event as one reducer gets it: schema is the reducer's own event schema. */
export interface Delivery {
  readonly reducer: ReducerModule;
  readonly event: DomainEvent;
}

export interface Routed {
  readonly deliveries: readonly Delivery[];
  /** The event's key, or else the key of the first delivery that has one. */
  readonly key: Uint8Array | undefined;
}

const NO_ROUTES: readonly Route[] = [];

/**
 * Finds where an event goes. Its value is canonical and fits its schema already.
 *
 * @throws AosError `event.key` when a keyed reducer finds no key, or another than the event carries; `value.invalid`
 */
export function routeEvent(machine: Machine, event: DomainEvent): Routed {
  const routes = machine.routes.get(event.schema) ?? NO_ROUTES;
  const deliveries = new Array<Delivery>(routes.length);
  let { key } = event;
  let sent: Value | undefined;
  for (let i = 0; i < routes.length; i++) {
    const route = routes[i] as Route;
    const delivery = asSent(route, event) ?? deliver(machine, route, event, (sent ??= decode(event.value)));
    deliveries[i] = delivery;
    key ??= delivery.event.key;
  }
  return { deliveries, key };
}

/** The delivery where the route neither wraps the value nor looks into it for a key; undefined for all others. */
function asSent(route: Route, event: DomainEvent): Delivery | undefined {
  return goesAsSent(route, event) ? { reducer: route.reducer, event } : undefined;
}

function goesAsSent({ asSent, reducer }: Route, event: DomainEvent): boolean {
  return asSent && (reducer.def.key_schema === undefined) === (event.key === undefined);
}

/** The key of what {@link routeEvent} gives, found without making the deliveries where they are the event itself. @throws as it does */
export function routedKey(machine: Machine, event: DomainEvent): Uint8Array | undefined {
  let { key } = event;
  for (const route of machine.routes.get(event.schema) ?? NO_ROUTES) {
    if (goesAsSent(route, event)) continue;
    const delivered = deliver(machine, route, event, decode(event.value));
    key ??= delivered.event.key;
  }
  return key;
}

function deliver(machine: Machine, route: Route, event: DomainEvent, sent: Value): Delivery {
  const { schemas } = machine.control;
  const schema = route.reducer.abi.event;
  const wrapped = route.arm === undefined ? sent : new Map<Value, Value>([["$tag", route.arm], ["$value", sent]]);
  const value = schema === event.schema ? sent : normalizerFor(schemas, schema)(wrapped);
  const key = keyOf(machine, route, event, { sent, wrapped: value });
  // Both keys are the same where there are two: `keyOf` sees to it.
  if (schema === event.schema && (key === undefined) === (event.key === undefined)) return { reducer: route.reducer, event };
  return { reducer: route.reducer, event: { schema, value: schema === event.schema ? event.value : canonical(value), key } };
}

/** The key of the cell: extracted, or carried by the event; only keyed reducers get one. */
function keyOf(machine: Machine, route: Route, event: DomainEvent, values: { readonly sent: Value; readonly wrapped: Value }): Uint8Array | undefined {
  const { def } = route.reducer;
  if (def.key_schema === undefined) return undefined;
  if (route.keyField === undefined) {
    if (event.key === undefined) throw new AosError("event.key", `${event.schema}: ${def.name} is keyed and the event carries no key`);
    return event.key;
  }
  const found = walk(values[route.keyField.from], route.keyField.path);
  if (found === undefined) throw new AosError("event.key", `${event.schema}: no key at ${route.keyField.path.join(".")} for ${def.name}`);
  const key = canonical(normalizerFor(machine.control.schemas, def.key_schema)(found));
  if (event.key !== undefined && !bytesEqual(event.key, key)) {
    throw new AosError("event.key", `${event.schema}: the key sent is not the key at ${route.keyField.path.join(".")}`);
  }
  return key;
}

function walk(value: Value, path: readonly string[]): Value | undefined {
  let at: Value | undefined = value;
  for (const segment of path) {
    if (!(at instanceof Map)) return undefined;
    at = (at as ReadonlyMap<Value, Value>).get(segment);
  }
  return at;
}
