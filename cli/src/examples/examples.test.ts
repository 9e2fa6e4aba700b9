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
const ENDS: readonly { readonly slug: string; readonly state: string; readonly order?: "any"; readonly intents: readonly (readonly [kind: string, cap: string, hash: string | undefined])[] }[] = [
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
    // Two plans side by side: which of their answers comes first is the machine's business.
    slug: "workspaces", state: "sha256:fbea54b23a2a64c3a20396154cd4d13319776201df6dcc7d3a689f97c0ebf4ab", order: "any",
    intents: [
      ["workspace.write_bytes", "cap_workspace", "sha256:1093691842e625be1038416feff9d95b8652d761b7c9221e98c4227550b2db0c"],
      ["workspace.write_bytes", "cap_workspace", "sha256:171e538caf61841f83eb368c2a449792cc1f872b579f6311864aa71581529ec9"],
      ["workspace.write_bytes", "cap_workspace", "sha256:2575e28f58195c6c5b1949c77eba0f27790f072704da10250fdc46314ff5b11f"],
      ["workspace.write_bytes", "cap_workspace", "sha256:319e478d87f9c9549c11499bad84663cb5844d25a0b7ea7658ac9726abe26d3f"],
      ["workspace.write_bytes", "cap_workspace", "sha256:3f9b7726207a01c758af5ddb48df762e9ac4be79a28da36aa9a8685a29205686"],
      ["workspace.write_bytes", "cap_workspace", "sha256:4252ca2c37c20194a1756b267ebbf67ee3564df8bced66431d9b02b4f37def95"],
      ["workspace.read_ref", "cap_workspace", "sha256:4aeb5edd9c43c5ae4b3df4ab85c0a15555071c93a1aa576b73a6103e1048de4a"],
      ["workspace.write_bytes", "cap_workspace", "sha256:58ad1292d1f8019f6ebb9980d3cb41b47a6934b5dd6ddfa5749ff3cb666b4f8e"],
      ["workspace.read_bytes", "cap_workspace", "sha256:6936b48140e68b2abb8d627f4c2eccde41ad8f17c72e491118445c45c53f08de"],
      ["workspace.read_ref", "cap_workspace", "sha256:7d0943439c2cfdb0f88f2a0a2ad086ccc892bf13ee83b2986307fe832d6248a1"],
      ["workspace.write_bytes", "cap_workspace", "sha256:8892bbd7ba814f2a40383312e0bdfb7ebb5080f288263dcddeffcb59248bea09"],
      ["workspace.list", "cap_workspace", "sha256:8e51dcc189a860541fe31acb42ae3233a455a9b7754e631ffc9d6bec7393feb6"],
      ["workspace.write_bytes", "cap_workspace", "sha256:8f0f856fc63f92e3550431b6b5e88c31649edc15ad8ca779157f793477abd7d0"],
      ["workspace.annotations_set", "cap_workspace", "sha256:94ec79a1edfd0abd118d97115a449a5113e66478472bb94228754e5b24c98b2c"],
      ["workspace.list", "cap_workspace", "sha256:9885e72ec4e83cc05609a5a1725c07f01f68017aa9f5db8dad53818ff7d5b627"],
      ["workspace.resolve", "cap_workspace", "sha256:9b4580a1771fa48b7871ebeb7a32fa5f9582b3c3f403efef9ae33a54f54688c1"],
      ["workspace.empty_root", "cap_workspace", "sha256:a6bfdbbb6f171efd02d3edc4d779e2b821e50b165a7b05f858294ab5294e92c2"],
      ["workspace.diff", "cap_workspace", "sha256:a9c433eac8975444ab86c8bc31b589871740b46438cc5fd38258ec9c727dae5f"],
      ["workspace.write_bytes", "cap_workspace", "sha256:aa68426b220a3660aaf800ca862cea1a08a229a4cbcb50199c08969dc41f8a3d"],
      ["workspace.empty_root", "cap_workspace", "sha256:aea7db703d5701d275dfc92cf274a07421b6fde872ea84f7c3d2219500005617"],
      ["workspace.resolve", "cap_workspace", "sha256:b54a9f2e4632361c4294f3d3c68040d2d221744a36aa2e0327fc0a32113e1694"],
      ["workspace.annotations_set", "cap_workspace", "sha256:ce7ce0b5ff31934e977dacefb6b19b9c0006086120134efb94fa32be5e0848e0"],
      ["workspace.write_bytes", "cap_workspace", "sha256:d2004f11794d1398290f3046ed115a43ea3644dfef1ac15eb21d65d19a4e6301"],
      ["workspace.read_bytes", "cap_workspace", "sha256:e91984f511eb18e2899423d8060850c3aa81ac954bfba66bc63729938c0371db"],
      ["workspace.diff", "cap_workspace", "sha256:e92e681e29d883915d17fc4200c0c46417242c5fe4410ecde488470a6f79b42f"],
      ["workspace.write_bytes", "cap_workspace", "sha256:f584c84abc71a1040dccb0d11a13a0340d21db1f41f4417999d855be1ab9f12e"],
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
  for (const [index, { slug, state, order, intents }] of ENDS.entries()) {
    const { records, intents: made, ...line } = lines[index] ?? {};
    assert.ok(typeof records === "number" && records > 0, slug);
    assert.deepEqual(line, { slug, ok: true, state_hash: state, replay: "ok" });
    const rows = (made as readonly Readonly<Record<string, string>>[]).map(({ kind, cap, intent_hash }) => [kind, cap, intent_hash]);
    if (order === "any") rows.sort(([, , a = ""], [, , b = ""]) => (a < b ? -1 : 1));
    assert.deepEqual(rows, intents, slug);
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
