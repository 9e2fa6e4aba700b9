// Reads into a value that came from outside, one name at a time.

/** The own member of an object; undefined where the value is none or has none of that name. */
export function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
