const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const VALUE = "[\\t\\x20-\\x7e\\x80-\\xff]*";
const REQUEST_LINE = `${TOKEN}{1,32} [!-~]+ HTTP/1\\.[01]\\r\\n`;
const FIELD_LINE = `${TOKEN}+:${VALUE}\\r\\n`;

const COMPLETE = new RegExp(`^(?:\\r\\n)?${REQUEST_LINE}(?:${FIELD_LINE})*\\r\\n`);

/** What a complete head can begin with: every place where it can be cut. */
const BEGINNING = new RegExp(
  `^(?:\\r?|(?:\\r\\n)?(?:${TOKEN}{0,32}|${TOKEN}{1,32} [!-~]*|${TOKEN}{1,32} [!-~]+ ${beginningOf(["H", "T", "T", "P", "/", "1", "\\.", "[01]", "\\r"])}|` +
    `${REQUEST_LINE}(?:${FIELD_LINE})*(?:\\r|${TOKEN}*|${TOKEN}+:${VALUE}\\r?)))$`,
);

/** Every beginning of these characters. */
function beginningOf([first, ...rest]: readonly string[]): string {
  return first === undefined ? "" : `(?:${first}${beginningOf(rest)})?`;
}

/** What `readRequestHead` must say of these octets where no limit is reached, as one regular expression says it. */
export function oracleHead(
  text: string,
): { readonly state: "complete"; readonly end: number } | { readonly state: "incomplete" | "malformed" } {
  const complete = COMPLETE.exec(text);
  if (complete !== null) return { state: "complete", end: complete[0].length };
  return { state: BEGINNING.test(text) ? "incomplete" : "malformed" };
}
