// Which hooks a repository has.

import type { ClientHooksState } from "@agentos/hooks";
import type { Style } from "./style.ts";

export interface HooksView {
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

function clientLine({ state, looksIn }: ClientHooksState, style: Style): string {
  if (state === "in-force") return style.green("in force");
  return state === "absent" ? style.dim("not installed") : style.yellow(`passed over: git looks in ${looksIn}; run \`aos hooks install\` again`);
}
