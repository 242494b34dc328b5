import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatSignatureLines,
  formatSignedNote,
  isKeyName,
  MAXIMUM_NOTE,
  MAXIMUM_SIGNATURES,
  parseSignedNote,
} from "../../../../router/core/tlog/signed-note.ts";
import { vector } from "./note-fixture.ts";

const LINE =
  "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const note = (text: string, lines = LINE): string => `${text}\n${lines}`;
/** A signature line of `octets` octets behind the key id. */
const lineOf = (name: string, octets: number): string =>
  formatSignatureLines([{ name, keyId: "01020304", signature: new Uint8Array(octets) }]);

const read: readonly [
  name: string,
  note: string,
  text: string,
  signatures: readonly (readonly [string, string, number])[],
][] = [
  [
    "the specification's example, with an empty line in its text",
    vector("spec-note.note"),
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned \u00e8 subito sera.\n",
    [["quasimodo.example/salvatore", "367ba04b", 64]],
  ],
  [
    "two keys of the Go tests",
    vector("two-keys.note"),
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
    [
      ["PeterNeumann", "c74f20a3", 64],
      ["EnochRoot", "af0cfe78", 64],
    ],
  ],
  [
    "Go: Ed25519, cosignatures, ML-DSA-44",
    vector("cosigned.note"),
    "Log\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    [
      ["Log", "2271c621", 64],
      ["Known", "fdd35892", 72],
      ["KnownAgain", "492550e3", 72],
      ["post.quantum", "0a25905e", 2428],
    ],
  ],
  ["a text that is one empty line", note("\n"), "\n", [["PeterNeumann", "c74f20a3", 64]]],
  ["a text that ends in empty lines", note("a\n\n\n"), "a\n\n\n", [["PeterNeumann", "c74f20a3", 64]]],
  ["a text that holds a note", note(note("a\n")), note("a\n"), [["PeterNeumann", "c74f20a3", 64]]],
  ["a byte order mark is text", note("\ufeffa\n"), "\ufeffa\n", [["PeterNeumann", "c74f20a3", 64]]],
  [
    "DEL and C1 controls are allowed",
    note("a\x7f\x80\u2028\n"),
    "a\x7f\x80\u2028\n",
    [["PeterNeumann", "c74f20a3", 64]],
  ],
  ["a signature of one octet", note("a\n", lineOf("x", 1)), "a\n", [["x", "01020304", 1]]],
];

for (const [name, source, text, signatures] of read) {
  test(`reads ${name}`, () => {
    const parsed = parseSignedNote(source);
    assert.ok(parsed.ok);
    assert.equal(parsed.value.text, text);
    const got = parsed.value.signatures.map(({ name: key, keyId, signature }) => [key, keyId, signature.length]);
    assert.deepEqual(got, signatures);
    assert.equal(formatSignedNote(text, parsed.value.signatures), source);
  });
}

const refused: readonly [name: string, note: string, code: string][] = [
  ["nothing", "", "no_signatures"],
  ["a text alone", "a\n", "no_signatures"],
  ["no signature line", "a\n\n", "no_signatures"],
  ["no empty line", `a\n${LINE}`, "no_signatures"],
  ["no text at all", `\n${LINE}`, "no_signatures"],
  ["an empty line at the very end", `${note("a\n")}\n`, "no_signatures"],
  ["no newline at the end", note("a\n").slice(0, -1), "bad_signature_line"],
  ["a line behind the signatures", `${note("a\n")}more\n`, "bad_signature_line"],
  ["a hyphen for the dash", note("a\n", LINE.replace("\u2014", "-")), "bad_signature_line"],
  ["two spaces", note("a\n", LINE.replace(" ", "  ")), "bad_signature_line"],
  ["a space at the end", note("a\n", LINE.replace("\n", " \n")), "bad_signature_line"],
  ["no name", note("a\n", LINE.replace("PeterNeumann ", "")), "bad_signature_line"],
  ["a plus in the name", note("a\n", LINE.replace("PeterNeumann", "a+b")), "bad_signature_line"],
  ["a no-break space in the name", note("a\n", LINE.replace("PeterNeumann", "a\u00a0b")), "bad_signature_line"],
  ["only a key id", note("a\n", "\u2014 a AAAAAA==\n"), "bad_signature_line"],
  ["no signature", note("a\n", "\u2014 a \n"), "bad_signature_line"],
  ["base64 without padding", note("a\n", LINE.replace("=\n", "\n")), "bad_signature_line"],
  ["base64 with bits that mean nothing", note("a\n", LINE.replace("AM=\n", "AN=\n")), "bad_signature_line"],
  ["base64url", note("a\n", LINE.replace("/", "_")), "bad_signature_line"],
  ["CRLF", note("a\n").replaceAll("\n", "\r\n"), "control_character"],
  ["a tab", note("a\tb\n"), "control_character"],
  ["NUL", note("\0\n"), "control_character"],
  ["half of a surrogate pair", note("a\ud800\n"), "not_unicode"],
  ["65 signatures", note("a\n", LINE.repeat(MAXIMUM_SIGNATURES + 1)), "too_many_signatures"],
  ["a million empty lines", "\n".repeat(1_000_000), "note_too_long"],
  ["one character too many", note("a".repeat(MAXIMUM_NOTE)), "note_too_long"],
];

for (const [name, source, code] of refused) {
  test(`refuses ${name}`, () => {
    const parsed = parseSignedNote(source);
    assert.deepEqual(parsed.ok ? "read" : parsed.problem.code, code);
  });
}

test("INV-NOTE-BOUND: what a verifier must accept fits, and what does not fit is refused fast", () => {
  const largest = note("a\n", lineOf("example.com/log", 5_000).repeat(16));
  assert.equal(parseSignedNote(largest).ok, true);
  assert.equal(parseSignedNote(note("a\n", LINE.repeat(MAXIMUM_SIGNATURES))).ok, true);
  const begun = performance.now();
  for (const bad of ["\u2014 ", "\u2014 a AAAA", "\n\n\u2014", " ", "\n\n", "="]) parseSignedNote(bad.repeat(15_000));
  assert.ok(performance.now() - begun < 500);
});

test("key names", () => {
  for (const name of ["a", "example.com/log42", "\u00e8", "a/b?c=d", "x".repeat(1024), "\u2014", "\ufeff"]) {
    assert.equal(isKeyName(name), true, name);
  }
  const spaces = ["", " ", "a b", "a\u2003b", "\u3000", "a\u0085", "a\u2028b"];
  for (const name of [...spaces, "a+b", "+", "a\n", "a\0b", "\ud800", "x".repeat(1025)]) {
    assert.equal(isKeyName(name), false, JSON.stringify(name));
  }
});

test("what could not be read back is not written", () => {
  const signature = { name: "a", keyId: "01020304", signature: new Uint8Array(64) };
  assert.throws(() => formatSignedNote("a", [signature]), /ends in a newline/);
  assert.throws(() => formatSignedNote("a\r\n", [signature]), /control character/);
  assert.throws(() => formatSignedNote("a\n", []), /no signature line/);
  for (const wrong of [{ name: "a b" }, { keyId: "0102030" }, { keyId: "0102030G" }, { signature: new Uint8Array() }]) {
    assert.throws(() => formatSignedNote("a\n", [{ ...signature, ...wrong }]), /not a note signature/);
  }
});
