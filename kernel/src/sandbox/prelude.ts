// The script that prepares the JavaScript engine before an author's bundle: takes away what is not a function of the input, answers calls.

/** What the two scripts are called in the places of errors. */
export const BUNDLE_FILE = "bundle.js";
export const PRELUDE_FILE = "<sandbox>";

/** The global variable a bundle leaves its default export in. */
export const BUNDLE_GLOBAL = "__aos_bundle";

/**
 * Evaluates to `[dispatch, wrap, attach, describe, trace]`. Plain script text for the engine; it runs once, before the image is taken.
 * A call is `[wrapped, context, …arguments]`; an answer is `[0, result]` or `[1, message, trace]`;
 * `wrap` gives it again in the wrapped form of engine-format.ts.
 */
export const PRELUDE = String.raw`(function () {
"use strict";
const global = globalThis;
const forbid = (what, instead) => function () { throw new TypeError(what + " is not available in a module: " + instead); };
const hide = (object, name, value) => Object.defineProperty(object, name, { value, writable: true, enumerable: false, configurable: true });
const time = "take the time from ctx (ctx.now_ns, ctx.logical_now_ns)";
const locale = "results must not depend on a locale; compare with < and format by hand";

const RealDate = global.Date;
const noNow = forbid("the present time", time);
const Clockless = function Date(...parts) {
  if (new.target === undefined || parts.length === 0) noNow();
  return Reflect.construct(RealDate, parts, new.target);
};
hide(Clockless, "now", forbid("Date.now", time));
hide(Clockless, "UTC", RealDate.UTC);
hide(Clockless, "parse", RealDate.parse);
Object.defineProperty(Clockless, "prototype", { value: RealDate.prototype, writable: false });
hide(RealDate.prototype, "constructor", Clockless);
hide(global, "Date", Clockless);
hide(Math, "random", forbid("Math.random", "take randomness from ctx (ctx.entropy)"));

for (const name of ["setTimeout", "setInterval", "setImmediate", "requestAnimationFrame", "queueMicrotask"])
  hide(global, name, forbid(name, "a reducer runs to its end at once; emit the effect timer.set, and take the time from ctx"));
hide(global, "fetch", forbid("fetch", "emit the effect http.request"));
hide(global, "Intl", new Proxy({}, { get: (_, name) => typeof name === "string" ? forbid("Intl." + name, locale) : undefined }));
for (const [object, names] of [
  [String.prototype, ["localeCompare", "toLocaleLowerCase", "toLocaleUpperCase"]],
  [RealDate.prototype, ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"]],
  [Number.prototype, ["toLocaleString"]], [BigInt.prototype, ["toLocaleString"]], [Array.prototype, ["toLocaleString"]],
  [Object.prototype, ["toLocaleString"]], [Object.getPrototypeOf(Uint8Array.prototype), ["toLocaleString"]],
]) for (const name of names) hide(object, name, forbid(name, locale));
for (const name of ["WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics"]) delete global[name];
const silent = () => undefined;
hide(global, "console", { log: silent, info: silent, warn: silent, error: silent, debug: silent });

const wellFormed = Function.prototype.call.bind(String.prototype.toWellFormed);
const describe = (error) => {
  try {
    if (typeof error === "object" && error !== null) {
      const { name, message } = error;
      if (typeof name === "string" && typeof message === "string") return wellFormed(name + ": " + message);
    }
    return wellFormed("Error: " + String(error));
  } catch {
    return "Error: without a message";
  }
};
const trace = (error) => {
  try {
    const { stack } = error;
    return typeof stack === "string" ? wellFormed(stack) : "";
  } catch {
    return "";
  }
};

const unwrap = (value) => {
  if (!Array.isArray(value)) return value;
  const kind = value[0];
  if (kind === 0) return value.slice(1).map(unwrap);
  const map = kind === 2 ? new Map() : {};
  for (let i = 1; i < value.length; i += 2) {
    const item = unwrap(value[i + 1]);
    if (kind === 2) map.set(value[i], item);
    else Object.defineProperty(map, value[i], { value: item, writable: true, enumerable: true, configurable: true });
  }
  return map;
};

const wrapValue = (value, path, open) => {
  if (typeof value === "function" || typeof value === "symbol") throw new TypeError(path + ": a " + typeof value + " is not data");
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || value instanceof ArrayBuffer) return value;
  if (open.includes(value)) throw new TypeError(path + ": an object that contains itself");
  const inner = [...open, value];
  if (Array.isArray(value)) return [0, ...value.map((item, i) => wrapValue(item, path + "[" + i + "]", inner))];
  if (value instanceof Set) return [0, ...[...value].map((item) => wrapValue(item, path, inner))];
  if (value instanceof Map) return [2, ...[...value].flatMap(([key, item]) => [wrapValue(key, path, inner), wrapValue(item, path + "." + String(key), inner)])];
  const tag = Object.prototype.toString.call(value);
  if (tag !== "[object Object]" || typeof value.then === "function") throw new TypeError(path + ": a value of type " + tag.slice(8, -1) + " is not data");
  return [1, ...Object.keys(value).flatMap((key) => [key, wrapValue(value[key], path + "." + key, inner)])];
};

const contextOf = {
  step: (c) => {
    const ctx = { now_ns: c[0], logical_now_ns: c[1], journal_height: c[2], entropy: c[3], event_hash: c[4], manifest_hash: c[5], reducer: c[6], cell_mode: c[8] };
    if (c[7] !== undefined) ctx.key = c[7];
    return ctx;
  },
  run: (c) => ({ logical_now_ns: c[0], journal_height: c[1], manifest_hash: c[2], module: c[3] }),
};

// Objects with the first field, the first two, …: while they live, the engine finds the shapes of a new context ready.
const shapes = ["now_ns", "logical_now_ns", "journal_height", "entropy", "event_hash", "manifest_hash", "reducer", "cell_mode"].map((_, i, names) => {
  const object = {};
  for (const name of names.slice(0, i + 1)) object[name] = null;
  return object;
});

let authorEntry, authorCall, authorContext;
const attach = (made) => {
  if (typeof made !== "object" || made === null || typeof made.call !== "function" || (made.entry !== "step" && made.entry !== "run"))
    throw new TypeError("the bundle has no default export made by reduce(), pure() or enforce()");
  authorEntry = made.entry;
  authorCall = made.call;
  authorContext = contextOf[authorEntry];
  return authorEntry;
};
const dispatch = (call) => {
  try {
    const ctx = call[1] === null ? null : authorContext(call[1]);
    const first = call[0] ? unwrap(call[2]) : call[2];
    const result = authorEntry === "run" ? authorCall(first, ctx) : authorCall(first, call[0] ? unwrap(call[3]) : call[3], ctx);
    if (typeof result === "object" && result !== null && typeof result.then === "function")
      throw new TypeError("the module returned a Promise; it must answer at once, without async or await");
    return [0, result];
  } catch (error) {
    return [1, describe(error), trace(error)];
  }
};
const wrap = (answer) => {
  try {
    return [0, 0, wrapValue(answer[1], "result", [])];
  } catch (error) {
    return [0, 1, describe(error)];
  }
};
return [dispatch, wrap, attach, describe, trace, shapes];
})()`;
