import assert from "node:assert/strict";
import { readClientHello } from "../../../router/core/wire/client-hello.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import { mutated, randomOctets } from "../mutation.ts";
import type { Random } from "../random.ts";
import { alpn, clientHello, extension, octets, records, serverName, vector } from "./client-hello-octets.ts";
import { oracleClientHello } from "./client-hello-oracle.ts";

const EXTENSIONS: readonly ((random: Random) => Uint8Array)[] = [
  (random) =>
    serverName(
      random.pick(["a.example", "A.EXAMPLE", "a.example.", "", "10.0.0.1", "a\0b", "a_b.c", "0x7f.1", "b".repeat(64)]),
    ),
  () => serverName("a.example", "b.example"),
  (random) => serverName([random.below(3), "a.example"]),
  (random) => alpn(...["h2", "http/1.1", "", "\x0a\x0a"].slice(random.below(4))),
  (random) => extension(random.pick([0, 16, 0xfe0d, 0xfe08, 0xffce, 51, 0x0a0a]), randomOctets(random)),
  (random) => extension(0xfe0d, new Uint8Array(random.below(9))),
  (random) => extension(random.below(65_536), new Uint8Array(random.below(9))),
];

const HELLO_PIECES = [
  octets(22, 3, 1),
  octets(22, 3, 1, 0, 0),
  octets(0, 0),
  octets(0xff, 0xff),
  octets(0xfe, 0x0d, 0, 0),
  octets(0, 0, 0, 14, 0, 12, 0, 0, 9, 0x61, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65),
  octets(21, 3, 3, 0, 2, 1, 0),
  extension(0, vector(2, octets())),
];

export const CLIENT_HELLO: FuzzTarget = {
  name: "client-hello",
  input(random) {
    if (random.once(20)) return randomOctets(random);
    const count = random.below(5);
    const extensions = random.once(12)
      ? undefined
      : Array.from({ length: count }, () => random.pick(EXTENSIONS)(random));
    const odd = (): boolean => random.once(25);
    const message = clientHello({
      extensions,
      ...(odd() ? { version: random.below(65_536) } : {}),
      ...(odd() ? { sessionId: new Uint8Array(random.below(40)) } : {}),
      ...(odd() ? { cipherSuites: new Uint8Array(random.below(6)) } : {}),
      ...(odd() ? { compressionMethods: new Uint8Array(random.below(3)) } : {}),
      ...(odd() ? { trailing: randomOctets(random) } : {}),
    });
    const broken = random.once(4) ? mutated(message, HELLO_PIECES, random) : message;
    const framed = records(broken, random.once(3) ? 1 + random.below(broken.length + 1) : 16_384);
    const behind = random.once(8) ? Buffer.concat([framed, randomOctets(random)]) : framed;
    return random.once(4) ? mutated(behind, HELLO_PIECES, random) : behind;
  },
  examine(input, random) {
    const oracle = oracleClientHello(input);
    const whole = readClientHello(input, input.length);
    if (whole.state === "complete") assert.deepEqual(whole, oracle, "the oracle says otherwise");
    else assert.equal(whole.state, oracle.state, "the oracle says otherwise");
    // A prefix says the same, or that it wants more; octets after a verdict do not change it.
    const length = random.below(input.length + 1);
    const prefix = readClientHello(input, length);
    assert.deepEqual(prefix, prefix.state === "incomplete" ? { state: "incomplete" } : whole, "cuts change the answer");
    return whole.state === "complete";
  },
};
