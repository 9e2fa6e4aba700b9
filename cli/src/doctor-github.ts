// What aos doctor asks of GitHub: who we are there, what we may, and whether main is guarded by a check that nobody can forge.

import { AosError } from "@agentos/kernel";
import { DECISION_CONTEXT, type BranchRule, type GithubApi, type Installation, type RepositoryFacts, type Rules } from "@agentos/controller";
import { bad, fine, odd, type Check, type Checks } from "./doctor-here.ts";

/** What the controller does with each right. */
const RIGHTS: readonly (readonly [string, "read" | "write", string])[] = [
  ["checks", "write", "the required check"], ["contents", "write", "the journal in notes, and merging"], ["metadata", "read", "rules of branches"], ["pull_requests", "write", "proposals, reviews, the comment"], ["statuses", "write", "what approvals bind to"],
];

/** @param rules - of main, where they can be read: who has an account there */
export async function checkGithub(api: GithubApi, rules: Rules | undefined): Promise<Checks> {
  const facts = await asked("github", () => api.repository());
  if ("check" in facts) return [facts.check];
  const self = await asked("account", () => api.self());
  const branch = await asked("rules of main", () => api.branchRules("main"));
  return [
    checkRepository(facts.value),
    "check" in self ? self.check : fine("account", self.value.appId === null ? `user ${self.value.userId}, by a token` : `App ${self.value.appId}`),
    ...(await checkRights(api, facts.value)),
    ...("check" in branch ? [branch.check] : checkBranch(branch.value, "check" in self ? null : self.value.appId)),
    ...(rules === undefined ? [] : [checkAccounts(rules)]),
    odd("notes", "GitHub's rulesets do not cover refs/notes/*: whoever may write contents may rewrite them", "nothing to mend: the controller and `aos verify` in a clone that saw more notice it. Give write access to few"),
  ];
}

type Asked<T> = { readonly value: T } | { readonly check: Check };

async function asked<T>(name: string, ask: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { value: await ask() };
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return { check: bad(name, error.message, error.hint ?? "try again when GitHub answers: https://www.githubstatus.com") };
  }
}

function checkRepository({ default_branch: main, allow_merge_commit: merges }: RepositoryFacts): Check {
  if (main !== "main") return bad("repository", `its default branch is ${main}`, "Settings, General, Default branch: main. Workflows that post run from the default branch");
  if (merges === false) return bad("repository", "it allows no merge commits", "Settings, General, Pull Requests: allow merge commits. A merge is what is decided on: it has the proposal as its second parent");
  return fine("repository", "default branch main, merge commits allowed");
}

async function checkRights(api: GithubApi, { permissions }: RepositoryFacts): Promise<Checks> {
  if (api.client.kind === "token") {
    const may = permissions?.push === true ? fine("rights", "may push") : bad("rights", "the token may not push here", "a token of somebody with write access: contents, pull requests and statuses");
    return [may, odd("check", "a token makes no check runs: the verdict is a status, which anybody with write access can post too", "register a GitHub App, install it here, and name it with --github-app")];
  }
  const found = await asked("rights", () => api.installation());
  return "check" in found ? [found.check] : [checkGrants(found.value)];
}

function checkGrants({ permissions }: Installation): Check {
  const missing = RIGHTS.filter(([name, level]) => permissions.get(name) !== "write" && permissions.get(name) !== level);
  if (missing.length === 0) return fine("rights", RIGHTS.map(([name, level]) => `${name}: ${level}`).join(", "));
  return bad("rights", `missing: ${missing.map(([name, level, what]) => `${name}: ${level} (${what})`).join(", ")}`, "the App's settings, Permissions; then whoever owns the repository accepts them");
}

/** The rules in force on main, whatever rulesets say of themselves. */
export function checkBranch(found: readonly BranchRule[], appId: number | null): Checks {
  const where = "Settings, Rules, Rulesets: one for the branch main";
  const types = new Set(found.map(({ type }) => type));
  const required = found.flatMap(({ parameters }) => parameters?.required_status_checks ?? []).filter(({ context }) => context === DECISION_CONTEXT);
  const checks: Check[] = [];
  if (required.length === 0) checks.push(bad("required check", `${DECISION_CONTEXT} is not required on main: anybody may merge what is refused. The controller would hold it`, `${where}, require status check ${DECISION_CONTEXT}`));
  else if (appId === null) checks.push(odd("required check", `${DECISION_CONTEXT} is required, from whoever posts it`, "with an App its source can be pinned, so that no workflow passes for it"));
  else if (required.every(({ integration_id: source }) => source !== appId)) checks.push(bad("required check", `${DECISION_CONTEXT} is required from any source: any workflow job can post it`, `${where}: set its expected source to the App (${appId})`));
  else checks.push(fine("required check", `${DECISION_CONTEXT}, from App ${appId}`));
  for (const [type, what] of [["pull_request", "require a pull request"], ["non_fast_forward", "block force pushes"], ["deletion", "restrict deletions"]] as const) {
    checks.push(types.has(type) ? fine(what, "in force on main") : odd(what, "not in force on main", `${where}: ${what}. Let the controller and who merges by \`aos merge\` bypass it`));
  }
  return checks;
}

function checkAccounts({ trust }: Rules): Check {
  const persons = trust.principals.filter(({ kind }) => kind === "person");
  const without = persons.filter(({ github }) => github === undefined).map(({ name }) => name);
  if (without.length === 0) return fine("accounts", `${persons.length} persons`);
  return odd("accounts", `no account on GitHub: ${without.join(", ")}. Their reviews there count for nothing`, 'add "github": ID to each in .aos/trust.json, by a proposal; gh api users/LOGIN --jq .id says the id');
}
