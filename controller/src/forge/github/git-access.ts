// Git speaks to a repository on GitHub as we do: its credentials stand in the environment of git alone, and are fresh.

import type { GithubClient, GithubPlace } from "./client.ts";

export interface GitAccess {
  /** For a Repo's git commands; what it holds changes with every refresh(). */
  readonly env: Readonly<Record<string, string>>;
  /** An App's tokens last an hour. @throws AosError as GithubClient */
  refresh(): Promise<void>;
}

/**
 * Access for git to a remote, where that is the place the client speaks to. Other remotes, and addresses that bring a name or
 * password of their own, get nothing: SSH, credential helpers and what people have set up go on as they are.
 *
 * @param remote.env - what git's environment holds already; it stays in it
 */
export function gitAccess(client: Pick<GithubClient, "gitToken" | "place">, remote: { readonly url: string | undefined; readonly env?: Readonly<Record<string, string>> | undefined }): GitAccess {
  const env: Record<string, string> = { ...remote.env };
  // As arguments they would stand in every list of processes. Settings that the environment has already stay.
  const at = Number(env["GIT_CONFIG_COUNT"] ?? process.env["GIT_CONFIG_COUNT"] ?? 0);
  const web = webOrigin(client.place);
  const ours = remote.url !== undefined && isBare(remote.url, web);
  return {
    env,
    async refresh() {
      if (!ours) return;
      const basic = Buffer.from(`x-access-token:${await client.gitToken()}`, "utf8").toString("base64");
      Object.assign(env, { GIT_CONFIG_COUNT: String(at + 1), [`GIT_CONFIG_KEY_${at}`]: `http.${web}/.extraHeader`, [`GIT_CONFIG_VALUE_${at}`]: `Authorization: Basic ${basic}` });
    },
  };
}

/** Where git finds what an API is about: `github.com` for `api.github.com`, of an Enterprise Server the same host. */
function webOrigin({ baseUrl }: GithubPlace): string {
  const { protocol, host } = new URL(baseUrl);
  return `${protocol}//${host.replace(/^api\.github\.com$/, "github.com")}`;
}

function isBare(remoteUrl: string, origin: string): boolean {
  if (!/^https?:\/\//.test(remoteUrl) || !URL.canParse(remoteUrl)) return false;
  const url = new URL(remoteUrl);
  return url.origin === origin && url.username === "" && url.password === "";
}
