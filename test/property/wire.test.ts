import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { portOf } from "../../router/core/base/quantity.ts";
import { formatAuthority, parseAuthority } from "../../router/core/wire/authority.ts";
import { ChunkedBody } from "../../router/core/wire/chunked-body.ts";
import { cidrContains, parseCidr } from "../../router/core/wire/cidr.ts";
import { readClientHello } from "../../router/core/wire/client-hello.ts";
import { forwardRequest, innerRequest, transparentRequest } from "../../router/core/wire/forward-request.ts";
import { formatHost, parseHost } from "../../router/core/wire/host.ts";
import { parseHostname } from "../../router/core/wire/hostname.ts";
import {
  addressFromOctets,
  addressOctets,
  parseIpAddress,
  parseIpv4,
  parseIpv6,
} from "../../router/core/wire/ip-address.ts";
import { readRequestHead } from "../../router/core/wire/message-head.ts";
import { parseAbsoluteForm, parseOriginForm } from "../../router/core/wire/request-target.ts";
import { safeText } from "../../router/core/wire/safe-text.ts";
import { readSocksGreeting, readSocksRequest } from "../../router/core/wire/socks.ts";
import { clientHello, records, serverName } from "../fuzz/wire/client-hello-octets.ts";

const LIMITS = { lineBytes: 8_192, fieldCount: 100, headBytes: 16_384 };
const HTTP = portOf(80);

const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), fc.string());
const octet = fc.integer({ min: 0, max: 255 });
const octets4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Zeros are frequent, as in real addresses, so that runs of them form. */
const octets16 = fc
  .array(fc.oneof(fc.constant(0), octet), { minLength: 16, maxLength: 16 })
  .map((list) => Uint8Array.from(list));

const labelCharacter = fc.constantFrom(...Array.from("abcdefghijklmnopqrstuvwxyz0123456789_-"));
const label = fc
  .array(labelCharacter, { minLength: 1, maxLength: 20 })
  .map((characters) => characters.join(""))
  .filter((text) => !text.startsWith("-") && !text.endsWith("-"));
/** A name in its canonical spelling. */
const hostname = fc
  .tuple(fc.array(label, { maxLength: 4 }), fc.constantFrom("example", "com", "x", "0xg", "a1"))
  .map(([labels, last]) => [...labels, last].join("."));

/** The same text in another mixture of upper and lower case. */
function recased(text: string, bits: bigint): string {
  return Array.from(text)
    .map((character, index) => (((bits >> BigInt(index % 64)) & 1n) === 1n ? character.toUpperCase() : character))
    .join("");
}

/** The octets as an IPv6 text that is right but need not be canonical. */
const spelling = fc.record({
  upper: fc.boolean(),
  width: fc.integer({ min: 1, max: 4 }),
  quad: fc.boolean(),
  gap: fc.nat(),
  gapLength: fc.nat(),
});

function spelled(
  bytes: Uint8Array,
  how: { upper: boolean; width: number; quad: boolean; gap: number; gapLength: number },
): string {
  const groups: string[] = [];
  const end = how.quad ? 12 : 16;
  for (let at = 0; at < end; at += 2) {
    const value = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    groups.push(value.toString(16).padStart(how.width, "0"));
  }
  if (how.quad) groups.push(bytes.subarray(12).join("."));
  const zeros = groups.flatMap((group, index) => (/^0+$/.test(group) ? [index] : []));
  let text = groups.join(":");
  const start = zeros[how.gap % Math.max(1, zeros.length)];
  if (start !== undefined) {
    let stop = start + 1;
    while (zeros.includes(stop) && stop - start <= how.gapLength % 8) stop++;
    text = `${groups.slice(0, start).join(":")}::${groups.slice(stop).join(":")}`;
  }
  return how.upper ? text.toUpperCase() : text;
}

test("INV-WIRE-TOTAL: no text and no octets make a parser throw", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      parseIpv4(text);
      parseIpv6(text);
      parseCidr(text);
      parseHostname(text);
      parseHost(text);
      parseAuthority(text, HTTP);
      parseOriginForm(text);
      parseOriginForm(`/${text}`);
      parseAbsoluteForm(text);
      parseAbsoluteForm(`http://${text}`);
      safeText(text, 20);
    }),
    { numRuns: 3_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      readRequestHead(bytes, bytes.length, 0, LIMITS);
      readClientHello(bytes, bytes.length);
      new ChunkedBody().read(bytes);
      readSocksGreeting(bytes, bytes.length);
      readSocksRequest(bytes, bytes.length);
    }),
    { numRuns: 3_000 },
  );
});

test("what is canonical parses to itself", () => {
  fc.assert(
    fc.property(fc.oneof(anyText, hostname), (text) => {
      const name = parseHostname(text);
      if (name.ok) assert.deepEqual(parseHostname(name.value), name);
      const host = parseHost(text);
      if (host.ok) assert.deepEqual(parseHost(formatHost(host.value)), host);
    }),
    { numRuns: 3_000 },
  );
});

test("every address survives its text, and no address is a name", () => {
  fc.assert(
    fc.property(fc.oneof(octets4, octets16), (octets) => {
      const text = addressFromOctets(octets);
      assert.equal(parseIpAddress(text), text);
      assert.deepEqual([...addressOctets(text)], [...octets]);
      assert.equal(parseHostname(text).ok, false);
    }),
    { numRuns: 3_000 },
  );
});

test("every spelling of an IPv6 address is the one address", () => {
  fc.assert(
    fc.property(octets16, spelling, (octets, how) => {
      assert.equal(parseIpv6(spelled(octets, how)), addressFromOctets(octets));
    }),
    { numRuns: 3_000 },
  );
});

test("a network holds exactly the addresses that share its prefix", () => {
  fc.assert(
    fc.property(fc.oneof(octets4, octets16), fc.nat(), fc.nat(), (octets, prefixSeed, bitSeed) => {
      const bits = octets.length * 8;
      const prefixLength = prefixSeed % (bits + 1);
      const network = octets.map(
        (value, index) => value & (0xff << (8 - Math.min(8, Math.max(0, prefixLength - index * 8)))),
      );
      const cidr = parseCidr(`${addressFromOctets(network)}/${prefixLength}`);
      assert.ok(cidr !== undefined);
      assert.deepEqual(parseCidr(cidr.text), cidr);
      assert.ok(cidrContains(cidr, addressFromOctets(octets)));
      const bit = bitSeed % bits;
      const other = octets.map((value, index) => (index === bit >> 3 ? value ^ (0x80 >> (bit & 7)) : value));
      assert.equal(cidrContains(cidr, addressFromOctets(other)), bit >= prefixLength);
    }),
    { numRuns: 3_000 },
  );
});

test("INV-WIRE-ONE-SPELLING: what a request asks for does not depend on how its host is spelled", () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(hostname, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.boolean()).map(([name, bits, dot]) => ({
          canonical: name,
          other: recased(name, bits) + (dot ? "." : ""),
        })),
        fc.tuple(octets16, spelling).map(([octets, how]) => ({
          canonical: `[${addressFromOctets(octets)}]`,
          other: `[${spelled(octets, how)}]`,
        })),
      ),
      port,
      ({ canonical, other }, number) => {
        const expected = parseAuthority(`${canonical}:${number}`, undefined);
        assert.ok(expected.ok);
        assert.equal(formatAuthority(expected.value), `${canonical}:${number}`);
        assert.deepEqual(parseAuthority(`${other}:${number}`, undefined), expected);

        const connect = requestOf(`CONNECT ${other}:${number} HTTP/1.1\r\nHost: ${canonical}:${number}\r\n\r\n`);
        assert.deepEqual(forwardRequest(connect), {
          ok: true,
          value: { kind: "tunnel", authority: expected.value, trace: undefined },
        });
        const absolute = requestOf(
          `GET http://${other}:${number}/p?q HTTP/1.1\r\nHost: ${canonical}:${number}\r\n\r\n`,
        );
        const plain = requestOf(`GET http://${canonical}:${number}/p?q HTTP/1.1\r\nHost: ${other}:${number}\r\n\r\n`);
        const forwarded = forwardRequest(absolute);
        assert.ok(forwarded.ok);
        assert.deepEqual(forwardRequest(plain), forwarded);
        assert.deepEqual(
          innerRequest(requestOf(`GET /p?q HTTP/1.1\r\nHost: ${other}:${number}\r\n\r\n`), expected.value),
          forwarded,
        );
        const unbracketed = canonical.startsWith("[") ? undefined : Buffer.from(other, "latin1");
        if (unbracketed !== undefined) {
          const octets = Buffer.of(5, 1, 0, 3, unbracketed.length, ...unbracketed, number >> 8, number & 255);
          const state = { state: "complete", authority: expected.value, end: octets.length };
          assert.deepEqual(readSocksRequest(octets, octets.length), state);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test("INV-WIRE-ONE-SPELLING: the server name of a ClientHello is the host of the same spelling, cut into records or not", () => {
  fc.assert(
    fc.property(
      hostname,
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.integer({ min: 4, max: 300 }),
      (name, bits, most) => {
        const bytes = records(clientHello({ extensions: [serverName(recased(name, bits))] }), most);
        assert.deepEqual(readClientHello(bytes, bytes.length), {
          state: "complete",
          hello: { serverName: name, ech: false, alpn: [] },
        });
      },
    ),
    { numRuns: 1_000 },
  );
});

test("INV-WIRE-ONE-TARGET: two different hosts are never taken for one", () => {
  fc.assert(
    fc.property(hostname, hostname, (one, other) => {
      fc.pre(one !== other);
      const reading = forwardRequest(requestOf(`CONNECT ${one}:443 HTTP/1.1\r\nHost: ${other}:443\r\n\r\n`));
      assert.equal(!reading.ok && reading.problem.reason, "host_mismatch");
    }),
    { numRuns: 1_000 },
  );
});

function requestOf(text: string): Parameters<typeof forwardRequest>[0] {
  const bytes = Buffer.from(text, "latin1");
  const reading = readRequestHead(bytes, bytes.length, 0, LIMITS);
  assert.ok(reading.state === "complete", JSON.stringify(reading));
  return reading.head;
}

test("INV-WIRE-ONE-SPELLING: what SOCKS asks for by address is what CONNECT asks for by its text", () => {
  fc.assert(
    fc.property(fc.oneof(octets4, octets16), fc.integer({ min: 1, max: 65_535 }), (address, number) => {
      const type = address.length === 4 ? 1 : 4;
      const octets = Uint8Array.of(5, 1, 0, type, ...address, number >> 8, number & 255);
      const text = addressFromOctets(address);
      const expected = parseAuthority(`${type === 4 ? `[${text}]` : text}:${number}`, undefined);
      assert.ok(expected.ok);
      const state = { state: "complete", authority: expected.value, end: octets.length };
      assert.deepEqual(readSocksRequest(octets, octets.length), state);
    }),
    { numRuns: 2_000 },
  );
});

test("INV-WIRE-ONE-SPELLING: port 80 takes from Host what the proxy port takes from an absolute-form target", () => {
  fc.assert(
    fc.property(hostname, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.boolean(), (name, bits, withPort) => {
      const host = `${recased(name, bits)}${withPort ? ":80" : ""}`;
      const absolute = forwardRequest(requestOf(`GET http://${name}/p?q HTTP/1.1\r\nHost: ${name}\r\n\r\n`));
      assert.ok(absolute.ok);
      assert.deepEqual(transparentRequest(requestOf(`GET /p?q HTTP/1.1\r\nHost: ${host}\r\n\r\n`)), absolute);
    }),
    { numRuns: 1_000 },
  );
});

test("what was chunked is the same content again, however it is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })),
      fc.integer({ min: 1, max: 50 }),
      (chunks, size) => {
        const wire = Buffer.concat([
          ...chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]),
          Buffer.from("0\r\n\r\n"),
        ]);
        const body = new ChunkedBody();
        const payload: Uint8Array[] = [];
        for (let at = 0; at < wire.length; at += size) {
          const step = body.read(wire.subarray(at, at + size));
          assert.ok(step.state !== "malformed");
          payload.push(...step.payload);
          assert.equal(step.state === "end", at + size >= wire.length);
        }
        assert.deepEqual(Buffer.concat(payload), Buffer.concat(chunks));
      },
    ),
    { numRuns: 1_000 },
  );
});

test("safeText is bounded, well-formed, of one line, and changes nothing the second time", () => {
  const unsafe = fc.constantFrom(
    "\0",
    "\n",
    "\u001b",
    "\u007f",
    "\u2028",
    "\u202e",
    "\ud800",
    "\udc00",
    "\u{1f600}",
    "\\",
    "\\u00",
  );
  const text = fc.array(fc.oneof(unsafe, anyText)).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 60 }), (raw, maximum) => {
      const safe = safeText(raw, maximum);
      assert.ok(safe.length <= maximum);
      assert.ok(safe.isWellFormed());
      assert.doesNotMatch(safe, /[\p{Cc}\p{Zl}\p{Zp}]/u);
      assert.equal(safeText(safe, maximum), safe);
    }),
    { numRuns: 3_000 },
  );
});
