// The note that carries a shadow report: a summary for people, a signed claim, and the report itself.

import { AosError, canonical, decodeBase64, encodeBase64, hashValue, readJson, writeJson } from "@agentos/kernel";
import type { Json } from "@agentos/kernel";
import type { ShadowClaim } from "./decision.ts";
import { HASH_SHAPE, OID_SHAPE } from "./review.ts";
import type { VerifySshsig } from "./review.ts";
import { readDocument, record, text, version } from "./shape.ts";
import type { Shape } from "./shape.ts";

/** The SSHSIG namespace of shadow reports. */
export const SHADOW_NAMESPACE = "aos-shadow";

const CLAIM_START = "aos-shadow 1 ";
const REPORT_START = "report ";

interface ShadowReport {
  readonly claim: ShadowClaim;
  /** SSHSIG blob over shadowClaimBytes. */
  readonly sig: Uint8Array;
  readonly report: Json;
}
/** One report as it stands in a note, with the summary before it. */
export interface ShadowEntry extends ShadowReport {
  /** All its lines, without the last newline. */
  readonly lines: string;
}

const CLAIM_FIELDS = {
  v: version(1),
  world: HASH_SHAPE,
  head: OID_SHAPE,
  base: OID_SHAPE,
  tree: OID_SHAPE,
  policy: HASH_SHAPE,
  manifest: HASH_SHAPE,
  consequences: HASH_SHAPE,
  report: HASH_SHAPE,
} as const;
export const CLAIM_SHAPE: Shape<ShadowClaim> = record(CLAIM_FIELDS);
const SIGNED_SHAPE = record({ ...CLAIM_FIELDS, sig: text((sig) => sig !== "" && decodeBase64(sig) !== undefined, "base64") });

/** What a reporter signs: the canonical CBOR of the claim, which names the report by its hash. */
export function shadowClaimBytes(claim: ShadowClaim): Uint8Array {
  const { v, world, head, base, tree, policy, manifest, consequences, report } = claim;
  return canonical({ v, world, head, base, tree, policy, manifest, consequences, report });
}

/** The lines of one report, without the last newline. Lines of the summary that would read as the claim are indented by one blank. */
export function encodeShadow(summary: string, { claim, sig, report }: ShadowReport): string {
  const { v, world, head, base, tree, policy, manifest, consequences } = claim;
  const signed = { v, world, head, base, tree, policy, manifest, consequences, report: claim.report, sig: encodeBase64(sig) };
  const told = summary
    .split("\n")
    .map((line) => (line.startsWith(CLAIM_START) || line.startsWith(REPORT_START) ? ` ${line}` : line))
    .join("\n")
    .trimEnd();
  return [told, "", CLAIM_START + JSON.stringify(signed), REPORT_START + writeJson(report)].join("\n");
}

/**
 * Reads the reports of a note, in order. Signatures are not checked here.
 *
 * @param place - where the note is, for errors
 * @returns the sound reports, and for each other one a sentence that says what is wrong
 */
export function parseShadowNote(note: string, place: string): { readonly entries: readonly ShadowEntry[]; readonly faults: readonly string[] } {
  const entries: ShadowEntry[] = [];
  const faults: string[] = [];
  const lines = note.split("\n");
  let start = 0;
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith(CLAIM_START)) continue;
    try {
      const report = parseReport(lines[index + 1], place);
      entries.push({ ...parseClaim(line, place, report), lines: lines.slice(start, index + 2).join("\n").trimStart() });
    } catch (cause) {
      if (!(cause instanceof AosError)) throw cause;
      faults.push(cause.message);
    }
    start = index + 2;
  }
  return { entries, faults };
}

function parseReport(line: string | undefined, place: string): Json {
  if (line?.startsWith(REPORT_START) !== true) throw new AosError("shadow.invalid", `${place}: no report follows the claim`);
  return readJson(line.slice(REPORT_START.length), place).json;
}

function parseClaim(line: string, place: string, report: Json): ShadowReport {
  const document = readJson(line.slice(CLAIM_START.length), place);
  const { sig, ...claim } = readDocument(document, SIGNED_SHAPE, { code: "shadow.invalid", file: place, check: () => undefined });
  if (hashValue(report) !== claim.report) throw new AosError("shadow.invalid", `${place}: the report is not the one that the claim names`, { class: "unverified" });
  return { claim, sig: decodeBase64(sig) ?? new Uint8Array(), report };
}

/** @returns the raw public key that signed the claim, or undefined when the signature does not hold */
export function verifyShadowClaim({ claim, sig }: Pick<ShadowReport, "claim" | "sig">, verifySshsig: VerifySshsig): Uint8Array | undefined {
  return verifySshsig(sig, SHADOW_NAMESPACE, shadowClaimBytes(claim));
}
