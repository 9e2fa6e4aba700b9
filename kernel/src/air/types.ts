// The typed form of AIR v1 definitions. Shapes and field names: air/values-and-definitions, section 2.2.
// An optional field is absent, never null; "omit" lists and maps are absent when empty, so equal definitions are equal objects.

import type { Float, Hash, Name } from "./value.ts";

export type PrimitiveName =
  | "bool" | "int" | "nat" | "dec128" | "bytes" | "text" | "time" | "duration" | "hash" | "uuid" | "unit";
export type KeyTypeName = "int" | "nat" | "text" | "uuid" | "hash";

export type TypeExpr =
  | { readonly kind: PrimitiveName }
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, TypeExpr> }
  | { readonly kind: "variant"; readonly arms: ReadonlyMap<string, TypeExpr> }
  | { readonly kind: "list"; readonly item: TypeExpr }
  | { readonly kind: "set"; readonly item: TypeExpr }
  | { readonly kind: "map"; readonly key: KeyTypeName; readonly value: TypeExpr }
  | { readonly kind: "option"; readonly item: TypeExpr }
  | { readonly kind: "ref"; readonly name: Name };

/** Scalars that the Expr and the literal lens spell alike. `int`/`nat`/`time_ns`/`duration_ns` are bigint: exact to 64 bits. */
export type Constant =
  | { readonly kind: "null" }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int" | "nat" | "time_ns" | "duration_ns"; readonly value: bigint }
  | { readonly kind: "dec128" | "text" | "bytes_b64" | "hash" | "uuid"; readonly value: string };

export type Opcode =
  | "len" | "get" | "has" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "and" | "or" | "not" | "concat" | "hash" | "hash_bytes"
  | "add" | "sub" | "mul" | "div" | "mod" | "starts_with" | "ends_with" | "contains";

export type Expr =
  | Constant
  | { readonly kind: "ref"; readonly ref: string }
  | { readonly kind: "op"; readonly op: Opcode; readonly args: readonly Expr[] }
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, Expr> }
  | { readonly kind: "list" | "set"; readonly items: readonly Expr[] }
  | { readonly kind: "map"; readonly entries: readonly { readonly key: Expr; readonly value: Expr }[] }
  | { readonly kind: "variant"; readonly tag: string; readonly value?: Expr };

export type Literal =
  | Constant
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, Literal> }
  | { readonly kind: "list" | "set"; readonly items: readonly Literal[] }
  | { readonly kind: "map"; readonly entries: readonly { readonly key: Literal; readonly value: Literal }[] }
  | { readonly kind: "variant"; readonly tag: string; readonly value?: Literal }
  | { readonly kind: "secret"; readonly alias: string; readonly version: bigint };

/** A JSON document as our reader keeps it: integers exact (number if safe, else bigint), fractions and `-0` as Float. */
export type Json = null | boolean | number | bigint | string | Float | readonly Json[] | ReadonlyMap<string, Json>;

/** A plan slot: an expression, a tagged literal, or authoring sugar that has not met its schema yet. */
export type Slot =
  | { readonly lens: "expr"; readonly expr: Expr }
  | { readonly lens: "literal"; readonly literal: Literal }
  | { readonly lens: "sugar"; readonly json: Json };

export interface DefSchema { readonly kind: "defschema"; readonly name: Name; readonly type: TypeExpr }

export interface ReducerAbi {
  readonly state: Name;
  readonly event: Name;
  readonly context?: Name;
  readonly annotations?: Name;
  readonly effects_emitted?: readonly string[];
  readonly cap_slots?: ReadonlyMap<string, string>;
}
export interface PureAbi { readonly input: Name; readonly output: Name; readonly context?: Name }
export interface DefModule {
  readonly kind: "defmodule";
  readonly name: Name;
  readonly module_kind: "reducer" | "pure";
  readonly wasm_hash: Hash;
  readonly key_schema?: Name;
  readonly abi: { readonly reducer?: ReducerAbi; readonly pure?: PureAbi };
}

export type PlanStep =
  | { readonly op: "raise_event"; readonly id: string; readonly event: Name; readonly value: Slot }
  | {
      readonly op: "emit_effect"; readonly id: string; readonly effect: string; readonly params: Slot; readonly cap: string;
      readonly idempotency_key?: Slot; readonly bind: { readonly effect_id_as: string };
    }
  /** `status_as` is ours (design/kernel.md 3): binds the receipt's status as text and lets the plan go on after an error. */
  | { readonly op: "await_receipt"; readonly id: string; readonly for: Expr; readonly bind: { readonly as: string; readonly status_as?: string } }
  | { readonly op: "await_event"; readonly id: string; readonly event: Name; readonly where?: Expr; readonly bind: { readonly as: string } }
  | { readonly op: "assign"; readonly id: string; readonly expr: Slot; readonly bind: { readonly as: string } }
  | { readonly op: "end"; readonly id: string; readonly result?: Slot };

export interface PlanEdge { readonly from: string; readonly to: string; readonly when?: Expr }
export interface DefPlan {
  readonly kind: "defplan";
  readonly name: Name;
  readonly input: Name;
  readonly output?: Name;
  readonly locals?: ReadonlyMap<string, Name>;
  readonly steps: readonly PlanStep[];
  readonly edges?: readonly PlanEdge[];
  readonly required_caps?: readonly string[];
  readonly allowed_effects?: readonly string[];
  readonly invariants?: readonly Expr[];
  /** Ours: how long an instance may live, from the logical time of its start; it ends with `plan_deadline` then. */
  readonly deadline_ns?: bigint;
}

export interface DefCap {
  readonly kind: "defcap"; readonly name: Name; readonly cap_type: string; readonly schema: TypeExpr;
  readonly enforcer: { readonly module: string };
}
export type OriginScope = "reducer" | "plan" | "both";
export interface DefEffect {
  readonly kind: "defeffect"; readonly name: Name; readonly effect: string;
  readonly params_schema: Name; readonly receipt_schema: Name; readonly cap_type: string; readonly origin_scope: OriginScope;
}
export interface PolicyMatch {
  readonly effect_kind?: string; readonly cap_name?: string; readonly cap_type?: string;
  readonly origin_kind?: "plan" | "reducer"; readonly origin_name?: string;
}
export type PolicyDecision = "allow" | "deny" | "require_approval";
/** `require_approval` and `approval_ttl_ns` are ours: the effect waits for a person, and is denied when the time is over. */
export interface PolicyRule { readonly when: PolicyMatch; readonly decision: PolicyDecision; readonly approval_ttl_ns?: bigint }
export interface DefPolicy { readonly kind: "defpolicy"; readonly name: Name; readonly rules: readonly PolicyRule[] }
export interface DefSecret {
  readonly kind: "defsecret"; readonly name: string; readonly binding_id: string; readonly expected_digest?: Hash;
  readonly allowed_caps?: readonly string[]; readonly allowed_plans?: readonly string[];
}

export type Definition = DefSchema | DefModule | DefPlan | DefCap | DefEffect | DefPolicy | DefSecret;
export type DefKind = Definition["kind"];

export interface ManifestRef { readonly name: string; readonly hash: Hash }
export interface SecretDecl {
  readonly alias: string; readonly version: bigint; readonly binding_id: string; readonly expected_digest?: Hash;
  readonly policy?: { readonly allowed_caps?: readonly string[]; readonly allowed_plans?: readonly string[] };
}
/** Ours: what a grant may spend in all, in each dimension that is given; a dimension that is not is not limited. */
export interface Budget { readonly calls?: bigint; readonly tokens?: bigint; readonly cents?: bigint; readonly bytes?: bigint }
export interface CapGrant { readonly name: string; readonly cap: string; readonly params: Literal; readonly expiry_ns?: bigint; readonly budget?: Budget }
export interface RoutingEvent { readonly event: Name; readonly reducer: string; readonly key_field?: string }
export interface Trigger { readonly event: Name; readonly plan: string; readonly correlate_by?: string }
export interface Manifest {
  readonly kind: "manifest";
  readonly air_version: string;
  readonly schemas: readonly ManifestRef[];
  readonly modules: readonly ManifestRef[];
  readonly plans: readonly ManifestRef[];
  readonly caps: readonly ManifestRef[];
  readonly policies: readonly ManifestRef[];
  readonly effects?: readonly ManifestRef[];
  readonly secrets?: readonly (ManifestRef | SecretDecl)[];
  /** `idempotency` is ours: `instance` gives an effect of a plan whose author gave it no key one of its own, from the instance and the step. */
  readonly defaults?: { readonly policy?: string; readonly cap_grants?: readonly CapGrant[]; readonly idempotency?: "instance" };
  readonly module_bindings?: ReadonlyMap<string, { readonly slots?: ReadonlyMap<string, string> }>;
  readonly routing?: {
    readonly events?: readonly RoutingEvent[];
    readonly inboxes?: readonly { readonly source: string; readonly reducer: string }[];
  };
  readonly triggers?: readonly Trigger[];
  /** Ours: the pure module that carries a reducer's cells over when their state no longer fits its schema. */
  readonly migrations?: readonly Migration[];
}
export interface Migration { readonly reducer: string; readonly module: string }
export type Node = Definition | Manifest;

/** One finding of the validator. `line`/`column` count from 1; `pointer` is RFC 6901. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly file: string;
  readonly pointer: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
}

/** A control plane whose every rule held: what a world runs. Made by `load.ts`, from files or from stored nodes. */
export interface ControlPlane {
  readonly manifest: Manifest;
  /** Hash of the plain manifest, refs rewritten to normalised definitions (values-and-definitions 2.7): the identity of the control plane. */
  readonly manifestHash: Hash;
  /** All schemas by name, builtin ones included. */
  readonly schemas: ReadonlyMap<string, DefSchema>;
  /** Modules listed by the manifest (builtin `sys/*` only where listed). */
  readonly modules: ReadonlyMap<string, DefModule>;
  /** Plans listed by the manifest, normalised. */
  readonly plans: ReadonlyMap<string, DefPlan>;
  /** Effects by effect *kind* (`http.request`), builtin ones included. */
  readonly effects: ReadonlyMap<string, DefEffect>;
  readonly caps: ReadonlyMap<string, DefCap>;
  readonly policies: ReadonlyMap<string, DefPolicy>;
  readonly secrets: readonly SecretDecl[];
  /** Every definition the manifest lists that is not builtin, with its node hash; what a bundle stores. */
  readonly nodes: readonly { readonly hash: Hash; readonly node: Definition }[];
}
