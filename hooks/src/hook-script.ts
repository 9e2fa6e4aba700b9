// The shell scripts that git runs: who was there before is asked first, then this package.

import { readFile } from "node:fs/promises";

/** By these lines a hook is known as ours. */
export const SERVER_MARK = "# Installed by aos: judges every push before it is accepted.";
export const CLIENT_MARK = "# Installed by aos for this clone; `aos hooks uninstall` takes it away.";

export interface Program {
  /** The node to run, absolute. */
  readonly nodePath: string;
  /** The program that runs a hook by its name, absolute. */
  readonly entry: string;
}

/** What others than a controller push: of what it pushed itself it needs not be told. */
const WORTH_TELLING: readonly string[] = ["refs/heads/", "refs/notes/aos-reviews-", "refs/aos/inbox/"];

/**
 * A server's hook. git gives the refs on stdin once; both hooks must read them. After a push, whoever pushed does not wait: git
 * lets go when the hook's output is closed.
 */
export function serverScript(hook: "pre-receive" | "post-receive", { nodePath, entry }: Program): string {
  const run = `printf '%s\\n' "$refs" | ${quoted(nodePath)} ${quoted(entry)} ${hook}`;
  return [
    "#!/bin/sh",
    SERVER_MARK,
    "refs=$(cat)",
    'if [ -x "$0.local" ]; then',
    '  printf \'%s\\n\' "$refs" | "$0.local" "$@" || exit $?',
    "fi",
    ...(hook === "pre-receive" ? [run] : [`case "$refs" in ${WORTH_TELLING.map((refs) => `*' ${refs}'*`).join("|")})`, `  ( trap '' HUP; ${run} ) >/dev/null 2>&1 & ;;`, "esac"]),
    "",
  ].join("\n");
}

/** What a script of `serverScript` runs; undefined for another script, and where its paths hold a quote. */
export function programIn(script: string): Program | undefined {
  const [, nodePath, entry] = /\| '([^']+)' '([^']+)' (?:pre|post)-receive\b/.exec(script) ?? [];
  return nodePath === undefined || entry === undefined ? undefined : { nodePath, entry };
}

/** Hooks of a clone that this package has something to say in. */
export const CLIENT_HOOKS = ["pre-commit", "commit-msg", "pre-push"] as const;
type ClientHook = (typeof CLIENT_HOOKS)[number];

/**
 * A clone's hook: the one of that name in the folder where git looked before, then ours. Where this package is gone, a person
 * can still work, and is told: what counts is judged by the server.
 *
 * @param before - that folder as git was told; undefined: the repository's own
 */
export function clientScript(hook: ClientHook, { program, before }: { readonly program: Program; readonly before: string | undefined }): string {
  const { nodePath, entry } = program;
  return [
    ...opening(hook, before),
    "input=",
    ...(hook === "pre-push" ? ["input=$(cat)"] : []),
    'if [ -x "$before" ]; then',
    hook === "pre-push" ? '  printf \'%s\\n\' "$input" | "$before" "$@" || exit $?' : '  "$before" "$@" || exit $?',
    "fi",
    `if [ ! -x ${quoted(nodePath)} ] || [ ! -f ${quoted(entry)} ]; then`,
    `  echo 'aos: ${hook}: the program is not where it was installed, so nothing is checked; run aos hooks install again' >&2`,
    "  exit 0",
    "fi",
    hook === "pre-push" ? `printf '%s\\n' "$input" | ${quoted(nodePath)} ${quoted(entry)} ${hook} "$@"` : `exec ${quoted(nodePath)} ${quoted(entry)} ${hook} "$@" </dev/null`,
    "",
  ].join("\n");
}

/** A hook that this package says nothing in: only the one of that name that git would have run. */
export function forwardScript(hook: string, before: string | undefined): string {
  return [...opening(hook, before), 'if [ -x "$before" ]; then exec "$before" "$@"; fi', ""].join("\n");
}

function opening(hook: string, before: string | undefined): readonly string[] {
  return ["#!/bin/sh", CLIENT_MARK, before === undefined ? `before=$(git rev-parse --git-common-dir)/hooks/${hook}` : `before=${quoted(`${before}/${hook}`)}`];
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** A hook's text; undefined where there is none. */
export async function readHook(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "latin1");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
}
