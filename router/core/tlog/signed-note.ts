import { fail, ok, type Result } from "../base/result.ts";
import { parseBase64 } from "./base64.ts";

/** One signature line of a note. */
export interface NoteSignature {
  readonly name: string;
  /** 8 digits of lower-case hex. With the name it says which key and algorithm; it proves nothing. */
  readonly keyId: string;
  /** What the algorithm gave: without the key id before it, at least one octet. */
  readonly signature: Uint8Array;
}

/** A text that keys have signed (C2SP signed-note). Nothing in it counts before a signature of a trusted key verified. */
export interface SignedNote {
  /** With its final newline. */
  readonly text: string;
  /** In their order; at least one. */
  readonly signatures: readonly NoteSignature[];
}

export interface NoteProblem {
  readonly code:
    | "note_too_long"
    | "not_unicode"
    | "control_character"
    | "no_signatures"
    | "too_many_signatures"
    | "bad_signature_line";
  /** One sentence. */
  readonly message: string;
}

/** In UTF-16 units: 16 signatures of 5 kB, which a verifier must accept, in base64 and with long names. */
export const MAXIMUM_NOTE = 128 * 1024;
/** Bounds what a verifier spends on one note; a verifier must accept 16. */
export const MAXIMUM_SIGNATURES = 64;
/** In UTF-16 units; the format sets no bound. A stream of ours needs up to 367. */
const MAXIMUM_KEY_NAME = 1024;

const KEY_ID_OCTETS = 4;
const KEY_ID = /^[0-9a-f]{8}$/;
const EM_DASH = "\u2014";
/** What is below U+0020 and no newline. */
const CONTROL = /[^\n -\u{10ffff}]/u;
const SPACE_OR_PLUS = /[\p{White_Space}+]/u;

/** Not empty, no Unicode space, no plus, no control character, at most 1024 UTF-16 units. */
export function isKeyName(text: string): boolean {
  const isSized = text.length > 0 && text.length <= MAXIMUM_KEY_NAME;
  return isSized && text.isWellFormed() && !CONTROL.test(text) && !SPACE_OR_PLUS.test(text);
}

/** The text must come from octets that were checked to be UTF-8, with no byte order mark removed. */
export function parseSignedNote(note: string): Result<SignedNote, NoteProblem> {
  if (note.length > MAXIMUM_NOTE) return problem("note_too_long", `A note has at most ${MAXIMUM_NOTE} characters.`);
  if (!note.isWellFormed()) return problem("not_unicode", "The note holds half of a surrogate pair.");
  if (CONTROL.test(note)) return problem("control_character", "The note holds a control character other than newline.");
  // The text may hold empty lines; the last one of the note ends it.
  const end = note.lastIndexOf("\n\n");
  if (end === -1) return problem("no_signatures", "No empty line stands between the text and its signatures.");
  const signatures = parseSignatureLines(note.slice(end + 2));
  return signatures.ok ? ok({ text: note.slice(0, end + 1), signatures: signatures.value }) : signatures;
}

/** One or more lines `\u2014 name base64(key id || signature)`, each ended by a newline, and nothing else. */
export function parseSignatureLines(text: string): Result<readonly NoteSignature[], NoteProblem> {
  if (text.length > MAXIMUM_NOTE) return problem("note_too_long", `A note has at most ${MAXIMUM_NOTE} characters.`);
  if (text === "") return problem("no_signatures", "There is no signature line.");
  const lines = text.split("\n", MAXIMUM_SIGNATURES + 2);
  if (lines.length > MAXIMUM_SIGNATURES + 1) {
    return problem("too_many_signatures", `A note has at most ${MAXIMUM_SIGNATURES} signatures.`);
  }
  if (lines.pop() !== "") return problem("bad_signature_line", "The last line does not end in a newline.");
  const signatures: NoteSignature[] = [];
  for (const [index, line] of lines.entries()) {
    const signature = parseSignatureLine(line);
    if (signature === undefined) {
      const message = `Signature line ${index + 1} is not "\u2014 <key name> <base64 of key id and signature>".`;
      return problem("bad_signature_line", message);
    }
    signatures.push(signature);
  }
  return ok(signatures);
}

function parseSignatureLine(line: string): NoteSignature | undefined {
  const [dash, name = "", base64 = "", ...more] = line.split(" ", 4);
  if (dash !== EM_DASH || more.length > 0 || !isKeyName(name)) return undefined;
  const octets = parseBase64(base64);
  if (octets === undefined || octets.length <= KEY_ID_OCTETS) return undefined;
  const keyId = octets.subarray(0, KEY_ID_OCTETS).toHex();
  return { name, keyId, signature: octets.slice(KEY_ID_OCTETS) };
}

/**
 * The note as it is published: `parseSignedNote` gives the same text and signatures again. Throws where it could not,
 * since what is signed here was made here.
 */
export function formatSignedNote(text: string, signatures: readonly NoteSignature[]): string {
  if (!text.endsWith("\n")) throw new Error("the text of a note ends in a newline");
  const note = `${text}\n${formatSignatureLines(signatures)}`;
  const parsed = parseSignedNote(note);
  if (!parsed.ok) throw new Error(`not a note: ${parsed.problem.message}`);
  return note;
}

/** The signature lines alone, each with its newline. Throws where one could not be read back. */
export function formatSignatureLines(signatures: readonly NoteSignature[]): string {
  let lines = "";
  for (const { name, keyId, signature } of signatures) {
    if (!isKeyName(name) || !KEY_ID.test(keyId) || signature.length === 0) throw new Error("not a note signature");
    const octets = new Uint8Array(KEY_ID_OCTETS + signature.length);
    octets.set(Uint8Array.fromHex(keyId));
    octets.set(signature, KEY_ID_OCTETS);
    lines += `${EM_DASH} ${name} ${octets.toBase64()}\n`;
  }
  return lines;
}

function problem(code: NoteProblem["code"], message: string): Result<never, NoteProblem> {
  return fail({ code, message });
}
