// GitHub's published description of its API, the part that is used: what may be asked, and what an answer looks like.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";

/** A JSON Schema as cli/scripts/github-api.mjs writes it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | false;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}
interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required?: true;
  readonly schema: Schema;
}
interface Operation {
  readonly method: string;
  /** With `{name}` where a parameter stands. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body?: { readonly required?: true; readonly schema: Schema };
  /** By status; null for an answer without a body. */
  readonly responses: Readonly<Record<string, Schema | null>>;
}
interface Description {
  readonly from: string;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly schemas: Readonly<Record<string, Schema>>;
}

/** Beside the source, from `dist` as from `src`. */
const FILE = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "src", "testing", "github-double", "github-api.json");
const ROOT = "github";

interface Loaded extends Description {
  readonly ajv: Ajv;
  /** Parameters arrive as text. */
  readonly coercing: Ajv;
  readonly compiled: Map<string, ValidateFunction>;
  readonly routes: readonly { readonly id: string; readonly method: string; readonly parts: readonly string[] }[];
}
let loaded: Loaded | undefined;

/** Reads the file once; schemas are compiled when an operation is first used. */
function description(): Loaded {
  if (loaded !== undefined) return loaded;
  const read = JSON.parse(readFileSync(FILE, "utf8")) as Description;
  const options = { strict: false, validateFormats: false, validateSchema: false, inlineRefs: false, code: { optimize: false } } as const;
  const [ajv, coercing] = [new Ajv(options), new Ajv({ ...options, coerceTypes: true })];
  for (const each of [ajv, coercing]) each.addSchema({ operations: read.operations, schemas: read.schemas }, ROOT);
  const routes = Object.entries(read.operations).map(([id, { method, path }]) => ({ id, method, parts: path.split("/") }));
  // Where a path could be two, the one that says more comes first.
  const open = ({ parts }: (typeof routes)[number]): number => parts.filter((part) => part.startsWith("{")).length;
  routes.sort((a, b) => open(a) - open(b));
  loaded = { ...read, ajv, coercing, compiled: new Map(), routes };
  return loaded;
}

/** The description's version and extent. */
export function describedFrom(): string {
  return description().from;
}

export function operationIds(): readonly string[] {
  return Object.keys(description().operations);
}

export interface Matched {
  readonly id: string;
  readonly params: Readonly<Record<string, string>>;
}

/** The operation that a request means; undefined when it is none of those described. */
export function operationAt(method: string, pathname: string): Matched | undefined {
  const asked = pathname.split("/");
  for (const route of description().routes) {
    const params = route.method === method ? paramsOf(route.parts, asked) : undefined;
    if (params !== undefined) return { id: route.id, params };
  }
  return undefined;
}

function paramsOf(parts: readonly string[], asked: readonly string[]): Readonly<Record<string, string>> | undefined {
  // A ref's name goes on over slashes.
  const wide = parts.at(-1) === "{ref}" && parts.includes("git");
  if (wide ? asked.length < parts.length : asked.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const last = wide && index === parts.length - 1;
    const text = last ? asked.slice(index).join("/") : (asked[index] ?? "");
    if (!part.startsWith("{")) {
      if (part !== text) return undefined;
    } else params[part.slice(1, -1)] = decodeURIComponent(text);
  }
  return params;
}

interface Requested {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Undefined when none was sent. */
  readonly body: unknown;
}

/** What GitHub would refuse with 422, in its words; undefined when the request fits its description. */
export function requestFault(id: string, { params, query, body }: Requested): string | undefined {
  const { parameters, body: described } = operation(id);
  for (const [index, { name, in: place, required }] of parameters.entries()) {
    const text = place === "path" ? params[name] : (query.get(name) ?? undefined);
    if (text === undefined) {
      if (required === true) return `${name} is missing`;
      continue;
    }
    const valid = validator("coercing", `/operations/${escaped(id)}/parameters/${index}/schema`);
    if (!valid(text)) return `${name}: ${first(valid.errors)}`;
  }
  if (described === undefined) return undefined;
  if (body === undefined) return described.required === true ? "a body is missing" : undefined;
  const valid = validator("ajv", `/operations/${escaped(id)}/body/schema`);
  return valid(body) ? undefined : first(valid.errors);
}

/** What GitHub would overlook, and a caller has written by mistake: names that the description does not know. */
export function requestExtra(id: string, { query, body }: Requested): string | undefined {
  const { parameters, body: described } = operation(id);
  for (const name of query.keys()) if (!parameters.some((each) => each.in === "query" && each.name === name)) return `query parameter ${name}`;
  if (body === undefined || body === null || typeof body !== "object") return undefined;
  const known = described === undefined ? new Set<string>() : namesOf(described.schema);
  const extra = Object.keys(body).find((name) => !known.has(name));
  return extra === undefined ? undefined : `field ${extra} of the body`;
}

function namesOf(schema: Schema): ReadonlySet<string> {
  const whole = resolved(schema);
  return new Set([...Object.keys(whole.properties ?? {}), ...[...(whole.allOf ?? []), ...(whole.anyOf ?? []), ...(whole.oneOf ?? [])].flatMap((part) => [...namesOf(part)])]);
}

/** An answer with everything in it that the description calls required: what is not given has a plain value. */
export function completed(id: string, status: number, data: unknown): unknown {
  const schema = operation(id).responses[String(status)];
  return schema === undefined || schema === null ? data : fill(schema, data);
}

/** How an answer differs from its description; undefined when it does not. */
export function answerFault(id: string, status: number, data: unknown): string | undefined {
  const { responses } = operation(id);
  const schema = responses[String(status)];
  if (schema === undefined) return `status ${status} is not among ${Object.keys(responses).join(", ")}`;
  if (schema === null) return data === undefined ? undefined : `status ${status} has no body`;
  const valid = validator("ajv", `/operations/${escaped(id)}/responses/${status}`);
  return valid(data) ? undefined : first(valid.errors);
}

function operation(id: string): Operation {
  const found = description().operations[id];
  if (found === undefined) throw new Error(`${id}: not described`);
  return found;
}

function validator(kind: "ajv" | "coercing", pointer: string): ValidateFunction {
  const { compiled, [kind]: ajv } = description();
  const key = `${kind} ${pointer}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const made = ajv.compile({ $ref: `${ROOT}#${pointer}` });
  compiled.set(key, made);
  return made;
}

function escaped(id: string): string {
  return id.replaceAll("/", "~1");
}

function first(errors: readonly ErrorObject[] | null | undefined): string {
  const [error] = errors ?? [];
  return error === undefined ? "it does not fit" : `${error.instancePath === "" ? "it" : error.instancePath} ${error.message ?? "does not fit"}`;
}

function resolved(schema: Schema): Schema {
  const name = /^#\/schemas\/(.+)$/.exec(schema.$ref ?? "")?.[1];
  return name === undefined ? schema : (description().schemas[name] ?? {});
}

const TYPES = { string: "", integer: 1, number: 1, boolean: false } as const;
const FORMATS: Readonly<Record<string, string>> = { "date-time": "2027-01-01T00:00:00Z", uri: "https://github.example/" };

function fill(schema: Schema, given: unknown): unknown {
  const whole = resolved(schema);
  if (given === undefined) return make(whole);
  if (Array.isArray(given)) return whole.items === undefined ? given : given.map((item: unknown) => fill(whole.items ?? {}, item));
  if (given === null || typeof given !== "object") return given;
  const made: Record<string, unknown> = { ...given };
  for (const part of whole.allOf ?? []) Object.assign(made, fill(part, made));
  const option = [...(whole.anyOf ?? []), ...(whole.oneOf ?? [])].find((each) => resolved(each).properties !== undefined);
  if (option !== undefined) Object.assign(made, fill(option, made));
  for (const name of whole.required ?? []) if (made[name] === undefined) made[name] = make(resolved(whole.properties?.[name] ?? {}));
  for (const [name, of] of Object.entries(whole.properties ?? {})) if (made[name] !== undefined) made[name] = fill(of, made[name]);
  return made;
}

/** The plainest value of a schema: null where that may be. */
function make(schema: Schema): unknown {
  const types: readonly string[] = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  if (types.includes("null")) return null;
  if (schema.enum !== undefined) return schema.enum[0];
  if (types.includes("object") || schema.properties !== undefined) return fill(schema, {});
  if (types.includes("array")) return [];
  const option = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].map(resolved);
  const [plain] = option.some((each) => each.type === "null") ? [{ type: "null" }] : option;
  if (plain !== undefined) return make(plain);
  const [type = "string"] = types;
  if (type === "string" && schema.format !== undefined) return FORMATS[schema.format] ?? "";
  return type in TYPES ? TYPES[type as keyof typeof TYPES] : null;
}
