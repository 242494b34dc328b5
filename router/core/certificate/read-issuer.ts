import type { Der } from "./der.ts";

/** What a certificate that another one is to be issued by says of itself. */
export interface IssuerParts {
  /** Its subject, octet by octet: the issuer of what it signs. */
  readonly subject: Der;
  /** Its subjectKeyIdentifier; undefined: it has none. */
  readonly keyId: Uint8Array | undefined;
}

interface Element {
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
}

const SEQUENCE = 0x30;
const OCTET_STRING = 0x04;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** 2.5.29.14 */
const SUBJECT_KEY_ID = [0x55, 0x1d, 0x0e] as const;
/** Elements of one sequence; certificates have a dozen extensions. */
const MOST_ELEMENTS = 64;

/** Of a certificate in DER that a platform's parser has accepted already; undefined where it is not laid out as one. */
export function readIssuer(certificate: Uint8Array): IssuerParts | undefined {
  const outer = elementsOf(single(certificate, SEQUENCE));
  const body = elementsOf(outer?.[0]);
  if (body === undefined) return undefined;
  // version is left out by version 1, which has no extensions.
  const at = body[0]?.tag === VERSION ? 1 : 0;
  // serialNumber, signature, issuer, validity, subject
  const subject = body[at + 4];
  if (subject?.tag !== SEQUENCE) return undefined;
  const extensions = body.find(({ tag }) => tag === EXTENSIONS);
  if (extensions === undefined) return { subject: subject.whole, keyId: undefined };
  const list = elementsOf(single(extensions.content, SEQUENCE));
  if (list === undefined) return undefined;
  for (const extension of list) {
    const parts = elementsOf(extension);
    const id = parts?.[0]?.content;
    if (id === undefined || !SUBJECT_KEY_ID.every((octet, index) => id[index] === octet) || id.length !== 3) continue;
    const value = parts?.at(-1);
    const keyId = value?.tag === OCTET_STRING ? single(value.content, OCTET_STRING)?.content : undefined;
    return keyId === undefined ? undefined : { subject: subject.whole, keyId };
  }
  return { subject: subject.whole, keyId: undefined };
}

/** The one element that these octets are, to the last. */
function single(octets: Uint8Array, tag: number): Element | undefined {
  const element = elementAt(octets, 0);
  return element !== undefined && element.tag === tag && element.whole.length === octets.length ? element : undefined;
}

function elementsOf(parent: Element | undefined): readonly Element[] | undefined {
  if (parent?.tag !== SEQUENCE) return undefined;
  const found: Element[] = [];
  for (let at = 0; at < parent.content.length;) {
    const element = found.length < MOST_ELEMENTS ? elementAt(parent.content, at) : undefined;
    if (element === undefined) return undefined;
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

/** Tags of one octet, definite lengths of at most three octets behind the first. */
function elementAt(octets: Uint8Array, at: number): Element | undefined {
  const tag = octets[at];
  const first = octets[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  let length = first;
  let from = at + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3) return undefined;
    length = 0;
    for (let index = 0; index < count; index += 1) {
      const octet = octets[from + index];
      if (octet === undefined) return undefined;
      length = length * 256 + octet;
    }
    from += count;
  }
  const end = from + length;
  if (end > octets.length) return undefined;
  return { tag, whole: octets.subarray(at, end), content: octets.subarray(from, end) };
}
