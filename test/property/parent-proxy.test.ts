import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { HOP_TOKEN } from "../../router/edge/upstream/hop-token.ts";
import { connectDialogue } from "../../router/edge/upstream/parent-connect.ts";
import type { ParentCredential } from "../../router/edge/upstream/parent-proxy.ts";
import { readSocksReply, socksDialogue } from "../../router/edge/upstream/parent-socks.ts";
import type { Authority } from "../../router/core/wire/authority.ts";
import { addressFromOctets } from "../../router/core/wire/ip-address.ts";
import { runCampaign } from "../fuzz/campaign.ts";
import { cutAt, hear } from "../fuzz/parent/hear.ts";
import { PARENT_TARGETS } from "../fuzz/parent/targets.ts";
import { port } from "../unit/core/policy/policy-fixture.ts";

const octets = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const ports = fc.integer({ min: 1, max: 65_535 });
const places = fc.array(fc.nat({ max: 400 }), { maxLength: 8 });
const hosts: fc.Arbitrary<Authority["host"]> = fc.oneof(
  octets(4, 4).map((raw) => ({ kind: "address", text: addressFromOctets(raw) }) as const),
  octets(16, 16).map((raw) => ({ kind: "address", text: addressFromOctets(raw) }) as const),
  fc
    .stringMatching(/^[a-z0-9]{1,20}(?:\.[a-z0-9]{1,20}){1,4}$/)
    .map((text) => ({ kind: "name", text: text as never }) as const),
);
const word = fc.stringMatching(/^[\x21-\x39\x3b-\x7e\x80-\xff]{1,40}$/);
const credentials: fc.Arbitrary<ParentCredential> = fc.record({ user: word, password: word });

/** A bound address of each kind. */
const bound = fc.oneof(
  octets(6, 6).map((rest) => [1, ...rest]),
  octets(18, 18).map((rest) => [4, ...rest]),
  fc.tuple(octets(0, 255), octets(2, 2)).map(([name, end]) => [3, name.length, ...name, ...end]),
);

test("INV-CHAIN-SOCKS: a reply is read whole however it was cut, and not one octet behind it is", () => {
  fc.assert(
    fc.property(bound, octets(0, 300), places, (address, behind, cuts) => {
      const reply = Uint8Array.from([5, 0, 0, ...address]);
      const whole = Uint8Array.from([...reply, ...behind]);
      for (let length = 0; length < reply.length; length += 1) {
        assert.equal(readSocksReply(whole.subarray(0, length)).kind, "more", `${length} of ${reply.length}`);
      }
      assert.deepEqual(readSocksReply(whole), { kind: "open", used: reply.length });
      const target = { host: { kind: "name", text: "origin.test" as never }, port: port(443) } as const;
      const heard = hear(socksDialogue(target, undefined), cutAt(Uint8Array.from([5, 0, ...whole]), cuts));
      assert.deepEqual([heard.end, heard.left], ["open", behind.length]);
    }),
  );
});

test("INV-CHAIN-SOCKS: any octets are a reply, a refusal, no reply, or too few; never a throw", () => {
  fc.assert(
    fc.property(octets(0, 300), (any) => {
      const step = readSocksReply(any);
      if (step.kind === "open") {
        assert.ok(step.used >= 7 && step.used <= Math.min(any.length, 262));
        assert.deepEqual([...any.subarray(0, 3)], [5, 0, 0]);
      }
      assert.notEqual(step.kind, "say");
    }),
    { numRuns: 2_000 },
  );
});

test("a SOCKS parent is told the host, the port and the credential, in the messages of RFC 1928 and RFC 1929", () => {
  fc.assert(
    fc.property(hosts, ports, fc.option(credentials, { nil: undefined }), (host, number, credential) => {
      const dialogue = socksDialogue({ host, port: port(number) }, credential);
      const methods = credential === undefined ? [5, 1, 0] : [5, 2, 0, 2];
      assert.deepEqual([...dialogue.opening], methods);
      const replies =
        credential === undefined
          ? [[5, 0]]
          : [
              [5, 2],
              [1, 0],
            ];
      const heard = hear(
        dialogue,
        replies.map((reply) => Uint8Array.from(reply)),
      );
      const said = heard.said.map((part) => Buffer.from(part));
      if (credential !== undefined) {
        const [version, length = 0] = said[0] ?? [];
        assert.equal(version, 1);
        assert.equal(said[0]?.subarray(2, 2 + length).toString("latin1"), credential.user);
        assert.equal(said[0]?.at(2 + length), credential.password.length);
        assert.equal(said[0]?.subarray(3 + length).toString("latin1"), credential.password);
      }
      const request = said.at(-1) ?? Buffer.alloc(0);
      assert.deepEqual([...request.subarray(0, 3)], [5, 1, 0]);
      assert.equal(request.readUInt16BE(request.length - 2), number);
      const address = request.subarray(4, -2);
      if (host.kind === "name") {
        assert.deepEqual([request[3], address[0]], [3, host.text.length]);
        assert.equal(address.subarray(1).toString("latin1"), host.text);
      } else {
        assert.equal(request[3], address.length === 4 ? 1 : 4);
        assert.equal(addressFromOctets(address), host.text);
      }
    }),
  );
});

test("an HTTP parent is asked in one head with these fields and no more", () => {
  fc.assert(
    fc.property(hosts, ports, fc.option(credentials, { nil: undefined }), (host, number, credential) => {
      const text = Buffer.from(connectDialogue({ host, port: port(number) }, credential).opening).toString("latin1");
      const authority = host.kind === "address" && host.text.includes(":") ? `[${host.text}]` : host.text;
      const [line, named, hop, given, ...rest] = text.split("\r\n");
      assert.equal(line, `CONNECT ${authority}:${number} HTTP/1.1`);
      assert.equal(named, `Host: ${authority}:${number}`);
      assert.equal(hop, `Sluice-Hop: ${HOP_TOKEN}`);
      if (credential === undefined) return assert.deepEqual([given, ...rest], ["", ""]);
      const basic = Buffer.from(given?.replace("Proxy-Authorization: Basic ", "") ?? "", "base64").toString("latin1");
      assert.equal(basic, `${credential.user}:${credential.password}`);
      assert.deepEqual(rest, ["", ""]);
    }),
  );
});

// The long run is `node test/fuzz/parent.ts`; this one stays the same from day to day.
for (const target of PARENT_TARGETS) {
  test(`INV-CHAIN-FUZZ: ${target.name}, 20,000 inputs against its oracle`, () => {
    runCampaign(target, 20_000, 20_480);
  });
}
