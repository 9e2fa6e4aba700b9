// The examples run to their expected ends, and the runner says so; what it does not know it refuses.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../../bin/aos-examples.js", import.meta.url));

function run(...words: readonly string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [BIN, ...words], (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }));
  });
}

/** What AIR v1 makes of each rung: the state of its main reducer, and its effects by kind and grant, with those hashes that no run changes. */
const ENDS: readonly { readonly slug: string; readonly state: string; readonly intents: readonly (readonly [kind: string, cap: string, hash: string | undefined])[] }[] = [
  { slug: "counter", state: "sha256:dffe63930fcacf08d6676aebb6f1a48acc551b4ed1e6787c739635883efd8394", intents: [] },
  {
    slug: "hello-timer", state: "sha256:d690ebf0f633644d4b3c4ab44ae9ab3bfb2e695efb22bbd94413c400b7989611",
    intents: [["timer.set", "timer_grant", "sha256:56b577c8b362ae4abbf8c40f88be46db67aa210101bc780ad5d3143a4cf76cdb"]],
  },
  {
    slug: "blob-echo", state: "sha256:8ba207842b48bfab236791e34b15665c097aaf88a613108a55b6b51b59c1b147",
    intents: [
      ["blob.put", "blob_grant", "sha256:62f2e4fb5703523d582fba102c3b0767d468dabcbbde894730d9133187fef375"],
      ["blob.get", "blob_grant", "sha256:cfa93bcd572cc33ce061b32e2420294068ff03cb8743ea9c6075abdf8b7912c1"],
    ],
  },
  {
    slug: "fetch-notify", state: "sha256:ee2ef7ef0f160ab00c0807d315721454f794e6554f9b9ba151ca073b355c6fb4",
    intents: [
      ["http.request", "cap_http_fetch", "sha256:2c6f507e1608822204e8a0dd3e2d21b522c346ea868af6940196896bf8368c43"],
      ["blob.get", "blob_grant", "sha256:935c1905220b26d584a1462ba2651db1dcd94d61a3b0f7e53821711d71e94d2e"],
    ],
  },
  {
    slug: "aggregator", state: "sha256:fdfa1e47dbab32bc639b6f0429659c985aa0808df7ba3ecb32894c32a8f61d1d",
    intents: [
      ["http.request", "cap_http_aggregate", "sha256:458de9c9f457113a4283e61c9794083e2e9c2892d49b8c2f474daef4ad48fce8"],
      ["http.request", "cap_http_aggregate", "sha256:f533a126823557e74cc2bf30d0b7295b6f5b7b899d6722f2b8fb4930ba10577c"],
      ["http.request", "cap_http_aggregate", "sha256:da1a1738df6182fd884902a5b70514a0d85c82281eeb6532e225cafc870afd92"],
      ["blob.get", "blob_grant", "sha256:8c63ba21b089a53bf0a1a49b9e3d9f641b3e7526bb922e5db74e3faf4460dedc"],
      ["blob.get", "blob_grant", "sha256:76015677991371af5675aca172f489d10d880a726270c9e2267beb7fa294d332"],
      ["blob.get", "blob_grant", "sha256:e71df3bba9654d6feb64cbada71fbb51d723687168f662fc156c87cba1f1b764"],
    ],
  },
  {
    slug: "chain-comp", state: "sha256:aa95e9b12b9f6377be367a282f88047b5ebb0af7e92acccdc4d4973797847596",
    intents: [
      ["http.request", "cap_http_order", "sha256:cd276351fda914fc970be647cdf98710df8c605faeac1a4dc63293cd64bb52bf"],
      ["http.request", "cap_http_order", "sha256:eb9f3e1d2516b35b123f073b136f8c1f9b29ebfba5a7b80585e922352b8af2e0"],
      ["blob.get", "blob_grant", "sha256:1160f972f23052089798a11191e9a942ddfeb8eaf59d9f83a05c4deb77339258"],
      ["http.request", "cap_http_order", "sha256:4f27673996b9d0150e518c66a57b3661920b27c3f536df69758ff9b8956ece67"],
    ],
  },
  {
    slug: "safe-upgrade", state: "sha256:e8d0daaf5fb0a622860bb0425a9fd7a0546abc2cad399f25ed954894acfbf308",
    intents: [
      ["http.request", "cap_http_fetch", "sha256:445afbfcc8a8d44748ad4ab361bdafb3d8fe2343043255679d98b7576c57e254"],
      ["http.request", "cap_http_fetch", "sha256:79fe4554ec91f0bfb6b13f7579dc48391d76d3a1e27008a9932db1c7fe610283"],
      ["http.request", "cap_http_followup", "sha256:5c24596dbf3aafea4f32a705f183c139a05b88cf4231828e127f2f9bf46224b5"],
    ],
  },
  {
    slug: "llm-summarizer", state: "sha256:3124436a11cff8324a92691c707fa4594159e2e6a1cb4d305beb7c62bd049bd1",
    intents: [
      ["http.request", "cap_http_fetch", "sha256:3a3a467351aff63520d4dbcb899f4d33c170f8abe0831acbfb25c81211e93343"],
      ["llm.generate", "cap_llm", "sha256:84a3f7117aac6fe501a47995e84ef378a5d05b79109e15e530086a7aa2c2c2e2"],
      ["blob.get", "blob_grant", "sha256:f0d3d229a9ca15db512ee9576860dd1f59eb54275ef2d61a37dd7a811b2cd1c2"],
    ],
  },
  {
    slug: "retry-backoff", state: "sha256:83f03ab37f6f0636758b1afac6b1b7d474bf1c9dda9cb63ebff360e93ac00042",
    intents: [
      ["timer.set", "timer_grant", "sha256:632d4c6dfc6f6d625aae068caad1ff26ec7d4ab2ddd48e068df2a2b7a3d562f5"],
      ["timer.set", "timer_grant", "sha256:b913c41438cb5f24c68f41e9aa33dedcfcba7dcb6434e31fc118968728afa03f"],
    ],
  },
  {
    slug: "approvals-budgets", state: "sha256:675f63591c37d5ae83973e3bd0b71f18b9650c6b8ab9b720446097d60281fdf4",
    intents: [
      ["http.request", "cap_pay", "sha256:1936bae61b50302cde4ecad8c390fa84e459569af2db8215b2692bd72f7fd1dd"],
      ["http.request", "cap_pay", "sha256:7f084b20362b6c2830db7217afa4f5f3137f485b2d05b7acf5e456e0a1765887"],
    ],
  },
];

test("examples: all, for programs: one line a rung, in order, with the states and intents that follow from AIR v1", async () => {
  const { code, stdout, stderr } = await run("all", "--json");
  assert.equal(code, 0, stderr + stdout);
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(lines.map(({ slug }) => slug), ENDS.map(({ slug }) => slug));
  for (const [index, { slug, state, intents }] of ENDS.entries()) {
    const { records, ...line } = lines[index] ?? {};
    assert.ok(typeof records === "number" && records > 0, slug);
    assert.deepEqual(line, { slug, ok: true, state_hash: state, intents: intents.map(([kind, cap, intent_hash]) => ({ kind, cap, intent_hash })), replay: "ok" });
  }
  assert.ok(lines.length > 0);
});

test("examples: one, for people: what it does, how it ends, its replay; its state is that of all", async () => {
  const { code, stdout, stderr } = await run("00");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Running example 00 — Counter \(counter\)\n→ .+\n {3}start \(target 3\)\n/);
  assert.match(stdout, /^ {3}final state: pc=Done, remaining=0$/m);
  assert.equal(stdout.match(/^ {3}replay check: OK \(state hash sha256:[0-9a-f]{64}\)$/gm)?.[0], `   replay check: OK (state hash ${ENDS[0]?.state})`);
  assert.match(stdout, /^1 of 1 examples OK$/m);
});

test("examples: without words a list, with what is unknown exit 2", async () => {
  const listed = await run();
  assert.deepEqual([listed.code, listed.stdout.trim().split("\n").length], [0, ENDS.length]);
  for (const [words, told] of [[["77-nothing"], /^error: 77-nothing: there is no such example\nhint: 00-counter, /], [["all", "--loud"], /^error: .*--loud.*\nhint: usage: aos-examples /]] as const) {
    const refused = await run(...words);
    assert.deepEqual([refused.code, refused.stdout], [2, ""]);
    assert.match(refused.stderr, told);
  }
});
