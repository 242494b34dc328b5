import assert from "node:assert/strict";
import { test } from "node:test";
import { fail } from "../../../router/core/base/result.ts";
import { cidrContains, parseCidr } from "../../../router/core/wire/cidr.ts";
import { DENY_ALL } from "../../../router/core/policy/snapshot.ts";
import { decide } from "../../../router/core/policy/decide.ts";
import { NOTHING_AROUND } from "../../../router/core/policy/surroundings.ts";
import { ednsQueryOctets, messageOctets, queryOctets, questionOctets } from "../../fuzz/wire/dns-octets.ts";
import { compiled, ip, NOON, port, type PolicyText } from "../core/policy/policy-fixture.ts";
import { type BenchOptions, dnsBench, parsedReply, replyLine } from "./policy-dns-fixture.ts";

const POLICY: PolicyText = {
  allow: [
    {
      id: "exact",
      hosts: ["api.test", "mixed.test", "inside.test", "v6.test", "absent.test", "empty.test", "down.test"],
    },
    { id: "wild", hosts: ["*.wild.test", "**.deep.test"] },
    { id: "inner", hosts: ["db.test"], addresses: ["10.1.2.3:443"] },
    { id: "odd", hosts: ["odd.test"], ports: [8443] },
    { id: "lists", hosts: ["listed.test"] },
  ],
  deny: [
    { id: "no-gists", hosts: ["gist.wild.test"] },
    { id: "no-six", addresses: ["8.8.8.6:443"] },
  ],
};
const ANSWERS = {
  "api.test": ["2001:4860::1", "8.8.8.8", "8.8.4.4"],
  "mixed.test": ["10.0.0.1", "8.8.8.8", "169.254.169.254"],
  "inside.test": ["10.0.0.1", "127.0.0.1", "::1"],
  "v6.test": ["2001:4860::1"],
  "db.test": ["10.1.2.3", "10.1.2.4"],
  "odd.test": ["8.8.8.6"],
  "a.wild.test": ["8.8.8.8", "8.8.8.6"],
  "absent.test": "absent",
  "empty.test": "empty",
  "down.test": "A ESERVFAIL",
} as const;

const table: readonly {
  readonly what: string;
  readonly query: Uint8Array;
  readonly said: string;
  /** The one record: action, target, decision, reason, rule. */
  readonly record: string;
  /** What left for the resolver. */
  readonly asked?: string;
  readonly counted: string;
  readonly options?: BenchOptions;
}[] = [
  {
    what: "A of an allowed name",
    query: queryOctets("api.test"),
    said: "NOERROR 8.8.8.8 8.8.4.4 ttl 20",
    record: "dns.A api.test allow null exact",
    asked: "api.test",
    counted: "allow",
  },
  {
    what: "in another spelling",
    query: queryOctets("API.Test"),
    said: "NOERROR 8.8.8.8 8.8.4.4 ttl 20",
    record: "dns.A api.test allow null exact",
    asked: "api.test",
    counted: "allow",
  },
  {
    what: "AAAA of an allowed name",
    query: ednsQueryOctets("api.test", 28),
    said: "NOERROR 2001:4860::1 ttl 20",
    record: "dns.AAAA api.test allow null exact",
    asked: "api.test",
    counted: "allow",
  },
  {
    what: "a family that the name does not have",
    query: queryOctets("v6.test"),
    said: "NOERROR soa 20/20",
    record: "dns.A v6.test allow null exact",
    asked: "v6.test",
    counted: "allow",
  },
  {
    what: "another type of an allowed name: nobody is asked",
    query: ednsQueryOctets("api.test", 65),
    said: "NOERROR soa 60/60",
    record: "dns.TYPE65 api.test allow null exact",
    counted: "allow",
  },
  {
    what: "TXT below a wildcard: nobody is asked",
    query: queryOctets("secret.wild.test", 16),
    said: "NOERROR soa 60/60",
    record: "dns.TYPE16 secret.wild.test allow null wild",
    counted: "allow",
  },
  {
    what: "a name that no rule has",
    query: ednsQueryOctets("evil.test"),
    said: "NXDOMAIN soa 5/5 ede 18 sluice: host_not_allowed",
    record: "dns.A evil.test deny host_not_allowed null",
    counted: "deny",
  },
  {
    what: "the same without OPT",
    query: queryOctets("evil.test"),
    said: "NXDOMAIN soa 5/5",
    record: "dns.A evil.test deny host_not_allowed null",
    counted: "deny",
  },
  {
    what: "TXT of a name that no rule has",
    query: queryOctets("evil.test", 16),
    said: "NXDOMAIN soa 5/5",
    record: "dns.TYPE16 evil.test deny host_not_allowed null",
    counted: "deny",
  },
  {
    what: "a name that a deny rule takes out of a wildcard",
    query: ednsQueryOctets("gist.wild.test"),
    said: "NXDOMAIN soa 5/5 ede 15 sluice: denied_by_rule",
    record: "dns.A gist.wild.test deny denied_by_rule no-gists",
    counted: "deny",
  },
  {
    what: "a name on a blocklist, also where a rule allows it",
    query: ednsQueryOctets("listed.test"),
    said: "NXDOMAIN soa 5/5 ede 15 sluice: blocklisted",
    record: "dns.A listed.test deny blocklisted blocklist/feed",
    counted: "deny",
    options: { rooms: { surroundings: { ...NOTHING_AROUND, blocklist: () => "feed" } } },
  },
  {
    what: "a model provider's host",
    query: ednsQueryOctets("api.test"),
    said: "NXDOMAIN soa 5/5 ede 18 sluice: inference_only",
    record: "dns.A api.test deny inference_only null",
    counted: "deny",
    options: { rooms: { surroundings: { ...NOTHING_AROUND, isProviderHost: () => true } } },
  },
  {
    what: "the apex of a wildcard",
    query: queryOctets("wild.test"),
    said: "NXDOMAIN soa 5/5",
    record: "dns.A wild.test deny host_not_allowed null",
    counted: "deny",
  },
  {
    what: "a rule of an unusual port counts too",
    query: queryOctets("odd.test"),
    said: "NOERROR 8.8.8.6 ttl 20",
    record: "dns.A odd.test allow null odd",
    asked: "odd.test",
    counted: "allow",
  },
  {
    what: "an address that a deny rule names is removed",
    query: queryOctets("a.wild.test"),
    said: "NOERROR 8.8.8.8 ttl 20",
    record: "dns.A a.wild.test allow null wild",
    asked: "a.wild.test",
    counted: "allow",
  },
  {
    what: "special-use addresses are removed",
    query: queryOctets("mixed.test"),
    said: "NOERROR 8.8.8.8 ttl 20",
    record: "dns.A mixed.test allow null exact",
    asked: "mixed.test",
    counted: "allow",
  },
  {
    what: "nothing but special-use addresses",
    query: ednsQueryOctets("inside.test"),
    said: "NOERROR soa 5/5 ede 15 sluice: address_not_allowed",
    record: "dns.A inside.test deny address_not_allowed exact",
    asked: "inside.test",
    counted: "deny",
  },
  {
    what: "a special-use address that the rule names",
    query: queryOctets("db.test"),
    said: "NOERROR 10.1.2.3 ttl 20",
    record: "dns.A db.test allow null inner",
    asked: "db.test",
    counted: "allow",
  },
  {
    what: "an allowed name that DNS does not have",
    query: queryOctets("absent.test"),
    said: "NXDOMAIN soa 30/30",
    record: "dns.A absent.test allow null exact",
    asked: "absent.test",
    counted: "allow",
  },
  {
    what: "an allowed name without addresses",
    query: queryOctets("empty.test"),
    said: "NOERROR soa 30/30",
    record: "dns.A empty.test allow null exact",
    asked: "empty.test",
    counted: "allow",
  },
  {
    what: "a resolver that fails",
    query: ednsQueryOctets("down.test"),
    said: "SERVFAIL ede 22 sluice: dns_failure",
    record: "dns.A down.test deny dns_failure exact",
    asked: "down.test",
    counted: "failed",
  },
  {
    what: "no policy yet",
    query: ednsQueryOctets("api.test"),
    said: "SERVFAIL ede 14 sluice: policy_missing",
    record: "dns.A api.test deny policy_missing null",
    counted: "deny",
    options: { rooms: { policy: () => DENY_ALL } },
  },
  {
    what: "a policy that has expired",
    query: ednsQueryOctets("api.test"),
    said: "SERVFAIL ede 14 sluice: policy_expired",
    record: "dns.A api.test deny policy_expired null",
    counted: "deny",
    options: { rooms: { policyTime: () => Number.NaN as never } },
  },
  {
    what: "while draining",
    query: ednsQueryOctets("api.test"),
    said: "REFUSED ede 14 sluice: draining",
    record: "dns.A api.test deny draining null",
    counted: "deny",
    options: { rooms: { draining: () => true } },
  },
  {
    what: "while the audit log cannot be written nothing leaves",
    query: ednsQueryOctets("api.test"),
    said: "SERVFAIL ede 14 sluice: audit_unavailable",
    record: "dns.A api.test deny audit_unavailable exact",
    counted: "deny",
    options: { rooms: { auditWritable: () => false } },
  },
  {
    what: "a name that is none of a host",
    query: messageOctets({ body: [2, 0x61, 0x0a, 4, 0x77, 0x69, 0x6c, 0x64, 0, 0, 1, 0, 1] }),
    said: "NXDOMAIN soa 5/5",
    record: "dns.A a\\010.wild deny host_not_allowed null",
    counted: "deny",
  },
  {
    what: "a dot within a label is no end of one",
    query: messageOctets({ body: [8, ...Buffer.from("api.test"), 0, 0, 1, 0, 1] }),
    said: "NXDOMAIN soa 5/5",
    record: "dns.A api\\046test deny host_not_allowed null",
    counted: "deny",
  },
  {
    what: "the root",
    query: queryOctets("", 2),
    said: "NXDOMAIN soa 5/5",
    record: "dns.TYPE2 . deny host_not_allowed null",
    counted: "deny",
  },
  {
    what: "more data in a name than names carry, below a wildcard",
    query: ednsQueryOctets(
      `${"abcdefghijklmnopqrstuvwxyz234567".repeat(3).slice(0, 63)}.${"qwertzuiop".repeat(3)}.deep.test`,
    ),
    said: "REFUSED ede 18 sluice: rate_limited",
    record: `dns.A ${"abcdefghijklmnopqrstuvwxyz234567".repeat(3).slice(0, 63)}.${"qwertzuiop".repeat(3)}.deep.test deny rate_limited wild`,
    counted: "limited",
  },
  {
    what: "learn mode: a name that no rule has",
    query: queryOctets("api.test"),
    said: "NOERROR 8.8.8.8 8.8.4.4 ttl 20",
    record: "dns.A api.test allow null null",
    asked: "api.test",
    counted: "allow",
    options: { policy: { mode: "learn" } },
  },
  {
    what: "learn mode: special-use addresses",
    query: queryOctets("inside.test"),
    said: "NOERROR soa 5/5",
    record: "dns.A inside.test deny address_not_allowed null",
    asked: "inside.test",
    counted: "deny",
    options: { policy: { mode: "learn" } },
  },
  {
    what: "synthetic: nobody is asked",
    query: queryOctets("api.test"),
    said: "NOERROR 198.19.5.169 ttl 60",
    record: "dns.A api.test allow null exact",
    counted: "allow",
    options: { settings: { answers: "synthetic" } },
  },
  {
    what: "a name that a parent proxy is given: nobody is asked here",
    query: queryOctets("api.test"),
    said: "NOERROR 198.19.5.169 ttl 60",
    record: "dns.A api.test allow null through",
    counted: "allow",
    options: {
      policy: { allow: [{ id: "through", hosts: ["api.test"], proxy: "corp" }] },
      rooms: { sends: () => "name" },
    },
  },
  {
    what: "synthetic: a name that is refused",
    query: queryOctets("evil.test"),
    said: "NXDOMAIN soa 5/5",
    record: "dns.A evil.test deny host_not_allowed null",
    counted: "deny",
    options: { settings: { answers: "synthetic" } },
  },
];
for (const row of table) {
  test(`INV-DNS-POLICY: ${row.what}`, async () => {
    const bench = dnsBench({ policy: POLICY, answers: ANSWERS, ...row.options });
    assert.equal(replyLine(await bench.dns.answer(row.query, "udp")), row.said);
    assert.deepEqual(bench.asked, row.asked === undefined ? [] : [row.asked]);
    assert.deepEqual(bench.counted, [row.counted]);
    const lines = bench.records.map(
      ({ kind, action, target, decision, reason, rule }) => `${kind} ${action} ${target} ${decision} ${reason} ${rule}`,
    );
    assert.deepEqual(lines, [`dns ${row.record}`]);
    bench.dns.close();
    assert.equal(bench.records.length, 1);
  });
}

const unjudged: readonly (readonly [string, Uint8Array, string])[] = [
  ["too short", Uint8Array.of(1, 2), "silence"],
  ["an answer", messageOctets({ flags: 0x8180, body: questionOctets("api.test") }), "silence"],
  ["two questions", messageOctets({ counts: [2, 0, 0, 0], body: questionOctets("api.test") }), "header FORMERR"],
  ["an update", messageOctets({ flags: 0x2800, body: questionOctets("api.test") }), "header NOTIMP"],
  ["a class other than IN", messageOctets({ body: questionOctets("api.test", 1, 3) }), "REFUSED"],
  [
    "a version of EDNS that nobody has",
    messageOctets({ counts: [1, 0, 0, 1], body: [...questionOctets("api.test"), 0, 0, 41, 4, 0, 0, 1, 0, 0, 0, 0] }),
    "RCODE16",
  ],
];
for (const [what, query, said] of unjudged) {
  test(`INV-DNS-POLICY: ${what} is answered without a look at the name`, async () => {
    const bench = dnsBench({ policy: POLICY, answers: ANSWERS });
    const reply = await bench.dns.answer(query, "udp");
    assert.equal(replyLine(reply), said);
    assert.deepEqual([bench.asked, bench.counted], [[], ["malformed"]]);
    bench.dns.close();
    assert.deepEqual(
      bench.records.map(({ action, detail }) => [action, detail]),
      [["dns.malformed", { count: 1 }]],
    );
    if (reply !== undefined) assert.deepEqual([...reply.subarray(0, 2)], [0x12, 0x34]);
  });
}

test("INV-DNS-POLICY: what an approval permits is answered, and nothing else", async () => {
  const snapshot = compiled(POLICY);
  const bench = dnsBench({
    policy: POLICY,
    answers: { "asked.test": ["8.8.8.8", "10.0.0.1"], "gist.wild.test": ["8.8.8.8"] },
    rooms: {
      approved(host) {
        const grant = { id: "one", protocol: "tls" } as const;
        const decision = decide(snapshot, { via: "tunnel", host, port: port(443) }, NOON, NOTHING_AROUND, grant);
        return decision.effect === "permit" && host.text !== "other.test" ? [decision.permit] : [];
      },
    },
  });
  const lines: string[] = [];
  for (const name of ["asked.test", "other.test", "gist.wild.test"]) {
    lines.push(replyLine(await bench.dns.answer(queryOctets(name), "udp")));
  }
  assert.deepEqual(lines, ["NOERROR 8.8.8.8 ttl 20", "NXDOMAIN soa 5/5", "NXDOMAIN soa 5/5"]);
  assert.deepEqual(bench.asked, ["asked.test"]);
  assert.equal(bench.records[0]?.rule, "approval/one");
});

test("INV-DNS-POLICY: a policy that changes while the resolver is asked counts", async () => {
  let snapshot = compiled(POLICY);
  const bench = dnsBench({
    rooms: {
      policy: () => snapshot,
      async resolve() {
        snapshot = compiled({});
        return { ok: true, value: { addresses: [ip("8.8.8.8")], ttl: 20 } };
      },
    },
  });
  assert.equal(replyLine(await bench.dns.answer(queryOctets("api.test"), "udp")), "NXDOMAIN soa 5/5");
});

test("the question is repeated in the letters it was asked in, and answers stand below it", async () => {
  const bench = dnsBench({ policy: POLICY, answers: ANSWERS });
  for (const [name, length] of [
    ["aPi.TesT", 12 + 14 + 2 * 16],
    ["EviL.tEst", undefined],
  ] as const) {
    const query = queryOctets(name);
    const reply = await bench.dns.answer(query, "udp");
    assert.ok(reply !== undefined);
    assert.deepEqual(reply.subarray(12, query.length), query.subarray(12));
    if (length !== undefined) assert.equal(reply.length, length);
  }
});

test("INV-DNS-POLICY: no more than 64 names are being resolved at the same time", async () => {
  const policy: PolicyText = { allow: [{ id: "wild", hosts: ["*.wild.test"] }] };
  const waiting = Promise.withResolvers<void>();
  let open = 0;
  const bench = dnsBench({
    policy,
    rooms: {
      async resolve() {
        open += 1;
        await waiting.promise;
        return { ok: true, value: { addresses: [ip("8.8.8.8")], ttl: 20 } };
      },
    },
  });
  const replies = Array.from({ length: 70 }, (_, index) => bench.dns.answer(queryOctets(`n${index}.wild.test`), "udp"));
  assert.equal(open, 64);
  waiting.resolve();
  const lines = (await Promise.all(replies)).map(replyLine);
  assert.equal(lines.filter((line) => line === "SERVFAIL").length, 6);
  assert.equal(lines.filter((line) => line.startsWith("NOERROR 8.8.8.8")).length, 64);
});

test("INV-DNS-AUDIT: an answer is on record before it is given, or not given", async () => {
  const waiting = Promise.withResolvers<void>();
  let tried = 0;
  const bench = dnsBench({
    policy: POLICY,
    answers: ANSWERS,
    rooms: {
      async record() {
        tried += 1;
        await waiting.promise;
        return fail("audit_unavailable");
      },
    },
  });
  let replied = 0;
  const replies = [1, 2].map(async () => {
    const reply = await bench.dns.answer(ednsQueryOctets("api.test"), "udp");
    replied += 1;
    return replyLine(reply);
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(replied, 0);
  waiting.resolve();
  const refused = "SERVFAIL ede 14 sluice: audit_unavailable";
  assert.deepEqual(await Promise.all(replies), [refused, refused]);
  assert.deepEqual(bench.counted, ["deny", "deny"]);
  await bench.dns.answer(ednsQueryOctets("api.test"), "udp");
  assert.equal(tried, 2, "what is not on record is tried again");
});

test("INV-DNS-AUDIT: the same verdict is one record a minute, and one with the count", async () => {
  const bench = dnsBench({ policy: POLICY, answers: ANSWERS });
  for (let round = 0; round < 50; round++) {
    await bench.dns.answer(queryOctets("api.test"), "udp");
    await bench.dns.answer(queryOctets("evil.test"), "udp");
  }
  assert.equal(bench.records.length, 2);
  bench.pass(60_000);
  await bench.dns.answer(queryOctets("api.test"), "udp");
  bench.dns.close();
  const lines = bench.records.map(({ target, detail }) => `${target} ${JSON.stringify(detail?.["again"]) ?? "first"}`);
  assert.deepEqual(lines, ["api.test first", "evil.test first", "api.test 49", "api.test first", "evil.test 49"]);
});

test("INV-DNS-AUDIT: a million invented names are remembered within bounds, and one record tells of the rest", async () => {
  const bench = dnsBench({ policy: POLICY, settings: { queriesPerSecond: 100_000 } });
  // Beyond those that are remembered, two thousand are the same as a million.
  for (let index = 0; index < 6_096; index++) {
    await bench.dns.answer(queryOctets(`n${index}.evil.test`), "udp");
    bench.pass(0.01);
  }
  assert.equal(bench.records.length, 4_096);
  assert.deepEqual(bench.asked, []);
  bench.dns.close();
  assert.equal(bench.records.length, 4_097);
  const last = bench.records.at(-1);
  assert.deepEqual([last?.action, last?.decision, last?.detail], ["dns.overflow", "deny", { count: 2_000 }]);
});

test("INV-DNS-RATE: over the rate all are refused, unread, and counted in one record", async () => {
  const bench = dnsBench({ policy: POLICY, answers: ANSWERS, settings: { queriesPerSecond: 5 } });
  const lines: string[] = [];
  for (let index = 0; index < 12; index++) {
    lines.push(
      replyLine(await bench.dns.answer(ednsQueryOctets(index < 10 ? "api.test" : `data${index}.test`), "tcp")),
    );
  }
  assert.equal(lines.filter((line) => line.startsWith("NOERROR")).length, 10);
  assert.deepEqual(lines.slice(10), Array(2).fill("REFUSED ede 18 sluice: rate_limited"));
  assert.equal(
    await bench.dns.answer(messageOctets({ body: [] }), "udp"),
    undefined,
    "malformed and too many: silence",
  );
  bench.pass(200);
  assert.match(replyLine(await bench.dns.answer(queryOctets("api.test"), "udp")), /^NOERROR/);
  assert.equal(replyLine(await bench.dns.answer(queryOctets("api.test"), "udp")), "REFUSED");
  bench.dns.close();
  const sums = bench.records.filter(({ target }) => target === "*").map(({ action, detail }) => [action, detail]);
  assert.deepEqual(sums, [
    ["dns.limited", { count: 3 }],
    ["dns.malformed", { count: 1 }],
  ]);
});

test("INV-DNS-TUNNEL: names invented below a wildcard reach the resolver so many times an hour", async () => {
  const answers = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`n${index}.deep.test`, ["8.8.8.8"]]));
  const bench = dnsBench({ policy: POLICY, answers: { ...answers, ...ANSWERS }, settings: { namesPerHour: 3 } });
  const ask = async (name: string): Promise<string> =>
    replyLine(await bench.dns.answer(queryOctets(name), "udp")).split(" ")[0] ?? "";
  const said: string[] = [];
  for (let index = 0; index < 5; index++) said.push(await ask(`n${index}.deep.test`));
  assert.deepEqual(said, ["NOERROR", "NOERROR", "NOERROR", "REFUSED", "REFUSED"]);
  assert.equal(await ask("n0.deep.test"), "NOERROR", "nothing new");
  assert.equal(await ask("api.test"), "NOERROR", "the policy chose this name");
  assert.equal(await ask("a.wild.test"), "NOERROR", "another wildcard");
  bench.pass(3_600_000);
  assert.equal(await ask("n4.deep.test"), "NOERROR");
  assert.equal(bench.asked.includes("n3.deep.test"), false);
});

const LONG = `${"long.".repeat(16)}test`;
test("INV-DNS-TUNNEL: names that the policy writes out, or an approval is of, are not counted", async () => {
  const dense = `${"abcdefghijklmnopqrstuvwxyz234567".repeat(2).slice(0, 63)}.${"qwertzuiopasdfghjkl".repeat(2)}.x.test`;
  const policy: PolicyText = {
    allow: [
      { id: "exact", hosts: ["a.x.test", "b.x.test", dense] },
      { id: "wild", hosts: ["**.x.test"] },
    ],
  };
  const snapshot = compiled(policy);
  const names = ["a.x.test", "b.x.test", dense, "a.y.test", "b.y.test"];
  const bench = dnsBench({
    policy,
    answers: Object.fromEntries(names.map((name) => [name, ["8.8.8.8"]])),
    settings: { namesPerHour: 1 },
    rooms: {
      approved(host) {
        const grant = { id: "one", protocol: "tls" } as const;
        const decision = decide(snapshot, { via: "tunnel", host, port: port(443) }, NOON, NOTHING_AROUND, grant);
        return decision.effect === "permit" ? [decision.permit] : [];
      },
    },
  });
  for (const name of names) {
    assert.equal(replyLine(await bench.dns.answer(queryOctets(name), "udp")), "NOERROR 8.8.8.8 ttl 20", name);
  }
});

test("answers over what the client takes are cut over UDP, and whole over TCP", async () => {
  const addresses = Array.from({ length: 16 }, (_, index) => `2001:4860::${index + 1}`);
  const bench = dnsBench({ policy: { allow: [{ id: "long", hosts: [LONG] }] }, answers: { [LONG]: addresses } });
  const sizes: readonly (readonly [Uint8Array, "udp" | "tcp", boolean])[] = [
    [queryOctets(LONG, 28), "udp", true],
    [queryOctets(LONG, 28), "tcp", false],
    [ednsQueryOctets(LONG, 28, 0), "udp", true],
    [ednsQueryOctets(LONG, 28, 512), "udp", true],
    [ednsQueryOctets(LONG, 28, 1_232), "udp", false],
    [ednsQueryOctets(LONG, 28, 65_535), "udp", false],
  ];
  for (const [query, over, isCut] of sizes) {
    const reply = await bench.dns.answer(query, over);
    assert.ok(reply !== undefined);
    const { truncated, answers, question } = parsedReply(reply);
    assert.deepEqual([truncated, answers.length, question.type], [isCut, isCut ? 0 : 16, 28]);
    if (isCut) assert.ok(reply.length <= 512);
  }
});

test("synthetic addresses: of both families, in their networks, one name always the same", async () => {
  const policy: PolicyText = { allow: [{ id: "wild", hosts: ["*.wild.test"] }] };
  const bench = dnsBench({ policy, settings: { answers: "synthetic", namesPerHour: 1 } });
  const found = new Set<string>();
  for (let index = 0; index < 100; index++) {
    for (const [type, network] of [
      [1, "198.18.0.0/15"],
      [28, "100::/64"],
    ] as const) {
      const reply = await bench.dns.answer(queryOctets(`n${index}.wild.test`, type), "udp");
      const data = parsedReply(reply ?? new Uint8Array()).answers[0]?.data;
      assert.ok(data?.kind === "address");
      const cidr = parseCidr(network);
      assert.ok(cidr !== undefined && cidrContains(cidr, data.address), data.address);
      found.add(data.address);
    }
  }
  assert.ok(found.size > 195);
  assert.deepEqual(bench.asked, []);
});

test("closing ends what waits for the resolver", async () => {
  const bench = dnsBench({
    policy: POLICY,
    rooms: {
      resolve: (_, signal) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => resolve(fail({ reason: "dns_failure", detail: "given up" })));
        }),
    },
  });
  const reply = bench.dns.answer(ednsQueryOctets("api.test"), "udp");
  bench.dns.close();
  assert.equal(replyLine(await reply), "SERVFAIL ede 22 sluice: dns_failure");
});
