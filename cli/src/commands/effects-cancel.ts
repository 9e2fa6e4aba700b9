// aos effects cancel: stops a running effect; its receipt says so.

import { requireRunning } from "../answer.ts";
import { command } from "../command.ts";
import { countOf } from "../count.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: { seq: { type: "number", demandOption: true, describe: "Seq of the effect, as `aos effects ls` prints it" } },
  options: {},
  epilogue: "The effect gets a receipt with status `error` and code `cancelled`; what it did outside until then is done.\nWith --json: {seq}.",
  async run(cx, { seq }) {
    const at = countOf("SEQ", seq);
    const world = await requireRunning(await worldRepo(cx));
    await world.ask("POST", `/effects/${at}/cancel`, {});
    cx.out.result({ seq: at }, [`cancelled  #${at}: its receipt will say \`cancelled\``]);
  },
});
