import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bundleReducer, canonical, plain } from "@agentos/kernel";
import type { Repo } from "./git/repo.ts";
import type { LogLine } from "./reconcile/log.ts";
import { throwLog } from "./reconcile/throw-log.ts";
import { repositoryModules, sourcePlaces, type Thrown } from "./script-places.ts";

const SOURCE = `import { reduce } from "@agentos/kernel/sdk";
export default reduce(() => {
  const word = "a secret word";
  throw new Error(word);
});
`;
const SYNC = { version: 1, air: { dir: "air" }, modules: { dir: "modules" }, build: { modules: { "demo/Thrower@1": "reducer/thrower.ts" } } };

test("places of a throw: sources that give the artifact: the author's file, no message; changed sources: none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aos-places-"));
  try {
    await mkdir(join(folder, "reducer"));
    await writeFile(join(folder, "reducer/thrower.ts"), SOURCE);
    await writeFile(join(folder, "aos.sync.json"), JSON.stringify(SYNC));
    const { artifact, hash } = await bundleReducer({ entry: join(folder, "reducer/thrower.ts") });
    const repo: Repo = { gitDir: join(folder, ".git"), commonDir: join(folder, ".git"), workTree: folder, bare: false, env: {} };
    const thrown: Thrown[] = [];
    const modules = repositoryModules(repo, { onThrow: (one) => thrown.push(one) });
    await modules.add(artifact);
    const input = plain({ version: 1, state: null, event: { schema: "demo/Event@1", value: canonical(null) } });
    assert.equal(modules.call({ wasmHash: hash, entry: "step", input, fuelLimit: 1_000_000 }).kind, "failed");
    const [one] = thrown;
    assert.ok(one !== undefined && thrown.length === 1);
    assert.ok((await readdir(join(folder, ".git/aos/modules"))).length > 0, "what admission made is kept beside the world's state");

    const places = sourcePlaces(folder);
    assert.deepEqual(await places(one), { module: "demo/Thrower@1", places: ["reducer/thrower.ts:4:13"] });
    await writeFile(join(folder, "reducer/thrower.ts"), SOURCE.replace("a secret word", "another"));
    assert.notEqual(await places(one), undefined, "an artifact is found once");
    assert.equal(await sourcePlaces(folder)(one), undefined);
    assert.equal(await sourcePlaces(undefined)(one), undefined);

    const lines: Pick<LogLine, "level" | "message">[] = [];
    const logged = new Promise<void>((resolve) => {
      throwLog((level, message, fields = {}) => {
        lines.push({ level, message, ...fields });
        resolve();
      }, { world: () => ({ control: undefined }) as never, places })(one);
    });
    await logged;
    assert.deepEqual(lines, [{ level: "warn", message: "module threw", module: "demo/Thrower@1", at: ["reducer/thrower.ts:4:13"] }]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
