// What the codes mean that `aos check` gives beside the rules of AIR: of the sync map, of scenarios, of policy and keys, of modules and their sources.

const TEXT: Readonly<Record<string, string>> = {
  "build.entry": "The sync map names a source that is not there.",
  "build.export": "The source of a module exports its reducer by default, and this one has no default export.",
  "build.import": "A source imports something that is not there, or that no module may use.",
  "build.syntax": "A source is not TypeScript.",
  "module.entry": "The code of a reducer exports `step`, that of a pure module `run`: in TypeScript, what `reduce`, `pure` or `enforce` makes.",
  "module.missing": "A module is pinned to code that is not among the world's modules: only where it was put away before can it run.",
  "module.refused": "The sandbox does not take the code of a module: docs/modules.md says what it may hold.",
  "module.stale": "The built module that lies in the world is not what its source gives.",
  "module.twice": "A module has two artifacts, one built and one prebuilt, and nothing says which is meant.",
  "module.undefined": "The sync map builds a source for a module that no definition asks for.",
  "policy.invalid": "The policy `.aos/policy.json` says what a proposal needs: version 1, the fields of its JSON Schema, and no others.",
  "scenario.invalid": "A scenario is an object with events to send and answers for effects.",
  "scenario.schema": "A scenario sends an event of a schema that the world does not have, which is always refused.",
  "signers.stale": "`.aos/allowed_signers` repeats the keys of the trust file for stock git and ssh-keygen, and does not say the same.",
  "sync.invalid": "The sync map `aos.sync.json` says where a world keeps its parts: version 1, relative paths, and no other keys.",
  "trust.invalid": "The trust file `.aos/trust.json` says whose keys count: version 1, the fields of its JSON Schema and no others, and at least one person and one controller with a key in force.",
  "world.file": "A file of a world is UTF-8 text of bounded size.",
  "world.link": "A symbolic link, or a repository of its own, stands where the world's files do: neither is followed, so what it holds would be missing in silence.",
};

/** One sentence for each. */
export const CHECK_RULES: ReadonlyMap<string, string> = new Map(Object.entries(TEXT));
