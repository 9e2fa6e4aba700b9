// aos init: a folder becomes a world, whole or not at all.

import { basename, resolve } from "node:path";
import { AosError } from "@agentos/kernel";
import { isPrincipalName } from "@agentos/controller";
import { command } from "../command.ts";
import { readPerson, TEMPLATES } from "../genesis.ts";
import { parseActionsPlace } from "../github-files.ts";
import { makeWorld } from "../make-world.ts";
import { madeLines } from "../render/init.ts";

export default command({
  positionals: { dir: { type: "string", demandOption: true, describe: "The folder: new, empty, or a Git repository without commits" } },
  options: {
    template: { choices: TEMPLATES, default: "counter" as const, describe: "What the world begins with" },
    name: { type: "string", requiresArg: true, describe: "The world's name [default: the folder's]" },
    author: { type: "string", requiresArg: true, default: "author", describe: "Name of the person who makes it: a principal's name" },
    github: { type: "string", requiresArg: true, describe: "OWNER/NAME@COMMIT with the actions of AgentOS: write workflows that use them" },
    person: { type: "string", array: true, requiresArg: true, describe: "NAME=PUBKEYFILE: one more person; may be given again" },
  },
  epilogue: "The author's key is --key PATH, or a new one in the repository's own folder. A proposal needs the approval of a person\nwho is not its author, so name a second one: aos init my-world --person reviewer=reviewer.pub",
  async run(cx, { dir, template, name, author, person, github }) {
    if (!isPrincipalName(author)) throw new AosError("cli.author", `--author ${author}: not a principal's name`, { hint: "a lower-case letter, then lower-case letters, digits and -, at most 32" });
    const folder = resolve(cx.cwd, dir);
    const worldName = name ?? basename(folder);
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(worldName)) throw new AosError("cli.name", `${worldName}: not a world's name`, { hint: "letters, digits, . _ and -, at most 64; choose one with --name" });
    const persons = await Promise.all((person ?? []).map((text) => readPerson(text)));
    const keyPath = cx.key === undefined ? undefined : resolve(cx.cwd, cx.key);
    const made = await makeWorld(folder, { template, name: worldName, author, keyPath, persons, github: github === undefined ? undefined : parseActionsPlace(github) });
    cx.out.result(made, madeLines({ ...made, folder: dir }, cx.out.style));
    if (persons.length === 0) cx.out.notice("this world has one person: nobody can approve what they propose, not even a second person later. Name another now, with --person");
  },
});
