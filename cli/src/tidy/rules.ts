// The house rules that a machine can hold: each check takes sources and returns findings, `path:line: what, and what instead`.

import { isTest, lineAt, type Source } from "./source.ts";

interface Pattern {
  readonly what: string;
  readonly instead: string;
  readonly at: RegExp;
}

/** A free identifier: not a member, not a property or parameter of that name. */
const free = (name: string): RegExp => new RegExp(`(?<![.\\w$])${name}\\b(?!\\s*\\??:)`, "g");

const TIME = "take `now_ns` or `logical_ns` from the record's stamp";
const RANDOM = "derive it from the stamp's entropy";
const RETURN = "return the effect as a value, the host runs it";
const ORDER = "sort(compareText) or sort(compareBytes)";

/** What makes code depend on more than its arguments. */
const AMBIENT: readonly Pattern[] = [
  { what: "Promise", instead: RETURN, at: free("Promise") },
  { what: "async", instead: RETURN, at: free("async") },
  { what: "await", instead: RETURN, at: free("await") },
  { what: "Date", instead: TIME, at: free("Date") },
  { what: "performance", instead: TIME, at: free("performance") },
  { what: "a timer", instead: `${TIME}; timers are effects`, at: /(?<![.\w$])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/g },
  { what: "Math.random", instead: RANDOM, at: /\bMath\.random\b/g },
  { what: "crypto", instead: `${RANDOM}; for hashes use air/hash.ts`, at: free("crypto") },
  { what: "a Math function whose last bits each engine chooses", instead: "use integers", at: /\bMath\.(?:a?(?:sin|cos|tan)h?|atan2|exp|expm1|log(?:10|1p|2)?|pow|sqrt|cbrt|hypot)\b/g },
  { what: "process", instead: "pass what is needed as an argument", at: free("process") },
  { what: "globalThis", instead: "pass what is needed as an argument", at: free("globalThis") },
  { what: "Buffer", instead: "use Uint8Array and air/bytes.ts", at: free("Buffer") },
  { what: "fetch", instead: RETURN, at: /(?<![.\w$])fetch\s*\(/g },
  { what: "console", instead: "return it, the host shows it", at: free("console") },
  { what: "Intl", instead: "write it out by hand", at: free("Intl") },
  { what: "a locale", instead: ORDER, at: /\.(?:toLocale\w+|localeCompare)\b/g },
  { what: "a default sort", instead: `${ORDER}; for numbers sort((a, b) => a - b)`, at: /\.(?:sort|toSorted)\(\s*\)/g },
  { what: "garbage collection", instead: "keep the reference", at: /(?<![.\w$])(?:WeakRef|FinalizationRegistry)\b/g },
  { what: "a stack trace", instead: "throw an AosError with a place", at: /\.(?:stack|captureStackTrace)\b/g },
  { what: "code made at run time", instead: "write the function", at: /(?<![.\w$])(?:eval\s*\(|new\s+Function\b|require\s*\(|import\s*\()|\bimport\.meta\b/g },
];

const PURE = /^kernel\/src\/(air|core)\//;

/** Is this a file whose outcome may depend on its arguments alone (I8)? */
export function isPure(path: string): boolean {
  return PURE.test(path) && !isTest(path);
}

/** Names ambient state in the pure folders, and says what to use instead. */
export function impurities(sources: readonly Source[]): readonly string[] {
  return sources.filter(({ path }) => isPure(path)).flatMap((source) => [
    ...source.imports.filter(({ specifier }) => specifier.startsWith("node:")).map(({ specifier, line }) => `${source.path}:${line}: ${specifier}: pure code imports nothing of Node; ${RETURN}`),
    ...findings(source, source.code, AMBIENT),
  ]);
}

const DISABLED: readonly Pattern[] = [
  { what: "a test that runs alone", instead: "run one file, or use --test-name-pattern", at: /\.only\s*\(|[{,]\s*only\s*:/g },
  { what: "a test that does not run", instead: "make it run, or delete it", at: /\b(?:test|it|describe|suite|t)\.(?:skip|todo)\s*\(|[{,]\s*(?:skip|todo)\s*:|(?<![.\w$])x(?:it|describe|test)\s*\(/g },
];

/** Tests that are switched off, or switch off the others. */
export function disabledTests(sources: readonly Source[]): readonly string[] {
  return sources.filter(({ path }) => isTest(path)).flatMap((source) => findings(source, source.code, DISABLED));
}

/** A folder of somebody's machine: below a home, or where a checkout lay. */
const MACHINE = new RegExp(`(?<![\\w.:/@*-])(?:/(?:${["home", "Users", "root", "work", "mnt"].join("|")})/[\\w.-]|[A-Z]:\\\\{1,2}\\w)`, "g");

/** Absolute paths of one machine, in code, comments and literals alike. */
export function machinePaths(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) => findings(source, source.text, [{ what: "an absolute path of one machine", instead: "start from import.meta.url or a folder that is passed in", at: MACHINE }]));
}

export const LINES_MAX = 500;

export function longFiles(sources: readonly Source[]): readonly string[] {
  return sources.flatMap(({ path, text }) => {
    const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
    return lines <= LINES_MAX ? [] : [`${path}: ${lines} lines; a file is one idea of at most ${LINES_MAX}`];
  });
}

/** The invariants that must be held somewhere and tried somewhere. */
export const INVARIANTS: readonly string[] = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9"];

/** Names that stand in brackets in comments, assertion messages and test names: `(I3)`, `(I1, I2)`. Others than the known ones are findings too. */
export function missingInvariants(all: readonly Source[]): readonly string[] {
  // These checks and their tests speak of invariants without holding any.
  const sources = all.filter(({ path }) => !path.startsWith("cli/src/tidy"));
  const named = (files: readonly Source[]): ReadonlySet<string> =>
    new Set(files.flatMap(({ text }) => [...text.matchAll(/\((I\d+(?:, I\d+)*)\)/g)].flatMap((match) => (match[1] as string).split(", "))));
  const held = named(sources.filter(({ path }) => !isTest(path)));
  const tried = named(sources.filter(({ path }) => isTest(path)));
  return [
    ...INVARIANTS.filter((name) => !held.has(name)).map((name) => `(${name}): no assertion or comment of a source holds it`),
    ...INVARIANTS.filter((name) => !tried.has(name)).map((name) => `(${name}): no test tries it`),
    ...[...held, ...tried].filter((name) => !INVARIANTS.includes(name)).map((name) => `(${name}): there is no such invariant`),
  ];
}

/** Brackets and quotes that do not close would mean that the other checks read code wrongly. */
export function misread(sources: readonly Source[]): readonly string[] {
  const count = (code: string, char: string): number => code.split(char).length - 1;
  return sources.filter(({ code }) => {
    const closed = ["{}", "()", "[]"].every((pair) => count(code, pair.charAt(0)) === count(code, pair.charAt(1)));
    return !closed || ["\"", "'", "`"].some((quote) => count(code, quote) % 2 !== 0);
  }).map(({ path }) => `${path}: the lexer of cli/src/tidy/source.ts lost its way here`);
}

function findings(source: Source, text: string, patterns: readonly Pattern[]): readonly string[] {
  return patterns.flatMap(({ what, instead, at }) => [...text.matchAll(at)].map((match) => `${source.path}:${lineAt(text, match.index)}: ${what}; ${instead}`));
}
