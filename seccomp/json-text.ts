const WIDTH = 120;

/** JSON as the formatter of this tree leaves it: two spaces, a list of plain values on one line where it fits. */
export function jsonText(value: unknown): string {
  return `${printed(value, "", "")}\n`;
}

/** `before` stands in front of the value on its line, `margin` in front of the lines that follow. */
function printed(value: unknown, margin: string, before: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${margin}  `;
  if (!Array.isArray(value)) {
    const members = Object.entries(value).map(([name, member]) => {
      const key = `${JSON.stringify(name)}: `;
      return `${inner}${key}${printed(member, inner, inner + key)}`;
    });
    return `{\n${members.join(",\n")}\n${margin}}`;
  }
  const items: readonly unknown[] = value;
  if (items.every((item) => typeof item !== "object")) {
    const line = `[${items.map((item) => JSON.stringify(item)).join(", ")}]`;
    // One column for the comma behind it.
    if (before.length + line.length < WIDTH) return line;
  }
  return `[\n${items.map((item) => inner + printed(item, inner, inner)).join(",\n")}\n${margin}]`;
}
