import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../../router/app/clock.ts";
import { millis } from "../../router/core/base/quantity.ts";
import type { Hostname } from "../../router/core/wire/hostname.ts";
import { LINK_IDLE_MILLIS } from "../../router/edge/upstream/dns-link.ts";
import { createResolver, type TimedResolver } from "../../router/edge/upstream/resolver.ts";
import { testCa } from "../fakes/origins.ts";
import { securedConfig } from "../fakes/resolver-config.ts";
import { addressFor, type AskedQuestion, type DnsReaction, replyTo, securedDns } from "../fakes/secured-dns.ts";
import { nameOctets, TO_QUESTION, uint32 } from "../fuzz/wire/dns-octets.ts";

const NEVER = new AbortController().signal;
const HOST = "a.test" as Hostname;
const TRANSPORTS = ["tls", "https"] as const;

async function asked(resolver: TimedResolver, host: Hostname = HOST): Promise<string> {
  const found = await resolver.answer(host, NEVER);
  return found.ok
    ? `${found.value.addresses.join(" ")} for ${Math.round(found.value.ttl)}`
    : `${found.problem.absent ?? "failed"}: ${found.problem.detail}`;
}

const alias = (owner: string | readonly number[], target: string, ttl = 60) => ({
  owner,
  type: 5,
  ttl,
  data: nameOctets(target),
});
const soa = (minimum: number, ttl = 300) => ({
  owner: "test",
  type: 6,
  ttl,
  data: [...nameOctets("ns.test"), ...nameOctets("mail.test"), ...[1, 2, 3, 4, minimum].flatMap(uint32)],
});
const a = (one: AskedQuestion, last = 1, owner: string | readonly number[] = TO_QUESTION) =>
  addressFor(one, last, owner);
const FOUND = "2001:db8::1 192.0.2.1 for 30";
const BAD = "failed: AAAA EBADRESP, A EBADRESP";

const table: readonly {
  readonly what: string;
  readonly react: (one: AskedQuestion) => DnsReaction | Promise<DnsReaction>;
  readonly expected: string | RegExp;
  readonly timeout?: number;
  readonly over?: "tls" | "https";
}[] = [
  { what: "both families", react: (one) => replyTo(one, { answers: [a(one)] }), expected: FOUND },
  {
    what: "one family fails",
    react: (one) => (one.type === 28 ? replyTo(one, { rcode: 2 }) : replyTo(one, { answers: [a(one)] })),
    expected: "192.0.2.1 for 30",
  },
  {
    what: "a TTL under the longest that counts",
    react: (one) => replyTo(one, { answers: [{ ...a(one), ttl: 7 }, a(one, 2)] }),
    expected: "2001:db8::1 2001:db8::2 192.0.2.1 192.0.2.2 for 7",
  },
  {
    what: "a chain of aliases, out of order, with the shortest TTL",
    react: (one) =>
      replyTo(one, { answers: [a(one, 1, "c.test"), alias("b.test", "c.test", 5), alias(TO_QUESTION, "b.test")] }),
    expected: "2001:db8::1 192.0.2.1 for 5",
  },
  {
    what: "addresses of names that nobody asked about are none",
    react: (one) => replyTo(one, { answers: [a(one, 6, "evil.test"), a(one)] }),
    expected: FOUND,
  },
  {
    what: "nor are those of a name that the chain does not lead to",
    react: (one) => replyTo(one, { answers: [alias(TO_QUESTION, "b.test"), a(one), a(one, 6, "c.test")] }),
    expected: "addresses: AAAA ENODATA, A ENODATA",
  },
  {
    what: "addresses of the other family are none",
    react: (one) => replyTo(one, { answers: [addressFor({ ...one, type: one.type === 1 ? 28 : 1 }, 6)] }),
    expected: "addresses: AAAA ENODATA, A ENODATA",
  },
  {
    what: "an alias of itself",
    react: (one) => replyTo(one, { answers: [alias(TO_QUESTION, "a.test"), a(one)] }),
    expected: BAD,
  },
  {
    what: "aliases of each other",
    react: (one) => replyTo(one, { answers: [alias(TO_QUESTION, "b.test"), alias("b.test", "a.test")] }),
    expected: BAD,
  },
  {
    what: "a chain that is too long",
    react: (one) =>
      replyTo(one, {
        answers: [
          alias(TO_QUESTION, "n0.test"),
          ...Array.from({ length: 20 }, (_, index) => alias(`n${index}.test`, `n${index + 1}.test`)),
          a(one, 1, "n20.test"),
        ],
      }),
    expected: BAD,
  },
  {
    what: "no such name, with an address beside",
    react: (one) => replyTo(one, { rcode: 3, answers: [a(one)] }),
    expected: "name: AAAA ENOTFOUND, A ENOTFOUND",
  },
  { what: "a refusal", react: (one) => replyTo(one, { rcode: 5 }), expected: "failed: AAAA EREFUSED, A EREFUSED" },
  {
    what: "cut short, over a stream: there is nowhere else to ask",
    react: (one) => replyTo(one, { flags: 0x0200, answers: [a(one)] }),
    expected: "failed: AAAA ETRUNCATED, A ETRUNCATED",
  },
  {
    what: "an answer that is a question",
    react: (one) => {
      const reply = replyTo(one, { answers: [a(one)] });
      reply[2] = 0x01;
      return reply;
    },
    expected: BAD,
  },
  {
    what: "an answer to another name",
    react: (one) => replyTo(one, { question: { name: "b.test", type: one.type }, answers: [a(one)] }),
    expected: BAD,
  },
  {
    what: "an answer about another type",
    react: (one) => replyTo(one, { question: { name: one.name, type: 16 }, answers: [a(one)] }),
    expected: BAD,
  },
  { what: "a loop of pointers", react: (one) => withName(one, [0xc0, 12]), expected: BAD },
  { what: "no message", react: () => Uint8Array.from([1, 2, 3]), expected: BAD },
  { what: "an empty message", react: () => new Uint8Array(), expected: BAD },
  {
    what: "thousands of records",
    react: (one) => replyTo(one, { answers: Array.from({ length: 600 }, (_, index) => a(one, index % 256)) }),
    expected: BAD,
  },
  {
    what: "no more than 16 of a family",
    react: (one) => (one.type === 28 ? replyTo(one) : replyTo(one, { answers: hundred(one) })),
    expected: `${Array.from({ length: 16 }, (_, index) => `192.0.2.${index}`).join(" ")} for 30`,
  },
  {
    what: "silence ends at the deadline",
    react: () => "silence",
    timeout: 150,
    expected: /^failed: (AAAA E[A-Z]+, A E[A-Z]+|.*no answer within 150 ms)$/,
  },
  {
    what: "an end without an answer, and again",
    react: () => "close",
    expected: "failed: AAAA ECONNRESET, A ECONNRESET",
  },
  {
    what: "over TLS: another id",
    over: "tls",
    react: (one) => replyTo(one, { id: one.id ^ 1, answers: [a(one, 6)] }),
    timeout: 150,
    expected: /^failed: /,
  },
  {
    what: "over TLS: another id and then the right one",
    over: "tls",
    react: (one) => [replyTo(one, { id: one.id ^ 0x8000, answers: [a(one, 6)] }), replyTo(one, { answers: [a(one)] })],
    expected: FOUND,
  },
  {
    what: "over TLS: a flood of answers that nobody asked for",
    over: "tls",
    react: (one) => Array.from({ length: 1_000 }, () => replyTo(one, { id: one.id ^ 0x8000 })),
    expected: BAD,
  },
  {
    what: "over TLS: garbage",
    over: "tls",
    react: () => ({ raw: Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n".repeat(2_000)) }),
    expected: BAD,
  },
  {
    what: "over TLS: a message that never ends",
    over: "tls",
    react: () => ({ raw: Uint8Array.of(0xff) }),
    timeout: 150,
    expected: /^failed: /,
  },
  {
    what: "over HTTPS: another id",
    over: "https",
    react: (one) => replyTo(one, { id: 7, answers: [a(one)] }),
    expected: BAD,
  },
  {
    what: "over HTTPS: an error",
    over: "https",
    react: (one) => ({ status: 503, body: replyTo(one, { answers: [a(one)] }) }),
    expected: BAD,
  },
  {
    what: "over HTTPS: a redirect is not followed",
    over: "https",
    react: () => ({ status: 307, headers: { location: "https://evil.test/dns-query" } }),
    expected: BAD,
  },
  {
    what: "over HTTPS: another type of content",
    over: "https",
    react: (one) => ({ headers: { "content-type": "text/html" }, body: replyTo(one, { answers: [a(one)] }) }),
    expected: BAD,
  },
  {
    what: "over HTTPS: more than a message can be",
    over: "https",
    react: () => ({ body: new Uint8Array(1_000_000) }),
    expected: BAD,
  },
  {
    what: "over HTTPS: what a cache kept counts for less",
    over: "https",
    react: (one) => ({ headers: { age: "55" }, body: replyTo(one, { answers: [a(one)] }) }),
    expected: "2001:db8::1 192.0.2.1 for 5",
  },
  {
    what: "over HTTPS: an age that is no number counts for all",
    over: "https",
    react: (one) => ({ headers: { age: "-1" }, body: replyTo(one, { answers: [a(one)] }) }),
    expected: "2001:db8::1 192.0.2.1 for 0",
  },
];

function hundred(one: AskedQuestion) {
  return Array.from({ length: 100 }, (_, index) => a(one, index));
}

function withName(one: AskedQuestion, name: readonly number[]): Uint8Array {
  const head = replyTo(one).subarray(0, 12);
  return Uint8Array.from([...head, ...name, 0, one.type, 0, 1]);
}

for (const over of TRANSPORTS) {
  for (const row of table) {
    if (row.over !== undefined && row.over !== over) continue;
    test(`INV-DNS-UPSTREAM: ${over}: ${row.what}`, async () => {
      await using dns = await securedDns(over, row.react);
      const timeout = row.timeout ?? 1_000;
      const config = securedConfig(over, [dns.server], millis(timeout));
      const began = performance.now();
      const said = await asked(createResolver(config, systemClock, testCa().certificatePem));
      if (typeof row.expected === "string") assert.equal(said, row.expected);
      else assert.match(said, row.expected);
      assert.ok(performance.now() - began < timeout + 1_000);
    });
  }

  test(`INV-DNS-UPSTREAM-TLS: ${over}: only the server's own name, by authorities that count`, async () => {
    await using dns = await securedDns(over, (one) => replyTo(one, { answers: [a(one)] }), ["other.test"]);
    await using own = await securedDns(over, (one) => replyTo(one, { answers: [a(one)] }));
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      const ca = testCa().certificatePem;
      const rows = [
        [dns, ca, "ERR_TLS_CERT_ALTNAME_INVALID"],
        [own, undefined, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
        [own, "no certificates", "ERR_CA"],
        [own, "", "ERR_CA"],
      ] as const;
      for (const [server, roots, expected] of rows) {
        const said = await asked(createResolver(securedConfig(over, [server.server]), systemClock, roots));
        assert.ok(said.startsWith(`failed: AAAA ${expected}`), said);
      }
      assert.deepEqual([dns.seen.questions, own.seen.questions], [[], []]);
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });

  test(`${over}: one connection for all questions, side by side, and another once it has ended`, async () => {
    let isClosing = false;
    await using dns = await securedDns(over, async (one) => {
      if (isClosing) {
        isClosing = false;
        return "close";
      }
      await pause(one.count % 7);
      return replyTo(one, { answers: [{ ...a(one), ttl: 0 }] });
    });
    const resolver = createResolver(securedConfig(over, [dns.server]), systemClock, testCa().certificatePem);
    const names = Array.from({ length: 60 }, (_, index) => `n${index}.test` as Hostname);
    const all = await Promise.all(names.map((name) => asked(resolver, name)));
    assert.deepEqual(new Set(all), new Set(["2001:db8::1 192.0.2.1 for 0"]));
    assert.equal(dns.seen.connections, 1);
    assert.equal(dns.seen.questions.length, 120);
    isClosing = true;
    assert.equal(await asked(resolver), "2001:db8::1 192.0.2.1 for 0");
    assert.equal(dns.seen.connections, 2);
    if (over === "tls") assert.ok(new Set(dns.seen.questions.map(({ id }) => id)).size > 110, "ids are random");
    else
      assert.equal(dns.seen.heads[0], `POST dns.test:${dns.server.split(":")[1]} /dns-query application/dns-message`);
  });

  test(`${over}: a server that is not there is passed over`, async () => {
    await using gone = await securedDns(over, () => "silence");
    const { server } = gone;
    await gone[Symbol.asyncDispose]();
    await using dns = await securedDns(over, (one) => replyTo(one, { answers: [a(one)] }));
    const config = securedConfig(over, [server, dns.server]);
    assert.equal(await asked(createResolver(config, systemClock, testCa().certificatePem)), FOUND);
  });

  test(`${over}: a connection that hangs is not asked twice`, async () => {
    let hangs = true;
    await using dns = await securedDns(over, (one) => (hangs ? "silence" : replyTo(one, { answers: [a(one)] })));
    const config = securedConfig(over, [dns.server], millis(800));
    const resolver = createResolver(config, systemClock, testCa().certificatePem);
    assert.match(await asked(resolver), /^failed: /);
    hangs = false;
    await pause(20);
    assert.equal(await asked(resolver), FOUND);
    assert.equal(dns.seen.connections, 2);
  });

  test(`INV-DNS-NEGATIVE: ${over}: a "no" is kept as the zone says, and without its word not at all`, async () => {
    await using dns = await securedDns(over, (one) => {
      if (one.name === "bare.test") return replyTo(one, { rcode: 3 });
      if (one.name === "half.test" && one.type === 1) return replyTo(one, { rcode: 2 });
      return replyTo(one, {
        rcode: one.name === "gone.test" ? 3 : 0,
        authority: [soa(one.name === "zero.test" ? 0 : 9)],
      });
    });
    const resolver = createResolver(securedConfig(over, [dns.server]), systemClock, testCa().certificatePem);
    const rows = [
      ["gone.test", 2, "name: AAAA ENOTFOUND, A ENOTFOUND"],
      ["empty.test", 2, "addresses: AAAA ENODATA, A ENODATA"],
      ["zero.test", 4, "addresses: AAAA ENODATA, A ENODATA"],
      ["bare.test", 4, "name: AAAA ENOTFOUND, A ENOTFOUND"],
      ["half.test", 4, "failed: AAAA ENODATA, A ESERVFAIL"],
    ] as const;
    for (const [name, questions, said] of rows) {
      const first = await asked(resolver, name as Hostname);
      assert.equal(first, said);
      assert.equal(await asked(resolver, name as Hostname), first);
      assert.equal(dns.seen.questions.filter((one) => one.name === name).length, questions, name);
    }
  });
}

test("over TLS a message in pieces is put together", async () => {
  await using dns = await securedDns("tls", (one) => {
    const reply = replyTo(one, {
      answers: [
        a(one),
        ...Array.from({ length: 200 }, () => ({ owner: "x.test", type: 16, data: Array<number>(200).fill(1) })),
      ],
    });
    return { raw: Buffer.concat([Uint8Array.of(reply.length >> 8, reply.length & 0xff), reply]) };
  });
  const resolver = createResolver(securedConfig("tls", [dns.server]), systemClock, testCa().certificatePem);
  assert.equal(await asked(resolver), FOUND);
});

test("over TLS answers that come in one chunk leave one clock that ends the connection, and the next question stops it", async (context) => {
  const set = context.mock.method(globalThis, "setTimeout");
  const cleared = context.mock.method(globalThis, "clearTimeout");
  const resting = (): number => {
    const stopped = new Set(cleared.mock.calls.map(({ arguments: [timer] }) => timer));
    return set.mock.calls.filter(
      ({ arguments: [, after], result }) => after === LINK_IDLE_MILLIS && !stopped.has(result),
    ).length;
  };
  const held: Uint8Array[] = [];
  const duringQuestions: number[] = [];
  await using server = await securedDns("tls", (one) => {
    duringQuestions.push(resting());
    const reply = replyTo(one, { answers: [a(one)] });
    held.push(Uint8Array.from([reply.length >> 8, reply.length & 255]), reply);
    return one.count % 2 === 1 ? "silence" : { raw: Buffer.concat(held.splice(0)) };
  });
  const resolver = createResolver(securedConfig("tls", [server.server]), systemClock, testCa().certificatePem);
  for (const host of ["a.test", "b.test", "c.test"]) {
    assert.equal(await asked(resolver, host as Hostname), FOUND);
    assert.equal(resting(), 1, host);
  }
  assert.deepEqual(duringQuestions, [0, 0, 0, 0, 0, 0]);
  assert.equal(server.seen.connections, 1);
});
