// aos explain: what the code of a finding means.

import { AosError, compareText, nearest, PATCH_RULES, RULES } from "@agentos/kernel";
import { CHECK_RULES } from "../check-rules.ts";
import { command } from "../command.ts";
import { ruleLines } from "../render/air.ts";

export default command({
  positionals: { code: { type: "string", describe: "A code as `aos check` prints it, such as air.name [default: list all]" } },
  options: {},
  epilogue: "Knows every code of `aos check` and of patch documents.\nWith --json: {code, text}, or {rules} without a code.",
  async run(cx, { code }) {
    const rules = new Map([...RULES, ...PATCH_RULES, ...CHECK_RULES]);
    if (code === undefined) {
      const rows = [...rules].map(([name, text]) => ({ code: name, text })).sort((a, b) => compareText(a.code, b.code));
      return cx.out.result({ rules: rows }, ruleLines(rows, cx.out.style));
    }
    const text = rules.get(code);
    if (text === undefined) throw new AosError("explain.unknown", `${code}: no rule has this code`, { hint: hintFor(code, [...rules.keys()]) });
    return cx.out.result({ code, text }, ruleLines([{ code, text }], cx.out.style));
  },
});

/** The code that was probably meant, else those that share a word with it. */
function hintFor(code: string, codes: readonly string[]): string {
  const meant = nearest(code, codes);
  const [area = "", ...words] = code.split(".");
  const related = codes.filter((one) => one.startsWith(`${area}.`) || (words.length > 0 && one.endsWith(`.${words.join(".")}`))).sort(compareText);
  const others = related.filter((one) => one !== meant).slice(0, 8);
  if (meant !== undefined) return `did you mean ${meant}?${others.length === 0 ? "" : ` Others of that kind: ${others.join(", ")}`}`;
  return others.length === 0 ? "`aos explain` lists all" : `codes of that kind: ${others.join(", ")}; \`aos explain\` lists all`;
}
