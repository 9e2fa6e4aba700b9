// Every rule a control plane must keep, all at once. What each code means: rules.ts.

import { collector, compareFindings, type Draft, type Finding } from "./findings.ts";
import { validateBindings, validateGrants, validatePolicies } from "./validate-grant.ts";
import { validateMigrations } from "./validate-migration.ts";
import { validateModules } from "./validate-module.ts";
import { validatePlan } from "./validate-plan.ts";
import { validateRouting, validateTriggers } from "./validate-route.ts";
import { recursiveSchemas, validateSchemas } from "./validate-schema.ts";
import { validateSecrets } from "./validate-secret.ts";
import { reportUnused } from "./validate-usage.ts";

/**
 * Judges a control plane whose references are looked up (link.ts).
 *
 * @returns every finding, sorted by owner, pointer and code; no error among them means that every rule holds
 */
export function validate(draft: Draft): readonly Finding[] {
  const findings: Finding[] = [];
  const report = collector(findings);
  const types = recursiveSchemas(draft.schemas).length === 0 ? "finite" : "recursive";
  if (draft.manifest.air_version !== "1") {
    report({ kind: "manifest", name: "" }, { code: "manifest.air_version", pointer: "/air_version", message: `AIR version \`${draft.manifest.air_version}\` is not known`, hint: "write \"air_version\": \"1\"" });
  }
  validateSchemas(draft, report);
  validateModules(draft, report);
  for (const plan of draft.plans.values()) validatePlan(draft, plan, report);
  validateGrants(draft, report, { types });
  validatePolicies(draft, report);
  validateBindings(draft, report);
  validateRouting(draft, report);
  validateTriggers(draft, report);
  validateMigrations(draft, report);
  validateSecrets(draft, report);
  reportUnused(draft, report);
  return findings.sort(compareFindings);
}
