import assert from "node:assert/strict";
import { createHash, createHmac, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { agentIdentity } from "../../../../router/app/peers/agent-identity.ts";
import { signCard } from "../../../../router/app/peers/own-card.ts";
import { verifyCard } from "../../../../router/app/peers/verify-card.ts";
import {
  type Card,
  canonicalForm,
  cardOf,
  cardSigner,
  encoded,
  peerOf,
  signatureOf,
  signedCard,
  type SignOptions,
  thumbprint,
} from "../../../fakes/agent-card.ts";

const NOW = epochMillis(Date.UTC(2026, 10, 21));
const SECONDS = NOW / 1_000;
const ed = cardSigner("EdDSA", "ed-1");
const ec = cardSigner("ES256", "ec-1");
const stranger = cardSigner("EdDSA", "ed-1");
const other = cardSigner("EdDSA", "ed-other");
const URL_ = "https://peer.example/a2a/v1";
const card = cardOf(URL_);
const peer = peerOf("peer", ["peer.example:443", "grpc.peer.example:8443"], [ed.key, ec.key]);

async function verdict(text: string, of = peer, now = NOW): Promise<string> {
  const found = await verifyCard(Buffer.from(text), of, now);
  return found.ok ? `verified by ${found.value.kids.join(" ")}` : found.problem;
}
const one = (options: SignOptions, signer = ed, of: Card = card): string =>
  JSON.stringify({ ...of, signatures: [signatureOf(of, signer, options)] });
const withSignatures = (...signatures: readonly unknown[]): string => JSON.stringify({ ...card, signatures });

const urls = (...list: readonly unknown[]): Card => ({ ...card, supportedInterfaces: list.map((url) => ({ url })) });
const withDefaults = {
  ...card,
  securitySchemes: {},
  securityRequirements: [],
  capabilities: { streaming: false, extensions: [] },
};

const accepted: readonly (readonly [name: string, text: string, by: string])[] = [
  ["EdDSA", JSON.stringify(signedCard(card, ed)), "ed-1"],
  ["ES256", JSON.stringify(signedCard(card, ec)), "ec-1"],
  ["both", JSON.stringify(signedCard(card, ed, ec)), "ed-1 ec-1"],
  ["one of a stranger beside it", JSON.stringify(signedCard(card, other, ed)), "ed-1"],
  ["one that is wrong beside it", withSignatures(signatureOf(card, stranger), signatureOf(card, ed)), "ed-1"],
  ["one of another form beside it", withSignatures({ protected: 1 }, "x", null, signatureOf(card, ed)), "ed-1"],
  [
    "served with other blanks and order",
    JSON.stringify(Object.fromEntries(Object.entries(signedCard(card, ed)).toReversed()), null, 2),
    "ed-1",
  ],
  [
    "a jku of the signer's, which nobody follows",
    one({ header: { alg: "EdDSA", kid: "ed-1", typ: "JOSE", jku: "https://127.0.0.1:1/jwks.json" } }),
    "ed-1",
  ],
  ["without a type", one({ header: { alg: "EdDSA", kid: "ed-1" } }), "ed-1"],
  ["an unprotected header with nothing that counts", one({ beside: { header: { note: "x", exp: 1 } } }), "ed-1"],
  ["it ends later", one({ header: { alg: "EdDSA", kid: "ed-1", exp: SECONDS + 1, nbf: SECONDS } }), "ed-1"],
  ["defaults signed as they stand (A2A 0.3)", JSON.stringify(signedCard(withDefaults, ed)), "ed-1"],
  [
    "defaults left out by the signer (A2A 1.0 section 8.4.1)",
    JSON.stringify({ ...withDefaults, signatures: [signatureOf(card, ed)] }),
    "ed-1",
  ],
  [
    "another endpoint of the peer's",
    JSON.stringify(signedCard(urls(URL_, "https://GRPC.peer.example:8443/"), ed)),
    "ed-1",
  ],
  ["the place of A2A 0.3", JSON.stringify(signedCard({ name: "x", url: URL_ }, ed)), "ed-1"],
];
for (const [name, text, by] of accepted) {
  test(`a card is its peer's: ${name}`, async () => {
    assert.equal(await verdict(text), `verified by ${by}`);
  });
}

const half = (name: "protected" | "signature", change: (text: string) => string): string => {
  const signature = signatureOf(card, ed);
  return withSignatures({ ...signature, [name]: change(String(signature[name])) });
};
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const hmacOver = (secret: string | Buffer, alg: string): string => {
  const head = encoded(JSON.stringify({ alg, kid: "ed-1", typ: "JOSE" }));
  const mac = createHmac("sha256", secret)
    .update(`${head}.${encoded(canonicalForm(card))}`)
    .digest();
  return withSignatures({ protected: head, signature: Buffer.concat([mac, mac]).toString("base64url") });
};
const der = (): string => {
  const head = encoded(JSON.stringify({ alg: "ES256", kid: "ec-1" }));
  const octets = sign("sha256", Buffer.from(`${head}.${encoded(canonicalForm(card))}`), ec.privateKey);
  return withSignatures({ protected: head, signature: octets.toString("base64url") });
};
const raw = (signer: typeof ed, octets: Buffer): string => {
  const { protected: head } = signatureOf(card, signer);
  return withSignatures({ protected: head, signature: octets.toString("base64url") });
};
const ecOctets = Buffer.from(String(signatureOf(card, ec)["signature"]), "base64url");
const zero = Buffer.alloc(32);
const ORDER = Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex");
const twice = (name: string, value: string): string =>
  one({ head: `{"alg":"EdDSA","kid":"ed-1",${JSON.stringify(name)}:${JSON.stringify(value)}}` });

const refused: readonly (readonly [name: string, text: string, problem: string])[] = [
  ["no signatures at all", JSON.stringify(card), "unsigned"],
  ["signatures stripped to none", withSignatures(), "unsigned"],
  ["signatures that are no list", JSON.stringify({ ...card, signatures: { 0: signatureOf(card, ed) } }), "unsigned"],
  ["signatures by another name", JSON.stringify({ ...card, Signatures: [signatureOf(card, ed)] }), "unsigned"],
  [
    "seventeen signatures",
    withSignatures(...Array.from({ length: 17 }, () => signatureOf(card, ed))),
    "too_many_signatures",
  ],
  ["alg none", one({ header: { alg: "none", kid: "ed-1" } }), "no_pinned_signature"],
  [
    "alg none and no octets",
    withSignatures({ protected: encoded('{"alg":"none","kid":"ed-1"}'), signature: "" }),
    "no_pinned_signature",
  ],
  ["HS256 with the public key in DER", hmacOver(Buffer.from(ed.key.spki, "base64"), "HS256"), "no_pinned_signature"],
  [
    "HS256 with the public key in PEM",
    hmacOver(ed.publicKey.export({ format: "pem", type: "spki" }), "HS256"),
    "no_pinned_signature",
  ],
  ["HS256 that says EdDSA", hmacOver(ed.publicKey.export({ format: "pem", type: "spki" }), "EdDSA"), "wrong_signature"],
  ["algorithm in small letters", one({ header: { alg: "eddsa", kid: "ed-1" } }), "no_pinned_signature"],
  ["algorithm by its newer name", one({ header: { alg: "Ed25519", kid: "ed-1" } }), "no_pinned_signature"],
  ["RS256", one({ header: { alg: "RS256", kid: "ed-1" } }), "no_pinned_signature"],
  ["no algorithm", one({ header: { kid: "ed-1" } }), "no_pinned_signature"],
  [
    "an algorithm in the unprotected header only",
    one({ header: { kid: "ed-1" }, beside: { header: { alg: "EdDSA" } } }),
    "no_pinned_signature",
  ],
  ["the other key's algorithm", one({ header: { alg: "ES256", kid: "ed-1" } }), "no_pinned_signature"],
  ["the other key's id", one({ header: { alg: "EdDSA", kid: "ec-1" } }), "no_pinned_signature"],
  ["both keys' words with the wrong key", one({ header: { alg: "ES256", kid: "ec-1" } }), "wrong_signature"],
  ["another's key under a pinned id", JSON.stringify(signedCard(card, stranger)), "wrong_signature"],
  ["a key nobody pinned", JSON.stringify(signedCard(card, other)), "no_pinned_signature"],
  ["no key id", one({ header: { alg: "EdDSA" } }), "no_pinned_signature"],
  ["a key id that is a list", one({ header: { alg: "EdDSA", kid: ["ed-1"] } }), "no_pinned_signature"],
  ["a key id with a blank", one({ header: { alg: "EdDSA", kid: "ed-1 " } }), "no_pinned_signature"],
  [
    "a key id in the unprotected header only",
    one({ header: { alg: "EdDSA" }, beside: { header: { kid: "ed-1" } } }),
    "no_pinned_signature",
  ],
  [
    "a jwk of the signer's own",
    one({ header: { alg: "EdDSA", kid: "me", jwk: other.publicKey.export({ format: "jwk" }) } }, other),
    "no_pinned_signature",
  ],
  [
    "a jwk of the signer's own under a pinned id",
    one({ header: { alg: "EdDSA", kid: "ed-1", jwk: other.publicKey.export({ format: "jwk" }) } }, other),
    "wrong_signature",
  ],
  [
    "a jku of the signer's own",
    one({ header: { alg: "EdDSA", kid: "me", jku: "https://peer.example/jwks" } }, other),
    "no_pinned_signature",
  ],
  [
    "an x5u and an x5c of the signer's own",
    one({ header: { alg: "EdDSA", kid: "ed-1", x5u: "https://peer.example/c.pem", x5c: ["MA=="] } }, other),
    "wrong_signature",
  ],
  ["crit", one({ header: { alg: "EdDSA", kid: "ed-1", crit: ["exp"], exp: SECONDS + 9 } }), "no_pinned_signature"],
  ["an empty crit", one({ header: { alg: "EdDSA", kid: "ed-1", crit: [] } }), "no_pinned_signature"],
  ["crit of null", one({ header: { alg: "EdDSA", kid: "ed-1", crit: null } }), "no_pinned_signature"],
  ["b64 without crit", one({ header: { alg: "EdDSA", kid: "ed-1", b64: false } }), "no_pinned_signature"],
  ["b64 with crit", one({ header: { alg: "EdDSA", kid: "ed-1", b64: false, crit: ["b64"] } }), "no_pinned_signature"],
  ["crit in the unprotected header", one({ beside: { header: { crit: ["exp"] } } }), "wrong_signature"],
  ["a twin of alg in the unprotected header", one({ beside: { header: { alg: "EdDSA" } } }), "wrong_signature"],
  ["a twin of kid in the unprotected header", one({ beside: { header: { kid: "ed-1" } } }), "wrong_signature"],
  ["alg twice in the protected header", twice("alg", "EdDSA"), "no_pinned_signature"],
  ["kid twice in the protected header", twice("kid", "ed-1"), "no_pinned_signature"],
  ["kid twice, once escaped", one({ head: '{"alg":"EdDSA","kid":"ed-1","k\\u0069d":"ed-1"}' }), "no_pinned_signature"],
  ["another type: a token's", one({ header: { alg: "EdDSA", kid: "ed-1", typ: "JWT" } }), "no_pinned_signature"],
  ["a payload beside the signature", one({ beside: { payload: encoded(canonicalForm(card)) } }), "no_pinned_signature"],
  ["a protected header that is a list", one({ head: '["EdDSA"]' }), "no_pinned_signature"],
  ["a protected header that is no JSON", one({ head: "EdDSA" }), "no_pinned_signature"],
  ["a protected header with padding", half("protected", (text) => `${text}=`), "no_pinned_signature"],
  [
    "a protected header with a line end",
    half("protected", (text) => `${text.slice(0, 9)}\n${text.slice(9)}`),
    "no_pinned_signature",
  ],
  [
    "a protected header that is too long",
    one({ header: { alg: "EdDSA", kid: "ed-1", x: "x".repeat(4_000) } }),
    "no_pinned_signature",
  ],
  ["a signature with padding", half("signature", (text) => `${text}==`), "no_pinned_signature"],
  [
    "a signature with spare bits",
    half("signature", (text) => text.replace(/.$/, (last) => ({ A: "B", Q: "R", g: "h", w: "x" })[last] ?? "!")),
    "no_pinned_signature",
  ],
  ["a signature cut by an octet", half("signature", (text) => text.slice(0, -2)), "no_pinned_signature"],
  [
    "a signature with one bit changed",
    half("signature", (text) => `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`),
    "wrong_signature",
  ],
  ["ES256 in DER", der(), "no_pinned_signature"],
  ["ES256 with r and s of zero", raw(ec, Buffer.alloc(64)), "wrong_signature"],
  ["ES256 with r of zero", raw(ec, Buffer.concat([zero, ecOctets.subarray(32)])), "wrong_signature"],
  ["ES256 with s of zero", raw(ec, Buffer.concat([ecOctets.subarray(0, 32), zero])), "wrong_signature"],
  ["ES256 with r and s of the order", raw(ec, Buffer.concat([ORDER, ORDER])), "wrong_signature"],
  ["EdDSA of all zeroes", raw(ed, Buffer.alloc(64)), "wrong_signature"],
  [
    "another card's signature",
    JSON.stringify({ ...card, signatures: [signatureOf(cardOf("https://other.example/"), ed)] }),
    "wrong_signature",
  ],
  ["a word changed", JSON.stringify({ ...signedCard(card, ed), name: "Peer!" }), "wrong_signature"],
  ["a member added", JSON.stringify({ ...signedCard(card, ed), iconUrl: "" }), "wrong_signature"],
  [
    "a member named __proto__ added",
    JSON.stringify(signedCard(card, ed)).replace("{", '{"__proto__":{"x":1},'),
    "wrong_signature",
  ],
  [
    "a member that needs to be there left out",
    JSON.stringify({ ...card, description: undefined, signatures: [signatureOf(card, ed)] }),
    "wrong_signature",
  ],
  ["what was signed was not canonical", one({ payload: JSON.stringify(card, null, 1) }), "wrong_signature"],
  [
    "what was signed held the signatures",
    one({ payload: canonicalForm({ ...card, signatures: [] }) }),
    "wrong_signature",
  ],
  ["it has ended", one({ header: { alg: "EdDSA", kid: "ed-1", exp: SECONDS } }), "expired"],
  ["it has not begun", one({ header: { alg: "EdDSA", kid: "ed-1", nbf: SECONDS + 1 } }), "expired"],
  ["its end is a text", one({ header: { alg: "EdDSA", kid: "ed-1", exp: "never" } }), "no_pinned_signature"],
  [
    "its end is null, and it has begun too late",
    one({ header: { alg: "EdDSA", kid: "ed-1", exp: null, nbf: 1e99 } }),
    "expired",
  ],
  ["a foreign place", JSON.stringify(signedCard(urls("https://evil.example/"), ed)), "foreign_url"],
  [
    "a foreign place behind its own",
    JSON.stringify(signedCard(urls(URL_, "https://evil.example/"), ed)),
    "foreign_url",
  ],
  ["its host at another port", JSON.stringify(signedCard(urls("https://peer.example:8443/"), ed)), "foreign_url"],
  ["http", JSON.stringify(signedCard(urls("http://peer.example:443/"), ed)), "foreign_url"],
  [
    "its host as user information",
    JSON.stringify(signedCard(urls("https://peer.example@evil.example/"), ed)),
    "foreign_url",
  ],
  [
    "its host with a backslash",
    JSON.stringify(signedCard(urls("https://evil.example\\@peer.example/"), ed)),
    "foreign_url",
  ],
  ["a place that is no text", JSON.stringify(signedCard(urls(1), ed)), "foreign_url"],
  ["interfaces that are no list", JSON.stringify(signedCard({ ...card, supportedInterfaces: {} }, ed)), "foreign_url"],
  [
    "a foreign place by the schema's own spelling",
    JSON.stringify(signedCard({ ...card, supported_interfaces: [{ url: "https://evil.example/" }] }, ed)),
    "foreign_url",
  ],
  [
    "a foreign place as A2A 0.3 has it",
    JSON.stringify(signedCard({ ...card, url: "https://evil.example/" }, ed)),
    "foreign_url",
  ],
  ["no place", JSON.stringify(signedCard({ ...card, supportedInterfaces: [] }, ed)), "no_url"],
  ["no JSON", "{", "malformed"],
  ["a list", "[]", "malformed"],
  ["a text", '"{}"', "malformed"],
  ["two objects", `${JSON.stringify(signedCard(card, ed))}, "x": {}`, "malformed"],
  ["an octet order mark", `\uFEFF${JSON.stringify(signedCard(card, ed))}`, "malformed"],
  ["a member twice", JSON.stringify(signedCard(card, ed)).replace("{", '{"name":"Evil",'), "malformed"],
  [
    "a member twice below",
    JSON.stringify(signedCard(card, ed)).replace('{"url":', '{"url":"https://evil.example/","url":'),
    "malformed",
  ],
  ["half of a pair", JSON.stringify(signedCard(card, ed)).replace('"Peer"', '"\\ud800"'), "malformed"],
  ["a number beyond all bounds", JSON.stringify(signedCard(card, ed)).replace("{", '{"x":1e999,'), "malformed"],
  [
    "nested too deeply",
    JSON.stringify(signedCard(card, ed)).replace("{", `{"x":${"[".repeat(30)}${"]".repeat(30)},`),
    "malformed",
  ],
  ["a comment", JSON.stringify(signedCard(card, ed)).replace("{", "{/**/"), "malformed"],
  ["too large", JSON.stringify(signedCard({ ...card, name: "x".repeat(66_000) }, ed)), "too_large"],
];
for (const [name, text, problem] of refused) {
  test(`INV-GOV-CARD: a card is refused: ${name}`, async () => {
    assert.equal(await verdict(text), problem);
  });
}

test("INV-GOV-CARD: octets that are not UTF-8 are no card", async () => {
  const octets = Buffer.from(JSON.stringify(signedCard(card, ed)).replace("Peer", "P\xff"), "latin1");
  assert.deepEqual(await verifyCard(octets, peer, NOW), { ok: false, problem: "malformed" });
});

test("INV-GOV-CARD: a clock that is no number verifies nothing that ends", async () => {
  assert.equal(
    await verdict(one({ header: { alg: "EdDSA", kid: "ed-1", exp: 9e9 } }), peer, epochMillis(NaN)),
    "expired",
  );
});

test("a card's life is that of its longest signature", async () => {
  const soon = signatureOf(card, ed, { header: { alg: "EdDSA", kid: "ed-1", exp: SECONDS + 5 } });
  const later = signatureOf(card, ec, { header: { alg: "ES256", kid: "ec-1", exp: SECONDS + 9 } });
  const found = await verifyCard(Buffer.from(withSignatures(soon, later)), peer, NOW);
  assert.deepEqual(found, { ok: true, value: { kids: ["ed-1", "ec-1"], until: NOW + 9_000 } });
});

const weak: readonly (readonly [name: string, point: string])[] = [
  ["the neutral point", "01".padEnd(64, "0")],
  ["the neutral point with a sign", `01${"0".repeat(60)}80`],
  ["a point of order 2", `ec${"f".repeat(60)}7f`],
  ["zero", "0".repeat(64)],
  ["a point of order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"],
  ["the other of order 8, signed", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"],
  ["one, written as p + 1", `ee${"f".repeat(60)}7f`],
];
const GROUP_ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

/** R and S of RFC 8032 with R = [a]B and S = a: under a key that adds nothing, that is a signature of everything. */
function universalSignature(): string {
  const pair = generateKeyPairSync("ed25519");
  const seed = pair.privateKey.export({ format: "der", type: "pkcs8" }).subarray(-32);
  const scalar = createHash("sha512").update(seed).digest().subarray(0, 32);
  scalar[0] = (scalar[0] ?? 0) & 0xf8;
  scalar[31] = ((scalar[31] ?? 0) & 0x7f) | 0x40;
  const reduced = BigInt(`0x${scalar.toReversed().toHex()}`) % GROUP_ORDER;
  const last = Buffer.from(reduced.toString(16).padStart(64, "0"), "hex").toReversed();
  const point = pair.publicKey.export({ format: "der", type: "spki" }).subarray(12);
  return Buffer.concat([point, last]).toString("base64url");
}

for (const [name, point] of weak) {
  test(`INV-GOV-CARD: a pinned key under which anybody can sign verifies nothing: ${name}`, async () => {
    const spki = Buffer.from(`302a300506032b6570032100${point}`, "hex").toString("base64");
    const pinned = peerOf("peer", ["peer.example:443"], [{ kid: "w", algorithm: "EdDSA", spki }]);
    const signature = universalSignature();
    // A point of order 8 adds nothing to one message in eight.
    for (let nonce = 0; nonce < 40; nonce++) {
      const { protected: head } = signatureOf(card, other, { header: { alg: "EdDSA", kid: "w", nonce } });
      assert.equal(await verdict(withSignatures({ protected: head, signature }), pinned), "wrong_signature");
    }
  });
}

test("a pinned P-256 key that is no point of the curve verifies nothing", async () => {
  const head = Buffer.from(ec.key.spki, "base64").subarray(0, 27);
  const spki = Buffer.concat([head, Buffer.alloc(64, 1)]).toString("base64");
  const pinned = peerOf("peer", ["peer.example:443"], [{ kid: "ec-1", algorithm: "ES256", spki }]);
  assert.equal(await verdict(JSON.stringify(signedCard(card, ec)), pinned), "wrong_signature");
});

test("an RSA key cannot be pinned", async () => {
  const spki = rsa.publicKey.export({ format: "der", type: "spki" }).toString("base64");
  const pinned = peerOf("peer", ["peer.example:443"], [{ kid: "ed-1", algorithm: "EdDSA", spki }]);
  assert.equal(await verdict(JSON.stringify(signedCard(card, ed)), pinned), "wrong_signature");
});

test("our own card verifies by its pinned key, with defaults left out of it", async () => {
  const identity = await agentIdentity(undefined);
  assert.ok(identity.ok);
  const { kid, spki, passing } = identity.value;
  assert.equal(passing, true);
  assert.equal(kid, thumbprint(spki));
  const signed = signCard({ ...withDefaults, extra: { kept: "" } }, identity.value);
  assert.ok(signed !== undefined);
  assert.deepEqual(Object.keys(signed).toSorted(), [...Object.keys(card), "extra", "signatures"].toSorted());
  const pinned = peerOf("peer", ["peer.example:443"], [{ kid, algorithm: "EdDSA", spki }]);
  assert.equal(await verdict(JSON.stringify(signed), pinned), `verified by ${kid}`);
});
