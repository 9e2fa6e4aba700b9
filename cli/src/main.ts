// The command `aos`: reads the words, runs one command, and turns what goes wrong into a sentence and an exit code.

import { readFileSync } from "node:fs";
import yargs from "yargs";
import type { Argv } from "yargs";
import type { Command, Fields } from "./command.ts";
import { COMMANDS, wordAt, wordOf, type Group, type Leaf } from "./commands.ts";
import { asTyped, markDashWords, saidAsTyped } from "./dash-words.ts";

/** Flags that every command takes. */
const GLOBALS = {
  world: { alias: "w", type: "string", requiresArg: true, describe: "The world's folder or bare repository (AOS_WORLD; else searched upward)" },
  key: { type: "string", requiresArg: true, describe: "Key to sign with: private, or public of one in ssh-agent (AOS_KEY; else git config aos.key, user.signingkey)" },
  json: { type: "boolean", default: false, describe: "Print JSON" },
  quiet: { type: "boolean", default: false, describe: "Print no notices" },
} as const satisfies Fields;

const HELP_COLUMNS_MAX = 110;

/** What was typed does not fit the commands; told in full once it is known what would have. */
class UsageProblem extends Error {
  readonly scope: Scope;
  constructor(message: string, scope: Scope) {
    super(message);
    this.scope = scope;
  }
}

/** Where the words led so far: the command, and what could have followed. */
interface Scope {
  readonly path: readonly string[];
  readonly commands: readonly string[];
  readonly flags: readonly string[];
}

/** Runs `aos` with these words. Sets the exit code and prints everything itself; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", leaveQuietly);
  // What nobody waited for: it is told as any other failure, and nothing goes on after it.
  process.on("uncaughtException", (error) => void dieOf(error, argv));
  try {
    await run(argv);
  } catch (error) {
    await tell(error, argv);
  }
}

const EXIT_BROKEN = 70;

async function dieOf(error: unknown, argv: readonly string[]): Promise<void> {
  try {
    await tell(error, argv);
  } catch (cause) {
    // A program too broken to tell what is wrong with it says that much, once.
    process.stderr.write(`error: aos: ${String(cause).split("\n")[0]}\nhint: is the program built whole? npm run build\n`);
    process.exitCode = EXIT_BROKEN;
  }
  process.exit();
}

async function tell(error: unknown, argv: readonly string[]): Promise<void> {
  const { failureOf, usageFailure } = await import("./failure.ts");
  const { printFailure } = await import("./output.ts");
  const failure = error instanceof UsageProblem ? usageFailure(error.message, { argv, ...error.scope }) : failureOf(error);
  printFailure(failure, { json: wantsJson(argv), trace: process.env["AOS_DEBUG"] === "1" ? error : undefined });
  process.exitCode = failure.exit;
}

/** Whoever read our output went away (`aos log | head`): nobody is left to tell. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}

function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end === -1 ? argv.length : end).includes("--json");
}

async function run(argv: readonly string[]): Promise<void> {
  let scope: Scope = { path: [], commands: COMMANDS.map(wordAt), flags: Object.keys(GLOBALS) };

  function leafOf(parent: readonly string[], leaf: Leaf): Parameters<Argv["command"]>[0] {
    let loaded: Command | undefined;
    return {
      command: leaf.usage,
      describe: leaf.describe,
      builder: async (inner: Argv) => {
        loaded = (await leaf.load()).default;
        scope = { path: [...parent, wordOf(leaf)], commands: [], flags: [...Object.keys(GLOBALS), ...Object.keys(loaded.options)] };
        for (const [name, positional] of Object.entries(loaded.positionals)) inner.positional(name, positional as Parameters<Argv["positional"]>[1]);
        inner.options({ ...loaded.options });
        return loaded.epilogue === undefined ? inner : inner.epilogue(loaded.epilogue);
      },
      handler: async (parsed: Record<string, unknown>) => {
        if (loaded === undefined) return;
        const args = Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, asTyped(value)]));
        const fields: Fields = { ...GLOBALS, ...loaded.options };
        const twice = Object.keys(fields).find((name) => fields[name]?.array !== true && Array.isArray(args[name]));
        if (twice !== undefined) throw new UsageProblem(`--${twice} is given twice`, scope);
        // Such as a variable of a script that is not set: it would be taken for the folder at hand.
        const empty = Object.keys(loaded.positionals).find((name) => [args[name]].flat().includes(""));
        if (empty !== undefined) throw new UsageProblem(`the argument <${empty}> is empty`, scope);
        const { createContext } = await import("./context.ts");
        await loaded.run(createContext(args), args as never);
      },
    } as unknown as Parameters<Argv["command"]>[0];
  }

  function groupOf(parent: readonly string[], group: Group): Parameters<Argv["command"]>[0] {
    return {
      command: group.name,
      describe: group.describe,
      builder: (inner: Argv) => {
        const path = [...parent, group.name];
        scope = { path, commands: group.commands.map(wordAt), flags: Object.keys(GLOBALS) };
        for (const entry of group.commands) inner.command(entryOf(path, entry) as never);
        return inner.demandCommand(1, "a command is missing");
      },
      handler: () => undefined,
    } as unknown as Parameters<Argv["command"]>[0];
  }

  function entryOf(path: readonly string[], entry: Leaf | Group): Parameters<Argv["command"]>[0] {
    return "usage" in entry ? leafOf(path, entry) : groupOf(path, entry);
  }

  const program = yargs([...markDashWords(argv)]).scriptName("aos").locale("en").exitProcess(false).showHelpOnFail(false).strict();
  program
    .parserConfiguration({ "boolean-negation": false, "dot-notation": false, "greedy-arrays": false, "parse-positional-numbers": false, "strip-aliased": true })
    .usage("aos <command>\n\nRuns worlds that live in Git: propose, shadow, approve, apply, execute, receipt, audit.")
    .wrap(Math.min(HELP_COLUMNS_MAX, program.terminalWidth()))
    .version(versionText())
    .alias("help", "h")
    .options(GLOBALS)
    .demandCommand(1, "a command is missing")
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? new UsageProblem(saidAsTyped(message ?? "the words do not fit any command"), scope);
    });
  // Where the first word is a command, the others are out of the question.
  const named = COMMANDS.filter((entry) => wordAt(entry) === argv[0]);
  for (const entry of named.length > 0 ? named : COMMANDS) program.command(entryOf([], entry) as never);
  await program.parseAsync().catch((error: unknown) => {
    // Some of what is wrong with the words comes as yargs' own error, without asking `fail`.
    throw error instanceof Error && error.name === "YError" ? new UsageProblem(saidAsTyped(error.message), scope) : error;
  });
}

function versionText(): string {
  const text: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof text === "object" && text !== null && "version" in text ? String(text.version) : "unknown";
}
