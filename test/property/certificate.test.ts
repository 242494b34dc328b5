import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { commonName, serialNumber, signed, toBeSigned } from "../../router/core/certificate/certificate.ts";
import * as der from "../../router/core/certificate/der.ts";
import { dnsName } from "../../router/core/certificate/extensions.ts";
import { authorityFields, leafFields } from "../../router/core/certificate/profiles.ts";
import { readIssuer } from "../../router/core/certificate/read-issuer.ts";

interface Read {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly rest: Uint8Array;
}

/** X.690 section 8.1 by hand, and section 10.1: the length in the fewest octets. */
function read(octets: Uint8Array): Read {
  const [tag = -1, first = -1] = octets;
  let from = 2;
  let length = first;
  if (first >= 0x80) {
    from += first & 0x7f;
    length = octets.subarray(2, from).reduce((sum, octet) => sum * 256 + octet, 0);
    assert.ok(length >= 0x80 && octets[2] !== 0, "not the shortest length");
  }
  assert.ok(from + length <= octets.length, "longer than it is");
  return { tag, content: octets.subarray(from, from + length), rest: octets.subarray(from + length) };
}

const octets = fc.uint8Array({ maxLength: 400 });
const name = fc.stringMatching(/^[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){0,4}$/);

test("what is written is read back, whatever its length", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        octets,
        fc.integer({ min: 0, max: 70_000 }).map((length) => new Uint8Array(length)),
      ),
      (content) => {
        const whole = read(der.octetString(content));
        assert.deepEqual([whole.tag, whole.rest.length], [0x04, 0]);
        assert.deepEqual(whole.content, content);
      },
    ),
    { numRuns: 200 },
  );
});

test("numbers are positive, minimal and the same", () => {
  fc.assert(
    fc.property(octets, (magnitude) => {
      const { content, tag } = read(der.integer(magnitude));
      const hex = (bytes: Uint8Array): bigint => BigInt(`0x0${Buffer.from(bytes).toString("hex")}`);
      assert.equal(tag, 0x02);
      assert.equal(hex(content), hex(magnitude));
      assert.ok((content[0] ?? 0xff) < 0x80);
      assert.ok(content.length === 1 || content[0] !== 0 || (content[1] ?? 0) >= 0x80);
    }),
  );
});

test("object identifiers come back arc by arc", () => {
  const arcs = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { maxLength: 10 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 39 }), arcs, (second, rest) => {
      const { content } = read(der.objectId([1, second, ...rest].join(".")));
      const found: number[] = [];
      let value = 0;
      for (const octet of content) {
        value = value * 128 + (octet & 0x7f);
        if (octet >= 0x80) continue;
        found.push(value);
        value = 0;
      }
      assert.deepEqual(found, [40 + second, ...rest]);
    }),
  );
});

test("of whatever was issued, the issuer is read; of anything else nothing, and nothing is thrown", () => {
  const subject = (text: string, keyId: Uint8Array): Uint8Array => {
    const fields = authorityFields({
      serial: serialNumber(keyId),
      name: commonName(text),
      notBefore: "2026-01-01T00:00:00.000Z",
      notAfter: "2051-01-01T00:00:00.000Z",
      publicKey: der.sequence(der.bitString(keyId)),
      keyId,
    });
    return signed(toBeSigned(fields), "ecdsa-sha256", keyId);
  };
  fc.assert(
    fc.property(name, fc.uint8Array({ minLength: 1, maxLength: 64 }), octets, fc.nat(), (text, keyId, noise, at) => {
      const whole = subject(text, keyId);
      const parts = readIssuer(whole);
      assert.deepEqual(parts?.subject, commonName(text));
      assert.deepEqual(parts?.keyId, keyId);
      assert.equal(readIssuer(whole.subarray(0, at % whole.length)), undefined);
      const bent = Uint8Array.from(whole);
      bent.set(noise.subarray(0, whole.length - (at % whole.length)), at % whole.length);
      readIssuer(bent);
      readIssuer(noise);
    }),
  );
});

test("leaves of any names are one sequence of three parts", () => {
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 200 }), (names) => {
      const fields = leafFields({
        serial: serialNumber(new Uint8Array(16)),
        algorithm: "rsa-sha256",
        issuer: commonName("CA"),
        issuerKeyId: undefined,
        subject: commonName(names[0] ?? ""),
        names: names.map(dnsName),
        notBefore: "2026-01-01T00:00:00.000Z",
        notAfter: "2027-01-01T00:00:00.000Z",
        publicKey: der.sequence(),
        keyId: new Uint8Array(20),
      });
      const outer = read(signed(toBeSigned(fields), "rsa-sha256", new Uint8Array(256)));
      assert.equal(outer.rest.length, 0);
      const body = read(outer.content);
      const algorithm = read(body.rest);
      const signature = read(algorithm.rest);
      assert.deepEqual([body.tag, algorithm.tag, signature.tag, signature.rest.length], [0x30, 0x30, 0x03, 0]);
    }),
    { numRuns: 50 },
  );
});
