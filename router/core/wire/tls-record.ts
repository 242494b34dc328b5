/** How the octets at the start of a connection read as the first TLS handshake message of a client. */
export type HandshakeReading =
  | { readonly state: "incomplete" }
  /** The octets begin another protocol. */
  | { readonly state: "not_tls" }
  /** One sentence that repeats nothing the client sent. */
  | { readonly state: "malformed"; readonly problem: string }
  | {
      readonly state: "complete";
      /** The ClientHello without its four octets of type and length: a view, or a copy where it spans records. */
      readonly body: Uint8Array;
    };

const RECORD_HANDSHAKE = 22;
const HANDSHAKE_CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const HANDSHAKE_HEADER = 4;
/** RFC 8446 section 5.1, of the fragment. */
const LONGEST_FRAGMENT = 2 ** 14;
/** Of all records together, with their headers. Real hellos have 200 to 2,000 octets. */
const LONGEST_FLIGHT = 65_536;
/** Clients that hide their server's name from middleboxes cut it into a few pieces; none needs this many. */
const MOST_RECORDS = 64;

const INCOMPLETE = { state: "incomplete" } as const;
const NOT_TLS = { state: "not_tls" } as const;
const TOO_LARGE = malformed("The ClientHello takes more than 64 KiB.");

/**
 * Puts the ClientHello message together from the records at the start of `bytes` (RFC 8446 section 5.1). It says
 * `not_tls` at the first octet that cannot be TLS, and refuses empty fragments, other records in between, and anything
 * else in the hello's last record.
 */
export function readFirstHandshake(bytes: Uint8Array, length: number): HandshakeReading {
  const fragments: Uint8Array[] = [];
  /** Octets of the message in the records before this one, and once four of them are known, in all. */
  let gathered = 0;
  let total: number | undefined;
  for (let at = 0; ;) {
    const first = at === 0;
    const wrong = recordProblem(bytes, length, at);
    if (wrong !== undefined) return first ? NOT_TLS : malformed(wrong);
    if (fragments.length === MOST_RECORDS) return malformed(`The ClientHello spans more than ${MOST_RECORDS} records.`);
    if (at + RECORD_HEADER > length) return INCOMPLETE;

    const from = at + RECORD_HEADER;
    const end = from + (((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0));
    if (first && from < length && bytes[from] !== HANDSHAKE_CLIENT_HELLO) return NOT_TLS;
    if (end > LONGEST_FLIGHT) return TOO_LARGE;
    fragments.push(bytes.subarray(from, Math.min(end, length)));
    total ??= messageLength(fragments);
    if (total !== undefined) {
      if (total > LONGEST_FLIGHT) return TOO_LARGE;
      if (gathered + end - from > total) return malformed("The ClientHello is not alone in its record.");
    }
    if (end > length) return INCOMPLETE;
    gathered += end - from;
    if (gathered === total) return { state: "complete", body: joined(fragments, total).subarray(HANDSHAKE_HEADER) };
    at = end;
  }
}

/** What is wrong with as much of a record header as has come. */
function recordProblem(bytes: Uint8Array, length: number, at: number): string | undefined {
  if (at < length && bytes[at] !== RECORD_HANDSHAKE) return "Another record comes between those of the ClientHello.";
  if (at + 1 < length && bytes[at + 1] !== 3) return "A record is of no version of TLS.";
  if (at + 4 >= length) return undefined;
  const fragment = ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0);
  return fragment === 0 || fragment > LONGEST_FRAGMENT ? "A record is empty or longer than 2^14 octets." : undefined;
}

/** The length of the whole message with its header, once that header has come. */
function messageLength(fragments: readonly Uint8Array[]): number | undefined {
  const header: number[] = [];
  for (const fragment of fragments) header.push(...fragment.subarray(0, HANDSHAKE_HEADER - header.length));
  const [, high, middle, low] = header;
  if (high === undefined || middle === undefined || low === undefined) return undefined;
  return HANDSHAKE_HEADER + high * 65_536 + middle * 256 + low;
}

function joined(fragments: readonly Uint8Array[], total: number): Uint8Array {
  const [only, ...more] = fragments;
  if (only !== undefined && more.length === 0) return only;
  const whole = new Uint8Array(total);
  let at = 0;
  for (const fragment of fragments) {
    whole.set(fragment, at);
    at += fragment.length;
  }
  return whole;
}

function malformed(problem: string): HandshakeReading {
  return { state: "malformed", problem };
}
