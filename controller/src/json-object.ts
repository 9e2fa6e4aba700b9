// A small JSON file of our own, read as something that others may have written.

/** The fields of a JSON object; undefined where the text is no JSON or no object. */
export function jsonObject(text: string): { readonly [field: string]: unknown } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return typeof value === "object" && value !== null ? (value as { readonly [field: string]: unknown }) : undefined;
}
