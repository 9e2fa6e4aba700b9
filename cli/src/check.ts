// What is wrong with the files of a world: its AIR, its sync map, its scenarios, its policy and keys, its modules against their sources.

import { AosError, isName, nearest, readJson, type Diagnostic } from "@agentos/kernel";
import {
  ALLOWED_SIGNERS_PATH, filesOfFolder, loadWorld, parsePolicy, parseTrust, passedOver, POLICY_PATH, saysSigners, SYNC_FILE, TRUST_PATH, type LoadedWorld, type Trust, type WorldFiles,
} from "@agentos/controller";
import { codeDiagnostics } from "./module-code.ts";
import { buildDiagnostic, moduleDiagnostics, tryModules, withModules, type ModuleBuild } from "./modules.ts";

export interface Checked {
  /** Undefined where a file that everything depends on cannot be read. */
  readonly world: LoadedWorld | undefined;
  /** Sorted by file, line and column. */
  readonly diagnostics: readonly Diagnostic[];
  readonly errors: number;
  readonly warnings: number;
}

/**
 * @param built - modules that will stand in the place of those that lie there; undefined: those are judged against their sources
 * @throws AosError for input that is wrong without a file to blame, and whatever is not the input's fault
 */
export async function checkFolder(folder: string, built?: readonly ModuleBuild[]): Promise<Checked> {
  const files = built === undefined ? filesOfFolder(folder) : withModules(filesOfFolder(folder), built);
  const modules = built === undefined ? await sourceProblems(folder, files) : [];
  const { world, problems } = await loadAll(files);
  // What is stale is told as such, once.
  const stale = new Set(modules.map(({ file }) => file));
  const code = world === undefined ? [] : (await codeDiagnostics(world, files)).filter(({ file }) => !stale.has(file));
  const found = new Map([...(world?.diagnostics ?? []), ...problems, ...modules, ...code, ...(await unasked(world, files)), ...(await strangers(world, files)), ...(await rulesProblems(files))].map((one) => [JSON.stringify([one.file, one.line, one.column, one.pointer, one.code, one.message]), one]));
  const diagnostics = [...found.values()].sort((a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.code, b.code));
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  return { world, diagnostics, errors, warnings: diagnostics.length - errors };
}

/** What is wrong with the sources of modules, and with what lies in the place of what they give. */
async function sourceProblems(folder: string, files: WorldFiles): Promise<readonly Diagnostic[]> {
  try {
    const { built, failed } = await tryModules(folder);
    return [...(await Promise.all(failed.map((error) => problemsOf(error, files)))).flat(), ...moduleDiagnostics(built)];
  } catch (error) {
    return problemsOf(error, files);
  }
}

/** Sources of modules that no definition asks for: a name that was mistyped, or a definition that is gone. */
async function unasked(world: LoadedWorld | undefined, files: WorldFiles): Promise<readonly Diagnostic[]> {
  const { control, sync } = world ?? {};
  if (control === undefined || sync === undefined) return [];
  const locate = await locatorOf(SYNC_FILE, files);
  const place = { file: SYNC_FILE, pointer: "/build", ...locate("/build") };
  return [...sync.sources.keys()].filter((name) => isName(name) && !control.modules.has(name)).map((name) => {
    const meant = nearest(name, [...control.modules.keys()].filter((one) => !sync.sources.has(one)));
    return { severity: "warning", code: "module.undefined", ...place, message: `the source of \`${name}\` is built, and no module of that name is defined`, hint: meant === undefined ? "define it, or take the source out" : `did you mean \`${meant}\`?` } as const;
  });
}

/** Events of scenarios that the world would refuse whatever they hold: no schema of that name is there. */
async function strangers({ control, scenarios }: Partial<LoadedWorld> = {}, files: WorldFiles): Promise<readonly Diagnostic[]> {
  if (control === undefined || scenarios === undefined) return [];
  const found: Diagnostic[] = [];
  for (const { file, events } of scenarios) {
    const strange = [...events.entries()].flatMap(([at, event]) => ("schema" in event && !control.schemas.has(event.schema) ? [{ pointer: `/events/${at}/schema`, schema: event.schema }] : []));
    const locate = strange.length === 0 ? undefined : await locatorOf(file, files);
    for (const { pointer, schema } of strange) {
      const meant = nearest(schema, [...control.schemas.keys()]);
      found.push({ severity: "warning", code: "scenario.schema", file, pointer, ...(locate?.(pointer) ?? { line: 1, column: 1 }), message: `no schema \`${schema}\`: the event is refused`, ...(meant === undefined ? {} : { hint: `did you mean \`${meant}\`?` }) });
    }
  }
  return found;
}

/** Loads again without each file that stands for itself and cannot be read, so that everything else is judged as well. */
async function loadAll(files: WorldFiles): Promise<{ readonly world: LoadedWorld | undefined; readonly problems: readonly Diagnostic[] }> {
  const problems: Diagnostic[] = [];
  const hidden = new Set<string>();
  const rest: WorldFiles = { ...files, list: async (folder) => (await files.list(folder)).filter((path) => !hidden.has(path)) };
  for (;;) {
    try {
      return { world: await loadWorld(rest), problems };
    } catch (error) {
      const told = await problemsOf(error, files);
      problems.push(...told);
      const [first] = told;
      const alone = first !== undefined && (first.code === "module.twice" || first.file.startsWith("shadow/")) && !hidden.has(first.file);
      if (!alone) return { world: undefined, problems };
      hidden.add(first.file);
    }
  }
}

/** What is wrong with the files that say who decides, where the world has them. */
async function rulesProblems(files: WorldFiles): Promise<readonly Diagnostic[]> {
  const [policy, trust] = [await parsed(files, POLICY_PATH, parsePolicy), await parsed(files, TRUST_PATH, parseTrust)];
  const problems = [...(await passedOver(files, [POLICY_PATH, TRUST_PATH])), ...policy.problems, ...trust.problems];
  return problems.length > 0 || trust.value === undefined ? problems : staleSigners(files, trust.value);
}

/** What a file holds, where it is there and holds it. */
async function parsed<T>(files: WorldFiles, file: string, parse: (bytes: Uint8Array, place: string) => T): Promise<{ readonly value?: T; readonly problems: readonly Diagnostic[] }> {
  const bytes = await files.read(file);
  if (bytes === undefined) return { problems: [] };
  try {
    return { value: parse(bytes, file), problems: [] };
  } catch (error) {
    const utf8 = error instanceof AosError && error.code === "air.utf8";
    return { problems: await problemsOf(utf8 ? new AosError("world.file", "not UTF-8", { at: { file } }) : error, files) };
  }
}

/** Stock git judges signatures by a file that repeats the keys of the trust file. */
async function staleSigners(files: WorldFiles, trust: Trust): Promise<readonly Diagnostic[]> {
  const signers = await files.read(ALLOWED_SIGNERS_PATH);
  if (signers === undefined || saysSigners(signers, trust)) return [];
  return [{ severity: "warning", code: "signers.stale", file: ALLOWED_SIGNERS_PATH, pointer: "", line: 1, column: 1, message: `not the keys of ${TRUST_PATH}`, hint: "aos keys signers --write" }];
}

/** An error of input that names a file, as diagnostics; any other is thrown again. */
async function problemsOf(error: unknown, files: WorldFiles): Promise<readonly Diagnostic[]> {
  if (error instanceof AosError && error.code.startsWith("build.")) return [buildDiagnostic(error)];
  if (!(error instanceof AosError) || error.class !== "input" || error.at?.file === undefined) throw error;
  const { code, hint, at, data } = error;
  const { file = "", pointer = "", line, column } = at;
  const locate = line === undefined || Array.isArray(data["problems"]) ? await locatorOf(file, files) : () => ({ line, column: column ?? 1 });
  // A diagnostic has its place in fields; the error, in front of its message.
  const whole = [{ pointer, message: error.message.replace(/^\S+?(?::\d+)*: /, "") }];
  const several = Array.isArray(data["problems"]) ? (data["problems"] as typeof whole) : whole;
  return several.map((problem) => ({ severity: "error", code, file, pointer: problem.pointer, ...locate(problem.pointer), message: problem.message, ...(hint === undefined ? {} : { hint }) }));
}

/** Finds places in a JSON file; the first character stands for what cannot be found. */
async function locatorOf(file: string, files: WorldFiles): Promise<ReturnType<typeof readJson>["locate"]> {
  try {
    return readJson(new TextDecoder().decode(await files.read(file)), file).locate;
  } catch {
    return () => ({ line: 1, column: 1 });
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
