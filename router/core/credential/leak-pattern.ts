import { CONTROLS } from "./json-escapes.ts";

/** Octets that one step looks at; every form is longer. */
const GRAM = 3;
/** Of a form, only so many of the first octets decide how far a step goes. */
const MAXIMUM_WINDOW = 64;
const BUCKETS = 8_192;
const QUOTE = 0x22;

/**
 * What to look for in octets: tables for the algorithm of Wu and Manber ("A fast algorithm for multi-pattern searching",
 * 1994), by which most octets of a text are never read. Worth keeping as long as the secrets stay the same: it costs 0.1
 * to 4 ms and about 100 kB to make (measured, the first times included).
 */
export interface LeakPattern {
  readonly forms: readonly Uint8Array[];
  /** Octets of the longest form; 0 where there is none. */
  readonly longest: number;
  /** The octets of each form that the search compares before the rest: as many as the shortest has, at most 64. */
  readonly window: number;
  /** By the hash of three octets: how far the window can go on, where these three stand at its end. */
  readonly shift: Uint8Array;
  /** Forms by the hash of the last three octets of their window: the first, and the next of each; -1 ends. */
  readonly firstForm: Int16Array;
  readonly nextForm: Int16Array;
  /** Places in forms by the hash of the three octets that end there: the first, and the next of each; -1 ends. */
  readonly firstPlace: Int32Array;
  readonly nextPlace: Int32Array;
  readonly formOfPlace: Int16Array;
  /** How many octets of the form stand up to that place, the place included. */
  readonly lengthAtPlace: Int32Array;
  /** 1 for each octet that a form begins with. */
  readonly begins: Uint8Array;
  /** 1 for each octet that, behind a backslash, may be of a form in JSON's escapes. */
  readonly escaped: Uint8Array;
}

const hash = (one: number, two: number, three: number): number => ((one << 6) ^ (two << 3) ^ three) & (BUCKETS - 1);

/** The tables for `forms` (`secretForms`), of which each is of at least four ASCII characters. */
export function leakPattern(forms: readonly string[]): LeakPattern {
  const octets = forms.map(asciiOctets);
  const lengths = octets.map((form) => form.length);
  const longest = Math.max(0, ...lengths);
  const window = Math.min(MAXIMUM_WINDOW, ...lengths);
  if (octets.length > 0 && window <= GRAM) throw new Error("a form is too short to be looked for");
  const places = lengths.reduce((sum, length) => sum + Math.max(0, length - GRAM), 0);
  const pattern: LeakPattern = {
    forms: octets,
    longest,
    window,
    shift: new Uint8Array(BUCKETS).fill(window - GRAM + 1),
    firstForm: new Int16Array(BUCKETS).fill(-1),
    nextForm: new Int16Array(octets.length).fill(-1),
    firstPlace: new Int32Array(BUCKETS).fill(-1),
    nextPlace: new Int32Array(places).fill(-1),
    formOfPlace: new Int16Array(places),
    lengthAtPlace: new Int32Array(places),
    begins: new Uint8Array(256),
    escaped: new Uint8Array(256).fill(1),
  };
  for (const control of CONTROLS) pattern.escaped[control] = 0;
  pattern.escaped[QUOTE] = octets.some((form) => form.includes(QUOTE)) ? 1 : 0;
  let place = 0;
  for (const [index, form] of octets.entries()) {
    pattern.begins[form[0] ?? 0] = 1;
    for (let end = GRAM; end <= form.length; end += 1) {
      const at = hash(form[end - 3] ?? 0, form[end - 2] ?? 0, form[end - 1] ?? 0);
      if (end <= window) pattern.shift[at] = Math.min(pattern.shift[at] ?? 0, window - end);
      if (end === window) {
        pattern.nextForm[index] = pattern.firstForm[at] ?? -1;
        pattern.firstForm[at] = index;
      }
      // The whole form is a find, not a beginning of one.
      if (end === form.length) continue;
      pattern.nextPlace[place] = pattern.firstPlace[at] ?? -1;
      pattern.firstPlace[at] = place;
      pattern.formOfPlace[place] = index;
      pattern.lengthAtPlace[place] = end;
      place += 1;
    }
  }
  return pattern;
}

/** True where one of the forms stands in `text`. */
export function findsForm(pattern: LeakPattern, text: Uint8Array): boolean {
  const { forms, window, shift, firstForm, nextForm } = pattern;
  const length = text.length;
  if (forms.length === 0) return false;
  for (let end = window; end <= length;) {
    const at = hash(text[end - 3] as number, text[end - 2] as number, text[end - 1] as number);
    const step = shift[at] as number;
    if (step > 0) {
      end += step;
      continue;
    }
    for (let form = firstForm[at] as number; form !== -1; form = nextForm[form] as number) {
      if (standsAt(forms[form] as Uint8Array, text, end - window)) return true;
    }
    end += 1;
  }
  return false;
}

/** The longest end of `text` that a form begins with, as a view of that form; undefined where there is none. */
export function begunForm(pattern: LeakPattern, text: Uint8Array): Uint8Array | undefined {
  const { forms, firstPlace, nextPlace, formOfPlace, lengthAtPlace, begins } = pattern;
  const length = text.length;
  let best: Uint8Array | undefined;
  let longest = 0;
  if (length >= GRAM) {
    const at = hash(text[length - 3] as number, text[length - 2] as number, text[length - 1] as number);
    for (let place = firstPlace[at] as number; place !== -1; place = nextPlace[place] as number) {
      const size = lengthAtPlace[place] as number;
      if (size <= longest || size > length) continue;
      const form = forms[formOfPlace[place] as number] as Uint8Array;
      if (!endsWithBeginning(form, size, text)) continue;
      best = form;
      longest = size;
    }
  }
  // Two octets, or one: too few for the table.
  for (let size = GRAM - 1; size > longest; size -= 1) {
    if (size > length || begins[text[length - size] as number] === 0) continue;
    const form = forms.find((candidate) => endsWithBeginning(candidate, size, text));
    if (form === undefined) continue;
    best = form;
    longest = size;
  }
  return best?.subarray(0, longest);
}

function standsAt(form: Uint8Array, text: Uint8Array, start: number): boolean {
  if (start + form.length > text.length) return false;
  for (let at = 0; at < form.length; at += 1) if (form[at] !== text[start + at]) return false;
  return true;
}

/** True where the last `size` octets of `text` are the first of `form`. Compares from the end. */
function endsWithBeginning(form: Uint8Array, size: number, text: Uint8Array): boolean {
  const start = text.length - size;
  for (let at = size - 1; at >= 0; at -= 1) if (form[at] !== text[start + at]) return false;
  return true;
}

function asciiOctets(text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) octets[at] = text.charCodeAt(at);
  return octets;
}
