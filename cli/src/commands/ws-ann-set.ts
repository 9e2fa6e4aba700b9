// aos ws ann set: annotates a file, a directory or a root, as a new version.

import { AosError, isHash, trees, utf8, type Hash } from "@agentos/kernel";
import { command } from "../command.ts";
import { CHANGE_OPTIONS, changeWorkspace, tellChange } from "../workspace.ts";
import { parsePlace } from "../workspace-ref.ts";

export default command({
  positionals: {
    ref: { type: "string", demandOption: true, describe: "NAME[@VERSION][/PATH]; the version must be the head" },
    values: { type: "string", array: true, demandOption: true, describe: "KEY=VALUE" },
  },
  options: { "values-are-hashes": { type: "boolean", default: false, describe: "Each VALUE is the hash of a blob that the world has" }, ...CHANGE_OPTIONS },
  epilogue: "Example: aos ws ann set site/index.html http.content-type='text/html; charset=utf-8'\nWith --json: {workspace, version, root, changed}.",
  async run(cx, { ref, values, "values-are-hashes": hashes, owner, message }) {
    const place = parsePlace(ref);
    const pairs = values.map(pairOf);
    const wrong = hashes ? pairs.find(([, value]) => !isHash(value)) : undefined;
    if (wrong !== undefined) throw new AosError("cli.hash", `${wrong[0]}=${wrong[1]}: not a hash`, { hint: "a hash is sha256: and 64 hex digits" });
    const made = await changeWorkspace(cx, place, async ({ root, blobs, client }) => {
      const patch = new Map<string, Hash | null>();
      for (const [key, value] of pairs) {
        const hash = hashes ? (value as Hash) : await blobs.put(utf8(value));
        if (hashes && (await client.bytes("HEAD", `/blobs/${hash}`)) === undefined) throw new AosError("blob.missing", `${key}: the world has no blob ${hash}`);
        patch.set(key, hash);
      }
      return (await trees.annotate(blobs, root, { ...(place.path === undefined ? {} : { path: place.path }), patch })).root;
    }, { owner, message });
    tellChange(cx, made, "annotated");
  },
});

function pairOf(typed: string): readonly [key: string, value: string] {
  const at = typed.indexOf("=");
  if (at <= 0) throw new AosError("cli.annotation", `${JSON.stringify(typed)}: expected KEY=VALUE`, { hint: "such as http.content-type=text/plain" });
  return [typed.slice(0, at), typed.slice(at + 1)];
}
