// aos approvals deny: refuses an effect that waits for a person.

import { decide } from "../approve.ts";
import { command } from "../command.ts";
import { countOf } from "../count.ts";

export default command({
  positionals: { seq: { type: "number", demandOption: true, describe: "Seq of the held effect, as `aos approvals ls` prints it" } },
  options: { reason: { type: "string", requiresArg: true, describe: "Why; it is signed and goes into the journal" } },
  epilogue: "Signed with your key (--key, AOS_KEY, git config aos.key, user.signingkey), which must be a person's of the trust file in force.\nThe plan that wants it ends with the code of a denial.\nWith --json: {seq, intent, effect, decision, by, records}. Exit code 3 when the world refuses the decision.",
  run: (cx, { seq, reason }) => decide(cx, "deny", { seq: countOf("SEQ", seq), reason }),
});
