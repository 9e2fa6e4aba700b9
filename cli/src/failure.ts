// What went wrong, as a person is told it: a sentence, a way out, an exit code.

import { AosError, InvariantError, nearest, type ErrorClass, type Place } from "@agentos/kernel";

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly at: Place | undefined;
  readonly hint: string | undefined;
  readonly exit: number;
}

/** Exit codes by who must act. */
const EXITS: Readonly<Record<ErrorClass, number>> = { outside: 1, input: 2, refused: 3, unverified: 4 };
const EXIT_BROKEN = 70;

/** Sentences for what the operating system says no with. */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied", ENOENT: "no such file or folder", ENOSPC: "the disk is full", EDQUOT: "the disk quota is used up", EROFS: "the disk is read-only",
  ENOTDIR: "a part of the path is not a folder", EEXIST: "something else is there already", EISDIR: "it is a folder", EMFILE: "too many open files", EIO: "the disk failed", EPERM: "not permitted",
};

export function failureOf(error: unknown): Failure {
  if (error instanceof AosError) return { code: error.code, message: error.message, at: error.at, hint: error.hint, exit: EXITS[error.class] };
  if (isSystemError(error)) {
    const place = error.path ?? error.address ?? error.syscall;
    const words = SYSTEM_WORDS[error.code] ?? error.message;
    return { code: `io.${error.code.toLowerCase()}`, message: place === undefined ? words : `${place}: ${words}`, at: undefined, hint: undefined, exit: EXITS.outside };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: error instanceof InvariantError ? "program.invariant" : "program.broken",
    message: `aos: ${oneLine(message)}`,
    at: undefined,
    hint: "this is a mistake in the program, not in your input; AOS_DEBUG=1 shows where",
    exit: EXIT_BROKEN,
  };
}

interface SystemError extends Error {
  readonly code: string;
  readonly path?: string;
  readonly address?: string;
  readonly syscall?: string;
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code) && "syscall" in error;
}

interface Typed {
  readonly argv: readonly string[];
  /** The command as far as it was understood. */
  readonly path: readonly string[];
  /** What could have followed it, and which flags it knows. */
  readonly commands: readonly string[];
  readonly flags: readonly string[];
}

/** Says which word does not fit, and which was probably meant. */
export function usageFailure(message: string, typed: Typed): Failure {
  const help = `${["aos", ...typed.path].join(" ")} --help`;
  const [unknown] = /^Unknown arguments?: (.+)$/.exec(message)?.[1]?.split(", ") ?? [];
  if (unknown === undefined) return usage("cli.usage", `${["aos", ...typed.path].join(" ")}: ${sentence(message)}`, `see ${help}`);
  const flag = typed.argv.find((word) => word.startsWith("-") && word.replace(/^-+/, "").split("=")[0] === unknown);
  if (flag !== undefined) {
    const meant = nearest(unknown, typed.flags);
    return usage("cli.flag", `${flag.split("=")[0]}: unknown flag${of(typed.path)}`, meant === undefined ? `see ${help}` : `did you mean --${meant}?`);
  }
  if (typed.commands.length === 0) return usage("cli.argument", `${unknown}: one argument too many${of(typed.path)}`, `see ${help}`);
  const meant = nearest(unknown, typed.commands);
  return usage("cli.command", `${unknown}: unknown command${of(typed.path)}`, meant === undefined ? `see ${help}` : `did you mean \`${["aos", ...typed.path, meant].join(" ")}\`?`);
}

function usage(code: string, message: string, hint: string): Failure {
  return { code, message, at: undefined, hint, exit: EXITS.input };
}

function of(path: readonly string[]): string {
  return path.length === 0 ? "" : ` of \`aos ${path.join(" ")}\``;
}

/** yargs' own words, in our form: one line, no capital, no stop. */
function sentence(message: string): string {
  const known: readonly (readonly [RegExp, string])[] = [
    [/^Not enough non-option arguments: got \d+, need at least \d+$/, "an argument is missing"],
    [/^Not enough arguments following: (.+)$/, "--$1 needs a value"],
    [/^Missing required arguments?: (.+)$/, "--$1 is missing"],
    [/^Invalid values: Argument: (\S+), Given: (.+), Choices: (.+)$/, "--$1 $2: expected one of $3"],
  ];
  const text = oneLine(message);
  const found = known.find(([pattern]) => pattern.test(text));
  return found === undefined ? text : text.replace(found[0], found[1]);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
