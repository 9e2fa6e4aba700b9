// What reducers give out beside their state: events and effects.

/** An event a reducer raises. */
export interface EventOut {
  readonly schema: string;
  readonly value: unknown;
  readonly key?: unknown;
}
/** An effect a reducer asks for. */
export interface EffectOut {
  readonly effect: string;
  readonly params: unknown;
  readonly slot?: string;
  readonly idempotencyKey?: Uint8Array;
}
/** Some of both. */
export interface Emitted {
  readonly events?: readonly EventOut[];
  readonly effects?: readonly EffectOut[];
}

/**
 * An effect to emit.
 * @param options.slot - the capability slot of the module that grants it
 * @param options.idempotencyKey - 32 bytes; the far side may use them to do the same request only once
 */
export function effect(kind: string, params: unknown, options: { readonly slot?: string; readonly idempotencyKey?: Uint8Array } = {}): EffectOut {
  return { effect: kind, params, ...options };
}

/** Effects through one capability slot: `const mail = slot("mail"); mail("email.send", params)`. */
export function slot(name: string): (kind: string, params: unknown, options?: { readonly idempotencyKey?: Uint8Array }) => EffectOut {
  return (kind, params, options = {}) => effect(kind, params, { ...options, slot: name });
}

/**
 * An event to raise.
 * @param options.key - the cell it is for, where routing does not read it from the value
 */
export function event(schema: string, value: unknown, options: { readonly key?: unknown } = {}): EventOut {
  return { schema, value, ...options };
}
