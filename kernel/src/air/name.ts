// The grammar of definition names: `namespace/name@version`.

import type { Name } from "./value.ts";

const NAME = /^[a-z][a-z0-9._-]*\/[A-Za-z][A-Za-z0-9._-]*@[1-9][0-9]*$/;

/** Whether a text is a definition name, e.g. `demo/Counter@1`. */
export function isName(text: string): text is Name {
  return NAME.test(text);
}
