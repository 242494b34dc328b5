import { placeBefore, unescaped } from "./json-escapes.ts";

/** Shorter secrets are not looked for: ordinary text would hold them by chance. */
export const MINIMUM_SECRET = 8;

export const REDACTED = "[redacted]";

/**
 * The spellings under which a secret comes back from an origin that echoes it: as it is, in a URL, and within base64 at
 * each of the three alignments, so that `Basic` and encoded dumps are found too. Secrets are ASCII; none is shorter than
 * `MINIMUM_SECRET`. Longest first. JSON's escapes are not among them: they are read (`unescaped`) where these are looked
 * for. Against an origin that means to hand the secret over in a cipher of its own, no list helps.
 */
export function secretForms(secrets: readonly string[]): readonly string[] {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < MINIMUM_SECRET) continue;
    forms.add(secret);
    const bare = withoutEscapes(JSON.stringify(secret).slice(1, -1));
    if (bare.length >= MINIMUM_SECRET) forms.add(bare);
    const url = encodeURIComponent(secret);
    forms.add(url);
    forms.add(url.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()));
    for (let offset = 0; offset < 3; offset += 1) {
      const base64 = base64Within(secret, offset);
      forms.add(base64);
      forms.add(base64.replaceAll("+", "-").replaceAll("/", "_"));
    }
  }
  return [...forms].toSorted((one, other) => other.length - one.length);
}

/** True where the text holds one of the forms, be it in JSON's escapes. */
export function holdsSecret(text: string, forms: readonly string[]): boolean {
  if (forms.some((form) => text.includes(form))) return true;
  if (!text.includes("\\")) return false;
  const bare = withoutEscapes(text);
  return forms.some((form) => bare.includes(form));
}

/**
 * The text with each of the forms replaced, be they in JSON's escapes: for error texts, log lines and whatever else leaves
 * as text. What was JSON still is.
 */
export function redactSecrets(text: string, forms: readonly string[]): string {
  let redacted = text;
  for (const form of forms) redacted = redacted.replaceAll(form, REDACTED);
  return redacted.includes("\\") ? redactEscaped(redacted, forms) : redacted;
}

function redactEscaped(text: string, forms: readonly string[]): string {
  const bare = withoutEscapes(text);
  const places: (readonly [from: number, to: number])[] = [];
  for (const form of forms) {
    for (let at = bare.indexOf(form); at !== -1; at = bare.indexOf(form, at + form.length)) {
      places.push([at, at + form.length]);
    }
  }
  places.sort(([one], [other]) => one - other);
  let rest = octetsOf(text);
  let redacted = "";
  /** Up to where `bare` and the text are done with. */
  let done = 0;
  let at = 0;
  const advance = (index: number): number => {
    const size = placeBefore(rest, index - done);
    rest = rest.subarray(size);
    done = index;
    return (at += size);
  };
  let kept = 0;
  for (const [from, to] of places) {
    // Overlapping ones are one.
    if (from >= done) redacted += text.slice(kept, advance(from)) + REDACTED;
    if (to > done) kept = advance(to);
  }
  return redacted + text.slice(kept);
}

/** As ASCII, other characters for one of Latin-1. */
function withoutEscapes(text: string): string {
  const { octets } = unescaped(octetsOf(text));
  return Array.from(octets, (octet) => String.fromCharCode(octet)).join("");
}

/** An octet for each character: what is not ASCII is in no secret. */
function octetsOf(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length }, (_, at) => Math.min(text.charCodeAt(at), 0xff));
}

/** Those digits of base64 that are the secret's alone where `offset` octets (modulo 3) stand before it. */
function base64Within(secret: string, offset: number): string {
  const octets = new Uint8Array(offset + secret.length);
  for (let at = 0; at < secret.length; at += 1) octets[offset + at] = secret.charCodeAt(at);
  return octets.toBase64().slice(Math.ceil((offset * 8) / 6), Math.floor((octets.length * 8) / 6));
}
