// aos keys signers: the file by which stock git believes the keys of the trust file.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AosError } from "@agentos/kernel";
import { ALLOWED_SIGNERS_PATH, filesOfFolder, parseTrust, renderTrustSigners, saysSigners, TRUST_PATH } from "@agentos/controller";
import { command } from "../command.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: {},
  options: { write: { type: "boolean", default: false, describe: `Write it to ${ALLOWED_SIGNERS_PATH}` } },
  epilogue: `After each change of the keys in ${TRUST_PATH}: stock git and ssh-keygen judge signatures by this file. Retired keys are not in it.\nWith --json: {path, signers, written}.`,
  async run(cx, { write }) {
    const folder = await worldFolder(cx);
    const files = filesOfFolder(folder);
    const bytes = await files.read(TRUST_PATH);
    if (bytes === undefined) throw new AosError("trust.missing", `${folder}: no ${TRUST_PATH}`, { at: { file: TRUST_PATH }, hint: "begin a world with `aos init DIR`" });
    const trust = parseTrust(bytes, TRUST_PATH);
    const signers = renderTrustSigners(trust);
    const written = write && !saysSigners(await files.read(ALLOWED_SIGNERS_PATH), trust);
    if (written) await writeFile(join(folder, ALLOWED_SIGNERS_PATH), signers);
    const lines = signers.trimEnd().split("\n");
    cx.out.result({ path: ALLOWED_SIGNERS_PATH, signers, written }, write ? [`${written ? "written" : "as it is"}  ${ALLOWED_SIGNERS_PATH}: keys ${lines.length}`] : lines);
  },
});
