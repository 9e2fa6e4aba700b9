import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "../air/error.ts";
import { DEFAULT_CONFIG, parseAdapterConfig } from "./config.ts";

test("adapters.json: what it says is set, the rest is as by default", () => {
  assert.deepEqual(parseAdapterConfig("{}", "f"), DEFAULT_CONFIG);
  assert.deepEqual(parseAdapterConfig('{"http":{"timeoutMs":7},"vault":{"file":"v","passphrase":"env:VAULT"},"llm":{"x":1}}', "f"), {
    ...DEFAULT_CONFIG, http: { ...DEFAULT_CONFIG.http, timeoutMs: 7 }, vault: { ...DEFAULT_CONFIG.vault, file: "v", passphrase: "env:VAULT" }, llm: { x: 1 },
  });
});

const wrong: readonly (readonly [text: string, pointer: string])[] = [
  ["", ""], ["{", ""], ["[]", ""], ["null", ""], ["7", ""],
  ['{"htp":{}}', "/htp"], ['{"__proto__":{"x":1}}', "/__proto__"], ['{"toString":{}}', "/toString"],
  ['{"http":[]}', "/http"], ['{"http":null}', "/http"], ['{"http":{"timeout":1}}', "/http/timeout"], ['{"http":{"constructor":1}}', "/http/constructor"],
  ['{"http":{"timeoutMs":0}}', "/http/timeoutMs"], ['{"http":{"timeoutMs":1.5}}', "/http/timeoutMs"], ['{"http":{"timeoutMs":"1"}}', "/http/timeoutMs"],
  ['{"http":{"origins":[]}}', "/http/origins"], ['{"http":{"origins":{"example.com":"http://127.0.0.1"}}}', "/http/origins/example.com"],
  ['{"http":{"origins":{"https://a.com/":"http://127.0.0.1"}}}', "/http/origins/https:~1~1a.com~1"], ['{"http":{"origins":{"https://a.com":"http://u@127.0.0.1"}}}', "/http/origins/https:~1~1a.com"],
  ['{"http":{"bodyBytesMax":1e12}}', "/http/bodyBytesMax"], ['{"blob":{"bytesMax":-1}}', "/blob/bytesMax"],
  ['{"vault":{"file":""}}', "/vault/file"], ['{"vault":{"keyFile":1}}', "/vault/keyFile"],
  ['{"vault":{"passphrase":"correct horse"}}', "/vault/passphrase"], ['{"vault":{"passphrase":"env:A B"}}', "/vault/passphrase"], ['{"vault":{"passphrase":"file:"}}', "/vault/passphrase"],
];
for (const [text, pointer] of wrong) {
  test(`adapters.json: ${text === "" ? "an empty file" : text}: adapters.config at "${pointer}"`, () => {
    assert.throws(() => parseAdapterConfig(text, "adapters.json"), (error) => {
      assert.ok(error instanceof AosError);
      assert.deepEqual([error.code, error.at?.file, error.at?.pointer, error.class], ["adapters.config", "adapters.json", pointer, "input"]);
      return true;
    });
  });
}
