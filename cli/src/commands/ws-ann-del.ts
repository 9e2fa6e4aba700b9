// aos ws ann del: takes annotations away, as a new version.

import { AosError, trees } from "@agentos/kernel";
import { command } from "../command.ts";
import { CHANGE_OPTIONS, changeWorkspace, tellChange } from "../workspace.ts";
import { parsePlace } from "../workspace-ref.ts";

export default command({
  positionals: {
    ref: { type: "string", demandOption: true, describe: "NAME[@VERSION][/PATH]; the version must be the head" },
    keys: { type: "string", array: true, demandOption: true, describe: "Keys to take away" },
  },
  options: { ...CHANGE_OPTIONS },
  epilogue: "With --json: {workspace, version, root, changed}.",
  async run(cx, { ref, keys, owner, message }) {
    const place = parsePlace(ref);
    const made = await changeWorkspace(cx, place, async ({ root, blobs }) => {
      const found = await trees.annotations(blobs, root, place.path);
      const unknown = keys.find((key) => found?.has(key) !== true);
      if (unknown !== undefined) throw new AosError("cli.annotation", `${ref}: has no annotation ${JSON.stringify(unknown)}`, { hint: `it has ${[...(found?.keys() ?? [])].join(", ") || "none"}` });
      return (await trees.annotate(blobs, root, { ...(place.path === undefined ? {} : { path: place.path }), patch: new Map(keys.map((key) => [key, null])) })).root;
    }, { owner, message });
    tellChange(cx, made, "taken away");
  },
});
