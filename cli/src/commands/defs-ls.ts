// aos defs ls: definitions by kind and name.

import { DEF_KINDS } from "../air-text.ts";
import { command } from "../command.ts";
import { builtinDefinitions, ownDefinitions } from "../definitions.ts";
import { defLines } from "../render/air.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: {},
  options: {
    kind: { type: "string", requiresArg: true, choices: DEF_KINDS, describe: "Only this kind" },
    prefix: { type: "string", requiresArg: true, describe: "Only names that begin so" },
    builtin: { type: "boolean", default: false, describe: "The builtin catalog instead of the world's own; needs no world" },
  },
  epilogue: "With --json: {definitions: [{hash, kind, name, builtin}]}.",
  async run(cx, { kind, prefix = "", builtin }) {
    const all = builtin ? builtinDefinitions() : await ownDefinitions(await worldFolder(cx));
    const found = all.filter(({ node }) => (kind === undefined || node.kind === kind) && node.name.startsWith(prefix));
    const definitions = found.map(({ node: { kind: its, name }, hash, builtin: own }) => ({ hash, kind: its, name, builtin: own }));
    cx.out.result({ definitions }, defLines(definitions, cx.out.style));
  },
});
