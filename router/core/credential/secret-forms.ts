/** Shorter secrets are not looked for: ordinary text would hold them by chance. */
export const MINIMUM_SECRET = 8;

export const REDACTED = "[redacted]";

/**
 * The spellings under which a secret comes back from an origin that echoes it: as it is, in JSON (with the escapes that
 * encoders add: "/", and .NET's and Go's of what HTML takes ill), in a URL, and within base64 at each of the three
 * alignments, so that `Basic` and encoded dumps are found too. Secrets are ASCII; none is shorter than `MINIMUM_SECRET`.
 * Longest first. Against an origin that means to hand the secret over in a cipher of its own, no list helps.
 */
export function secretForms(secrets: readonly string[]): readonly string[] {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < MINIMUM_SECRET) continue;
    forms.add(secret);
    const json = JSON.stringify(secret).slice(1, -1);
    forms.add(json);
    forms.add(json.replaceAll("/", String.raw`\/`));
    forms.add(json.replace(/[+&<>'`]/g, (character) => unicodeEscape(character).toUpperCase().replace("U", "u")));
    forms.add(json.replace(/[&<>]/g, unicodeEscape));
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

/** True where the text holds one of the forms. */
export function holdsSecret(text: string, forms: readonly string[]): boolean {
  return forms.some((form) => text.includes(form));
}

/** The text with each of the forms replaced: for error texts, log lines and whatever else leaves as text. */
export function redactSecrets(text: string, forms: readonly string[]): string {
  let redacted = text;
  for (const form of forms) redacted = redacted.replaceAll(form, REDACTED);
  return redacted;
}

/** Those digits of base64 that are the secret's alone where `offset` octets (modulo 3) stand before it. */
function base64Within(secret: string, offset: number): string {
  const octets = new Uint8Array(offset + secret.length);
  for (let at = 0; at < secret.length; at += 1) octets[offset + at] = secret.charCodeAt(at);
  return octets.toBase64().slice(Math.ceil((offset * 8) / 6), Math.floor((octets.length * 8) / 6));
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
