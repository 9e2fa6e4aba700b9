// aos policy explain: what a policy asks for, in words.

import { explainPolicy } from "@agentos/controller";
import { command } from "../command.ts";
import { readPolicyFile, readTrustFile } from "../policy-file.ts";
import { clauseLines } from "../render/policy.ts";

export default command({
  positionals: { file: { type: "string", describe: "The policy file [default: .aos/policy.json]" } },
  options: {},
  epilogue: "Every clause in the order in which it is judged; who has a role is read from .aos/trust.json of this folder.\nWith --json: {file, clauses: [{clause, says: [sentence]}]}.",
  async run(cx, { file: typed }) {
    const trust = await readTrustFile(cx);
    const { file, policy, absent } = await readPolicyFile(cx, typed);
    if (absent) cx.out.notice(`there is no ${file}: this is what holds without one`);
    const clauses = explainPolicy(policy, trust);
    cx.out.result({ file, clauses }, clauseLines(clauses, cx.out.style));
  },
});
