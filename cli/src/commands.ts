// Every command by the words a person types; what it does is loaded when it is typed.

import type { Command } from "./command.ts";

export interface Leaf {
  /** As yargs reads it: the last word of the command, then `<required>` and `[optional]` arguments. */
  readonly usage: string;
  readonly describe: string;
  load(): Promise<{ readonly default: Command }>;
}
export interface Group {
  readonly name: string;
  readonly describe: string;
  readonly commands: readonly (Leaf | Group)[];
}

export const COMMANDS: readonly (Leaf | Group)[] = [
  { usage: "init <dir>", describe: "Make a world: repository, keys, first commit", load: () => import("./commands/init.ts") },
  {
    name: "keys", describe: "Make and look at signing keys", commands: [
      { usage: "new [name]", describe: "Make a signing key", load: () => import("./commands/keys-new.ts") },
      { usage: "show <path>", describe: "Print a key's public line and fingerprint", load: () => import("./commands/keys-show.ts") },
    ],
  },
  { usage: "check", describe: "Check the world's files, all problems at once", load: () => import("./commands/check.ts") },
  { usage: "fmt [file..]", describe: "Bring AIR files into their one layout", load: () => import("./commands/fmt.ts") },
  { usage: "hash [file..]", describe: "Print the hashes of definitions", load: () => import("./commands/hash.ts") },
  {
    name: "air", describe: "Compare worlds and patch them", commands: [
      { usage: "diff <a> <b>", describe: "Print what differs between two worlds, by meaning", load: () => import("./commands/air-diff.ts") },
      {
        name: "patch", describe: "Turn one world's AIR into another's", commands: [
          { usage: "make <a> <b>", describe: "Make the patch that turns one world into another", load: () => import("./commands/air-patch-make.ts") },
          { usage: "apply <file>", describe: "Apply a patch to the world's files", load: () => import("./commands/air-patch-apply.ts") },
          { usage: "show <file>", describe: "Say what a patch does", load: () => import("./commands/air-patch-show.ts") },
        ],
      },
    ],
  },
  {
    name: "defs", describe: "Look at definitions", commands: [
      { usage: "ls", describe: "List definitions", load: () => import("./commands/defs-ls.ts") },
      { usage: "get <name>", describe: "Print a definition", load: () => import("./commands/defs-get.ts") },
    ],
  },
  { usage: "explain [code]", describe: "Say what the code of a finding means", load: () => import("./commands/explain.ts") },
  { usage: "types", describe: "Print TypeScript types of the world's schemas", load: () => import("./commands/types.ts") },
  { usage: "build", describe: "Build modules from their TypeScript sources", load: () => import("./commands/build.ts") },
  { usage: "run", describe: "Run the world of this repository in the foreground", load: () => import("./commands/run.ts") },
  { usage: "controller", describe: "Run the world of another repository, beside it", load: () => import("./commands/controller.ts") },
  { usage: "status", describe: "Say how the world is", load: () => import("./commands/status.ts") },
  {
    name: "event", describe: "Give the running world something to do", commands: [
      { usage: "send <schema> <value>", describe: "Send an event", load: () => import("./commands/event-send.ts") },
    ],
  },
  {
    name: "state", describe: "Look at the state of reducers", commands: [
      { usage: "get <reducer>", describe: "Print the state of a cell", load: () => import("./commands/state-get.ts") },
      { usage: "ls <reducer>", describe: "List the cells of a reducer", load: () => import("./commands/state-ls.ts") },
    ],
  },
  {
    name: "journal", describe: "Look at the journal, check it, repair it", commands: [
      { usage: "tail", describe: "Print records, one a line", load: () => import("./commands/journal-tail.ts") },
      { usage: "verify", describe: "Replay the local journal and compare every record", load: () => import("./commands/journal-verify.ts") },
      { usage: "repair", describe: "Cut a damaged journal at its first bad record", load: () => import("./commands/journal-repair.ts") },
    ],
  },
  { usage: "log", describe: "Print what was decided and published, newest first", load: () => import("./commands/log.ts") },
  { usage: "propose [slug]", describe: "Offer this branch as a proposal", load: () => import("./commands/propose.ts") },
  { usage: "proposals", describe: "List proposals and what they wait for", load: () => import("./commands/proposals.ts") },
  { usage: "shadow [slug]", describe: "Print what a proposal would change", load: () => import("./commands/shadow.ts") },
  { usage: "review <slug>", describe: "Approve a proposal, or ask for changes", load: () => import("./commands/review.ts") },
  { usage: "merge <slug>", describe: "Merge an approved proposal into main", load: () => import("./commands/merge.ts") },
  { usage: "verify", describe: "Check every signature, decision and record of a clone", load: () => import("./commands/verify.ts") },
  {
    name: "hooks", describe: "Guard a repository", commands: [
      { usage: "install", describe: "Install the hooks of a bare repository", load: () => import("./commands/hooks-install.ts") },
    ],
  },
];

/** Every command with the words before its own. */
export function leavesOf(entries: readonly (Leaf | Group)[] = COMMANDS, path: readonly string[] = []): readonly { readonly path: readonly string[]; readonly leaf: Leaf }[] {
  return entries.flatMap((entry) => ("usage" in entry ? [{ path, leaf: entry }] : leavesOf(entry.commands, [...path, entry.name])));
}

/** The word that leads to a command or a group. */
export function wordAt(entry: Leaf | Group): string {
  return "usage" in entry ? wordOf(entry) : entry.name;
}

export function wordOf(leaf: Leaf): string {
  return leaf.usage.split(" ")[0] ?? leaf.usage;
}
