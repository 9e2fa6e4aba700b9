// What `aos shadow` says beside the report, which speaks of the world alone: that the rules change as well.

import { shown, type Style } from "./style.ts";

const NAMED_MAX = 8;

/** @param files - that a proposal changes below `.aos`; of none nothing is said */
export function rulesLines(files: readonly string[], style: Style, options: { readonly slug?: string } = {}): readonly string[] {
  if (files.length === 0) return [];
  const named = files.slice(0, NAMED_MAX).map((path) => shown(path)).join(", ");
  const more = files.length > NAMED_MAX ? ` and ${files.length - NAMED_MAX} more` : "";
  const { slug } = options;
  return [`${style.yellow(slug === undefined ? "rules" : `rules of ${shown(slug)}`)}: it changes ${named}${more}, which say who decides. The report does not cover that; the decision judges it apart: see \`aos why\``];
}
