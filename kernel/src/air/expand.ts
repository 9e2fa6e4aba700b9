// A type with every ref replaced by what it names: what schema-directed code walks.

import { AosError } from "./error.ts";
import { compareText } from "./text.ts";
import type { DefSchema, KeyTypeName, PrimitiveName, TypeExpr } from "./types.ts";

/** A TypeExpr without refs. Fields and arms are in text order, however the schema was written or stored. */
export type Expanded =
  | { readonly kind: PrimitiveName }
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, Expanded> }
  | { readonly kind: "variant"; readonly arms: ReadonlyMap<string, Expanded> }
  | { readonly kind: "list" | "set" | "option"; readonly item: Expanded }
  | { readonly kind: "map"; readonly key: KeyTypeName; readonly value: Expanded };

/** Levels of nesting an expanded type may have, refs counted. Values nest at most 127 levels. */
const TYPE_DEPTH_MAX = 255;

interface Node { readonly type: Expanded; readonly depth: number }
type Memo = WeakMap<TypeExpr, Node>;
/** `open` holds the names being expanded, outermost first. */
interface Walk { readonly schemas: ReadonlyMap<string, DefSchema>; readonly memo: Memo; readonly open: string[] }

const memos = new WeakMap<ReadonlyMap<string, DefSchema>, Memo>();

/**
 * Expands refs through any number of levels. The result is shared: equal calls give the same object, and a schema used
 * twice is one object, so it can key a WeakMap.
 *
 * @param schemas - all schemas by name; not changed after the first call
 * @throws AosError `schema.missing` (a ref names nothing), `schema.recursive` (a type contains itself), `schema.depth`
 */
export function expandType(schemas: ReadonlyMap<string, DefSchema>, type: TypeExpr): Expanded {
  let memo = memos.get(schemas);
  if (memo === undefined) {
    memo = new WeakMap();
    memos.set(schemas, memo);
  }
  return expand(type, { schemas, memo, open: [] }, 1).type;
}

/** Expands the schema of that name. @throws as `expandType` */
export function expandName(schemas: ReadonlyMap<string, DefSchema>, name: string): Expanded {
  return expandType(schemas, schemaOf(schemas, name).type);
}

function schemaOf(schemas: ReadonlyMap<string, DefSchema>, name: string): DefSchema {
  const schema = schemas.get(name);
  if (schema === undefined) throw new AosError("schema.missing", `${name}: no such schema`, { data: { name } });
  return schema;
}

function expand(type: TypeExpr, walk: Walk, level: number): Node {
  const known = walk.memo.get(type);
  if (level + (known?.depth ?? 1) - 1 > TYPE_DEPTH_MAX) {
    throw new AosError("schema.depth", `${walk.open[0] ?? "type"}: nests deeper than ${TYPE_DEPTH_MAX} levels`);
  }
  if (known !== undefined) return known;
  const node = build(type, walk, level);
  walk.memo.set(type, node);
  return node;
}

function build(type: TypeExpr, walk: Walk, level: number): Node {
  switch (type.kind) {
    case "ref":
      return follow(type.name, walk, level);
    case "record": {
      const fields = expandAll(type.fields, walk, level);
      return { type: { kind: "record", fields: fields.types }, depth: fields.depth + 1 };
    }
    case "variant": {
      const arms = expandAll(type.arms, walk, level);
      return { type: { kind: "variant", arms: arms.types }, depth: arms.depth + 1 };
    }
    case "list":
    case "set":
    case "option": {
      const item = expand(type.item, walk, level + 1);
      return { type: { kind: type.kind, item: item.type }, depth: item.depth + 1 };
    }
    case "map": {
      const value = expand(type.value, walk, level + 1);
      return { type: { kind: "map", key: type.key, value: value.type }, depth: value.depth + 1 };
    }
    default:
      return { type, depth: 1 };
  }
}

function expandAll(types: ReadonlyMap<string, TypeExpr>, walk: Walk, level: number) {
  const expanded = new Map<string, Expanded>();
  let depth = 0;
  for (const [name, type] of [...types].sort(([a], [b]) => compareText(a, b))) {
    const node = expand(type, walk, level + 1);
    expanded.set(name, node.type);
    depth = Math.max(depth, node.depth);
  }
  return { types: expanded, depth };
}

function follow(name: string, walk: Walk, level: number): Node {
  if (walk.open.includes(name)) {
    const loop = [...walk.open.slice(walk.open.indexOf(name)), name].join(" → ");
    throw new AosError("schema.recursive", `${name}: the type contains itself (${loop})`, {
      hint: "AIR types are finite; hold the inner value as bytes or refer to it by hash",
      data: { name },
    });
  }
  const schema = schemaOf(walk.schemas, name);
  walk.open.push(name);
  const node = expand(schema.type, walk, level + 1);
  walk.open.pop();
  return { type: node.type, depth: node.depth + 1 };
}
