// aos policy check: is a policy file right, and could anybody satisfy it?

import { AosError } from "@agentos/kernel";
import { policyWarnings } from "@agentos/controller";
import { command } from "../command.ts";
import { readPolicyFile, readTrustFile } from "../policy-file.ts";
import { policyCheckLines, problemLines, type PolicyProblem } from "../render/policy.ts";

export default command({
  positionals: { file: { type: "string", describe: "The policy file [default: .aos/policy.json]" } },
  options: {},
  epilogue: "Exit code 2 when the file is wrong, all problems at once. What nobody could ever satisfy is a warning: a world can lock itself out.\nWith --json: {ok, file, rules, warnings: [{pointer, message}]}, or {ok: false, problems: [{pointer, line, column, message}]}.",
  async run(cx, { file: typed }) {
    const trust = await readTrustFile(cx);
    const { file, policy, absent } = await readPolicyFile(cx, typed).catch((error: unknown) => {
      if (error instanceof AosError && error.code === "policy.invalid") {
        const problems = error.data["problems"] as readonly PolicyProblem[];
        cx.out.result({ ok: false, problems }, problemLines(typed ?? ".aos/policy.json", problems, cx.out.style));
      }
      throw error;
    });
    const warnings = policyWarnings(policy, trust);
    cx.out.result({ ok: true, file, rules: policy.rules?.length ?? 0, warnings }, policyCheckLines({ file, absent, rules: policy.rules?.length ?? 0, warnings }, cx.out.style));
  },
});
