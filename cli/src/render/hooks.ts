// Which hooks a repository has.

import type { ClientHooksState } from "@agentos/hooks";
import type { Style } from "./style.ts";

interface HooksView {
  readonly place: string;
  readonly client: ClientHooksState;
  /** Those that are installed. */
  readonly server: readonly string[];
  readonly all: readonly string[];
}

export function hooksLines({ place, client, server, all }: HooksView, style: Style): readonly string[] {
  const missing = all.filter((hook) => !server.includes(hook));
  return [
    place,
    `  clone   ${clientLine(client, style)}`,
    `  server  ${server.length === 0 ? style.dim("not guarded") : missing.length === 0 ? style.green("guarded") : style.yellow(`${server.join(", ")} only; run \`aos hooks install --server\` again`)}`,
  ];
}

/** Which world a guarded server takes. @param held - the one that is there */
export function worldLines({ pinned, held }: { readonly pinned: string | undefined; readonly held: string | undefined }, style: Style): readonly string[] {
  if (pinned === undefined) return [`${style.yellow("no pin")}   ${held === undefined ? "the first main that is pushed decides which world this is" : `it holds the world ${held}`}; --trust sha256:… pins one`];
  return [`${style.green("pinned")}   ${pinned}${held === undefined ? ": no world is here yet to compare it with; a main that begins another is refused when it is pushed" : ", the world that is here"}`];
}

function clientLine({ state, looksIn }: ClientHooksState, style: Style): string {
  if (state === "in-force") return style.green("in force");
  return state === "absent" ? style.dim("not installed") : style.yellow(`passed over: git looks in ${looksIn}; run \`aos hooks install\` again`);
}
