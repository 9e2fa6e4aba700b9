// Questions about types: what a ref stands for, what lies at a path, whether two types are the same, how a type reads.

import { compareText } from "./text.ts";
import { unreachable } from "./error.ts";
import { under } from "./findings.ts";
import type { DefSchema, TypeExpr } from "./types.ts";

export type Schemas = ReadonlyMap<string, DefSchema>;
type Resolved = Exclude<TypeExpr, { readonly kind: "ref" }>;

/** Follows refs to a type that is none; undefined when they lead nowhere or in a circle. */
export function resolveType(schemas: Schemas, type: TypeExpr): Resolved | undefined {
  const seen = new Set<string>();
  let at = type;
  while (at.kind === "ref") {
    const next = schemas.get(at.name);
    if (next === undefined || seen.has(at.name)) return undefined;
    seen.add(at.name);
    at = next.type;
  }
  return at;
}

/** Structural equality with refs expanded; the order of fields and arms does not count. A ref that leads nowhere equals only itself. */
export function sameType(schemas: Schemas, a: TypeExpr, b: TypeExpr): boolean {
  const open: (readonly [TypeExpr, TypeExpr])[] = [[a, b]];
  // Pairs met once need not be met again, which also ends recursive types.
  const met = new Map<TypeExpr, Set<TypeExpr>>();
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const [left, right] = pair;
    if (left === right || (left.kind === "ref" && right.kind === "ref" && left.name === right.name)) continue;
    const [x, y] = [resolveType(schemas, left), resolveType(schemas, right)];
    if (x === undefined || y === undefined) return false;
    const others = met.get(x) ?? new Set();
    if (others.has(y)) continue;
    met.set(x, others.add(y));
    const parts = partsOf(x, y);
    if (parts === undefined) return false;
    open.push(...parts);
  }
  return true;
}

/** The pairs that must be the same for two types to be; undefined when the types differ already. */
function partsOf(a: Resolved, b: Resolved): readonly (readonly [TypeExpr, TypeExpr])[] | undefined {
  if (a.kind === "record") return b.kind === "record" ? membersOf(a.fields, b.fields) : undefined;
  if (a.kind === "variant") return b.kind === "variant" ? membersOf(a.arms, b.arms) : undefined;
  if (a.kind === "map") return b.kind === "map" && a.key === b.key ? [[a.value, b.value]] : undefined;
  if (a.kind === "list" || a.kind === "set" || a.kind === "option") return b.kind === a.kind ? [[a.item, b.item]] : undefined;
  return a.kind === b.kind ? [] : undefined;
}

function membersOf(a: ReadonlyMap<string, TypeExpr>, b: ReadonlyMap<string, TypeExpr>): readonly (readonly [TypeExpr, TypeExpr])[] | undefined {
  const pairs = [...a].flatMap(([name, type]) => {
    const other = b.get(name);
    return other === undefined ? [] : [[type, other] as const];
  });
  return pairs.length === a.size && a.size === b.size ? pairs : undefined;
}

/** What lies at a path: a type, something that cannot be known from types alone, or nothing, with the names that would be there. */
type Found =
  | { readonly kind: "type"; readonly type: TypeExpr }
  | { readonly kind: "open" }
  | { readonly kind: "absent"; readonly segment: string; readonly choices: readonly string[] };

/** Walks a value path through records, text-keyed maps, options and variants (`$tag`, `$value`, where any arm may be the one). */
export function typeAt(schemas: Schemas, type: TypeExpr, path: readonly string[]): Found {
  let candidates: ReadonlySet<TypeExpr> = new Set([type]);
  let exact = true;
  for (const segment of path) {
    const next = new Set<TypeExpr>();
    const choices = new Set<string>();
    for (const candidate of candidates) {
      const here = unwrapped(schemas, candidate);
      if (here === undefined) return { kind: "open" };
      if (here.kind === "variant" && segment === "$value") exact = false;
      for (const inner of inside(here, segment)) next.add(inner);
      for (const choice of choicesOf(here)) choices.add(choice);
    }
    if (next.size === 0) return { kind: "absent", segment, choices: [...choices] };
    candidates = next;
  }
  const [only] = candidates;
  return exact && only !== undefined ? { kind: "type", type: only } : { kind: "open" };
}

/** A type without refs and options around it; undefined where those do not end. */
function unwrapped(schemas: Schemas, type: TypeExpr): Resolved | undefined {
  const seen = new Set<TypeExpr>();
  let here = resolveType(schemas, type);
  while (here?.kind === "option") {
    if (seen.has(here)) return undefined;
    seen.add(here);
    here = resolveType(schemas, here.item);
  }
  return here;
}

function inside(type: Resolved, segment: string): readonly TypeExpr[] {
  if (type.kind === "record") return [type.fields.get(segment)].filter((field) => field !== undefined);
  if (type.kind === "map") return type.key === "text" ? [type.value] : [];
  if (type.kind !== "variant") return [];
  return segment === "$value" ? [...type.arms.values()] : segment === "$tag" ? [{ kind: "text" }] : [];
}

function choicesOf(type: Resolved): readonly string[] {
  return type.kind === "record" ? [...type.fields.keys()] : type.kind === "variant" ? ["$tag", "$value"] : [];
}

/** Segments of a dotted path, empty ones ignored. */
export function segmentsOf(path: string): readonly string[] {
  return path.split(".").filter((segment) => segment !== "");
}

/** Every ref inside a type, with the pointer to its name. */
export function refsOf(type: TypeExpr, pointer: string): readonly { readonly name: string; readonly pointer: string }[] {
  switch (type.kind) {
    case "ref":
      return [{ name: type.name, pointer: under(pointer, "ref") }];
    case "record":
      return [...type.fields].flatMap(([name, field]) => refsOf(field, under(pointer, "record", name)));
    case "variant":
      return [...type.arms].flatMap(([tag, arm]) => refsOf(arm, under(pointer, "variant", tag)));
    case "list":
    case "set":
    case "option":
      return refsOf(type.item, under(pointer, type.kind));
    case "map":
      return refsOf(type.value, under(pointer, "map", "value"));
    default:
      return [];
  }
}

/** Names of the schemas a type refers to, each as often as it does. */
export function refNames(type: TypeExpr): readonly string[] {
  switch (type.kind) {
    case "ref":
      return [type.name];
    case "record":
      return [...type.fields.values()].flatMap(refNames);
    case "variant":
      return [...type.arms.values()].flatMap(refNames);
    case "list":
    case "set":
    case "option":
      return refNames(type.item);
    case "map":
      return refNames(type.value);
    default:
      return [];
  }
}

/** A type in one line: `{id: text, tags: set<text>}`, `<Ok: nat | No: unit>`, `@demo/Start@1`. */
export function typeText(type: TypeExpr): string {
  const members = (map: ReadonlyMap<string, TypeExpr>, between: string): string =>
    [...map].sort(([a], [b]) => compareText(a, b)).map(([name, member]) => `${name}: ${typeText(member)}`).join(between);
  switch (type.kind) {
    case "record":
      return `{${members(type.fields, ", ")}}`;
    case "variant":
      return `<${members(type.arms, " | ")}>`;
    case "list":
    case "set":
    case "option":
      return `${type.kind}<${typeText(type.item)}>`;
    case "map":
      return `map<${type.key}, ${typeText(type.value)}>`;
    case "ref":
      return `@${type.name}`;
    case "bool":
    case "int":
    case "nat":
    case "dec128":
    case "bytes":
    case "text":
    case "time":
    case "duration":
    case "hash":
    case "uuid":
    case "unit":
      return type.kind;
    default:
      return unreachable(type);
  }
}
