// aos fmt: AIR files in their one layout.

import { relative, resolve } from "node:path";
import { AosError, formatAir } from "@agentos/kernel";
import { filesOfFolder, readSyncMap } from "@agentos/controller";
import { readAirText } from "../air-text.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { formattedLines } from "../render/air.ts";
import { replaceFiles } from "../replace-files.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: { file: { type: "string", array: true, describe: "AIR files [default: all of the world's]" } },
  options: { check: { type: "boolean", default: false, describe: "Write nothing; fail when a file would change" } },
  epilogue: "No hash changes, and comments are kept. Prints the files that changed. Where one cannot be read, none is written.\nWith --json: {changed, files}.",
  async run(cx, { file: named = [], check }) {
    const paths = named.length > 0 ? [...new Set(named.map((path) => resolve(cx.cwd, path)))] : await airFiles(cx);
    const changed: { readonly path: string; readonly shown: string; readonly text: string }[] = [];
    for (const path of paths) {
      const shown = relative(cx.cwd, path);
      const before = await readAirText(path, shown);
      const text = formatAir(before, shown);
      if (text !== before) changed.push({ path, shown, text });
    }
    if (!check) await replaceFiles(changed);
    const names = changed.map(({ shown }) => shown);
    cx.out.result({ changed: names, files: paths.length }, formattedLines(names));
    const [first] = names;
    if (check && first !== undefined) throw new AosError("fmt.changed", `${first}: not in the layout of \`aos fmt\`${names.length === 1 ? "" : `, and ${names.length - 1} more`}`, { at: { file: first }, hint: "run `aos fmt`" });
  },
});

async function airFiles(cx: Context): Promise<readonly string[]> {
  const folder = await worldFolder(cx);
  const files = filesOfFolder(folder);
  const { airDir } = await readSyncMap(files);
  for (const { path } of await files.passedOver(airDir)) cx.out.notice(`${path}: left as it is, and no part of the world: \`aos explain world.link\` says why`);
  return (await files.list(airDir)).filter((path) => path.endsWith(".json")).map((path) => resolve(folder, path));
}
