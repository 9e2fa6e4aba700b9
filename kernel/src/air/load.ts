// A control plane from the files an author wrote, or from the bundle a journal stores. Both are judged by all the rules.

import { canonical, decode, decodeCanonical } from "./cbor.ts";
import { patchValue } from "./envelope.ts";
import { AosError } from "./error.ts";
import { collector, compareFindings, idOf, under, type Finding, type Owner } from "./findings.ts";
import { bytesEqual, ZERO_HASH } from "./hash.ts";
import { link, SECTIONS, type Linked, type LinkInput } from "./link.ts";
import { parseBare, parseNode, type Problem } from "./parse.ts";
import { diagnose, readFiles, type NodePlace, type Reading } from "./read-files.ts";
import { bareHash } from "./serialize.ts";
import { compareText } from "./text.ts";
import type { ControlPlane, Definition, Diagnostic, Manifest, Node } from "./types.ts";
import { validate } from "./validate.ts";
import { secretsOf } from "./validate-secret.ts";
import type { Hash, Value } from "./value.ts";

/**
 * Loads a control plane from its JSON files.
 *
 * @param files - all JSON files under `air/`, in any order; `path` is what diagnostics show
 * @param options.moduleHashes - code by module name, for modules written with the zero hash or none
 * @returns all problems there are, sorted by file, line, column and code; the control plane unless one of them is an error
 */
export function loadFiles(
  files: readonly { readonly path: string; readonly text: string }[],
  options: { readonly moduleHashes: ReadonlyMap<string, Hash> },
): { readonly control: ControlPlane | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const reading = readFiles(files);
  const diagnostics = [...reading.diagnostics, ...judgeManifests(reading)];
  const { definitions, problems } = distinct(reading);
  diagnostics.push(...problems);
  const manifest = reading.manifests[0];
  if (manifest === undefined) return { control: undefined, diagnostics: ordered(diagnostics) };
  const input: LinkInput = {
    manifest: manifest.node,
    definitions: [...definitions.values()].map(({ node }) => node),
    moduleHashes: options.moduleHashes,
    unreadable: reading.unreadable,
  };
  const { linked, findings } = judge(input);
  for (const finding of findings) {
    const own = definitions.get(finding.owner.kind === "manifest" ? "" : idOf(finding.owner.kind, finding.owner.name));
    diagnostics.push(own === undefined ? diagnose(manifest.place, inManifest(finding, manifest.node)) : diagnose(own.place, finding));
  }
  const failed = diagnostics.some(({ severity }) => severity === "error");
  return { control: failed ? undefined : controlOf(linked), diagnostics: ordered(diagnostics) };
}

/** Findings of look-up come before those of the rules: causes before what follows from them. */
function judge(input: LinkInput): { readonly linked: Linked; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const linked = link(input, collector(findings));
  return { linked, findings: [...findings.sort(compareFindings), ...validate(linked.draft)] };
}

function controlOf({ draft, manifest, nodes }: Linked): ControlPlane {
  const { schemas, modules, plans, effects, caps, policies } = draft;
  const secrets = secretsOf(draft).map(({ decl }) => decl);
  return { manifest, manifestHash: bareHash(manifest), schemas, modules, plans, effects, caps, policies, secrets, nodes };
}

/** Where problems go that belong to no file. */
const NOWHERE = "air";

function judgeManifests({ manifests, unreadableManifest }: Reading): readonly Diagnostic[] {
  const [first, ...others] = manifests;
  if (first === undefined) {
    if (unreadableManifest) return [];
    return [{ severity: "error", code: "manifest.missing", file: NOWHERE, pointer: "", line: 1, column: 1, message: "no file holds a manifest", hint: 'write a node with "$kind": "manifest"' }];
  }
  const twice = others.map(({ place }) => diagnose(place, { code: "manifest.duplicate", pointer: "", message: `${placeText(first.place)} is the manifest already`, hint: "a world has one manifest" }));
  const inline = (first.node.secrets ?? []).flatMap((entry, index) => {
    if (!("alias" in entry)) return [];
    const message = `secret \`${entry.alias}\` is declared inside the manifest`;
    const hint = `define it as a defsecret \`${entry.alias}@${entry.version}\` and list that`;
    return [diagnose(first.place, { code: "secret.inline", pointer: `/secrets/${index}`, message, hint })];
  });
  return [...twice, ...inline];
}

function placeText({ file, pointer }: NodePlace): string {
  return pointer === "" ? file : `${file}${pointer}`;
}

/** Definitions by `idOf`, the first of each; a second one, or one under a reserved name, is a problem. */
function distinct(reading: Reading): { readonly definitions: ReadonlyMap<string, { readonly node: Definition; readonly place: NodePlace }>; readonly problems: readonly Diagnostic[] } {
  const definitions = new Map<string, { readonly node: Definition; readonly place: NodePlace }>();
  const problems: Diagnostic[] = [];
  for (const { node, place } of reading.definitions) {
    const id = idOf(node.kind, node.name);
    const first = definitions.get(id);
    if (node.name.startsWith("sys/")) {
      problems.push(diagnose(place, { code: "def.reserved", pointer: "/name", message: `\`${node.name}\`: names under \`sys/\` are reserved`, hint: "take a namespace of your own" }));
    } else if (first !== undefined) {
      problems.push(diagnose(place, { code: "def.duplicate", pointer: "/name", message: `\`${node.name}\` is defined at ${placeText(first.place)} already` }));
    } else {
      definitions.set(id, { node, place });
    }
  }
  return { definitions, problems };
}

/** A finding about something that has no file, such as a builtin module, is shown where the manifest lists it. */
function inManifest(finding: Finding, manifest: Manifest): Finding {
  const { kind, name } = finding.owner;
  if (kind === "manifest") return finding;
  const section = SECTIONS.find((entry) => entry.kind === kind)?.section;
  const index = section === undefined ? -1 : (manifest[section] ?? []).findIndex((ref) => "name" in ref && ref.name === name);
  return { ...finding, pointer: index < 0 ? "" : `/${section}/${index}` };
}

/** Sorted by file, line, column and code; said once. */
function ordered(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const sorted = [...diagnostics].sort(compareDiagnostics);
  return sorted.filter((one, index) => index === 0 || compareDiagnostics(one, sorted[index - 1] as Diagnostic) !== 0);
}

function compareDiagnostics(a: Diagnostic, b: Diagnostic): number {
  return (
    compareText(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    compareText(a.code, b.code) ||
    compareText(a.pointer, b.pointer) ||
    compareText(a.message, b.message)
  );
}

/** The bytes a journal stores for a control plane: canonical `{manifest, nodes?}`, nodes as the manifest lists them. */
export function bundleOf(control: ControlPlane): Uint8Array {
  return canonical(patchValue(control.manifest, control.nodes.map(({ node }) => node)));
}

/**
 * Loads what `bundleOf` wrote; every rule is judged again.
 *
 * @throws AosError `bundle.invalid` with the first problem: not canonical, a node missing, extra, or other than its
 *   reference says, a plan not in normal form, a rule broken
 */
export function loadBundle(bytes: Uint8Array): ControlPlane {
  const { manifest, definitions } = readBundle(bytes);
  const { linked, findings } = judge({ manifest, definitions, moduleHashes: new Map(), unreadable: new Set() });
  const error = findings.find(({ severity }) => severity === "error");
  if (error !== undefined) throw invalid(error.owner, error);
  const control = controlOf(linked);
  requireRefs(manifest, linked.manifest, { zero: "refused" });
  if (!bytesEqual(bundleOf(control), bytes)) {
    throw invalid({ kind: "manifest", name: "" }, { code: "bundle.form", pointer: "", message: "there is more in the bundle than its manifest lists, or in another order or form" });
  }
  return control;
}

/**
 * Loads the control plane that a patch written as a whole gives: `{manifest, nodes?}` in CBOR of any form, where `nodes` may be only
 * what differs from `base`. A definition that the manifest lists and the patch does not bring is the one of `base`; where it brings
 * one, the reference takes its hash. Plans may have their short forms.
 *
 * @throws AosError `bundle.invalid` with the first problem, as loadBundle; a reference that names another hash than `base` has is one
 */
export function loadPatch(bytes: Uint8Array, base: ControlPlane): ControlPlane {
  const { manifest, definitions } = readTree(decodedBy(decode, bytes));
  const brought = new Set(definitions.map(({ kind, name }) => idOf(kind, name)));
  const listed = new Set(SECTIONS.flatMap(({ section, kind }) => (manifest[section] ?? []).flatMap((ref) => ("name" in ref ? [idOf(kind, ref.name)] : []))));
  const kept = base.nodes.map(({ node }) => node).filter(({ kind, name }) => listed.has(idOf(kind, name)) && !brought.has(idOf(kind, name)));
  const input: LinkInput = { manifest: unpinned(manifest, brought), definitions: [...definitions, ...kept], moduleHashes: new Map(), unreadable: new Set() };
  const { linked, findings } = judge(input);
  const error = findings.find(({ severity }) => severity === "error");
  if (error !== undefined) throw invalid(error.owner, error);
  requireRefs(input.manifest, linked.manifest, { zero: "asks" });
  return loadBundle(canonical(patchValue(linked.manifest, linked.nodes.map(({ node }) => node))));
}

/** The manifest with the zero hash, which asks to be filled in, where its references name what comes with it. */
function unpinned(manifest: Manifest, brought: ReadonlySet<string>): Manifest {
  const lists = SECTIONS.flatMap(({ section, kind }) => {
    const refs = manifest[section];
    return refs === undefined ? [] : [[section, refs.map((ref) => ("name" in ref && brought.has(idOf(kind, ref.name)) ? { ...ref, hash: ZERO_HASH } : ref))] as const];
  });
  return { ...manifest, ...Object.fromEntries(lists) };
}

/** References must name what they stand for. */
function requireRefs(written: Manifest, linked: Manifest, options: { readonly zero: "asks" | "refused" }): void {
  for (const { section } of SECTIONS) {
    for (const [index, ref] of (written[section] ?? []).entries()) {
      const filled = linked[section]?.[index];
      if (!("hash" in ref) || filled === undefined || !("hash" in filled) || filled.hash === ref.hash) continue;
      if (ref.hash === ZERO_HASH && options.zero === "asks") continue;
      throw invalid({ kind: "manifest", name: "" }, { code: "ref.hash", pointer: `/${section}/${index}/hash`, message: `the manifest says ${ref.hash} of \`${ref.name}\`, which is ${filled.hash}` });
    }
  }
}

function readBundle(bytes: Uint8Array): ReturnType<typeof readTree> {
  return readTree(decodedBy(decodeCanonical, bytes));
}

function readTree(tree: Value): { readonly manifest: Manifest; readonly definitions: readonly Definition[] } {
  const fields = tree instanceof Map ? (tree as ReadonlyMap<Value, Value>) : new Map<Value, Value>();
  const nodes = fields.get("nodes") ?? [];
  const bare = fields.get("manifest");
  if (!(bare instanceof Map) || !Array.isArray(nodes)) throw refused("expected a map of `manifest` and `nodes`");
  const manifest = readNode((report) => parseBare("manifest", bare, report), "/manifest");
  if (manifest.kind !== "manifest") throw refused("/manifest is not a manifest");
  const definitions = new Map<string, Definition>();
  for (const [index, entry] of (nodes as readonly Value[]).entries()) {
    const at = under("/nodes", index);
    const node = readNode((report) => parseNode(entry, report), at);
    if (node.kind === "manifest") throw refused(`${at} is a manifest`);
    if (definitions.has(idOf(node.kind, node.name))) throw refused(`${at}: \`${node.name}\` is there twice`);
    definitions.set(idOf(node.kind, node.name), node);
  }
  return { manifest, definitions: [...definitions.values()] };
}

function decodedBy(read: (bytes: Uint8Array) => Value, bytes: Uint8Array): Value {
  try {
    return read(bytes);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    throw new AosError("bundle.invalid", `bundle: ${error.message}`, { cause: error, data: { code: error.code } });
  }
}

function readNode(parse: (report: (problem: Problem) => void) => Node | undefined, at: string): Node {
  let first: Problem | undefined;
  const node = parse((problem) => {
    if (problem.severity !== "warning") first ??= problem;
  });
  if (first !== undefined) throw refused(`${at}${first.pointer}: ${first.message}`, first.code);
  if (node === undefined) throw refused(`${at} is not a node`);
  return node;
}

function refused(message: string, code = "bundle.form"): AosError {
  return new AosError("bundle.invalid", `bundle: ${message}`, { data: { code } });
}

function invalid(owner: Owner, { code, pointer, message, hint }: Problem): AosError {
  return new AosError("bundle.invalid", `bundle: ${owner.kind === "manifest" ? "manifest" : owner.name}${pointer}: ${message}`, {
    at: { pointer },
    data: { code },
    ...(hint === undefined ? {} : { hint }),
  });
}
