import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../router/app/clock.ts";
import { millis } from "../../router/core/base/quantity.ts";
import type { Hostname } from "../../router/core/wire/hostname.ts";
import { createResolver } from "../../router/edge/upstream/resolver.ts";
import { plainDns } from "../fakes/plain-dns.ts";
import { plainConfig } from "../fakes/resolver-config.ts";
import { addressFor, type AskedQuestion, replyTo } from "../fakes/secured-dns.ts";
import { nameOctets, TO_QUESTION } from "../fuzz/wire/dns-octets.ts";

const TIMEOUT = 400;
const evil = (one: AskedQuestion) => addressFor(one, 66);
const good = (one: AskedQuestion) => addressFor(one, 1);
const alias = (owner: string | readonly number[], target: string) => ({ owner, type: 5, data: nameOctets(target) });

/** What a server in clear may say, and that it comes to nothing worse than no address. */
const table: readonly {
  readonly what: string;
  readonly react: (one: AskedQuestion, over: "udp" | "tcp") => readonly Uint8Array[];
  readonly expected: string | RegExp;
}[] = [
  {
    what: "another id first",
    react: (one) => [replyTo(one, { id: one.id ^ 1, answers: [evil(one)] }), replyTo(one, { answers: [good(one)] })],
    expected: "2001:db8::1 192.0.2.1",
  },
  {
    what: "another name first",
    react: (one) => [
      replyTo(one, { question: { name: "b.test", type: one.type }, answers: [evil(one)] }),
      replyTo(one, { answers: [good(one)] }),
    ],
    expected: "2001:db8::1 192.0.2.1",
  },
  {
    what: "another type first",
    react: (one) => [
      replyTo(one, { question: { name: one.name, type: 16 }, answers: [evil(one)] }),
      replyTo(one, { answers: [good(one)] }),
    ],
    expected: "2001:db8::1 192.0.2.1",
  },
  {
    what: "no such name, with an address beside",
    react: (one) => [replyTo(one, { rcode: 3, answers: [evil(one)] })],
    expected: "AAAA ENOTFOUND, A ENOTFOUND",
  },
  {
    what: "addresses of the other family",
    react: (one) => [replyTo(one, { answers: [evil({ ...one, type: one.type === 1 ? 28 : 1 })] })],
    expected: "AAAA ENODATA, A ENODATA",
  },
  {
    what: "aliases of each other",
    react: (one) => [replyTo(one, { answers: [alias(TO_QUESTION, "b.test"), alias("b.test", "a.test")] })],
    expected: "AAAA has no address, A has no address",
  },
  {
    what: "a loop of pointers",
    react: (one) => [Uint8Array.from([...replyTo(one).subarray(0, 12), 0xc0, 12, 0, one.type, 0, 1])],
    expected: /^(?!.*2001)/,
  },
  {
    what: "cut short over UDP and over TCP",
    react: (one) => [replyTo(one, { flags: 0x0200 })],
    expected: /^AAAA E[A-Z]+, A E[A-Z]+$/,
  },
  {
    what: "cut short over UDP, and garbage over TCP",
    react: (one, over) => [over === "udp" ? replyTo(one, { flags: 0x0200 }) : new Uint8Array(60_000).fill(0xc0)],
    expected: /AAAA|no answer/,
  },
  {
    what: "nothing but headers",
    react: (one) => [replyTo(one).subarray(0, 12)],
    expected: /AAAA|no answer/,
  },
  {
    what: "thousands of addresses over TCP",
    react: (one, over) => [
      over === "udp"
        ? replyTo(one, { flags: 0x0200 })
        : replyTo(one, { answers: Array.from({ length: 2_000 }, (_, index) => addressFor(one, index % 256)) }),
    ],
    expected: [
      ...Array.from({ length: 16 }, (_, index) => `2001:db8::${index === 0 ? "" : index.toString(16)}`),
      ...Array.from({ length: 16 }, (_, index) => `192.0.2.${index}`),
    ].join(" "),
  },
  {
    what: "a thousand answers to one question",
    react: (one) =>
      Array.from({ length: 1_000 }, (_, index) => replyTo(one, { id: one.id ^ (index + 1), answers: [evil(one)] })),
    expected: /^(?!.*(?:66|::42))/,
  },
];
for (const row of table) {
  test(`INV-DNS-UPSTREAM: plain: ${row.what}`, async () => {
    await using dns = await plainDns(row.react);
    const resolver = createResolver(plainConfig([dns.server], millis(TIMEOUT)), systemClock);
    const began = performance.now();
    const found = await resolver.resolve("a.test" as Hostname, new AbortController().signal);
    const said = found.ok ? found.value.join(" ") : found.problem.detail;
    if (typeof row.expected === "string") assert.equal(said, row.expected);
    else assert.match(said, row.expected);
    assert.ok(performance.now() - began < TIMEOUT + 1_000);
    assert.ok(dns.seen.length <= 8, `${dns.seen.length} questions`);
  });
}
