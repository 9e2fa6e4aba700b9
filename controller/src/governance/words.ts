// Small words for sentences of decisions.

const NAMED_MAX = 5;

export function listed(names: readonly string[]): string {
  return names.join(", ");
}

/** The first few, and how many more there are. */
export function few(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return more > 0 ? `${listed(names.slice(0, NAMED_MAX))} and ${more} more` : listed(names);
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
