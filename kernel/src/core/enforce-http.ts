// What a grant of `http.out` lets through: decided on the URL as the WHATWG parser reads it, which is the one fetched.

import type { Value } from "../air/value.ts";
import { ADMITTED, limitOf, refused } from "./cap-check.ts";
import type { CapCheck } from "./cap-check.ts";

/** A request as the checks see it: `host` in the URL class's spelling, `port` always explicit, `path` without the query. */
interface Target {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** Scheme, `://`, and an authority that ends at the first of `/?#`. */
const SHAPE = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]+)/;
// The URL class drops tabs and newlines and reads a backslash as a slash: what a person sees is then not what is fetched.
const MISLEADING = /[\u0000-\u0020\u007f\\]/;
const ASCII_HOST_AND_PORT = /^[!-~]+$/;
const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([["http", 80], ["https", 443]]);
// A server may decode these into a separator or a step upwards after the prefix was compared.
const MASKED_SEPARATOR = /%2f|%5c|\/\.\.?;/i;

/**
 * Does a grant of `http.out` admit a request? Each hop of a redirect is asked again.
 *
 * `capParams` are normalised params like those of `sys/http.out@1`: `hosts`, `schemes`, `methods`, `ports`,
 * `path_prefixes`. An absent or null list does not restrict; an empty list admits nothing.
 * - The URL is `http://` or `https://` and an ASCII host (names of other scripts in their `xn--` form, so that every
 *   release of the platform reads the same host), without credentials, white space, control characters or backslashes.
 * - `hosts` are compared whole, letter case aside, IP addresses by their value; a trailing dot is part of the name.
 * - `ports` are compared with the URL's port or its scheme's default (80, 443).
 * - `path_prefixes` are compared by segments after dot segments are resolved: `/api` admits `/api` and `/api/x`, not
 *   `/apix`. Under a restricted path, `%2f`, `%5c`, `/.;` and `/..;` are refused.
 *
 * Codes, in the order of the checks: `invalid_url`, `host_not_allowed`, `scheme_not_allowed`, `method_not_allowed`,
 * `port_not_allowed`, `path_not_allowed`; `cap_params_invalid` when the grant's params are not of that shape.
 */
export function checkHttp(capParams: Value, request: { readonly method: string; readonly url: string }): CapCheck {
  const target = targetOf(request.url);
  if (typeof target === "string") return refused("invalid_url", target);
  const hosts = limitOf(capParams, "hosts", "text");
  const schemes = limitOf(capParams, "schemes", "text");
  const methods = limitOf(capParams, "methods", "text");
  const ports = limitOf(capParams, "ports", "nat");
  const prefixes = limitOf(capParams, "path_prefixes", "text");
  if (hosts === "invalid" || schemes === "invalid" || methods === "invalid" || ports === "invalid" || prefixes === "invalid") {
    return refused("cap_params_invalid", "the grant's params are not those of http.out");
  }
  const method = request.method.toUpperCase();
  if (hosts !== "unrestricted" && !hosts.some((host) => hostOf(host) === target.host)) {
    return refused("host_not_allowed", `the grant does not name the host ${target.host}`);
  }
  if (!DEFAULT_PORTS.has(target.scheme) || (schemes !== "unrestricted" && !schemes.some((scheme) => scheme.toLowerCase() === target.scheme))) {
    return refused("scheme_not_allowed", `the grant does not name the scheme ${target.scheme}`);
  }
  if (methods !== "unrestricted" && !methods.some((name) => name.toUpperCase() === method)) {
    return refused("method_not_allowed", `the grant does not name the method ${JSON.stringify(method)}`);
  }
  if (ports !== "unrestricted" && !ports.some((port) => BigInt(port) === BigInt(target.port))) {
    return refused("port_not_allowed", `the grant does not name the port ${target.port}`);
  }
  if (prefixes !== "unrestricted" && (MASKED_SEPARATOR.test(target.path) || !prefixes.some((prefix) => holds(prefix, target.path)))) {
    return refused("path_not_allowed", "no path prefix of the grant holds the path");
  }
  return ADMITTED;
}

/** Whether a grant's `hosts` name this host, given as the URL class spells it. False when the grant does not restrict hosts. */
export function namesHost(capParams: Value, host: string): boolean {
  const hosts = limitOf(capParams, "hosts", "text");
  return typeof hosts === "object" && hosts.some((entry) => hostOf(entry) === host);
}

function targetOf(text: string): Target | string {
  if (MISLEADING.test(text)) return "the URL holds white space, a control character or a backslash";
  const authority = SHAPE.exec(text)?.[1];
  if (authority === undefined) return "the URL has no scheme://host";
  if (authority.includes("@")) return "the URL holds credentials";
  if (!ASCII_HOST_AND_PORT.test(authority) || authority.includes("%")) return "the URL's host is not plain ASCII (write it in its xn-- form)";
  const url = parsed(text);
  if (url === undefined) return "the URL cannot be parsed";
  const scheme = url.protocol.slice(0, -1);
  const port = url.port === "" ? DEFAULT_PORTS.get(scheme) ?? 0 : Number(url.port);
  return { scheme, host: url.hostname, port, path: url.pathname };
}

/** A grant's host as the URL class spells it; undefined for what cannot be one, which then matches nothing. */
function hostOf(entry: string): string | undefined {
  if (!/^[!-~]+$/.test(entry) || /[/?#@%\\]/.test(entry)) return undefined;
  if (entry.startsWith("[") !== entry.endsWith("]")) return undefined;
  // A colon outside brackets can only be that of a bare IPv6 address: ports have a list of their own.
  const host = entry.includes(":") && !entry.startsWith("[") ? `[${entry}]` : entry;
  return parsed(`http://${host}/`)?.hostname;
}

function holds(prefix: string, path: string): boolean {
  const url = new URL("http://host/");
  url.pathname = prefix;
  const base = url.pathname.endsWith("/") ? url.pathname.slice(0, -1) : url.pathname;
  return path === base || path.startsWith(`${base}/`);
}

function parsed(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
