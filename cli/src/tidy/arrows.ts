// Who may import whom: the table of layers, and cycles.

import { posix } from "node:path";
import { isTest, target, type Import, type Source } from "./source.ts";

/** A part of a package: the files it is made of, and what they may import beside each other. */
interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** Files of the same package whose values, or only whose types, may be imported. */
  readonly values: RegExp;
  readonly types?: RegExp;
  /** Packages and `node:` modules. */
  readonly packages: RegExp;
}

const NOTHING = /^$/;
const NODE = "node:[a-z0-9/_]+";
const AIR = /^kernel\/src\/air\//;
const PORTS = /^kernel\/src\/ports\.ts$/;
const AIR_AND_CORE = /^kernel\/src\/(air|core)\//;

/** The arrows of the kernel, lowest first; the first layer whose `files` match a path is the file's. */
const KERNEL: readonly Layer[] = [
  { name: "air", files: AIR, values: AIR, packages: /^@noble\/hashes\/sha2\.js$/ },
  { name: "ports", files: PORTS, values: NOTHING, types: AIR, packages: NOTHING },
  { name: "core", files: /^kernel\/src\/core\//, values: AIR_AND_CORE, types: PORTS, packages: /^@noble\/hashes\/sha2\.js$/ },
  {
    name: "sandbox", files: /^kernel\/src\/sandbox\//, values: /^kernel\/src\/(air|sandbox)\//, types: PORTS,
    packages: new RegExp(`^(${NODE}|esbuild|@jitl/quickjs-wasmfile-release-sync|@jridgewell/trace-mapping)$`),
  },
  { name: "workspace", files: /^kernel\/src\/workspace\//, values: /^kernel\/src\/(air|workspace)\//, types: PORTS, packages: NOTHING },
  // An adapter may judge with the same pure check as the core, so that both sides of a redirect are held to one rule, and read the world.
  {
    name: "adapters", files: /^kernel\/src\/adapters\//, values: /^kernel\/src\/(air\/|adapters\/|workspace\/|core\/(enforce-|trie\.ts$|world\.ts$))/, types: /^kernel\/src\/(core\/|ports\.ts$)/,
    packages: new RegExp(`^(${NODE}|eventsource-parser)$`),
  },
  {
    name: "host", files: /^kernel\/src\/(host|dispatch|dispatch-call|dues|fold|opening|recorded-window|secrets|snapshots|snapshot-keeper)\.ts$/,
    values: /^kernel\/src\/(air\/|core\/|adapters\/alarms\.ts$|(dispatch|dispatch-call|dues|fold|opening|recorded-window|secrets|snapshots|snapshot-keeper)\.ts$)/, types: PORTS,
    packages: NOTHING,
  },
  { name: "sdk", files: /^kernel\/src\/sdk\//, values: /^kernel\/src\/(sdk\/|sandbox\/text-codec\.ts$)/, types: /^kernel\/src\/(air|core)\//, packages: /^@noble\/hashes\/sha2\.js$/ },
  { name: "testing", files: /^kernel\/src\/testing\//, values: /^kernel\/src\/(?!index\.ts)/, packages: new RegExp(`^(${NODE}|wabt)$`) },
  { name: "index", files: /^kernel\/src\/index\.ts$/, values: /^kernel\/src\//, packages: NOTHING },
  {
    name: "reports", files: /^kernel\/src\/[a-z.-]+\.ts$/, values: /^kernel\/src\/(air\/|core\/|(?!index|host|dispatch|fold)[a-z-]+\.ts$)/,
    packages: NOTHING,
  },
];

const LIBRARIES: Readonly<Record<string, string>> = {
  controller: "@noble/ed25519|chokidar|eventsource-parser|isomorphic-git(/[a-z/.-]+)?|octokit|pino|simple-git",
  hooks: "simple-git",
  cli: "chokidar|diff|ignore|node-diff3|yargs(/helpers)?",
  bench: "wabt|cborg|cbor-x",
};
/** What the testing kits build on beside. */
const KIT_LIBRARIES: Readonly<Record<string, readonly string[]>> = { controller: ["ajv"] };

/** What each package above the kernel sees of those below: their names, never their files. */
function upper(name: string, below: readonly string[]): readonly Layer[] {
  const inside = new RegExp(`^${name}/src/`);
  const libraries = LIBRARIES[name] ?? "";
  const kits = below.map((each) => `${each}/testing`);
  const packages = (names: readonly string[]): RegExp => new RegExp(`^(${NODE}|${libraries}|${names.join("|")})$`);
  return [
    { name: `${name} testing`, files: new RegExp(`^${name}/src/testing/`), values: inside, packages: packages([...below, ...kits, ...(KIT_LIBRARIES[name] ?? [])]) },
    // The examples run on virtual time, from the kit.
    { name: `${name} examples`, files: new RegExp(`^${name}/src/examples/`), values: inside, packages: packages([...below, ...kits]) },
    { name, files: inside, values: inside, packages: packages(name === "bench" ? [...below, ...kits] : below) },
  ];
}

const LAYERS: readonly Layer[] = [
  ...KERNEL,
  ...upper("controller", ["@agentos/kernel"]),
  ...upper("hooks", ["@agentos/kernel", "@agentos/controller"]),
  ...upper("cli", ["@agentos/kernel", "@agentos/controller", "@agentos/hooks"]),
  ...upper("bench", ["@agentos/kernel", "@agentos/controller"]),
];

/** Imports against the arrows. A test may use its whole package, its libraries and every kit, but no file of another package; nothing else may use a test. */
export function badArrows(sources: readonly Source[]): readonly string[] {
  return sources.filter(({ path }) => path.endsWith(".ts")).flatMap((source) => {
    const layer = LAYERS.find(({ files }) => files.test(source.path));
    if (layer === undefined) return [`${source.path}: belongs to no layer of the table in cli/src/tidy/arrows.ts`];
    return source.imports.filter((each) => !mayImport(source.path, layer, each)).map((each) => {
      const how = each.kind === "value" ? "a value" : "a type";
      return `${source.path}:${each.line}: ${layer.name} imports ${how} of ${JSON.stringify(each.specifier)}; the arrows of the architecture point the other way`;
    });
  });
}

function mayImport(from: string, layer: Layer, { specifier, kind }: Import): boolean {
  const [home = ""] = from.split("/");
  if (!specifier.startsWith(".")) {
    if (layer.packages.test(specifier)) return true;
    return isTest(from) && new RegExp(`^(${NODE}|cbor-x|fast-check|wabt|ajv/dist/2020[.]js|${LIBRARIES[home] ?? ""}|${kitsOf(home)})$`).test(specifier);
  }
  const to = target(from, specifier);
  if (isTest(from)) return to.startsWith(`${home}/src/`);
  if (isTest(to)) return false;
  return layer.values.test(to) || (kind === "type" && (layer.types ?? NOTHING).test(to));
}

/** The testing kits of the packages below a package. */
function kitsOf(home: string): string {
  const below: Readonly<Record<string, readonly string[]>> = { kernel: [], controller: ["kernel"], hooks: ["kernel", "controller"], bench: ["kernel"], cli: ["kernel", "controller"] };
  return (below[home] ?? []).map((name) => `@agentos/${name}/testing`).join("|") || "-";
}

/** Cycles of imports that load: each as one line, from its first file by name. */
export function valueCycles(sources: readonly Source[]): readonly string[] {
  const edges = new Map(sources.map((source) => [source.path, source.imports.filter(({ kind, specifier }) => kind === "value" && specifier.startsWith(".")).map(({ specifier }) => target(source.path, specifier))]));
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const back = trail.indexOf(path);
    if (back >= 0) found.push(describe(trail.slice(back)));
    if (back >= 0 || done.has(path)) return;
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) walk(path, []);
  return [...new Set(found)];
}

function describe(cycle: readonly string[]): string {
  const first = [...cycle].sort()[0] as string;
  const turned = [...cycle.slice(cycle.indexOf(first)), ...cycle.slice(0, cycle.indexOf(first))];
  return `${turned.join(" → ")} → ${posix.basename(first)}: a cycle of imports; move what both need into a file of its own, or import the type alone`;
}
