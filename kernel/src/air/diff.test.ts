import assert from "node:assert/strict";
import { test } from "node:test";
import { diffControl } from "./diff.ts";
import { assertDiffs, type DiffRow } from "../testing/diff-rows.ts";
import { C, codeHash as hash, drop, E, fixtureControl, grant, M, MOD, NEW, P, POL, S, SEC, set } from "./fixture-world.ts";

const texts = (...list: readonly string[]): unknown => ({ set: list.map((text) => ({ text })) });

const HTTP_HOSTS = "/defaults/cap_grants/0/params/record/hosts";
const ROWS: readonly DiffRow[] = [
  { title: "nothing changed" },
  { title: "only the order of references", next: [set(M, "/caps", [{ name: "demo/mail@1" }, { name: "demo/http@1" }])] },
  {
    title: "field added, removed and changed", next: [set(S, "/2/type/record", { count: { int: {} }, last: { option: { nat: {} } }, tags: { set: { text: {} } }, retries: { nat: {} } })],
    definitions: ["changed defschema demo/State@1: `count` changed from nat to int; `last[]` changed from int to nat; field `retries` added (nat)"],
  },
  {
    title: "arm added", next: [set(S, "/5/type/variant/More", { ref: "demo/Late@1" }), set(NEW, "/-", { $kind: "defschema", name: "demo/Late@1", type: { record: { id: { text: {} } } } }), set(M, "/schemas/-", { name: "demo/Late@1" })],
    definitions: ["changed defschema demo/Event@1: arm `More` added (@demo/Late@1)", "added defschema demo/Late@1"],
  },
  {
    title: "code changed", code: new Map([["demo/Job@1", hash("8")]]),
    definitions: ["changed defmodule demo/Job@1: code changed"],
    authority: ["neutral: module `demo/Job@1`: code changed; what it may do is bounded by its grants"],
  },
  {
    title: "code of an enforcer changed", code: new Map([["demo/Enforce@1", hash("8")]]),
    definitions: ["changed defmodule demo/Enforce@1: code changed"],
    authority: ["widening: capability `demo/http@1`: its enforcer `demo/Enforce@1` changed"],
  },
  {
    title: "reducer emits more", next: [set(MOD, "/0/abi/reducer/effects_emitted/-", "blob.put"), set(S, "/5/type/variant/Put", { ref: "sys/BlobPutResult@1" }), grant("blobs", "sys/blob@1")],
    definitions: ["changed defschema demo/Event@1: arm `Put` added (@sys/BlobPutResult@1)", "changed defmodule demo/Job@1: may now emit `blob.put`"],
    sections: ["cap_grants: grant `blobs` added: `sys/blob@1` {}"],
    authority: [
      "widening: default slot for `blob`: reducers without a binding now fall back to grant `blobs`",
      "widening: grant `blobs`: `blob` is now granted without limits",
      "widening: reducer `demo/Job@1`: may now emit `blob.put`",
    ],
  },
  {
    title: "reducer emits less", next: [drop(MOD, "/0/abi/reducer/effects_emitted")],
    definitions: ["changed defmodule demo/Job@1: no longer emits `timer.set`"],
    authority: ["narrowing: reducer `demo/Job@1`: no longer emits `timer.set`"],
  },
  {
    title: "step added", next: [set(P, "/steps/-", { id: "again", op: "raise_event", event: "demo/Done@1", value: { id: "x", status: 1 } }), set(P, "/edges/-", { from: "wait", to: "again" })],
    definitions: ["changed defplan demo/fetch@1: step `again` added (raise_event demo/Done@1); edge wait→again added"],
  },
  {
    title: "guard changed, removed and added", next: [set(P, "/edges/1/when/args/1/text", "error"), set(P, "/edges/0/when", { bool: true })],
    definitions: ["changed defplan demo/fetch@1: guard of edge get→wait added; guard of edge wait→status changed"],
  },
  {
    title: "step changed", next: [set(P, "/steps/0/params/record/method/text", "POST"), set(P, "/invariants", [])],
    definitions: ["changed defplan demo/fetch@1: step `get` changed: params; invariant 0 removed"],
  },
  {
    title: "plan emits another effect", next: [set(P, "/steps/4/cap", "other_mail"), grant("other_mail", "demo/mail@1")],
    definitions: ["changed defplan demo/fetch@1: step `mail` changed: cap; grant `other_mail` now required; grant `mail_grant` no longer required"],
    sections: ["cap_grants: grant `other_mail` added: `demo/mail@1` {}"],
    authority: [
      "widening: grant `other_mail`: `mail.out` is now granted without limits",
      "widening: plan `demo/fetch@1`: now emits `mail.send` under `other_mail`",
      "narrowing: plan `demo/fetch@1`: no longer emits `mail.send` under `mail_grant`",
    ],
  },
  {
    title: "plan emits one effect less", next: [drop(P, "/steps/4"), set(P, "/edges/3", { from: "ack", to: "raise" }), drop(P, "/edges/4")],
    definitions: ["changed defplan demo/fetch@1: step `mail` removed (emit_effect mail.send under mail_grant); edge ack→mail removed; edge ack→raise added; edge mail→raise removed; grant `mail_grant` no longer required; no longer emits `mail.send`"],
    authority: ["narrowing: plan `demo/fetch@1`: no longer emits `mail.send` under `mail_grant`"],
  },
  {
    title: "plan added with a trigger", next: [set(NEW, "/-", { $kind: "defplan", name: "demo/fetch@2", input: "demo/Start@1", steps: [{ id: "mail", op: "emit_effect", kind: "mail.send", cap: "mail_grant", bind: { effect_id_as: "x" }, params: { to: "a", token: { literal: "b" } } }] }), set(M, "/plans/-", { name: "demo/fetch@2" }), set(M, "/triggers/-", { event: "demo/Start@1", plan: "demo/fetch@2" })],
    definitions: ["added defplan demo/fetch@2: 1 step, emits `mail.send`"],
    sections: ["triggers: trigger added: `demo/Start@1` starts `demo/fetch@2`"],
    authority: [
      "widening: plan `demo/fetch@2`: event `demo/Start@1` now starts it, and it emits `mail.send`",
      "widening: plan `demo/fetch@2`: now emits `mail.send` under `mail_grant`",
    ],
  },
  {
    title: "plan removed", next: [set(M, "/plans", []), set(M, "/triggers", [])],
    definitions: ["removed defplan demo/fetch@1"],
    sections: ["triggers: trigger removed: `demo/Start@1` starts `demo/fetch@1`, correlated by `id`"],
    authority: [
      "narrowing: plan `demo/fetch@1`: no longer emits `http.request` under `http_grant`",
      "narrowing: plan `demo/fetch@1`: no longer emits `mail.send` under `mail_grant`",
    ],
  },
  {
    title: "trigger for a plan that was there", base: [set(M, "/triggers", [])],
    sections: ["triggers: trigger added: `demo/Start@1` starts `demo/fetch@1`, correlated by `id`"],
    authority: ["widening: plan `demo/fetch@1`: event `demo/Start@1` now starts it, and it emits `http.request`, `mail.send`"],
  },
  {
    title: "route for a reducer that was there", base: [drop(M, "/routing/events/1")],
    sections: ["routing: route added: `sys/TimerFired@1` to `demo/Job@1`"],
    authority: ["widening: reducer `demo/Job@1`: event `sys/TimerFired@1` now reaches it, and it emits `timer.set`"],
  },
  {
    title: "host added", next: [set(M, HTTP_HOSTS, texts("example.com", "127.0.0.1"))],
    sections: ["cap_grants: grant `http_grant`: params changed from {hosts: {example.com}, max: 5, methods: {GET}} to {hosts: {127.0.0.1, example.com}, max: 5, methods: {GET}}"],
    authority: ["widening: grant `http_grant`: `http.out` may now reach 127.0.0.1 (GET)"],
  },
  {
    title: "host removed, other order", base: [set(M, HTTP_HOSTS, texts("a.example", "b.example"))], next: [set(M, HTTP_HOSTS, texts("b.example"))],
    sections: ["cap_grants: grant `http_grant`: params changed from {hosts: {a.example, b.example}, max: 5, methods: {GET}} to {hosts: {b.example}, max: 5, methods: {GET}}"],
    authority: ["narrowing: grant `http_grant`: `http.out` may no longer reach a.example"],
  },
  {
    title: "sets in another order", base: [set(M, HTTP_HOSTS, texts("a.example", "b.example"))], next: [set(M, HTTP_HOSTS, texts("b.example", "a.example"))],
    sections: ["cap_grants: grant `http_grant`: params are written in another order or form"],
  },
  {
    title: "hosts no longer limited", next: [drop(M, HTTP_HOSTS)],
    sections: ["cap_grants: grant `http_grant`: params changed from {hosts: {example.com}, max: 5, methods: {GET}} to {max: 5, methods: {GET}}"],
    authority: ["widening: grant `http_grant`: `http.out` may now reach any host (GET)"],
  },
  {
    title: "hosts limited for the first time", base: [set(M, HTTP_HOSTS, { null: {} })],
    sections: ["cap_grants: grant `http_grant`: params changed from {hosts: null, max: 5, methods: {GET}} to {hosts: {example.com}, max: 5, methods: {GET}}"],
    authority: [
      "widening: grant `http_grant`: `http.out` may now reach example.com (GET) even at a private address",
      "narrowing: grant `http_grant`: `http.out` is now limited to `hosts` example.com",
    ],
  },
  {
    title: "hosts emptied", next: [set(M, HTTP_HOSTS, texts())],
    sections: ["cap_grants: grant `http_grant`: params changed from {hosts: {example.com}, max: 5, methods: {GET}} to {hosts: {}, max: 5, methods: {GET}}"],
    authority: ["widening: grant `http_grant`: `http.out` has an empty list of `hosts` now, was example.com"],
  },
  {
    title: "hosts no longer empty", base: [set(M, HTTP_HOSTS, texts())],
    sections: ["cap_grants: grant `http_grant`: params changed from {hosts: {}, max: 5, methods: {GET}} to {hosts: {example.com}, max: 5, methods: {GET}}"],
    authority: ["widening: grant `http_grant`: `http.out` may now reach example.com (GET)"],
  },
  {
    title: "method added and budget raised", next: [set(M, "/defaults/cap_grants/0/params/record/methods", texts("GET", "POST")), set(M, "/defaults/cap_grants/0/params/record/max", { nat: 9 })],
    sections: ["cap_grants: grant `http_grant`: params changed from {hosts: {example.com}, max: 5, methods: {GET}} to {hosts: {example.com}, max: 9, methods: {GET, POST}}"],
    authority: [
      "widening: grant `http_grant`: `http.out` may now use `max` up to 9, was 5",
      "widening: grant `http_grant`: `http.out` may now use `methods` POST",
    ],
  },
  {
    title: "methods limited, budget lowered", base: [drop(M, "/defaults/cap_grants/0/params/record/methods"), set(M, "/defaults/cap_grants/0/params/record/max", { nat: 9 })],
    sections: ["cap_grants: grant `http_grant`: params changed from {hosts: {example.com}, max: 9} to {hosts: {example.com}, max: 5, methods: {GET}}"],
    authority: [
      "narrowing: grant `http_grant`: `http.out` is now limited to `methods` GET",
      "narrowing: grant `http_grant`: `http.out` may now use `max` only up to 5, was 9",
    ],
  },
  {
    title: "grant added", next: [grant("follow_up", "demo/http@1", { hosts: texts("127.0.0.1"), methods: texts("GET") })],
    sections: ["cap_grants: grant `follow_up` added: `demo/http@1` {hosts: {127.0.0.1}, methods: {GET}}"],
    authority: ["widening: grant `follow_up`: `http.out` may now reach 127.0.0.1 (GET)"],
  },
  {
    title: "grants of builtin capabilities added", next: [grant("web", "sys/http.out@1", { ports: { set: [{ nat: 443 }] } }), grant("llm", "sys/llm.basic@1", { models: texts("m1"), max_tokens: { nat: 10 } }), grant("ws", "sys/workspace@1")],
    sections: ["cap_grants: grant `llm` added: `sys/llm.basic@1` {max_tokens: 10, models: {m1}}; grant `web` added: `sys/http.out@1` {ports: {443}}; grant `ws` added: `sys/workspace@1` {}"],
    authority: [
      "widening: grant `llm`: `llm.basic` is now granted with max_tokens 10; models m1",
      "widening: grant `web`: `http.out` may now reach any host (any method; ports 443)",
      "widening: grant `ws`: `workspace` is now granted without limits",
    ],
  },
  {
    title: "grant removed", base: [grant("web", "sys/http.out@1")],
    sections: ["cap_grants: grant `web` removed"],
    authority: ["narrowing: grant `web`: `http.out` is no longer granted"],
  },
  {
    title: "grant of another capability", base: [grant("web", "demo/http@1", { hosts: texts("a.example") })], next: [grant("web", "sys/http.out@1", { hosts: texts("a.example") })],
    sections: ["cap_grants: grant `web`: capability changed from `demo/http@1` to `sys/http.out@1`"],
    authority: ["widening: grant `web`: `http.out` may now reach a.example (any method), by `sys/http.out@1` instead of `demo/http@1`"],
  },
  {
    title: "expiry later", next: [set(M, "/defaults/cap_grants/0/expiry_ns", 2000)],
    sections: ["cap_grants: grant `http_grant`: expiry changed from 1000 to 2000"],
    authority: ["widening: grant `http_grant`: `http.out` now expires at 2000 ns, later than 1000"],
  },
  {
    title: "expiry earlier", next: [set(M, "/defaults/cap_grants/0/expiry_ns", 500)],
    sections: ["cap_grants: grant `http_grant`: expiry changed from 1000 to 500"],
    authority: ["narrowing: grant `http_grant`: `http.out` now expires at 500 ns, earlier than 1000"],
  },
  {
    title: "expiry dropped", next: [drop(M, "/defaults/cap_grants/0/expiry_ns")],
    sections: ["cap_grants: grant `http_grant`: expiry changed from 1000 to never"],
    authority: ["widening: grant `http_grant`: `http.out` no longer expires"],
  },
  {
    title: "expiry given", next: [set(M, "/defaults/cap_grants/1/expiry_ns", 500)],
    sections: ["cap_grants: grant `mail_grant`: expiry changed from never to 500"],
    authority: ["narrowing: grant `mail_grant`: `mail.out` now expires at 500 ns"],
  },
  {
    title: "enforcer dropped", next: [drop(C, "/0/enforcer")],
    definitions: ["changed defcap demo/http@1: enforcer changed from `demo/Enforce@1` to `sys/CapAllowAll@1`"],
    authority: ["widening: capability `demo/http@1`: is no longer enforced, was by `demo/Enforce@1`"],
  },
  {
    title: "enforcer given", base: [drop(C, "/0/enforcer")],
    definitions: ["changed defcap demo/http@1: enforcer changed from `sys/CapAllowAll@1` to `demo/Enforce@1`"],
    authority: ["narrowing: capability `demo/http@1`: is now enforced by `demo/Enforce@1`"],
  },
  {
    title: "enforcer exchanged, listed now", next: [set(C, "/0/enforcer/module", "sys/CapEnforceHttpOut@1"), set(M, "/modules/-", { name: "sys/CapEnforceHttpOut@1" })],
    definitions: ["added defmodule sys/CapEnforceHttpOut@1", "changed defcap demo/http@1: enforcer changed from `demo/Enforce@1` to `sys/CapEnforceHttpOut@1`"],
    authority: ["widening: capability `demo/http@1`: is enforced by `sys/CapEnforceHttpOut@1` instead of `demo/Enforce@1`"],
  },
  {
    title: "parameters of a capability changed", next: [set(C, "/0/schema/record/note", { option: { text: {} } })],
    definitions: ["changed defcap demo/http@1: field `note` added (option<text>)"],
    authority: ["widening: capability `demo/http@1`: has other parameters, which may leave out a limit"],
  },
  {
    title: "allow rule instead of the closing deny", next: [set(POL, "/rules/3", { when: { effect_kind: "timer.set" }, decision: "allow" })],
    definitions: ["changed defpolicy demo/policy@1: rule 3 removed: deny every effect; rule 3 added: allow `timer.set`"],
    authority: ["widening: policy `demo/policy@1`: new rule: allow `timer.set`"],
  },
  {
    title: "deny rule before the others", next: [set(POL, "/rules", [{ when: { effect_kind: "mail.send" }, decision: "deny" }, { when: { effect_kind: "http.request", cap_name: "http_grant", origin_kind: "plan", origin_name: "demo/fetch@1" }, decision: "allow" }, { when: { effect_kind: "mail.send", cap_type: "mail.out" }, decision: "allow" }, { when: { effect_kind: "timer.set", origin_kind: "reducer", origin_name: "demo/Job@1" }, decision: "allow" }])],
    definitions: ["changed defpolicy demo/policy@1: rule 3 removed: deny every effect; rule 0 added: deny `mail.send`"],
    authority: ["narrowing: policy `demo/policy@1`: new rule: deny `mail.send`"],
  },
  {
    title: "rule moved", next: [set(POL, "/rules", [{ when: {}, decision: "deny" }, { when: { effect_kind: "http.request", cap_name: "http_grant", origin_kind: "plan", origin_name: "demo/fetch@1" }, decision: "allow" }, { when: { effect_kind: "mail.send", cap_type: "mail.out" }, decision: "allow" }, { when: { effect_kind: "timer.set", origin_kind: "reducer", origin_name: "demo/Job@1" }, decision: "allow" }])],
    definitions: ["changed defpolicy demo/policy@1: rule 3 removed: deny every effect; rule 0 added: deny every effect"],
    authority: ["narrowing: policy `demo/policy@1`: new rule: deny every effect"],
  },
  {
    title: "deny rule behind the allow that covers it", base: [set(POL, "/rules", [{ when: { effect_kind: "mail.send" }, decision: "deny" }, { when: {}, decision: "allow" }])], next: [set(POL, "/rules", [{ when: {}, decision: "allow" }, { when: { effect_kind: "mail.send" }, decision: "deny" }])],
    definitions: ["changed defpolicy demo/policy@1: rule 0 removed: deny `mail.send`; rule 1 added: deny `mail.send`"],
    authority: ["widening: policy `demo/policy@1`: rule gone: deny `mail.send`"],
  },
  {
    title: "policy of another name, same rules", next: [set(POL, "/name", "demo/policy@2"), set(M, "/policies/0/name", "demo/policy@2"), set(M, "/defaults/policy", "demo/policy@2")],
    definitions: ["removed defpolicy demo/policy@1", "added defpolicy demo/policy@2"],
    sections: ["defaults.policy: policy changed from `demo/policy@1` to `demo/policy@2`"],
  },
  {
    title: "policy taken out of force", next: [drop(M, "/defaults/policy")],
    sections: ["defaults.policy: policy `demo/policy@1` taken out of force"],
    authority: ["widening: policy `demo/policy@1`: no policy is in force: every effect that a grant permits is allowed"],
  },
  {
    title: "policy put in force", base: [drop(M, "/defaults/policy")],
    sections: ["defaults.policy: policy `demo/policy@1` put in force"],
    authority: ["narrowing: policy `demo/policy@1`: a policy is in force: what no rule allows is denied"],
  },
  {
    title: "a policy not in force changed", base: [drop(M, "/defaults/policy")], next: [drop(M, "/defaults/policy"), drop(POL, "/rules/3")],
    definitions: ["changed defpolicy demo/policy@1: rule 3 removed: deny every effect"],
  },
  {
    title: "effect for reducers too", next: [set(E, "/origin_scope", "both")],
    definitions: ["changed defeffect demo/mail.send@1: origin_scope changed from `plan` to `both`"],
    authority: [
      "widening: default slot for `mail.out`: reducers without a binding now fall back to grant `mail_grant`",
      "widening: effect `mail.send`: may now be asked for by plans and reducers, was by a plan",
    ],
  },
  {
    title: "effect for plans alone again", base: [set(E, "/origin_scope", "both")],
    definitions: ["changed defeffect demo/mail.send@1: origin_scope changed from `both` to `plan`"],
    authority: [
      "narrowing: default slot for `mail.out`: reducers without a binding no longer fall back to grant `mail_grant`",
      "narrowing: effect `mail.send`: may be asked for by a plan only",
    ],
  },
  {
    title: "effect can carry more", next: [set(S, "/7/type/record/cc", { option: { text: {} } }), set(P, "/steps/4/params/cc", null)],
    definitions: ["changed defschema demo/MailParams@1: field `cc` added (option<text>)", "changed defplan demo/fetch@1: step `mail` changed: params"],
    authority: ["widening: effect `mail.send`: can be given other params: `demo/MailParams@1` changed"],
  },
  {
    title: "slot bound to another grant", next: [grant("timer_two", "sys/timer@1"), set(M, "/module_bindings/demo~1Job@1/slots/timer", "timer_two")],
    sections: [
      "cap_grants: grant `timer_two` added: `sys/timer@1` {}",
      "module_bindings: slot `timer` of `demo/Job@1` bound to `timer_two` instead of `timer_grant`",
    ],
    authority: [
      "widening: grant `timer_two`: `timer` is now granted without limits",
      "widening: slot `timer` of `demo/Job@1`: now draws on grant `timer_two` instead of `timer_grant`",
      "narrowing: default slot for `timer`: reducers without a binding no longer fall back to grant `timer_grant`",
    ],
  },
  {
    title: "slot no longer bound", next: [drop(M, "/module_bindings")],
    sections: ["module_bindings: slot `timer` of `demo/Job@1` no longer bound to `timer_grant`"],
    authority: ["narrowing: slot `timer` of `demo/Job@1`: no longer draws on grant `timer_grant`"],
  },
  {
    title: "default slot no longer bound", base: [set(M, "/module_bindings/demo~1Job@1/slots/default", "timer_grant")],
    sections: ["module_bindings: slot `default` of `demo/Job@1` no longer bound to `timer_grant`"],
    authority: ["widening: slot `default` of `demo/Job@1`: no longer bound to `timer_grant`: it takes the only grant of the type that is asked for"],
  },
  {
    title: "grant removed, so that the other serves the default slot", base: [grant("timer_two", "sys/timer@1")],
    sections: ["cap_grants: grant `timer_two` removed"],
    authority: [
      "widening: default slot for `timer`: reducers without a binding now fall back to grant `timer_grant`",
      "narrowing: grant `timer_two`: `timer` is no longer granted",
    ],
  },
  {
    title: "new reducer beside a grant for the default slot", next: [set(MOD, "/-", { $kind: "defmodule", name: "demo/New@1", module_kind: "reducer", abi: { reducer: { state: "demo/State@1", event: "demo/Done@1" } } }), set(M, "/modules/-", { name: "demo/New@1" })],
    definitions: ["added defmodule demo/New@1"],
    authority: ["widening: reducer `demo/New@1`: is new and falls back to grant `timer_grant` for `timer`"],
  },
  {
    title: "secret for another plan", next: [set(SEC, "/allowed_plans/-", "demo/fetch@2"), set(SEC, "/allowed_caps", ["mail_grant", "http_grant"])],
    definitions: ["changed defsecret demo/token@1: `http_grant` added to allowed_caps; `demo/fetch@2` added to allowed_plans"],
    sections: ["secrets: secret `demo/token` version 1 changed"],
    authority: [
      "widening: secret `demo/token` version 1: can now be used with grant `http_grant`",
      "widening: secret `demo/token` version 1: can now be used with plan `demo/fetch@2`",
    ],
  },
  {
    title: "secret for every plan", next: [drop(SEC, "/allowed_plans")],
    definitions: ["changed defsecret demo/token@1: `demo/fetch@1` removed from allowed_plans"],
    sections: ["secrets: secret `demo/token` version 1 changed"],
    authority: ["widening: secret `demo/token` version 1: is no longer limited to a plan"],
  },
  {
    title: "secret for one grant only", base: [drop(SEC, "/allowed_caps")],
    definitions: ["changed defsecret demo/token@1: `mail_grant` added to allowed_caps"],
    sections: ["secrets: secret `demo/token` version 1 changed"],
    authority: ["narrowing: secret `demo/token` version 1: is now limited to grant `mail_grant`"],
  },
  {
    title: "secret bound elsewhere and checked", next: [set(SEC, "/binding_id", "env:OTHER"), set(SEC, "/expected_digest", hash("7"))],
    definitions: ["changed defsecret demo/token@1: binding changed from `env:TOKEN` to `env:OTHER`; expected digest `sha256:7777777777777777777777777777777777777777777777777777777777777777` added"],
    sections: ["secrets: secret `demo/token` version 1 changed"],
    authority: [
      "widening: secret `demo/token` version 1: is now bound to `env:OTHER` instead of `env:TOKEN`",
      "narrowing: secret `demo/token` version 1: must now have a known digest",
    ],
  },
  {
    title: "secret added", next: [set(NEW, "/-", { $kind: "defsecret", name: "demo/other@3", binding_id: "env:OTHER" }), set(M, "/secrets/-", { name: "demo/other@3" })],
    definitions: ["added defsecret demo/other@3"],
    sections: ["secrets: secret `demo/other` version 3 added, bound to `env:OTHER`"],
    authority: ["widening: secret `demo/other` version 3: can now be used under any grant, from anywhere"],
  },
  {
    title: "effect defined and not asked for", next: [set(NEW, "/-", { $kind: "defeffect", name: "demo/sms@1", kind: "sms.send", params_schema: "demo/Key@1", receipt_schema: "demo/Key@1", cap_type: "mail.out", origin_scope: "plan" }), set(M, "/effects/-", { name: "demo/sms@1" })],
    definitions: ["added defeffect demo/sms@1"],
    sections: ["effects: effect added: `demo/sms@1`"],
  },
  {
    title: "routes in another order", next: [set(M, "/routing/events", [{ event: "demo/Done@1", reducer: "demo/Log@1" }, { event: "demo/Event@1", reducer: "demo/Job@1", key_field: "$value.id" }, { event: "sys/TimerFired@1", reducer: "demo/Job@1" }])],
    sections: ["routing: order of the route list changed"],
  },
  {
    title: "unenforced grant added", base: [drop(C, "/0/enforcer")], next: [drop(C, "/0/enforcer"), grant("web", "demo/http@1", { hosts: texts("a.example") })],
    sections: ["cap_grants: grant `web` added: `demo/http@1` {hosts: {a.example}}"],
    authority: ["widening: grant `web`: `http.out` may now reach a.example (any method); no enforcer checks this"],
  },
  {
    title: "other correlation", base: [set(M, "/triggers/0/correlate_by", "url"), set(P, "/steps/3/where", { op: "eq", args: [{ ref: "@var:correlation_id" }, { ref: "@event.id" }] })], next: [set(P, "/steps/3/where", { op: "eq", args: [{ ref: "@var:correlation_id" }, { ref: "@event.id" }] })],
    sections: ["triggers: trigger removed: `demo/Start@1` starts `demo/fetch@1`, correlated by `url`; trigger added: `demo/Start@1` starts `demo/fetch@1`, correlated by `id`"],
  },
];

test("diff: one thing changed: what it is, and what it allows", () => {
  assert.equal(assertDiffs(ROWS), 63);
});

test("diff: no base: everything is added, every grant widens", () => {
  const next = fixtureControl([]);
  const diff = diffControl(undefined, next);
  assert.equal(diff.baseManifest, null);
  assert.equal(diff.nextManifest, next.manifestHash);
  assert.deepEqual(new Set(diff.definitions.map(({ change }) => change)), new Set(["added"]));
  assert.equal(diff.definitions.length, 18);
  assert.deepEqual(diff.sections.map(({ section }) => section), ["routing", "triggers", "defaults.policy", "cap_grants", "module_bindings", "secrets", "effects"]);
  assert.deepEqual(new Set(diff.authority.map(({ effect }) => effect)), new Set(["widening"]));
  assert.ok(diff.authority.some(({ text }) => text === "`http.out` may now reach example.com (GET)"));
});

test("diff: back again: additions are removals", () => {
  let count = 0;
  for (const row of ROWS) {
    const [base, next] = [fixtureControl(row.base ?? []), fixtureControl(row.next ?? [], row.code)];
    const there = diffControl(base, next).definitions.map(({ kind, name, change, before, after }) => ({ kind, name, change, before, after }));
    const back = diffControl(next, base).definitions.map(({ kind, name, change, before, after }) => ({
      kind, name, change: change === "added" ? "removed" : change === "removed" ? "added" : change, before: after, after: before,
    }));
    assert.deepEqual(there, back, row.title);
    assert.deepEqual(diffControl(next, next), { baseManifest: next.manifestHash, nextManifest: next.manifestHash, definitions: [], sections: [], authority: [] }, row.title);
    count++;
  }
  assert.equal(count, 63);
});
