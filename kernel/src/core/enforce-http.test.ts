import assert from "node:assert/strict";
import { test } from "node:test";
import type { Value } from "../air/value.ts";
import { checkHttp, namesHost } from "./enforce-http.ts";

/** A grant that restricts what is given and nothing else, as the normaliser leaves it. */
function grant(limits: Readonly<Record<string, Value>>): Value {
  const fields = { hosts: null, schemes: null, methods: null, ports: null, path_prefixes: null };
  return new Map<Value, Value>(Object.entries({ ...fields, ...limits }));
}

function answer(capParams: Value, url: string, method = "GET"): string {
  const check = checkHttp(capParams, { method, url });
  return check.ok ? "ok" : check.code;
}

type Row = readonly [url: string, answer: string];
function table(name: string, capParams: Value, count: number, rows: readonly Row[]): void {
  test(name, () => {
    for (const [url, expected] of rows) assert.equal(answer(capParams, url), expected, url);
    assert.equal(rows.length, count);
  });
}

table("enforce http: hosts [a.com, 127.0.0.1, ::1, xn--bcher-kva.de]: what is fetched is what is compared", grant({ hosts: ["A.com", "127.0.0.1", "::1", "xn--bcher-kva.de"] }), 46, [
  ["https://a.com", "ok"],
  ["https://a.com/x?y#z", "ok"],
  ["HTTPS://A.COM/", "ok"],
  ["https://a.com:8443/", "ok"],
  ["http://a.com:80/", "ok"],
  ["https://b.com/", "host_not_allowed"],
  ["https://a.com.evil.com/", "host_not_allowed"],
  ["https://sub.a.com/", "host_not_allowed"],
  ["https://evil.com/a.com", "host_not_allowed"],
  ["https://evil.com?@a.com/", "host_not_allowed"],
  ["https://evil.com#@a.com/", "host_not_allowed"],
  ["https://evil.com/@a.com/", "host_not_allowed"],
  ["https://evil.com\\@a.com/", "invalid_url"],
  ["https:\\\\a.com/", "invalid_url"],
  ["https://a.com\\.evil.com/", "invalid_url"],
  ["https://user@a.com/", "invalid_url"],
  ["https://user:secret@a.com/", "invalid_url"],
  ["https://a.com@evil.com/", "invalid_url"],
  ["https://@a.com/", "invalid_url"],
  ["https://a.com./", "host_not_allowed"],
  ["https://a.com%2eevil.com/", "invalid_url"],
  ["https://a%2ecom/", "invalid_url"],
  ["https://\uff41.com/", "invalid_url"],
  ["https://a\u3002com/", "invalid_url"],
  ["https://b\u00fccher.de/", "invalid_url"],
  ["https://xn--bcher-kva.de/", "ok"],
  ["https://\u0430.com/", "invalid_url"],
  ["https://xn--80a.com/", "host_not_allowed"],
  ["http://127.0.0.1/", "ok"],
  ["http://2130706433/", "ok"],
  ["http://0x7f.0.0.1/", "ok"],
  ["http://0177.0.0.1/", "ok"],
  ["http://127.1/", "ok"],
  ["http://127.0.0.2/", "host_not_allowed"],
  ["http://2130706434/", "host_not_allowed"],
  ["http://[::1]/", "ok"],
  ["http://[0:0:0:0:0:0:0:1]:8080/", "ok"],
  ["http://[::ffff:127.0.0.1]/", "host_not_allowed"],
  ["http://[::1/", "invalid_url"],
  ["http://127.0.0.256/", "invalid_url"],
  [" https://a.com/", "invalid_url"],
  ["https://a\t.com/", "invalid_url"],
  ["https://a.com/\n", "invalid_url"],
  ["https:/a.com/", "invalid_url"],
  ["https:///a.com/", "invalid_url"],
  ["//a.com/", "invalid_url"],
]);

table("enforce http: a grant without limits: any http or https URL that is one", grant({}), 14, [
  ["https://a.com/", "ok"],
  ["http://169.254.169.254/latest/meta-data", "ok"],
  ["https://a.com/\u00fc?\u00fc", "ok"],
  ["https://a.com:0/", "ok"],
  ["https://a.com:65536/", "invalid_url"],
  ["https://a.com:x/", "invalid_url"],
  ["ftp://a.com/", "scheme_not_allowed"],
  ["ws://a.com/", "scheme_not_allowed"],
  ["file:///etc/passwd", "invalid_url"],
  ["file://a.com/etc/passwd", "scheme_not_allowed"],
  ["data:text/plain,x", "invalid_url"],
  ["javascript://a.com/%0aalert(1)", "scheme_not_allowed"],
  ["a.com", "invalid_url"],
  ["", "invalid_url"],
]);

table("enforce http: ports [443, 8080]: the scheme's port where the URL names none", grant({ ports: [443, 8080n] }), 8, [
  ["https://a.com/", "ok"],
  ["https://a.com:443/", "ok"],
  ["https://a.com:/", "ok"],
  ["http://a.com:443/", "ok"],
  ["http://a.com:8080/", "ok"],
  ["http://a.com/", "port_not_allowed"],
  ["https://a.com:444/", "port_not_allowed"],
  ["https://a.com:0443/", "ok"],
]);

table("enforce http: path prefixes [/api, /v1/]: whole segments of the path that is fetched", grant({ path_prefixes: ["/api", "/v1/"] }), 21, [
  ["https://a.com/api", "ok"],
  ["https://a.com/api/", "ok"],
  ["https://a.com/api/x?q=1", "ok"],
  ["https://a.com/v1", "ok"],
  ["https://a.com/v1/x", "ok"],
  ["https://a.com/api/../api/x", "ok"],
  ["https://a.com/apix", "path_not_allowed"],
  ["https://a.com/", "path_not_allowed"],
  ["https://a.com", "path_not_allowed"],
  ["https://a.com?q=/api", "path_not_allowed"],
  ["https://a.com#/api", "path_not_allowed"],
  ["https://a.com/x/api", "path_not_allowed"],
  ["https://a.com//api", "path_not_allowed"],
  ["https://a.com/API", "path_not_allowed"],
  ["https://a.com/api/../admin", "path_not_allowed"],
  ["https://a.com/api/%2e%2e/admin", "path_not_allowed"],
  ["https://a.com/api/.%2E/admin", "path_not_allowed"],
  ["https://a.com/api/..%2fadmin", "path_not_allowed"],
  ["https://a.com/api/..%5Cadmin", "path_not_allowed"],
  ["https://a.com/api/..;/admin", "path_not_allowed"],
  ["https://a.com/%61pi/x", "path_not_allowed"],
]);

const prefixes: readonly (readonly [prefix: string, url: string, answer: string])[] = [
  ["/", "https://a.com/anything", "ok"],
  ["", "https://a.com/anything", "ok"],
  ["api", "https://a.com/api/x", "ok"],
  ["//evil", "https://a.com/x", "path_not_allowed"],
  ["/a?b", "https://a.com/a", "path_not_allowed"],
  ["/../", "https://a.com/x", "ok"],
  ["/a b", "https://a.com/a%20b/c", "ok"],
];
test("enforce http: a path prefix as it is written: read as a path, nothing else", () => {
  for (const [prefix, url, expected] of prefixes) assert.equal(answer(grant({ path_prefixes: [prefix] }), url), expected, prefix);
  assert.equal(prefixes.length, 7);
});

const entries: readonly (readonly [host: string, url: string, answer: string])[] = [
  ["[::1]", "http://[::1]/", "ok"],
  ["::ffff:1.2.3.4", "http://[::ffff:102:304]/", "ok"],
  ["a.com:443", "https://a.com/", "host_not_allowed"],
  ["https://a.com", "https://a.com/", "host_not_allowed"],
  ["*", "https://a.com/", "host_not_allowed"],
  ["*.com", "https://a.com/", "host_not_allowed"],
  ["user@a.com", "https://a.com/", "host_not_allowed"],
  ["a.com/", "https://a.com/", "host_not_allowed"],
  ["a.com.", "https://a.com./", "ok"],
  ["\uff41.com", "https://a.com/", "host_not_allowed"],
  ["", "https://a.com/", "host_not_allowed"],
  ["[", "https://a.com/", "host_not_allowed"],
];
test("enforce http: a host as it is written in a grant: one host or none", () => {
  for (const [host, url, expected] of entries) assert.equal(answer(grant({ hosts: [host] }), url), expected, host);
  assert.equal(entries.length, 12);
});

const limits: readonly (readonly [what: string, capParams: Value, method: string, answer: string])[] = [
  ["a method of the list", grant({ methods: ["get"] }), "GET", "ok"],
  ["a method of the list in lower case", grant({ methods: ["GET"] }), "get", "ok"],
  ["a method beside the list", grant({ methods: ["GET"] }), "POST", "method_not_allowed"],
  ["a scheme of the list", grant({ schemes: ["HTTPS"] }), "GET", "ok"],
  ["a scheme beside the list", grant({ schemes: ["http"] }), "GET", "scheme_not_allowed"],
  ["an empty list of hosts", grant({ hosts: [] }), "GET", "host_not_allowed"],
  ["an empty list of schemes", grant({ schemes: [] }), "GET", "scheme_not_allowed"],
  ["an empty list of methods", grant({ methods: [] }), "GET", "method_not_allowed"],
  ["an empty list of ports", grant({ ports: [] }), "GET", "port_not_allowed"],
  ["an empty list of paths", grant({ path_prefixes: [] }), "GET", "path_not_allowed"],
  ["no limits, absent", new Map(), "GET", "ok"],
  ["all limits broken: the first check answers", grant({ hosts: [], schemes: [], methods: [], ports: [], path_prefixes: [] }), "GET", "host_not_allowed"],
  ["params that are no record", null, "GET", "cap_params_invalid"],
  ["hosts that are no list", grant({ hosts: "a.com" }), "GET", "cap_params_invalid"],
  ["hosts that are not text", grant({ hosts: [1] }), "GET", "cap_params_invalid"],
  ["ports that are not numbers", grant({ ports: ["443"] }), "GET", "cap_params_invalid"],
];
assert.equal(limits.length, 16);
for (const [what, capParams, method, expected] of limits) {
  test(`enforce http: ${what}: ${expected}`, () => assert.equal(answer(capParams, "https://a.com/x", method), expected));
}

test("enforce http: does the grant name the host: only when it restricts hosts", () => {
  assert.equal(namesHost(grant({ hosts: ["LOCALHOST", "10.0.0.1"] }), "localhost"), true);
  assert.equal(namesHost(grant({ hosts: ["10.0.0.1"] }), "localhost"), false);
  assert.equal(namesHost(grant({}), "localhost"), false);
  assert.equal(namesHost(null, "localhost"), false);
});

test("enforce http: a refusal: says why in words, without the path or the query of the URL", () => {
  const check = checkHttp(grant({ hosts: ["a.com"] }), { method: "GET", url: "https://b.com/secret?token=secret" });
  assert.deepEqual(check, { ok: false, code: "host_not_allowed", message: "the grant does not name the host b.com" });
});
