// What a command is: its arguments as data, and what it does. One file each in `commands/`.

import type { InferredOptionTypes, Options } from "yargs";
import type { Context } from "./context.ts";

/** Arguments by name, in yargs' terms. */
export type Fields = Readonly<Record<string, Options>>;

export interface Command {
  readonly positionals: Fields;
  readonly options: Fields;
  /** A line of explanation and examples below the help. */
  readonly epilogue: string | undefined;
  run(cx: Context, args: never): Promise<void>;
}

/** Ties the arguments a command declares to those its `run` takes. */
export function command<const P extends Fields, const O extends Fields>(spec: {
  readonly positionals: P;
  readonly options: O;
  readonly epilogue?: string;
  run(cx: Context, args: InferredOptionTypes<P> & InferredOptionTypes<O>): Promise<void>;
}): Command {
  return { epilogue: undefined, ...spec };
}
