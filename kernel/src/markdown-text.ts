// Foreign text inside Markdown: shown exactly, never obeyed. No name of a world can break a table, ping a person or hide a character.

/** Characters that are not seen or that turn the text around them: controls, format characters (bidi, zero width), separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u3164\u115f\u1160\uffa0]/gu;
/** What Markdown reads as structure or as a link. */
const MARKS = /[&<>*[\]`~|\\$]|:(?=\/\/)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g;

/** Puts escapes such as `\n` and `\u{202e}` in the place of characters that are not seen. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** Cuts a long text in the middle and says how long it was: `abc…(1,234 characters)…xyz`. */
export function middle(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const head = text.slice(0, Math.ceil((charsMax * 2) / 3)).replace(/[\ud800-\udbff]$/, "");
  const tail = text.slice(text.length - Math.floor(charsMax / 3)).replace(/^[\udc00-\udfff]/, "");
  return `${head}…(${thousands(text.length)} characters)…${tail}`;
}

/** An integer with commas, the same in every locale. */
export function thousands(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

const CODE_CHARS = 160;

/** Text as inline code, also inside a table: a code span where that is safe, else a `code` element. */
export function code(text: string): string {
  const shown = visible(middle(text, CODE_CHARS));
  if (shown === "") return "(empty)";
  if (/^[^`|\\\s](?:[^`|\\]*[^`|\\\s])?$/u.test(shown)) return `\`${shown}\``;
  return `<code>${shown.replace(/[^A-Za-z0-9 ]/gu, entity)}</code>`;
}

/** A sentence whose names may stand in backticks: those become code, the rest plain text. For the inside of a line. */
export function prose(text: string, charsMax = 400): string {
  const parts = middle(text, charsMax).split("`");
  return parts.map((part, index) => (index % 2 === 1 ? code(part) : part === "" && index > 0 && index < parts.length - 1 ? INVISIBLE : plainText(part))).join("");
}

/** A space of no width: keeps code spans apart, and marks from what follows them. */
const INVISIBLE = "&#8203;";

/** A mention or an issue number is looked for after entities are resolved, so an invisible space goes behind its mark. */
function plainText(text: string): string {
  return visible(text)
    .replace(MARKS, entity)
    .replace(/www\./gi, (word) => `${word.slice(0, 3)}&#46;`)
    .replace(/[@#]/g, (mark, at: number, whole: string) => (mark === "#" && whole[at - 1] === "&" ? mark : `${mark}${INVISIBLE}`));
}

/** Text inside an HTML element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, entity);
}

function entity(character: string): string {
  return `&#${character.codePointAt(0)};`;
}

/** Lines as a fenced block that nothing inside can close. */
export function fenced(language: string, lines: readonly string[]): string {
  const longest = lines.reduce((most, line) => Math.max(most, ...[...line.matchAll(/`+/g)].map(([run]) => run.length), 0), 0);
  const fence = "`".repeat(Math.max(3, longest + 1));
  return `${fence}${language}\n${lines.join("\n")}\n${fence}`;
}

/** A table row of cells that are Markdown already. */
export function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
