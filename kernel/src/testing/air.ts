// AIR pieces for tests, from JSON: schemas of a vector file with the builtin ones, types, literals, expressions, slots.

import { BUILTIN_SCHEMAS } from "../air/catalog.ts";
import { AosError, InvariantError } from "../air/error.ts";
import { parseExpr, parseLiteral, parseNode, parseSlot, parseType } from "../air/parse.ts";
import { vectors } from "./vectors.ts";
import type { Problem } from "../air/parse.ts";
import type { DefSchema, Expr, Json, Literal, Node, Slot, TypeExpr } from "../air/types.ts";
import type { Name, Value } from "../air/value.ts";

/** The builtin schemas and those of the file's table `schemas` (rows of `label`, the name, and `type`). */
export function vectorSchemas(file: string): ReadonlyMap<string, DefSchema> {
  return new Map([...BUILTIN_SCHEMAS, ...schemaMap(vectors(file, "schemas").map((row) => [row.label, row.json("type")]))]);
}

export function schemaMap(types: Iterable<readonly [string, Json]>): ReadonlyMap<string, DefSchema> {
  return new Map([...types].map(([name, type]) => [name, { kind: "defschema", name: name as Name, type: typeOf(type) }]));
}

export function typeOf(json: Json): TypeExpr {
  return parsed(json, (tree, report) => parseType(tree, "", report));
}

export function literalOf(json: Json): Literal {
  return parsed(json, (tree, report) => parseLiteral(tree, "", report));
}

export function exprOf(json: Json): Expr {
  return parsed(json, (tree, report) => parseExpr(tree, "", report));
}

export function slotOf(json: Json): Slot {
  return parsed(json, (tree, report) => parseSlot(tree, "", report));
}

export function nodeOf(json: Json): Node {
  return parsed(json, parseNode);
}

function parsed<T>(json: Json, parse: (tree: Value, report: (problem: Problem) => void) => T | undefined): T {
  const problems: Problem[] = [];
  const result = parse(json as Value, (problem) => problems.push(problem));
  if (result !== undefined) return result;
  throw new InvariantError(`a test's AIR parses: ${problems.map(({ pointer, message }) => `${pointer} ${message}`).join("; ")}`);
}

/** Code and message of the AosError that `act` throws; fails when it throws none. */
export function refusal(act: () => unknown): { readonly code: string; readonly message: string; readonly pointer: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof AosError) return { code: error.code, message: error.message, pointer: error.at?.pointer ?? "" };
    throw error;
  }
  throw new InvariantError("a refused row is refused");
}
