// What the rules work on and what they report: a control plane whose references are looked up but not yet judged.

import { compareText } from "./text.ts";
import { pointerStep } from "./json.ts";
import type { Problem } from "./parse.ts";
import { nearest } from "./suggest.ts";
import type { DefCap, DefEffect, DefKind, DefModule, DefPlan, DefPolicy, DefSchema, DefSecret, Manifest } from "./types.ts";

/** The node a finding is about; a manifest's name is empty. */
export interface Owner {
  readonly kind: DefKind | "manifest";
  readonly name: string;
}
export const MANIFEST: Owner = { kind: "manifest", name: "" };

/** A broken rule. `pointer` is relative to the owner's node; `code` is a key of RULES. */
export interface Finding {
  readonly owner: Owner;
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly pointer: string;
  readonly message: string;
  readonly hint?: string;
}
export type Report = (owner: Owner, problem: Problem) => void;

/** Definitions as the manifest lists them, the catalog's beside them, none judged yet. Plans are normalised where they could be. */
export interface Draft {
  readonly manifest: Manifest;
  /** Listed and builtin. */
  readonly schemas: ReadonlyMap<string, DefSchema>;
  readonly modules: ReadonlyMap<string, DefModule>;
  readonly plans: ReadonlyMap<string, DefPlan>;
  /** By effect kind, listed and builtin. */
  readonly effects: ReadonlyMap<string, DefEffect>;
  /** As listed, in order: two of them may claim one kind. */
  readonly effectDefs: readonly DefEffect[];
  /** Listed and builtin. */
  readonly caps: ReadonlyMap<string, DefCap>;
  readonly policies: ReadonlyMap<string, DefPolicy>;
  readonly secretDefs: ReadonlyMap<string, DefSecret>;
  /** Definitions that were written but are not in force, by `idOf`: unreadable ones are not reported missing as well. */
  readonly absent: ReadonlyMap<string, "unreadable" | "unlisted">;
}

/** One text for a kind and a name. */
export function idOf(kind: DefKind, name: string): string {
  return `${kind} ${name}`;
}

/** Makes a report that keeps findings in `into`. A problem without a severity is an error. */
export function collector(into: Finding[]): Report {
  return (owner, { code, pointer, message, hint, severity }) => {
    into.push({ owner, severity: severity ?? "error", code, pointer, message, ...(hint === undefined ? {} : { hint }) });
  };
}

const KIND_ORDER: readonly Owner["kind"][] = ["manifest", "defschema", "defmodule", "defplan", "defcap", "defeffect", "defpolicy", "defsecret"];

/** Order of findings that have no file: by owner, pointer, code, message. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    KIND_ORDER.indexOf(a.owner.kind) - KIND_ORDER.indexOf(b.owner.kind) ||
    compareText(a.owner.name, b.owner.name) ||
    compareText(a.pointer, b.pointer) ||
    compareText(a.code, b.code) ||
    compareText(a.message, b.message)
  );
}

/** Extends an RFC 6901 pointer. */
export function under(pointer: string, ...segments: readonly (string | number)[]): string {
  return segments.reduce<string>((at, segment) => `${at}/${pointerStep(segment)}`, pointer);
}

/** What is wrong with a use of a name that nothing in force has; undefined when the definition exists but could not be read. */
export function unresolved(
  draft: Draft,
  wanted: { readonly kind: DefKind; readonly name: string; readonly what: string; readonly among: Iterable<string> },
): { readonly message: string; readonly hint?: string } | undefined {
  const state = draft.absent.get(idOf(wanted.kind, wanted.name));
  if (state === "unreadable") return undefined;
  const message = `${wanted.what} \`${wanted.name}\` does not exist`;
  if (state === "unlisted") return { message, hint: "it is defined, but the manifest does not list it" };
  return { message, ...suggestion(wanted.name, wanted.among) };
}

/** A `hint` naming the closest of `among`, or nothing. */
export function suggestion(name: string, among: Iterable<string>): { readonly hint?: string } {
  const close = nearest(name, among);
  return close === undefined ? {} : { hint: `did you mean \`${close}\`?` };
}

/** Reports `schema.missing` unless the schema is loaded or builtin. */
export function requireSchema(draft: Draft, name: string, place: { readonly owner: Owner; readonly pointer: string; readonly report: Report }): void {
  if (draft.schemas.has(name)) return;
  const problem = unresolved(draft, { kind: "defschema", name, what: "schema", among: draft.schemas.keys() });
  if (problem !== undefined) place.report(place.owner, { code: "schema.missing", pointer: place.pointer, ...problem });
}
