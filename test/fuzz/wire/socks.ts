import assert from "node:assert/strict";
import { formatAuthority } from "../../../router/core/wire/authority.ts";
import { readSocksGreeting, readSocksRequest } from "../../../router/core/wire/socks.ts";
import { type FuzzTarget, latin1, latin1Octets } from "../fuzz-target.ts";
import { mutated, randomOctets } from "../mutation.ts";
import { oracleAuthority } from "./authority-oracle.ts";
import { HOST_PIECES, HOSTS } from "./host-pieces.ts";

const PIECES = [
  Uint8Array.of(5, 1, 0),
  Uint8Array.of(5, 1, 0, 3),
  Uint8Array.of(5, 1, 2),
  Uint8Array.of(5, 2, 0, 2),
  Uint8Array.of(0, 80),
  Uint8Array.of(0, 0),
  Uint8Array.of(4, 1, 0, 80, 0, 0, 0, 1),
  ...HOST_PIECES.map(latin1Octets),
];

/** Greeting and request together, as a client in a hurry sends them. */
export const SOCKS: FuzzTarget = {
  name: "socks",
  input(random) {
    if (random.once(20)) return randomOctets(random);
    const methods = Uint8Array.from({ length: 1 + random.below(3) }, () => random.below(4));
    const type = random.once(20) ? random.below(256) : random.pick([1, 3, 4]);
    const name = random.once(3)
      ? mutated(latin1Octets(random.pick(HOSTS)), PIECES, random)
      : latin1Octets(random.pick(HOSTS));
    const address =
      type === 1 || type === 4
        ? Uint8Array.from({ length: type === 1 ? 4 : 16 }, () => (random.once(2) ? 0 : random.below(256)))
        : Buffer.concat([Uint8Array.of(name.length), name]);
    const odd = random.once(10) ? random.below(256) : undefined;
    const port = random.once(10) ? [0, random.below(2)] : [random.below(256), random.below(256)];
    const whole = Buffer.concat([
      Uint8Array.of(5, methods.length),
      methods,
      Uint8Array.of(5, odd ?? 1, random.once(15) ? 1 : 0, type),
      address,
      Uint8Array.from(port),
    ]);
    return random.once(3) ? mutated(whole, PIECES, random) : whole;
  },
  examine(input, random) {
    const greeting = readSocksGreeting(input, input.length);
    assert.equal(greeting.state, oracleGreeting(input), "the oracle says otherwise of the greeting");
    const cut = random.below(input.length + 1);
    assertPrefix(readSocksGreeting(input, cut), greeting);
    if (greeting.state !== "complete") return false;
    assert.equal(greeting.open, input.subarray(2, greeting.end).includes(0));

    const rest = input.subarray(greeting.end);
    const request = readSocksRequest(rest, rest.length);
    assertPrefix(readSocksRequest(rest, random.below(rest.length + 1)), request);
    const said = request.state === "complete" ? formatAuthority(request.authority) : request.state;
    assert.equal(said, oracleRequest(rest), "the oracle says otherwise of the request");
    if (request.state !== "complete") return false;
    const again = readSocksRequest(rest.subarray(0, request.end), request.end);
    assert.deepEqual(again, request, "what follows the request changes it");
    return true;
  },
};

/** A prefix says the same as the whole, or that it wants more. */
function assertPrefix<Reading extends { readonly state: string }>(prefix: Reading, whole: Reading): void {
  assert.deepEqual(prefix, prefix.state === "incomplete" ? { state: "incomplete" } : whole, "cuts change the answer");
}

function oracleGreeting(input: Uint8Array): string {
  const text = latin1(input);
  if (/^(?:$|\x05$)/.test(text)) return "incomplete";
  if (!/^\x05[^\0]/s.test(text)) return "malformed";
  return text.length >= 2 + text.charCodeAt(1) ? "complete" : "incomplete";
}

/** The authority asked for, or the state. */
function oracleRequest(input: Uint8Array): string {
  const text = latin1(input);
  if (!/^(?:$|\x05(?:$|\x01(?:$|\0(?:$|[\x01\x03\x04]))))/s.test(text)) return "malformed";
  if (/^\x05\x01\0\x03\0/.test(text)) return "malformed";
  const size = text[3] === "\x03" ? text.charCodeAt(4) + 1 : text[3] === "\x01" ? 4 : 16;
  if (!(text.length >= 4 + size + 2)) return "incomplete";
  const address = text.slice(4, 4 + size);
  const port = text.charCodeAt(4 + size) * 256 + text.charCodeAt(5 + size);
  const host =
    text[3] === "\x03"
      ? address.slice(1)
      : text[3] === "\x01"
        ? Array.from(address, (octet) => octet.charCodeAt(0)).join(".")
        : `[${Buffer.from(address, "latin1")
            .toString("hex")
            .replaceAll(/(.{4})(?!$)/g, "$1:")}]`;
  // In a name there are no brackets and no ports.
  if (text[3] === "\x03" && /[[:]/.test(host)) return "malformed";
  return oracleAuthority(`${host}:${port}`, undefined) ?? "malformed";
}
