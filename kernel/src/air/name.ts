// The grammar of definition names: `namespace/name@version`.

import { AosError } from "./error.ts";
import type { Name } from "./value.ts";

const NAME = /^[a-z][a-z0-9._-]*\/[A-Za-z][A-Za-z0-9._-]*@[1-9][0-9]*$/;

/** Whether a text is a definition name, e.g. `demo/Counter@1`. */
export function isName(text: string): text is Name {
  return NAME.test(text);
}

/**
 * Reads a definition name.
 * @throws AosError `air.name`
 */
export function parseName(text: string): Name {
  if (isName(text)) return text;
  throw new AosError("air.name", `name: expected namespace/Name@version, got ${JSON.stringify(text)}`, {
    hint: "a lower-case namespace, a slash, a name, @ and a version from 1, for example demo/Counter@1",
  });
}
