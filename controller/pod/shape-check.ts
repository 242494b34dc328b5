/** What is wrong with a JSON value: where, below the value that was checked, and what should stand there. */
export interface ShapeFlaw {
  /** Empty, or as it is put behind the value's own path: `.env[3].name`. */
  readonly at: string;
  /** Ends a sentence that begins with the path: "must be a string". */
  readonly must: string;
}

/** Undefined: nothing is wrong. Total for JSON values; looks no deeper than the checks it is made of. */
export type ShapeCheck = (value: unknown) => ShapeFlaw | undefined;

const simple =
  (is: (value: unknown) => boolean, must: string): ShapeCheck =>
  (value) =>
    is(value) ? undefined : { at: "", must };

export const isString = simple((value) => typeof value === "string", "must be a string");
export const isName = simple(
  (value) => typeof value === "string" && value !== "",
  "must be a string, not an empty one",
);
export const isBoolean = simple((value) => typeof value === "boolean", "must be true or false");
export const isInteger = simple((value) => Number.isSafeInteger(value), "must be an integer");

/** A text that matches; `must` says how. The length is looked at first, so that the pattern never sees a long text. */
export function isText(pattern: RegExp, maximum: number, must: string): ShapeCheck {
  return simple((value) => typeof value === "string" && value.length <= maximum && pattern.test(value), must);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object; each member of the table must be sound where it is there. What the table does not name may be anything. */
export function hasMembers(table: Readonly<Record<string, ShapeCheck>>, required: readonly string[] = []): ShapeCheck {
  const checks = Object.entries(table);
  return (value) => {
    if (!isObject(value)) return { at: "", must: "must be an object" };
    for (const name of required) if (value[name] === undefined) return { at: `.${name}`, must: "must be there" };
    for (const [name, check] of checks) {
      const member = value[name];
      const flaw = member === undefined ? undefined : check(member);
      if (flaw !== undefined) return { at: `.${name}${flaw.at}`, must: flaw.must };
    }
    return undefined;
  };
}

/** A list of at most so many items, each of them sound. */
export function isList(maximum: number, item: ShapeCheck): ShapeCheck {
  return (value) => {
    if (!Array.isArray(value)) return { at: "", must: "must be a list" };
    if (value.length > maximum) return { at: "", must: `must have at most ${maximum} items` };
    for (const [index, entry] of value.entries()) {
      const flaw = item(entry);
      if (flaw !== undefined) return { at: `[${index}]${flaw.at}`, must: flaw.must };
    }
    return undefined;
  };
}

/** An object of texts, at most so many; `members` are looked at more closely. */
export function isTexts(maximum: number, members: Readonly<Record<string, ShapeCheck>> = {}): ShapeCheck {
  const checks = Object.entries(members);
  return (value) => {
    if (!isObject(value)) return { at: "", must: "must be an object" };
    const entries = Object.entries(value);
    if (entries.length > maximum) return { at: "", must: `must have at most ${maximum} members` };
    for (const [name, text] of entries) {
      if (typeof text !== "string") return { at: `[${name.slice(0, 80)}]`, must: "must be a string" };
    }
    for (const [name, check] of checks) {
      const flaw = Object.hasOwn(value, name) ? check(value[name]) : undefined;
      if (flaw !== undefined) return { at: `[${name}]`, must: flaw.must };
    }
    return undefined;
  };
}
