// Which repository on GitHub a world is in, and as whom we speak to it: from arguments, and secrets from the environment alone.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { AosError } from "@agentos/kernel";
import { GITHUB_API, parseLoopback, type GithubAuth, type GithubOptions, type GithubPlace } from "@agentos/controller";
import type { Context } from "./context.ts";

interface GithubArgs {
  readonly github: string | undefined;
  readonly "github-api": string | undefined;
  readonly "github-app": number | undefined;
  readonly "github-app-key": string | undefined;
  readonly "github-webhook": string | undefined;
  readonly "github-merge": "by-people" | "when-approved";
}

/** @throws AosError `cli.github`, `github.auth` */
export async function githubArgs(cx: Context, args: GithubArgs): Promise<{ readonly github?: GithubOptions; readonly pollMs?: number }> {
  if (args.github === undefined) return {};
  const place = githubPlace(args.github, args["github-api"]);
  const auth = await githubAuth(cx, { app: args["github-app"], keyFile: args["github-app-key"] });
  return { github: { place, auth, merge: args["github-merge"], ...webhookOf(args["github-webhook"]) }, pollMs: POLL_MS };
}

/** Webhooks and the own seals say when there is something new; this is for what they miss. */
const POLL_MS = 15_000;

/** @throws AosError `cli.github` */
export function githubPlace(text: string, api: string | undefined): GithubPlace {
  const [, owner, name] = /^([A-Za-z0-9-]{1,39})\/([A-Za-z0-9._-]{1,100})$/.exec(text) ?? [];
  if (owner === undefined || name === undefined) throw new AosError("cli.github", `--github ${text}: expected OWNER/NAME`, { hint: "as in the address of the repository on GitHub" });
  const baseUrl = (api ?? GITHUB_API).replace(/\/$/, "");
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  const local = url !== undefined && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url === undefined || (url.protocol !== "https:" && !(local && url.protocol === "http:")) || url.username !== "") {
    throw new AosError("cli.github", "--github-api: expected an https address without a name and password in it", { hint: "https://api.github.com, or https://HOST/api/v3 of a GitHub Enterprise Server" });
  }
  return { owner, name, baseUrl };
}

/** @throws AosError `cli.github`, `github.auth` */
export async function githubAuth(cx: Context, from: { readonly app: number | undefined; readonly keyFile: string | undefined }): Promise<GithubAuth> {
  const { app, keyFile } = from;
  if ((app === undefined) !== (keyFile === undefined)) throw new AosError("cli.github", "--github-app and --github-app-key belong together", { hint: "the App's id, and the file of its private key" });
  if (app !== undefined && !Number.isSafeInteger(app)) throw new AosError("cli.github", "--github-app: expected the App's id, a number", { hint: "it is in the App's settings on GitHub" });
  if (app !== undefined && keyFile !== undefined) {
    const privateKey = await readFile(resolve(cx.cwd, keyFile), "utf8").catch(() => undefined);
    if (privateKey?.includes("PRIVATE KEY") !== true) throw new AosError("github.auth", `${keyFile}: no private key in PEM`, { at: { file: keyFile }, hint: "download one in the App's settings" });
    return { kind: "app", appId: app, privateKey };
  }
  const token = process.env["GITHUB_TOKEN"] ?? "";
  if (token === "") throw new AosError("github.auth", "GitHub: no way to sign in", { hint: "set GITHUB_TOKEN, or name an App with --github-app and --github-app-key" });
  return { kind: "token", token };
}

function webhookOf(text: string | undefined): Pick<GithubOptions, "webhook"> {
  if (text === undefined) return {};
  const secret = process.env["AOS_WEBHOOK_SECRET"] ?? "";
  if (secret === "") throw new AosError("cli.github", "--github-webhook: no secret", { hint: "set AOS_WEBHOOK_SECRET to what the webhook's settings on GitHub say" });
  const { host, port } = parseLoopback(text);
  return { webhook: { host, port, secret } };
}
