// How esbuild reads the program when it puts it into one file: what is loaded when, and from where.
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { transform } from "esbuild";

/**
 * Reads the program's files so that
 * - whoever imports from a package's index imports from the files that the index names: else each command would wait for all
 *   that any command may use;
 * - a module finds what lies beside its own file: `placeOf` makes a URL of where that is, as seen from the bundle;
 * - raw text is given to its tag as strings, in which every letter can be spelled with plain ones;
 * - what stays outside is imported by `importOf`: code that V8 takes from its cache has no `import()` of its own.
 *
 * @param target - the bundle's file
 * @param indexes - `{ "@agentos/kernel": "…/kernel/dist/index.js" }`
 */
export function sources(target, indexes) {
  const doors = new Map(Object.entries(indexes).map(([name, file]) => [name, { exported: exportsOf(file), opening: openingOf(file) }]));
  return {
    name: "sources",
    setup(hooks) {
      hooks.onLoad({ filter: /\.m?js$/ }, async ({ path }) => {
        const place = JSON.stringify(relative(dirname(target), path).replaceAll("\\", "/"));
        const text = readFileSync(path, "utf8").replaceAll("import.meta.url", `placeOf(${place})`);
        if (path.includes("node_modules")) return { contents: text, loader: "js" };
        const direct = throughDoors(text, doors).replaceAll(OUTSIDE_IMPORT, "importOf($1)");
        return { contents: hasOddRaw(direct) ? await spelled(direct) : direct, loader: "js" };
      });
    },
  };
}

/** Packages that are large and seldom needed, or bring a program of their own: they are loaded from where they are installed. */
export const OUTSIDE = ["esbuild", "octokit"];
const OUTSIDE_IMPORT = new RegExp(`\\bimport\\(("(?:${OUTSIDE.join("|")})")\\)`, "g");

/** Is there a tagged template and a letter that is not plain? */
function hasOddRaw(text) {
  return /[^\0-\x7f]/.test(text) && /[\w$)\]]`/.test(text);
}

async function spelled(text) {
  return (await transform(text, { format: "esm", charset: "ascii", supported: { "template-literal": false } })).code;
}

const FROM_INDEX = /^(import|export)\s*\{([^}]*)\}\s*from\s*"(@agentos\/\w+)";/gm;

const LATER_FROM_INDEX = /\bconst \{([^}]*)\} = await import\("(@agentos\/\w+)"\);/g;

function throughDoors(text, doors) {
  const doorAt = (name) => doors.get(name) ?? fail(`${name} is no package of the program`);
  const placeIn = (name, theirs) => doorAt(name).exported.get(theirs) ?? fail(`${name} exports no ${theirs}`);
  const now = text.replaceAll(FROM_INDEX, (_, verb, list, name) => {
    const wanted = namesIn(list).map(([theirs, ours]) => {
      const { file, name: named } = placeIn(name, theirs);
      return `${verb} ${named === "*" ? `* as ${ours}` : `{ ${named} as ${ours} }`} from ${JSON.stringify(file)};`;
    });
    return [...doorAt(name).opening.map((file) => `import ${JSON.stringify(file)};`), ...wanted].join(" ");
  });
  return now.replaceAll(LATER_FROM_INDEX, (_, list, name) => namesIn(list).map(([theirs]) => {
    const { file, name: named } = placeIn(name, theirs);
    return `const ${named === "*" ? theirs : `{ ${named}: ${theirs} }`} = await import(${JSON.stringify(file)});`;
  }).join(" "));
}

function fail(what) {
  throw new Error(what);
}

/** `a, b as c`: what each is called there and here. */
function namesIn(list) {
  return list.split(",").map((one) => one.trim()).filter((one) => one !== "").map((one) => {
    const [theirs, ours = theirs] = one.split(/\s+as\s+/);
    return [theirs, ours];
  });
}

/** Files that an index imports to have them run. */
function openingOf(index) {
  return [...readFileSync(index, "utf8").matchAll(/^import\s*"(\.[^"]+)";/gm)].map(([, from]) => join(dirname(index), from));
}

/** Every name a built module exports, with the file that says what it is and its name there; `*`: all of that file. */
function exportsOf(file) {
  const text = readFileSync(file, "utf8");
  const at = (from) => join(dirname(file), from);
  const found = new Map();
  for (const [, name] of text.matchAll(/^export\s+(?:async\s+)?(?:function\*?|class|const|let)\s+([\w$]+)/gm)) found.set(name, { file, name });
  for (const [, list, from] of text.matchAll(/^export\s*\{([^}]*)\}(?:\s*from\s*"(\.[^"]+)")?;/gm)) {
    for (const [theirs, ours] of namesIn(list)) found.set(ours, from === undefined ? { file, name: ours } : { file: at(from), name: theirs });
  }
  for (const [, name, from] of text.matchAll(/^export\s*\*\s*as\s+([\w$]+)\s+from\s*"(\.[^"]+)";/gm)) found.set(name, { file: at(from), name: "*" });
  for (const [, from] of text.matchAll(/^export\s*\*\s*from\s*"(\.[^"]+)";/gm)) {
    for (const [name, place] of exportsOf(at(from))) if (!found.has(name)) found.set(name, place);
  }
  return found;
}

/** Parts of Node that take time to load and that many commands do without: loaded at their first use. */
const LATE = ["assert", "node:assert", "node:crypto", "node:dns/promises", "node:https", "node:os", "node:zlib", "worker_threads"];

/** What a late part gives is a getter at first: whoever reads one loads the part. */
export const late = {
  name: "late",
  setup(hooks) {
    const filter = new RegExp(`^(?:${LATE.join("|")})$`);
    hooks.onResolve({ filter }, ({ path, namespace }) => (namespace === "late" ? { path, external: true } : { path, namespace: "late" }));
    hooks.onLoad({ filter: /.*/, namespace: "late" }, async ({ path }) => {
      const { default: part } = await import(path);
      const names = Object.getOwnPropertyNames(part).filter((name) => !["length", "name", "prototype"].includes(name));
      return { contents: `let part;
const load = () => (part ??= require(${JSON.stringify(path)}));
module.exports = ${typeof part === "function" ? "(...args) => load()(...args)" : "{}"};
for (const name of ${JSON.stringify(names)}) {
  Object.defineProperty(module.exports, name, { configurable: true, enumerable: true, get() {
    const value = load()[name];
    Object.defineProperty(module.exports, name, { value });
    return value;
  } });
}`, loader: "js" };
    });
  },
};

/**
 * How wide text is on a terminal. Plain letters and marks are as wide as they are many, which costs nothing to know; what else
 * there is makes the library wait for its tables of all of Unicode.
 */
export const width = {
  name: "width",
  setup(hooks) {
    hooks.onResolve({ filter: /^string-width$/ }, ({ path, namespace }) => (namespace === "width" ? undefined : { path, namespace: "width" }));
    hooks.onLoad({ filter: /.*/, namespace: "width" }, () => ({
      contents: String.raw`const PLAIN = /^[\t\n -~\u2010-\u2027]*$/;
module.exports = (text, options) => (typeof text === "string" && PLAIN.test(text) ? text.replaceAll(/[\t\n]/g, "").length : require("string-width").default(text, options));`,
      resolveDir: dirname(import.meta.dirname), loader: "js",
    }));
  },
};
