// The repository itself: who asks, its branches and rules, its refs.

import { account, created, found, gone, invalid, list, NOT_FOUND, problem, repoJson, type Answered, type Asked, type Routes } from "./answers.ts";
import { followBranches, gitAt, gitOr } from "./git.ts";

const METADATA = [["metadata", "read"]] as const;
const CONTENTS = [["contents", "read"]] as const;
const CONTENTS_WRITE = [["contents", "write"]] as const;

export const REPO_ROUTES: Routes = {
  "repos/get": {
    needs: METADATA,
    answer: ({ state, token }) => found({ ...repoJson(state, state.repositoryId), allow_merge_commit: true, ...(token.kind === "personal" && { permissions: { push: token.grants.contents === "write", admin: false, pull: true } }) }),
  },
  "users/get-authenticated": { needs: METADATA, answer: ({ token }) => (token.kind === "personal" ? found(account(token.actor)) : problem(403, "Resource not accessible by integration")) },
  "users/get-by-username": { needs: METADATA, answer: ({ state, params }) => (params["username"] === state.app.bot.login ? found(account(state.app.bot)) : NOT_FOUND) },
  "rate-limit/get": { needs: METADATA, answer: ({ state }) => found({ resources: { core: rate(state.seconds), search: rate(state.seconds) }, rate: rate(state.seconds) }) },
  "repos/get-branch-rules": { needs: METADATA, answer: ({ state }) => list(state.rules) },
  "repos/get-collaborator-permission-level": { needs: METADATA, answer: () => found({ permission: "read", role_name: "read", user: null }) },
  "repos/get-branch": { needs: CONTENTS, answer: (asked) => withRef(asked, `heads/${asked.params["branch"] ?? ""}`, (sha) => found({ name: asked.params["branch"], commit: { sha }, protected: asked.state.rules.length > 0 })) },
  "git/get-ref": { needs: CONTENTS, answer: (asked) => withRef(asked, asked.params["ref"] ?? "", (sha) => found(refJson(`refs/${asked.params["ref"] ?? ""}`, sha))) },
  "git/list-matching-refs": { needs: CONTENTS, answer: matching },
  "git/create-ref": { needs: CONTENTS_WRITE, answer: createRef },
  "git/update-ref": { needs: CONTENTS_WRITE, answer: updateRef },
  "git/delete-ref": {
    needs: CONTENTS_WRITE,
    answer: (asked) => withRef(asked, asked.params["ref"] ?? "", async () => {
      await gitAt(asked.state.gitDir, "update-ref", "-d", `refs/${asked.params["ref"] ?? ""}`);
      return gone;
    }),
  },
};

const rate = (seconds: number): object => ({ limit: 5000, remaining: 4999, used: 1, reset: seconds + 3600 });
const refJson = (ref: string, sha: string): object => ({ ref, object: { type: "commit", sha } });

async function withRef({ state }: Asked, name: string, use: (sha: string) => Answered | Promise<Answered>): Promise<Answered> {
  const sha = await gitOr(state.gitDir, "rev-parse", "--verify", "--quiet", `refs/${name}`);
  return sha === undefined ? NOT_FOUND : use(sha);
}

/** All refs whose names begin so, in no folder's bounds: notes too. */
async function matching({ state, params }: Asked): Promise<Answered> {
  const lines = (await gitAt(state.gitDir, "for-each-ref", "--format=%(refname) %(objectname)")).split("\n").map((line) => line.split(" "));
  return list(lines.flatMap(([ref = "", sha = ""]) => (ref.startsWith(`refs/${params["ref"] ?? ""}`) ? [refJson(ref, sha)] : [])));
}

async function createRef({ state, body }: Asked): Promise<Answered> {
  const [ref, sha] = [String(body["ref"]), String(body["sha"])];
  if (!/^refs\/[^/]+\/./.test(ref)) return invalid("ref: it begins with refs/ and has two slashes");
  if ((await gitOr(state.gitDir, "rev-parse", "--verify", "--quiet", ref)) !== undefined) return problem(422, "Reference already exists");
  if ((await gitOr(state.gitDir, "update-ref", ref, sha)) === undefined) return problem(422, "Object does not exist");
  await followBranches(state);
  return created(refJson(ref, sha));
}

async function updateRef(asked: Asked): Promise<Answered> {
  const { state, params, body } = asked;
  const name = params["ref"] ?? "";
  return withRef(asked, name, async (old) => {
    const sha = String(body["sha"]);
    const forward = (await gitOr(state.gitDir, "merge-base", "--is-ancestor", old, sha)) !== undefined;
    if (!forward && body["force"] !== true) return problem(422, "Update is not a fast forward");
    await gitAt(state.gitDir, "update-ref", `refs/${name}`, sha);
    await followBranches(state);
    return found(refJson(`refs/${name}`, sha));
  });
}
