// References to secrets inside an effect's params: one spelling, and who may use which.

import type { SecretDecl } from "../air/types.ts";
import type { Value, ValueMap } from "../air/value.ts";
import type { IntentOrigin } from "./world.ts";

/** A secret an effect names; its value comes in at dispatch and nowhere else. */
interface SecretRef {
  readonly alias: string;
  readonly version: bigint;
}

/** Rewrites every one-entry map `{"secret": <map>}` to `{"$tag": "secret", "$value": <map>}` (runtime sheet 5.1). */
export function withSecretTags(value: Value): Value {
  if (isList(value)) return value.map(withSecretTags);
  if (!isMap(value)) return value;
  const only = value.size === 1 ? value.get("secret") : undefined;
  if (only !== undefined && isMap(only)) return new Map<Value, Value>([["$tag", "secret"], ["$value", withSecretTags(only)]]);
  return new Map([...value].map(([key, inner]) => [key, withSecretTags(inner)]));
}

/** Every `{"$tag": "secret", "$value": {alias, version}}` in a value, in its order. */
function secretsIn(value: Value): readonly SecretRef[] {
  if (isList(value)) return value.flatMap(secretsIn);
  if (!isMap(value)) return [];
  const ref = value.get("$tag") === "secret" ? refOf(value.get("$value")) : undefined;
  return ref === undefined ? [...value.values()].flatMap(secretsIn) : [ref];
}

function refOf(value: Value | undefined): SecretRef | undefined {
  if (value === undefined || !isMap(value)) return undefined;
  const [alias, version] = [value.get("alias"), value.get("version")];
  if (typeof alias !== "string" || (typeof version !== "number" && typeof version !== "bigint")) return undefined;
  return { alias, version: BigInt(version) };
}

/**
 * Why params that name secrets may not go out under this grant: one is not declared, or its declaration is not for the grant,
 * or not for the plan or reducer that asks. An empty list of a declaration admits everyone.
 */
export function refuseSecrets(
  declared: readonly SecretDecl[],
  params: Value,
  use: { readonly cap: string; readonly origin: IntentOrigin },
): { readonly code: string; readonly message: string } | undefined {
  const by = use.origin.kind === "plan" ? use.origin.plan : use.origin.reducer;
  for (const { alias, version } of secretsIn(params)) {
    const name = `${alias}@${version}`;
    const secret = declared.find((one) => one.alias === alias && one.version === version);
    if (secret === undefined) return { code: "secret.undeclared", message: `${name}: the manifest declares no such secret` };
    if (!admits(secret.policy?.allowed_caps, use.cap)) return { code: "secret.policy_denied", message: `${name}: not for grant ${use.cap}` };
    if (!admits(secret.policy?.allowed_plans, by)) return { code: "secret.policy_denied", message: `${name}: not for ${by}` };
  }
  return undefined;
}

function admits(list: readonly string[] | undefined, name: string): boolean {
  return list === undefined || list.length === 0 || list.includes(name);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function isMap(value: Value): value is ValueMap {
  return value instanceof Map;
}
