// What the doctor found, one check a line, and below what is wrong how to mend it.

import { columns, shown, type Style } from "./style.ts";

interface CheckView {
  readonly name: string;
  readonly state: "bad" | "fine" | "odd";
  readonly says: string;
  readonly mend?: string;
}

export function doctorLines(checks: readonly CheckView[], style: Style): readonly string[] {
  const mark = { fine: style.green("ok"), odd: style.yellow("!"), bad: style.red("no") } as const;
  const rows = columns(checks.map(({ name, state, says }) => [mark[state], name, shown(says)]));
  return checks.flatMap(({ mend }, index) => [rows[index] ?? "", ...(mend === undefined ? [] : [`      ${style.dim("→")} ${shown(mend)}`])]);
}
