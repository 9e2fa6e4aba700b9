// What `aos module inspect` found, as lines.

import type { ModuleReport } from "@agentos/kernel";
import { columns, short, shown, type Style } from "./style.ts";

const OUTPUT_SHOWN = 120;

export function reportLines(report: ModuleReport, style: Style): readonly string[] {
  const verdict = report.refused === undefined ? style.green("admitted") : style.red("refused");
  const rows: (readonly [string, string | undefined])[] = [
    ["kind", report.kind],
    ["hash", report.hash],
    ["size", `${report.size} bytes${report.bundleSize === undefined ? "" : `, ${report.bundleSize} of them script`}`],
    ["engine", report.engine === undefined ? undefined : short(report.engine)],
    ["entries", joined(report.entries.map(({ name, signature }) => `${name} (${signature})`))],
    ["exports", joined(report.exports)],
    ["imports", joined(report.imports) ?? (report.exports.length === 0 ? undefined : "none")],
    ["functions", report.functions?.toString()],
    ["memory", report.memory === undefined ? undefined : `${report.memory.pages} ${report.memory.pages === 1 ? "page" : "pages"} of 64 KiB${report.memory.max === undefined ? "" : `, at most ${report.memory.max}`}`],
    ["instances", report.freshInstances === true ? "a fresh one for each call: it writes what cannot be put back" : undefined],
    ["reason", report.refused?.reason],
    ["at byte", report.refused?.offset?.toString()],
    ...sampleRows(report),
  ];
  return [verdict, ...columns(rows.flatMap(([name, value]) => (value === undefined ? [] : [[style.dim(name), shown(value)]])))];
}

function sampleRows({ sample }: ModuleReport): readonly (readonly [string, string])[] {
  if (sample === undefined) return [];
  const fuel = ["fuel", `${sample.fuelUsed} units`] as const;
  if (sample.kind === "failed") return [["call", `failed: ${sample.code}: ${sample.message}`], fuel];
  const hex = Buffer.from(sample.output).toString("hex");
  return [["output", hex.length <= OUTPUT_SHOWN ? hex : `${hex.slice(0, OUTPUT_SHOWN)}… (${sample.output.length} bytes)`], fuel];
}

function joined(texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : texts.join(", ");
}
