// `node cli/scripts/github-api.mjs FOLDER`: makes the part of GitHub's published description that the tests' double answers by.
// FOLDER holds an installed @octokit/openapi (385 MB: keep it outside of the repository):
//   npm install --prefix /tmp/openapi @octokit/openapi@23.0.2 && node cli/scripts/github-api.mjs /tmp/openapi
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = "@octokit/openapi";
const FILE = "generated/api.github.com.json";
const TARGET = fileURLToPath(new URL("../../controller/src/testing/github-double/github-api.json", import.meta.url));

/** What we ask, and what else a repository with pull requests has. An operation that is not listed does not exist for the double. */
const OPERATIONS = [
  "apps/get-authenticated", "apps/get-repo-installation", "apps/create-installation-access-token", "apps/list-webhook-deliveries",
  "users/get-authenticated", "users/get-by-username", "rate-limit/get",
  "repos/get", "repos/get-branch", "repos/list-branches", "repos/get-branch-rules", "repos/get-repo-rulesets", "repos/get-repo-ruleset", "repos/create-repo-ruleset", "repos/delete-repo-ruleset",
  "repos/get-collaborator-permission-level", "repos/codeowners-errors", "repos/compare-commits-with-basehead", "repos/get-commit", "repos/list-pull-requests-associated-with-commit", "repos/create-dispatch-event",
  "repos/get-combined-status-for-ref", "repos/list-commit-statuses-for-ref", "repos/create-commit-status",
  "repos/list-webhooks", "repos/create-webhook", "repos/delete-webhook", "repos/list-webhook-deliveries", "repos/redeliver-webhook-delivery",
  "pulls/list", "pulls/get", "pulls/create", "pulls/update", "pulls/list-commits", "pulls/list-files", "pulls/check-if-merged", "pulls/merge", "pulls/update-branch",
  "pulls/list-reviews", "pulls/get-review", "pulls/create-review", "pulls/submit-review", "pulls/dismiss-review", "pulls/delete-pending-review",
  "issues/list-comments", "issues/get-comment", "issues/create-comment", "issues/update-comment", "issues/delete-comment", "reactions/create-for-issue-comment",
  "checks/create", "checks/get", "checks/update", "checks/list-for-ref", "checks/list-suites-for-ref",
  "git/get-ref", "git/list-matching-refs", "git/create-ref", "git/update-ref", "git/delete-ref", "git/get-commit",
  "actions/list-workflow-runs-for-repo", "actions/get-workflow-run", "actions/list-workflow-run-artifacts",
];

const [folder] = process.argv.slice(2);
const home = join(folder ?? "", "node_modules", PACKAGE);
if (folder === undefined || !existsSync(join(home, FILE))) {
  console.error(`usage: node cli/scripts/github-api.mjs FOLDER, where FOLDER/node_modules/${PACKAGE} is installed`);
  process.exit(2);
}
const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
const spec = JSON.parse(readFileSync(join(home, FILE), "utf8"));

const named = (name) => name.split("/").at(-1);
const resolved = (value) => (value?.$ref === undefined ? value : spec.components[value.$ref.split("/").at(-2)][named(value.$ref)]);
const wanted = new Set();

/** A schema as JSON Schema has it, facts alone: no prose, no examples, no links; `nullable` is a type. */
function plain(schema) {
  if (schema.$ref !== undefined) {
    wanted.add(named(schema.$ref));
    return { $ref: `#/schemas/${named(schema.$ref)}` };
  }
  const made = {};
  for (const key of ["type", "format", "enum", "required", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "pattern"]) if (schema[key] !== undefined) made[key] = schema[key];
  if (schema.properties !== undefined) made.properties = Object.fromEntries(Object.entries(schema.properties).map(([name, of]) => [name, plain(of)]));
  if (schema.items !== undefined) made.items = plain(schema.items);
  if (typeof schema.additionalProperties === "object") made.additionalProperties = plain(schema.additionalProperties);
  else if (schema.additionalProperties === false) made.additionalProperties = false;
  for (const key of ["allOf", "anyOf", "oneOf"]) if (schema[key] !== undefined) made[key] = schema[key].map(plain);
  return schema.nullable === true ? orNull(made) : made;
}

function orNull(made) {
  if (typeof made.type !== "string") return { anyOf: [made, { type: "null" }] };
  return { ...made, type: [made.type, "null"], ...(made.enum !== undefined && !made.enum.includes(null) && { enum: [...made.enum, null] }) };
}

const json = (content) => content?.["application/json"]?.schema;

function operation(id) {
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const [method, found] of Object.entries(item)) {
      if (found.operationId !== id) continue;
      const parameters = [...(item.parameters ?? []), ...(found.parameters ?? [])].map(resolved).map(({ name, in: place, required, schema }) => ({ name, in: place, ...(required === true && { required }), schema: plain(schema) }));
      const bodySchema = json(resolved(found.requestBody)?.content);
      const body = bodySchema === undefined ? {} : { body: { ...(resolved(found.requestBody).required === true && { required: true }), schema: plain(bodySchema) } };
      const answers = Object.entries(found.responses).filter(([status]) => status.startsWith("2")).map(([status, response]) => [status, json(resolved(response).content)]);
      return { method: method.toUpperCase(), path, parameters, ...body, responses: Object.fromEntries(answers.map(([status, schema]) => [status, schema === undefined ? null : plain(schema)])) };
    }
  }
  throw new Error(`${PACKAGE} ${version}: there is no operation ${id}`);
}

const sorted = (entries) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
const operations = sorted(OPERATIONS.map((id) => [id, operation(id)]));
const schemas = new Map();
for (const name of wanted) if (!schemas.has(name)) schemas.set(name, plain(spec.components.schemas[name]));

// One operation or schema a line: a new version of the description is read as what changed in it.
const lines = (entries) => entries.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(",\n");
const from = `${PACKAGE} ${version}, ${FILE}, OpenAPI ${spec.openapi}: ${operations.length} operations, ${schemas.size} schemas`;
writeFileSync(TARGET, `{\n"from": ${JSON.stringify(from)},\n"operations": {\n${lines(operations)}\n},\n"schemas": {\n${lines(sorted(schemas))}\n}\n}\n`);
console.log(from);
