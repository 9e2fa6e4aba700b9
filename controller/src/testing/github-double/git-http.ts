// Git over smart HTTP, as GitHub serves it: git's own http-backend behind the double's tokens.

import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import { followBranches, branchesOf } from "./git.ts";
import type { DoubleState, Token } from "./state.ts";

const PATH = /^\/([^/]+)\/([^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/;
const BACKEND_TIMEOUT_MS = 60_000;

/** Is this a request of git's and not of the API's? */
export function isGit(pathname: string): boolean {
  return PATH.test(pathname);
}

interface Place {
  readonly gitDir: string;
  /** Undefined: the repository itself, to which tokens write by their rights. */
  readonly fork: DoubleState["forks"][number] | undefined;
}

interface GitServed {
  readonly status: number;
  /** Whose token was shown. */
  readonly login: string;
  /** Whether branches moved: GitHub tells nobody of other refs. */
  readonly pushed: boolean;
  /** The pull requests whose head it moved. */
  readonly pulls: readonly number[];
}

/** Answers one request of git's. */
export async function serveGit(state: DoubleState, request: IncomingMessage, response: ServerResponse): Promise<GitServed> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const [, owner, name, service] = PATH.exec(url.pathname) ?? [];
  const place = placeOf(state, { owner, name });
  const writes = service === "git-receive-pack" || url.searchParams.get("service") === "git-receive-pack";
  const [said, token] = tokenOf(state, request);
  const login = token?.actor.login ?? "nobody";
  const refused = (status: number, why: string): GitServed => {
    // What was sent is read to its end: git looks at the answer afterwards.
    request.resume();
    response.writeHead(status, { "content-type": "text/plain", ...(status === 401 && { "www-authenticate": 'Basic realm="GitHub"' }) }).end(`${why}\n`);
    return { status, login, pushed: false, pulls: [] };
  };
  if (said && token === undefined) return refused(401, "Bad credentials");
  if (place === undefined) return refused(404, "Repository not found.");
  if (token === undefined && (writes || state.private)) return refused(401, "Authentication required");
  if (writes && !mayWrite(place, token)) return refused(403, "Write access to repository not granted.");
  const before = writes ? await branchesOf(place.gitDir) : "";
  const { status, headers, body } = await backend(place.gitDir, request, { url, service: service ?? "", user: token?.actor.login });
  const pushed = service === "git-receive-pack" && (await branchesOf(place.gitDir)) !== before;
  const pulls = pushed ? await followBranches(state) : [];
  response.writeHead(status, headers).end(body);
  return { status, login, pushed, pulls };
}

function placeOf(state: DoubleState, { owner, name }: { readonly owner: string | undefined; readonly name: string | undefined }): Place | undefined {
  if (name !== state.name) return undefined;
  if (owner === state.owner) return { gitDir: state.gitDir, fork: undefined };
  const fork = state.forks.find((each) => each.owner.login === owner);
  return fork === undefined ? undefined : { gitDir: fork.gitDir, fork };
}

/** @returns whether somebody says who they are, and their token */
function tokenOf(state: DoubleState, request: IncomingMessage): readonly [boolean, Token | undefined] {
  const basic = /^basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (basic === undefined) return [false, undefined];
  const pair = Buffer.from(basic, "base64").toString("utf8");
  return [true, state.tokens.get(pair.slice(pair.indexOf(":") + 1))];
}

function mayWrite({ fork }: Place, token: Token | undefined): boolean {
  return fork === undefined ? token?.grants.contents === "write" : token?.kind === "personal" && token.actor.id === fork.owner.id;
}

interface Backend {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Runs git http-backend as a web server would. GitHub keeps pull requests' refs to itself: they are hidden from pushes. */
function backend(gitDir: string, request: IncomingMessage, asked: { readonly url: URL; readonly service: string; readonly user: string | undefined }): Promise<Backend> {
  const header = (name: string): string => String(request.headers[name] ?? "");
  const env = {
    PATH: process.env["PATH"] ?? "", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C", GIT_HTTP_EXPORT_ALL: "1",
    GIT_CONFIG_COUNT: "2", GIT_CONFIG_KEY_0: "receive.hideRefs", GIT_CONFIG_VALUE_0: "refs/pull", GIT_CONFIG_KEY_1: "uploadpack.allowAnySHA1InWant", GIT_CONFIG_VALUE_1: "true",
    REQUEST_METHOD: request.method ?? "GET", PATH_TRANSLATED: `${gitDir}/${asked.service}`, QUERY_STRING: asked.url.search.slice(1), REMOTE_ADDR: "127.0.0.1",
    CONTENT_TYPE: header("content-type"), HTTP_CONTENT_ENCODING: header("content-encoding"), GIT_PROTOCOL: header("git-protocol"),
    ...(request.headers["content-length"] !== undefined && { CONTENT_LENGTH: header("content-length") }), ...(asked.user !== undefined && { REMOTE_USER: asked.user }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn("git", ["http-backend"], { env, stdio: ["pipe", "pipe", "ignore"], timeout: BACKEND_TIMEOUT_MS });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stdin.on("error", () => undefined);
    child.on("error", reject);
    child.on("close", () => resolve(parseCgi(Buffer.concat(chunks))));
    request.pipe(child.stdin);
  });
}

function parseCgi(output: Buffer): Backend {
  const end = output.indexOf("\r\n\r\n");
  if (end < 0) return { status: 500, headers: {}, body: Buffer.alloc(0) };
  const lines = output.subarray(0, end).toString("latin1").split("\r\n").map((line) => /^([^:]+):\s*(.*)$/.exec(line));
  const headers = Object.fromEntries(lines.flatMap((line) => (line === null ? [] : [[(line[1] ?? "").toLowerCase(), line[2] ?? ""]])));
  const { status = "200", ...rest } = headers;
  return { status: Number.parseInt(status, 10), headers: rest, body: output.subarray(end + 4) };
}
