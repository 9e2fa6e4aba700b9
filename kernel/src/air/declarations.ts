// TypeScript types of a world's schemas, as the code of its modules sees their values.

import { BUILTIN_EFFECTS, BUILTIN_SCHEMAS } from "./catalog.ts";
import { compareText } from "./text.ts";
import type { ControlPlane, DefEffect, KeyTypeName, TypeExpr } from "./types.ts";

const COLUMNS_MAX = 120;
const SDK = "@agentos/kernel/sdk";

/**
 * Writes the types of a world: one exported type for each of its schemas and for each builtin one it needs, and the maps
 * `Events` (by schema), `Effects` and `Receipts` (by effect kind). The text depends on what the schemas say, not on the order
 * the manifest lists them in.
 *
 * `demo/CounterState@1` is `CounterState`, `demo/CounterState@2` is `CounterState_2`, `sys/TimerFired@1` is `SysTimerFired`; where two
 * would have one name, the namespace is added: `State_Demo`.
 *
 * Integers are `Int`, a number or beyond 2^53 a bigint; decimals, hashes and UUIDs text; bytes Uint8Array; none and unit null.
 */
export function declarationsOf(control: ControlPlane): string {
  const maps = mapsOf(control);
  const wanted = closure(control, maps);
  const names = typeNames(wanted);
  const text: TypeText = (type) => typeText(type, names);
  const types = wanted.map((name) => declaration(name, names, { type: (control.schemas.get(name) as { type: TypeExpr }).type, text }));
  const body = [...types, ...maps.map((map) => mapText(map, names))].join("\n");
  const parts = wanted.flatMap((name) => partsOf((control.schemas.get(name) as { type: TypeExpr }).type));
  const intKeys = parts.some((part) => part.kind === "map" && isIntKey(part.key));
  const int = intKeys || parts.some(({ kind }) => kind === "int" || kind === "nat" || kind === "time" || kind === "duration");
  const variant = parts.some((part) => part.kind === "variant" && part.arms.size > 0);
  const imports = [...(int ? ["Int"] : []), ...(variant ? ["Variant"] : [])];
  const head = "// Types of this world's schemas. Written by `aos types`: what is changed here is lost.\n\n";
  return `${head}${imports.length === 0 ? "" : `import type { ${imports.join(", ")} } from "${SDK}";\n\n`}${[...(intKeys ? [INT_MAP] : []), body].join("\n")}`;
}

const INT_MAP = `/** A map by integers. One without entries comes in as a plain object: ask with \`instanceof Map\`. */
type IntMap<T> = ReadonlyMap<Int, T> | { readonly [key: string]: never };
`;

// --- what is declared

interface TypeMap {
  readonly name: string;
  readonly about: string;
  /** Schema by key, sorted by key. */
  readonly entries: readonly (readonly [key: string, schema: string])[];
}

function mapsOf(control: ControlPlane): readonly TypeMap[] {
  const events = [...eventNames(control)].filter((name) => control.schemas.has(name)).sort(compareText);
  const effects = effectsInUse(control);
  const by = (schema: (effect: DefEffect) => string): TypeMap["entries"] => effects.map((effect) => [effect.effect, schema(effect)]);
  return [
    { name: "Events", about: "Events, by their schema.", entries: events.map((name) => [name, name]) },
    { name: "Effects", about: "What effects take, by their kind.", entries: by(({ params_schema }) => params_schema) },
    { name: "Receipts", about: "What effects give back, by their kind.", entries: by(({ receipt_schema }) => receipt_schema) },
  ];
}

/** What is routed, what reducers take, alone or as an arm, what starts plans, what plans raise and wait for. */
function eventNames(control: ControlPlane): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { event } of [...(control.manifest.routing?.events ?? []), ...(control.manifest.triggers ?? [])]) names.add(event);
  for (const { abi } of control.modules.values()) {
    if (abi.reducer === undefined) continue;
    names.add(abi.reducer.event);
    const type = control.schemas.get(abi.reducer.event)?.type;
    for (const arm of type?.kind === "variant" ? type.arms.values() : []) if (arm.kind === "ref") names.add(arm.name);
  }
  for (const { steps } of control.plans.values()) {
    for (const step of steps) if (step.op === "raise_event" || step.op === "await_event") names.add(step.event);
  }
  return names;
}

/** The world's own effects, what reducers may ask for, and what plans do ask for; the rest of the catalog is of no use here. */
function effectsInUse(control: ControlPlane): readonly DefEffect[] {
  const listed = new Set((control.manifest.effects ?? []).map(({ name }) => name));
  const planned = new Set([...control.plans.values()].flatMap(({ allowed_effects = [] }) => allowed_effects));
  const inUse = (effect: DefEffect): boolean =>
    BUILTIN_EFFECTS.get(effect.effect)?.name !== effect.name || effect.origin_scope !== "plan" || listed.has(effect.name) || planned.has(effect.effect);
  return [...control.effects.values()].filter(inUse).sort((a, b) => compareText(a.effect, b.effect));
}

/** The world's schemas, and builtin ones as far as they are named by those or by the maps; sorted, builtin ones last. */
function closure(control: ControlPlane, maps: readonly TypeMap[]): readonly string[] {
  const own = [...control.schemas.keys()].filter((name) => !BUILTIN_SCHEMAS.has(name));
  const found = new Set<string>();
  const visit = (name: string): void => {
    const schema = control.schemas.get(name);
    if (found.has(name) || schema === undefined) return;
    found.add(name);
    refsIn(schema.type).forEach(visit);
  };
  own.forEach(visit);
  for (const { entries } of maps) for (const [, name] of entries) visit(name);
  return [...found].sort((a, b) => Number(BUILTIN_SCHEMAS.has(a)) - Number(BUILTIN_SCHEMAS.has(b)) || compareText(a, b));
}

function refsIn(type: TypeExpr): readonly string[] {
  return partsOf(type).flatMap((part) => (part.kind === "ref" ? [part.name] : []));
}

/** A type and all types it is made of, refs not followed. */
function partsOf(type: TypeExpr): readonly TypeExpr[] {
  switch (type.kind) {
    case "record":
      return [type, ...[...type.fields.values()].flatMap(partsOf)];
    case "variant":
      return [type, ...[...type.arms.values()].flatMap(partsOf)];
    case "list": case "set": case "option":
      return [type, ...partsOf(type.item)];
    case "map":
      return [type, ...partsOf(type.value)];
    default:
      return [type];
  }
}

function isIntKey(key: KeyTypeName): boolean {
  return key === "int" || key === "nat";
}

// --- names

/** Names the text uses itself. */
const TAKEN = ["Int", "IntMap", "Variant", "Events", "Effects", "Receipts", "ReadonlyMap", "Uint8Array"];

/** A TypeScript name for each schema, all different. */
function typeNames(schemas: readonly string[]): ReadonlyMap<string, string> {
  const plain = new Map(schemas.map((schema) => [schema, plainName(schema)]));
  const count = (name: string): number => [...plain.values(), ...TAKEN].filter((other) => other === name).length;
  const used = new Set<string>(TAKEN);
  const names = new Map<string, string>();
  for (const clashing of ["no", "yes"] as const) {
    for (const [schema, name] of plain) {
      if ((count(name) > 1) !== (clashing === "yes")) continue;
      const wanted = clashing === "no" ? name : `${name}_${capitals(schema.slice(0, schema.indexOf("/")))}`;
      let free = wanted;
      for (let number = 2; used.has(free); number++) free = `${wanted}_${number}`;
      used.add(free);
      names.set(schema, free);
    }
  }
  return names;
}

function plainName(schema: string): string {
  const [, namespace = "", local = "", version = ""] = /^([^/]*)\/(.*)@([0-9]+)$/.exec(schema) ?? [];
  return `${namespace === "sys" ? "Sys" : ""}${capitals(local)}${version === "1" ? "" : `_${version}`}`;
}

function capitals(text: string): string {
  return text.split(/[^A-Za-z0-9]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

// --- text

type TypeText = (type: TypeExpr) => string;

function declaration(schema: string, names: ReadonlyMap<string, string>, { type, text }: { readonly type: TypeExpr; readonly text: TypeText }): string {
  const name = names.get(schema) as string;
  const about = `/** \`${schema}\` */\n`;
  if (type.kind === "record" && type.fields.size > 0) {
    const fields = [...type.fields].sort(([a], [b]) => compareText(a, b)).map(([field, inner]) => `  readonly ${keyText(field)}: ${text(inner)};\n`);
    return `${about}export interface ${name} {\n${fields.join("")}}\n`;
  }
  const line = `export type ${name} = ${text(type)};`;
  if (type.kind !== "variant" || line.length <= COLUMNS_MAX) return `${about}${line}\n`;
  return `${about}export type ${name} = Variant<{\n${arms(type.arms, text).map((arm) => `  ${arm};\n`).join("")}}>;\n`;
}

function mapText({ name, about, entries }: TypeMap, names: ReadonlyMap<string, string>): string {
  const lines = entries.map(([key, schema]) => `  readonly ${JSON.stringify(key)}: ${names.get(schema) ?? "unknown"};\n`);
  return `/** ${about} */\nexport interface ${name} {${lines.length === 0 ? "" : "\n"}${lines.join("")}}\n`;
}

function keyText(key: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(key) ? key : JSON.stringify(key);
}

function arms(all: ReadonlyMap<string, TypeExpr>, text: TypeText): readonly string[] {
  return [...all].sort(([a], [b]) => compareText(a, b)).map(([tag, inner]) => `${keyText(tag)}: ${text(inner)}`);
}

function typeText(type: TypeExpr, names: ReadonlyMap<string, string>): string {
  const text: TypeText = (inner) => typeText(inner, names);
  switch (type.kind) {
    case "bool":
      return "boolean";
    case "int": case "nat": case "time": case "duration":
      return "Int";
    case "dec128": case "text": case "hash": case "uuid":
      return "string";
    case "bytes":
      return "Uint8Array";
    case "unit":
      return "null";
    case "record":
      if (type.fields.size === 0) return "{ readonly [key: string]: never }";
      return `{ ${[...type.fields].sort(([a], [b]) => compareText(a, b)).map(([field, inner]) => `readonly ${keyText(field)}: ${text(inner)}`).join("; ")} }`;
    case "variant":
      return type.arms.size === 0 ? "never" : `Variant<{ ${arms(type.arms, text).join("; ")} }>`;
    case "list": case "set": {
      const item = text(type.item);
      return item.endsWith(" | null") || item.startsWith("readonly ") ? `readonly (${item})[]` : `readonly ${item}[]`;
    }
    case "map":
      return isIntKey(type.key) ? `IntMap<${text(type.value)}>` : `{ readonly [key: string]: ${text(type.value)} }`;
    case "option": {
      const item = text(type.item);
      return item === "null" || item.endsWith(" | null") ? item : `${item} | null`;
    }
    case "ref":
      return names.get(type.name) ?? "unknown";
  }
}
