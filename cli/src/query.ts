// What a question to a world names, as it goes into a URL.

export type Query = Readonly<Record<string, string | number | undefined>>;

export function queryOf(query: Query): URLSearchParams {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given;
}
