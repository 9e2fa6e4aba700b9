// What `aos test` says of scenarios: a line each, and of those that fail where what came is something else.

import { jsonOf, writeJson, type Difference, type Json } from "@agentos/kernel";
import type { ScenarioResult } from "../scenario-tests.ts";
import { brief, count, shown, type Style } from "./style.ts";

const DIFFERENCES_MAX = 12;
const VALUE_CHARS = 160;

/** A line for each scenario, and below one that fails where; then how many there are. */
export function testedLines(results: readonly ScenarioResult[], style: Style): readonly string[] {
  return [...results.flatMap((result) => resultLines(result, style)), summaryLine(results, style)];
}

/** The same, of those that pass only how many they are. */
export function testedBriefly(results: readonly ScenarioResult[], style: Style): readonly string[] {
  return [...results.filter(isFailed).flatMap((result) => resultLines(result, style)), summaryLine(results, style)];
}

/** @param written - the files that were written anew */
export function updatedLines(results: readonly ScenarioResult[], written: readonly string[], style: Style): readonly string[] {
  if (results.length === 0) return [summaryLine(results, style)];
  const rows = results.map(({ scenario, report }) => {
    const undone = report.failures.length + report.denied.length + report.rejected.length;
    const noted = undone === 0 ? "" : `  ${style.yellow(`expects that ${undone === 1 ? "1 thing is" : `${undone} things are`} refused or undone`)}`;
    return `${written.includes(scenario.file) ? style.yellow("wrote") : style.dim("as it was")}  ${named(scenario)}  ${style.dim(cameText(report))}${noted}`;
  });
  return [...rows, `${count(written.length, "scenario")} written`];
}

function resultLines(result: ScenarioResult, style: Style): readonly string[] {
  const { scenario, differences, report } = result;
  const came = `${cameText(report)}${scenario.expect === undefined ? "; nothing is expected of it" : ""}`;
  const more = differences.length - DIFFERENCES_MAX;
  return [
    `${isFailed(result) ? style.red("FAIL") : style.green("ok  ")}  ${named(scenario)}  ${style.dim(came)}`,
    ...differences.slice(0, DIFFERENCES_MAX).map((one) => `      ${differenceLine(one, style)}`), ...(more > 0 ? [`      and ${count(more, "difference")} more`] : []),
  ];
}

function summaryLine(results: readonly ScenarioResult[], style: Style): string {
  if (results.length === 0) return "no scenarios: put some into shadow/*.json";
  const failed = results.filter(isFailed).length;
  return `${count(results.length, "scenario")}, ${failed === 0 ? style.green("all as expected") : style.red(`${failed} not as expected`)}`;
}

function isFailed({ differences }: ScenarioResult): boolean {
  return differences.length > 0;
}

function named({ file, name }: ScenarioResult["scenario"]): string {
  return name === undefined ? shown(file) : `${shown(file)}  ${shown(name)}`;
}

function cameText({ scenarios, effects, cells }: ScenarioResult["report"]): string {
  return `${count(scenarios[0]?.events ?? 0, "event")}, ${count(effects.length, "effect")}, ${count(cells.length, "cell")}`;
}

function differenceLine({ at, expected, found }: Difference, style: Style): string {
  const place = shown(at.replaceAll("/", " "));
  if (expected === undefined) return `${place}: not expected: ${style.red(valueText(found))}`;
  if (found === undefined) return `${place}: expected ${style.green(valueText(expected))}, and nothing came`;
  return `${place}: expected ${style.green(valueText(expected))}, came ${style.red(valueText(found))}`;
}

function valueText(value: Json | undefined): string {
  return value === undefined ? "nothing" : brief(writeJson(value), VALUE_CHARS);
}

/** @param written - the files that were written anew: what came is what each expects then; undefined: none was to be */
export function testedJson(results: readonly ScenarioResult[], written?: readonly string[]): Json {
  const scenarios = results.map(({ scenario: { file, name, events, expect }, differences: found }) => {
    const differences = written === undefined ? found : [];
    return { file, ...(name === undefined ? {} : { name }), ok: differences.length === 0, expects: expect !== undefined || written !== undefined, events: events.length, differences };
  });
  return jsonOf({ ok: scenarios.every(({ ok }) => ok), scenarios, ...(written === undefined ? {} : { written }) });
}
