// From a manifest's names to definitions: look each one up, put plans into normal form, give every reference its hash.

import { BUILTIN_CAPS, BUILTIN_EFFECTS, BUILTIN_MODULES, BUILTIN_SCHEMAS, builtinRefHash } from "./catalog.ts";
import { idOf, MANIFEST, suggestion, type Draft, type Owner, type Report } from "./findings.ts";
import { ZERO_HASH } from "./hash.ts";
import type { Problem } from "./parse.ts";
import { normalizePlan } from "./plan-normal.ts";
import { nodeHash } from "./serialize.ts";
import type { DefEffect, Definition, DefKind, DefModule, DefPlan, Manifest, ManifestRef } from "./types.ts";
import { recursiveSchemas } from "./validate-schema.ts";
import type { Hash } from "./value.ts";

export interface LinkInput {
  readonly manifest: Manifest;
  /** By kind and name each at most once. */
  readonly definitions: readonly Definition[];
  /** Code by module name, for modules that say the zero hash. */
  readonly moduleHashes: ReadonlyMap<string, Hash>;
  /** `idOf` of definitions that were written but could not be read. */
  readonly unreadable: ReadonlySet<string>;
}

export interface Linked {
  readonly draft: Draft;
  /** The manifest, each reference with the hash of what it names. */
  readonly manifest: Manifest;
  /** What is listed and not builtin, in the order of SECTIONS and of the lists. */
  readonly nodes: readonly { readonly hash: Hash; readonly node: Definition }[];
}

type Section = "schemas" | "modules" | "plans" | "effects" | "caps" | "policies" | "secrets";

/** The reference lists of a manifest, in the order in which they are read. */
export const SECTIONS: readonly { readonly section: Section; readonly kind: DefKind; readonly noun: string }[] = [
  { section: "schemas", kind: "defschema", noun: "schema" },
  { section: "modules", kind: "defmodule", noun: "module" },
  { section: "plans", kind: "defplan", noun: "plan" },
  { section: "effects", kind: "defeffect", noun: "effect" },
  { section: "caps", kind: "defcap", noun: "capability" },
  { section: "policies", kind: "defpolicy", noun: "policy" },
  { section: "secrets", kind: "defsecret", noun: "secret" },
];

const EFFECTS_BY_NAME: ReadonlyMap<string, DefEffect> = new Map([...BUILTIN_EFFECTS.values()].map((effect) => [effect.name, effect]));

/** The catalog's definition of that kind and name. */
function builtinOf(kind: DefKind, name: string): Definition | undefined {
  switch (kind) {
    case "defschema":
      return BUILTIN_SCHEMAS.get(name);
    case "defmodule":
      return BUILTIN_MODULES.get(name);
    case "defeffect":
      return EFFECTS_BY_NAME.get(name);
    case "defcap":
      return BUILTIN_CAPS.get(name);
    default:
      return undefined;
  }
}

/** A reference that found its definition. `own` is false for the catalog's. */
interface Listed {
  readonly kind: DefKind;
  readonly name: string;
  readonly pointer: string;
  readonly authored: Hash;
  readonly definition: Definition;
  readonly own: boolean;
}

/** Looks up, completes and normalises what the manifest lists; whatever is wrong is reported, and the rest goes on. */
export function link(input: LinkInput, report: Report): Linked {
  const written = new Map(input.definitions.map((definition) => [idOf(definition.kind, definition.name), definition]));
  const listed = SECTIONS.flatMap(({ section, kind, noun }) => lookUp({ section, kind, noun, input, written }, report));
  const found = listed.map((entry) => (entry.definition.kind === "defmodule" ? withCode(entry, entry.definition, { input, report }) : entry));
  const draft = draftOf(input, found, report);
  const normal = found.map((entry) => ({ ...entry, definition: draft.plans.get(entry.kind === "defplan" ? entry.name : "") ?? entry.definition }));
  const hashes = new Map<string, Hash>();
  for (const entry of normal) {
    const hash = refHash(entry);
    hashes.set(idOf(entry.kind, entry.name), hash);
    reportStale(entry, { hash, raw: nodeHash(written.get(idOf(entry.kind, entry.name)) ?? entry.definition), report });
  }
  const manifest = rewrite(input.manifest, hashes);
  const nodes = normal.filter((entry) => entry.own).map(({ definition }) => ({ hash: nodeHash(definition), node: definition }));
  return { draft: { ...draft, manifest }, manifest, nodes };
}

interface LookUp {
  readonly section: Section;
  readonly kind: DefKind;
  readonly noun: string;
  readonly input: LinkInput;
  readonly written: ReadonlyMap<string, Definition>;
}

function lookUp({ section, kind, noun, input, written }: LookUp, report: Report): readonly Listed[] {
  const seen = new Map<string, number>();
  return [...(input.manifest[section] ?? []).entries()].flatMap(([index, ref]): readonly Listed[] => {
    if ("alias" in ref) return [];
    const { name } = ref;
    const pointer = `/${section}/${index}`;
    const first = seen.get(name);
    if (first !== undefined) {
      report(MANIFEST, { code: "ref.duplicate", pointer, message: `${noun} \`${name}\` is listed at ${first} already` });
      return [];
    }
    seen.set(name, index);
    const own = written.get(idOf(kind, name));
    const definition = own ?? builtinOf(kind, name);
    if (definition !== undefined) return [{ kind, name, pointer, authored: ref.hash, definition, own: own !== undefined }];
    if (input.unreadable.has(idOf(kind, name))) return [];
    const names = [...written.values()].filter((other) => other.kind === kind).map((other) => other.name);
    if (name.startsWith("sys/")) report(MANIFEST, { code: "ref.reserved", pointer, message: `no builtin ${noun} is called \`${name}\`, and names under \`sys/\` are reserved` });
    else report(MANIFEST, { code: "ref.unknown", pointer, message: `${noun} \`${name}\` does not exist`, ...suggestion(name, names) });
    return [];
  });
}

/** Fills in the code of a module that was authored with the zero hash. */
function withCode(entry: Listed, module: DefModule, { input, report }: { readonly input: LinkInput; readonly report: Report }): Listed {
  const owner: Owner = { kind: "defmodule", name: entry.name };
  const built = input.moduleHashes.get(entry.name);
  const builtin = BUILTIN_MODULES.get(entry.name);
  if (builtin !== undefined && nodeHash({ ...module, wasm_hash: builtin.wasm_hash }) !== nodeHash(builtin)) {
    report(owner, { code: "def.reserved", pointer: "", message: `module \`${entry.name}\` is builtin: only its code may differ from the catalog's` });
  }
  if (module.wasm_hash !== ZERO_HASH) {
    if (built !== undefined && built !== module.wasm_hash) {
      const message = `module \`${entry.name}\` is pinned to ${module.wasm_hash}, and the build gives ${built}`;
      report(owner, { code: "module.stale_hash", severity: "warning", pointer: "/wasm_hash", message, hint: "leave `wasm_hash` out to follow the build" });
    }
    return entry;
  }
  if (built !== undefined && built !== ZERO_HASH) return { ...entry, definition: { ...module, wasm_hash: built }, own: true };
  if (builtin === undefined) report(owner, { code: "module.unbuilt", pointer: "/wasm_hash", message: `module \`${entry.name}\` has no code yet`, hint: "run `aos build`" });
  return entry;
}

function draftOf(input: LinkInput, found: readonly Listed[], report: Report): Draft {
  const named = <K extends DefKind>(kind: K): ReadonlyMap<string, Extract<Definition, { readonly kind: K }>> =>
    new Map(found.flatMap(({ name, definition }) => (definition.kind === kind ? [[name, definition as Extract<Definition, { readonly kind: K }>] as const] : [])));
  const effectDefs = [...named("defeffect").values()];
  const effects = new Map(BUILTIN_EFFECTS);
  for (const effect of effectDefs) if (!effects.has(effect.effect)) effects.set(effect.effect, effect);
  const draft: Draft = {
    manifest: input.manifest,
    schemas: new Map([...BUILTIN_SCHEMAS, ...named("defschema")]),
    modules: named("defmodule"),
    plans: named("defplan"),
    effects,
    effectDefs,
    caps: new Map([...BUILTIN_CAPS, ...named("defcap")]),
    policies: named("defpolicy"),
    secretDefs: named("defsecret"),
    absent: absentOf(input, found, report),
  };
  return { ...draft, plans: normalPlans(input, draft, report) };
}

function absentOf(input: LinkInput, found: readonly Listed[], report: Report): ReadonlyMap<string, "unreadable" | "unlisted"> {
  const absent = new Map<string, "unreadable" | "unlisted">();
  const inForce = new Set(found.map(({ kind, name }) => idOf(kind, name)));
  for (const id of input.unreadable) absent.set(id, "unreadable");
  for (const { kind, name } of input.definitions) {
    if (inForce.has(idOf(kind, name))) continue;
    absent.set(idOf(kind, name), "unlisted");
    report({ kind, name }, { code: "def.unlisted", severity: "warning", pointer: "", message: `\`${name}\` is defined, but the manifest does not list it`, hint: "list it, or remove the definition" });
  }
  return absent;
}

/** The normaliser names these too; the rules that find them say more: `effect.missing`, `plan.result_without_output`, `schema.*`. */
function saidByRules({ code, pointer }: Problem): boolean {
  return code === "plan.unknown_effect" || code.startsWith("schema.") || (code === "plan.missing_schema" && pointer.endsWith("/result"));
}

function normalPlans(input: LinkInput, draft: Draft, report: Report): ReadonlyMap<string, DefPlan> {
  const holes = [...input.unreadable].some((id) => id.startsWith("defschema ") || id.startsWith("defeffect "));
  if (holes || recursiveSchemas(draft.schemas).length > 0) return draft.plans;
  return new Map([...draft.plans].map(([name, plan]) => {
    const normal = normalizePlan(plan, { schemas: draft.schemas, effects: draft.effects }, (problem) => {
      if (!saidByRules(problem)) report({ kind: "defplan", name }, problem);
    });
    return [name, normal];
  }));
}

/**
 * What a manifest says of a definition. Builtin schemas, effects and capabilities are named by the hash of the bare
 * definition, everything else by its node hash, with `$kind`. That holds for builtin modules too, as for every module that
 * is loaded: their code is part of what they are.
 */
function refHash({ kind, name, definition, own }: Listed): Hash {
  const bare = own || (kind !== "defschema" && kind !== "defeffect" && kind !== "defcap") ? undefined : builtinRefHash(kind, name);
  return bare ?? nodeHash(definition);
}

/** Authored hashes are checked, never trusted. The hash as written, before normalisation and build, is as good as the final one. */
function reportStale({ kind, name, pointer, authored, definition }: Listed, { hash, raw, report }: { readonly hash: Hash; readonly raw: Hash; readonly report: Report }): void {
  const bare = definition.name.startsWith("sys/") && kind === "defmodule" ? builtinRefHash(kind, name) : undefined;
  if (authored === ZERO_HASH || authored === hash || authored === raw || authored === bare) return;
  report(MANIFEST, { code: "ref.stale_hash", severity: "warning", pointer: `${pointer}/hash`, message: `the manifest says ${authored} of \`${name}\`, which is ${hash}`, hint: "leave the hash out: it is filled in" });
}

function rewrite(manifest: Manifest, hashes: ReadonlyMap<string, Hash>): Manifest {
  const refs = (kind: DefKind, list: readonly ManifestRef[]): readonly ManifestRef[] =>
    list.map((ref) => ({ name: ref.name, hash: hashes.get(idOf(kind, ref.name)) ?? ref.hash }));
  const { effects } = manifest;
  const secrets = manifest.secrets?.map((entry) => ("alias" in entry ? entry : { name: entry.name, hash: hashes.get(idOf("defsecret", entry.name)) ?? entry.hash }));
  return {
    ...manifest,
    schemas: refs("defschema", manifest.schemas),
    modules: refs("defmodule", manifest.modules),
    plans: refs("defplan", manifest.plans),
    caps: refs("defcap", manifest.caps),
    policies: refs("defpolicy", manifest.policies),
    ...(effects === undefined ? {} : { effects: refs("defeffect", effects) }),
    ...(secrets === undefined ? {} : { secrets }),
  };
}
