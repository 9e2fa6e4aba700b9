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
      { usage: "signers", describe: "Print .aos/allowed_signers as the trust file has it", load: () => import("./commands/keys-signers.ts") },
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
  { usage: "test [file..]", describe: "Run the world's scenarios, and compare what comes of them", load: () => import("./commands/test.ts") },
  {
    name: "module", describe: "Look at modules", commands: [
      { usage: "inspect <file>", describe: "Say what a module is, whether it is admitted, and what a call costs", load: () => import("./commands/module-inspect.ts") },
    ],
  },
  { usage: "run", describe: "Run the world of this repository in the foreground", load: () => import("./commands/run.ts") },
  { usage: "controller", describe: "Run the world of another repository, beside it", load: () => import("./commands/controller.ts") },
  { usage: "suspend", describe: "Have merges wait while the world goes on", load: () => import("./commands/suspend.ts") },
  { usage: "resume", describe: "Have merges applied again", load: () => import("./commands/resume.ts") },
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
    name: "plan", describe: "Look at running plans, and end them", commands: [
      { usage: "ls", describe: "List plan instances and what each waits for", load: () => import("./commands/plan-ls.ts") },
      { usage: "show <id>", describe: "Print an instance's steps and variables", load: () => import("./commands/plan-show.ts") },
      { usage: "cancel <id>", describe: "End a plan instance", load: () => import("./commands/plan-cancel.ts") },
    ],
  },
  {
    name: "effects", describe: "Look at running effects, and stop them", commands: [
      { usage: "ls", describe: "List effects that have no receipt yet", load: () => import("./commands/effects-ls.ts") },
      { usage: "cancel <seq>", describe: "Stop a running effect", load: () => import("./commands/effects-cancel.ts") },
    ],
  },
  {
    name: "approvals", describe: "Decide on effects that wait for a person", commands: [
      { usage: "ls", describe: "List effects that wait for a person", load: () => import("./commands/approvals-ls.ts") },
      { usage: "grant <seq>", describe: "Let a held effect run", load: () => import("./commands/approvals-grant.ts") },
      { usage: "deny <seq>", describe: "Refuse a held effect", load: () => import("./commands/approvals-deny.ts") },
    ],
  },
  { usage: "snapshot", describe: "Have the running world write down its state", load: () => import("./commands/snapshot.ts") },
  {
    name: "ws", describe: "Look at workspaces, and change them", commands: [
      { usage: "ls [ref]", describe: "List workspaces, or what is in one", load: () => import("./commands/ws-ls.ts") },
      { usage: "cat <ref>", describe: "Print a file", load: () => import("./commands/ws-cat.ts") },
      { usage: "stat <ref>", describe: "Say what is at a place", load: () => import("./commands/ws-stat.ts") },
      { usage: "write <ref>", describe: "Put a file there", load: () => import("./commands/ws-write.ts") },
      { usage: "rm <ref>", describe: "Remove a file or a directory", load: () => import("./commands/ws-rm.ts") },
      { usage: "mv <from> <to>", describe: "Rename a file or a directory", load: () => import("./commands/ws-mv.ts") },
      { usage: "cp <from> <to>", describe: "Copy a file or a directory", load: () => import("./commands/ws-cp.ts") },
      { usage: "diff <a> [b]", describe: "Print what differs between two versions", load: () => import("./commands/ws-diff.ts") },
      { usage: "log <name>", describe: "Print the versions of a workspace, newest first", load: () => import("./commands/ws-log.ts") },
      { usage: "resolve <ref>", describe: "Say which version and tree a name leads to", load: () => import("./commands/ws-resolve.ts") },
      { usage: "checkout <ref> <dir>", describe: "Write a version's files to a directory", load: () => import("./commands/ws-checkout.ts") },
      {
        name: "ann", describe: "Annotations of files, directories and roots", commands: [
          { usage: "get <ref> [key]", describe: "Print annotations", load: () => import("./commands/ws-ann-get.ts") },
          { usage: "set <ref> <values..>", describe: "Annotate", load: () => import("./commands/ws-ann-set.ts") },
          { usage: "del <ref> <keys..>", describe: "Take annotations away", load: () => import("./commands/ws-ann-del.ts") },
        ],
      },
    ],
  },
  {
    name: "journal", describe: "Look at the journal, check it, repair it", commands: [
      { usage: "tail", describe: "Print records, one a line", load: () => import("./commands/journal-tail.ts") },
      { usage: "verify", describe: "Replay the local journal and compare every record", load: () => import("./commands/journal-verify.ts") },
      { usage: "repair", describe: "Cut a damaged journal at its first bad record", load: () => import("./commands/journal-repair.ts") },
    ],
  },
  {
    name: "vault", describe: "Secrets of a world: put them away, list them", commands: [
      { usage: "ls", describe: "List names and versions, no values", load: () => import("./commands/vault-ls.ts") },
      { usage: "put <name>", describe: "Put a value away, typed or piped in", load: () => import("./commands/vault-put.ts") },
      { usage: "rotate <name> <number>", describe: "Make an earlier version the current one", load: () => import("./commands/vault-rotate.ts") },
      { usage: "scrub", describe: "Remove values of the vault from the world's blobs", load: () => import("./commands/vault-scrub.ts") },
    ],
  },
  { usage: "log", describe: "Print what was decided and published, newest first", load: () => import("./commands/log.ts") },
  { usage: "push [dir] [ref]", describe: "Bring changed folders into the world: files into workspaces, AIR as a proposal", load: () => import("./commands/push.ts") },
  { usage: "pull [dir] [ref]", describe: "Bring changed workspaces into their folders, merged with what changed there", load: () => import("./commands/pull.ts") },
  { usage: "watch", describe: "On every save: check, build, test, and show what would change", load: () => import("./commands/watch.ts") },
  { usage: "propose [slug]", describe: "Offer this branch as a proposal", load: () => import("./commands/propose.ts") },
  { usage: "proposals", describe: "List proposals and what they wait for", load: () => import("./commands/proposals.ts") },
  { usage: "shadow [slug..]", describe: "Print what a proposal would change", load: () => import("./commands/shadow.ts") },
  { usage: "review <slug>", describe: "Approve a proposal, or ask for changes", load: () => import("./commands/review.ts") },
  { usage: "merge <slug>", describe: "Merge an approved proposal into main", load: () => import("./commands/merge.ts") },
  { usage: "rollback [commit]", describe: "Propose the control plane that main had before", load: () => import("./commands/rollback.ts") },
  { usage: "why <what>", describe: "Say why a proposal, a merge or a record is as it is", load: () => import("./commands/why.ts") },
  {
    name: "policy", describe: "Look at the rules for proposals, and try others", commands: [
      { usage: "check [file]", describe: "Check a policy file", load: () => import("./commands/policy-check.ts") },
      { usage: "explain [file]", describe: "Say in words what a policy asks for", load: () => import("./commands/policy-explain.ts") },
      { usage: "simulate <file> [slug]", describe: "Say what another policy would decide", load: () => import("./commands/policy-simulate.ts") },
    ],
  },
  { usage: "verify", describe: "Check every signature, decision and record of a clone", load: () => import("./commands/verify.ts") },
  { usage: "doctor", describe: "Say what stands in a world's way, and how to mend it", load: () => import("./commands/doctor.ts") },
  {
    name: "ci", describe: "What CI jobs run", commands: [
      { usage: "shadow", describe: "Write what a proposal would change, as files and as the job's summary", load: () => import("./commands/ci-shadow.ts") },
      { usage: "decision", describe: "Say on a pull request what the repository decides", load: () => import("./commands/ci-decision.ts") },
    ],
  },
  {
    name: "hooks", describe: "Guard a repository", commands: [
      { usage: "install", describe: "Install the hooks of this clone, or of a bare repository", load: () => import("./commands/hooks-install.ts") },
      { usage: "uninstall", describe: "Take the hooks away", load: () => import("./commands/hooks-uninstall.ts") },
      { usage: "status", describe: "Say which hooks there are", load: () => import("./commands/hooks-status.ts") },
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
