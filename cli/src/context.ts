// What every command gets: where it was called, which world and key were named, where to print.

import { createOutput, type Output } from "./output.ts";

export interface Context {
  readonly out: Output;
  readonly cwd: string;
  /** From `--world` or AOS_WORLD. */
  readonly world: string | undefined;
  /** From `--key` or AOS_KEY. */
  readonly key: string | undefined;
}

export function createContext(args: Readonly<Record<string, unknown>>): Context {
  return {
    out: createOutput({ json: args["json"] === true, quiet: args["quiet"] === true }),
    cwd: process.cwd(),
    world: named(args["world"]) ?? named(process.env["AOS_WORLD"]),
    key: named(args["key"]) ?? named(process.env["AOS_KEY"]),
  };
}

function named(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
