// What `aos test` says of scenarios: a line each, and of those that fail where what came is something else.

import { jsonOf, writeJson, type Difference, type Json } from "@agentos/kernel";
import type { ScenarioResult } from "../scenario-tests.ts";
import { brief, count, shown, type Style } from "./style.ts";

const DIFFERENCES_MAX = 12;
const VALUE_CHARS = 160;
const PASSED = "ok  ";

/** @param view.written - the files that were written anew; undefined: none was to be */
export function testedLines(results: readonly ScenarioResult[], { style, written }: { readonly style: Style; readonly written?: readonly string[] | undefined }): readonly string[] {
  const failed = results.filter(({ differences }) => differences.length > 0).length;
  const rows = results.flatMap(({ scenario, differences, report }) => {
    const word = written === undefined ? (differences.length === 0 ? style.green(PASSED) : style.red("FAIL")) : written.includes(scenario.file) ? style.yellow("wrote") : style.dim("as it was");
    const name = scenario.name === undefined ? "" : `  ${shown(scenario.name)}`;
    const came = `${count(report.scenarios[0]?.events ?? 0, "event")}, ${count(report.effects.length, "effect")}, ${count(report.cells.length, "cell")}${scenario.expect === undefined && written === undefined ? "; nothing is expected of it" : ""}`;
    const more = differences.length - DIFFERENCES_MAX;
    const undone = report.failures.length + report.denied.length + report.rejected.length;
    const noted = written === undefined || undone === 0 ? "" : `  ${style.yellow(`expects that ${undone === 1 ? "1 thing is" : `${undone} things are`} refused or undone`)}`;
    const told = written === undefined ? [...differences.slice(0, DIFFERENCES_MAX).map((one) => `      ${differenceLine(one, style)}`), ...(more > 0 ? [`      and ${count(more, "difference")} more`] : [])] : [];
    return [`${word}  ${shown(scenario.file)}${name}  ${style.dim(came)}${noted}`, ...told];
  });
  if (results.length === 0) return ["no scenarios: put some into shadow/*.json"];
  return [...rows, written === undefined ? `${count(results.length, "scenario")}, ${failed === 0 ? style.green("all as expected") : style.red(`${failed} not as expected`)}` : `${count(written.length, "scenario")} written`];
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

/** Of those that pass only how many they are. */
export function testedBriefly(results: readonly ScenarioResult[], style: Style): readonly string[] {
  return testedLines(results, { style }).filter((line) => !line.startsWith(style.green(PASSED)));
}

/** @param written - the files that were written anew: what came is what each expects then; undefined: none was to be */
export function testedJson(results: readonly ScenarioResult[], written?: readonly string[]): Json {
  const scenarios = results.map(({ scenario: { file, name, events, expect }, differences: found }) => {
    const differences = written === undefined ? found : [];
    return { file, ...(name === undefined ? {} : { name }), ok: differences.length === 0, expects: expect !== undefined || written !== undefined, events: events.length, differences };
  });
  return jsonOf({ ok: scenarios.every(({ ok }) => ok), scenarios, ...(written === undefined ? {} : { written }) });
}
