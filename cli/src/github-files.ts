// The workflows that a world on GitHub has: they use the actions of this project at one commit and nothing else of it.

import { AosError, utf8 } from "@agentos/kernel";

/** Where the actions are: `OWNER/NAME@COMMIT`. */
export interface ActionsPlace {
  readonly repository: string;
  readonly commit: string;
}

/** @throws AosError `cli.github` */
export function parseActionsPlace(text: string): ActionsPlace {
  const [, repository, commit] = /^([A-Za-z0-9-]{1,39}\/[A-Za-z0-9._-]{1,100})@([0-9a-f]{40})$/.exec(text) ?? [];
  if (repository === undefined || commit === undefined) throw new AosError("cli.github", `--github ${text}: expected OWNER/NAME@COMMIT of the repository that has the actions`, { hint: "a commit of 40 hex digits: a tag or a branch can be moved by others" });
  return { repository, commit };
}

const CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2";
const UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2";
const DOWNLOAD = "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093 # v4.3.0";

/** By path: shadow and verify with rights to read, decision after them with rights to say something. */
export function githubFiles({ repository, commit }: ActionsPlace, trust: string): ReadonlyMap<string, Uint8Array> {
  const action = (name: string): string => `${repository}/.github/actions/${name}@${commit}`;
  const files: Readonly<Record<string, readonly string[]>> = {
    "shadow.yml": [
      "name: shadow", "", "on:", "  pull_request:", "    branches: [main]", "", "permissions:", "  contents: read", "", "concurrency:", "  group: shadow-${{ github.event.pull_request.number }}", "  cancel-in-progress: true", "",
      "jobs:", "  shadow:", "    runs-on: ubuntu-24.04", "    timeout-minutes: 20", "    steps:",
      `      - uses: ${CHECKOUT}`, "        with:", "          fetch-depth: 0", "          persist-credentials: false",
      `      - uses: ${action("setup")}`, `      - uses: ${action("shadow")}`, "        with:", "          out: ${{ runner.temp }}/aos-shadow",
      `      - uses: ${UPLOAD}`, "        with:", "          name: aos-shadow", "          path: ${{ runner.temp }}/aos-shadow", "          retention-days: 7",
    ],
    "decision.yml": [
      "# Runs with rights to write: it checks out the default branch only, and reads what the shadow job left as bytes from a stranger.",
      "name: decision", "", "on:", "  workflow_run:", "    workflows: [shadow]", "    types: [completed]", "", "permissions: {}", "", "concurrency:", "  group: decision-${{ github.event.workflow_run.head_sha }}", "  cancel-in-progress: false", "",
      "jobs:", "  decision:", "    if: github.event.workflow_run.event == 'pull_request'", "    runs-on: ubuntu-24.04", "    timeout-minutes: 10", "    permissions:", "      actions: read", "      contents: read", "      pull-requests: write", "      statuses: write", "    steps:",
      `      - uses: ${CHECKOUT}`, "        with:", "          ref: ${{ github.event.repository.default_branch }}", "          fetch-depth: 0", "          persist-credentials: false",
      `      - uses: ${DOWNLOAD}`, "        continue-on-error: true", "        with:", "          name: aos-shadow", "          path: ${{ runner.temp }}/aos-shadow", "          run-id: ${{ github.event.workflow_run.id }}", "          github-token: ${{ github.token }}",
      `      - uses: ${action("setup")}`, `      - uses: ${action("decision")}`, "        with:", "          artifact: ${{ runner.temp }}/aos-shadow", "          token: ${{ github.token }}", `          trust: ${trust}`,
    ],
    "verify.yml": [
      "name: verify", "", "on:", "  push:", "    branches: [main]", "  schedule:", '    - cron: "17 4 * * *"', "", "permissions:", "  contents: read", "",
      "jobs:", "  verify:", "    runs-on: ubuntu-24.04", "    timeout-minutes: 60", "    steps:",
      `      - uses: ${CHECKOUT}`, "        with:", "          fetch-depth: 0", "          persist-credentials: false",
      `      - uses: ${action("setup")}`, `      - uses: ${action("verify")}`, "        with:", `          trust: ${trust}`,
    ],
  };
  return new Map(Object.entries(files).map(([name, lines]) => [`.github/workflows/${name}`, utf8(`${lines.join("\n")}\n`)]));
}
