import assert from "node:assert/strict";
import { test } from "node:test";
import { cautionsOf } from "../../../../router/core/learning/cautions.ts";
import { givenPolicy } from "../../../../router/core/learning/given-policy.ts";
import { LearnedBook } from "../../../../router/core/learning/learned-book.ts";
import type { Observation } from "../../../../router/core/learning/seen.ts";
import { suggest, type SuggestedRule, type Suggestion } from "../../../../router/core/learning/suggestion.ts";
import { NOTHING_AROUND } from "../../../../router/core/policy/surroundings.ts";
import { compiled, NOON, type PolicyText } from "../policy/policy-fixture.ts";
import { refused, seen, told } from "./learning-fixture.ts";

function suggested(observations: readonly Observation[], given?: PolicyText): Suggestion {
  const book = new LearnedBook(4096);
  for (const observation of observations) book.observe(observation);
  return suggest(book.entries(), given === undefined ? undefined : givenPolicy(compiled(given), NOON, NOTHING_AROUND));
}

function text({ id, hosts, addresses, ports, protocol, inspect, http }: SuggestedRule): string {
  const asked = http === undefined ? "" : ` ${http.methods.join("|")} ${http.paths.join("|")}`;
  return `${id}: ${[...hosts, ...addresses].join("|")}:${ports.join("|")} ${protocol}${inspect ? " inspected" : ""}${asked}`;
}

const rows: readonly (readonly [name: string, observations: readonly Observation[], rules: readonly string[]])[] = [
  ["nothing", [], []],
  ["a tunnel", [seen("tls api.example:443")], ["api.example: api.example:443 tls"]],
  [
    "ports of one host",
    [seen("tls api.example:443"), seen("tls api.example:8443")],
    ["api.example: api.example:443|8443 tls"],
  ],
  [
    "hosts side by side",
    [seen("tls a.one.example:443"), seen("tls b.one.example:443"), seen("tls c.two.example:443")],
    ["one.example: a.one.example|b.one.example:443 tls", "c.two.example: c.two.example:443 tls"],
  ],
  [
    "hosts side by side on other ports",
    [seen("tls a.one.example:443"), seen("tls b.one.example:444")],
    ["a.one.example: a.one.example:443 tls", "b.one.example: b.one.example:444 tls"],
  ],
  [
    "hosts of a domain that sells names",
    [seen("tls one.example:443"), seen("tls two.example:443"), seen("tls a.co.uk:443"), seen("tls b.co.uk:443")],
    [
      "one.example: one.example:443 tls",
      "two.example: two.example:443 tls",
      "a.co.uk: a.co.uk:443 tls",
      "b.co.uk: b.co.uk:443 tls",
    ],
  ],
  [
    "an address",
    [seen("tcp 192.0.2.7:5432"), seen("tcp [2001:db8::1]:5432"), seen("tcp 192.0.2.7:5433")],
    ["192.0.2.7-5432-tcp: 192.0.2.7:5432|192.0.2.7:5433: tcp", "2001-db8-1-5432-tcp: [2001:db8::1]:5432: tcp"],
  ],
  [
    "methods and paths stay together",
    [seen("http GET www.example:80/a"), seen("http POST www.example:80/b"), seen("http GET www.example:80/c")],
    ["www.example-http: www.example:80 http GET /a|/c", "www.example-http-2: www.example:80 http POST /b"],
  ],
  [
    "requests within TLS",
    [seen("https-inspected GET www.example:443/v1/list"), seen("https-inspected POST www.example:443/v1/list")],
    ["www.example-inspected: www.example:443 tls inspected GET|POST /v1/list"],
  ],
  [
    "a closed tunnel beside requests within TLS",
    [seen("https-inspected GET www.example:443/v1/list"), seen("tls www.example:443")],
    ["www.example: www.example:443 tls"],
  ],
  [
    "what asks for least comes first",
    [seen("http GET www.example:443/"), seen("tls www.example:443"), seen("tcp www.example:443")],
    ["www.example-tcp: www.example:443 tcp", "www.example-http: www.example:443 http GET /"],
  ],
  [
    "a name that is no id",
    [seen("tls _dmarc.example:443"), seen(`tls ${"a".repeat(60)}.${"b".repeat(60)}.example:443`)],
    [`${"a".repeat(45)}: ${"a".repeat(60)}.${"b".repeat(60)}.example:443 tls`, "dmarc.example: _dmarc.example:443 tls"],
  ],
];
for (const [name, observations, expected] of rows) {
  test(`suggested: ${name}`, () => {
    const { rules, leftOut } = suggested(observations);
    assert.deepEqual(rules.map(text).toSorted(), expected.toSorted());
    assert.deepEqual(leftOut, []);
    for (const { id } of rules) assert.match(id, /^[a-z0-9][a-z0-9._-]{0,62}$/);
  });
}

test("the order is that of the rules, whatever came first", () => {
  const observations = [
    seen("http GET b.example:443/"),
    seen("tcp b.example:443"),
    seen("tls a.example:443"),
    seen("tls x.b.example:443"),
  ];
  const expected = suggested(observations).rules.map(({ id }) => id);
  assert.deepEqual(expected, ["a.example", "b.example-tcp", "x.b.example", "b.example-http"]);
  assert.deepEqual(
    suggested(observations.toReversed()).rules.map(({ id }) => id),
    expected,
  );
});

const leaving: readonly (readonly [name: string, observations: readonly Observation[], leftOut: readonly string[]])[] =
  [
    ["a method no rule can name", [seen("http get www.example:80/")], ["http www.example:80/ x1: unnameable"]],
    ["a path no rule can name", [seen("http GET www.example:80/a//b")], ["http GET www.example:80 x1: unnameable"]],
    [
      "what a deny rule refused as well",
      [seen("tls a.example:443"), refused("tls a.example:443", "denied_by_rule")],
      ["tls a.example:443 x1: denied_by_rule"],
    ],
    [
      "what covers what a deny rule refused",
      [seen("http GET a.example:80/u/1"), refused("http GET a.example:80/u/secret", "denied_by_rule")],
      ["http GET a.example:80/u/* x1: denied_by_rule"],
    ],
    [
      "what covers an unreadable path that was refused",
      [seen("http GET a.example:80/u"), refused("http GET a.example:80/u/%2e%2e/x", "denied_by_rule")],
      ["http GET a.example:80/u x1: denied_by_rule"],
    ],
    [
      "a tunnel that hides a refused request",
      [seen("tls a.example:443"), refused("https-inspected DELETE a.example:443/u", "denied_by_rule")],
      ["tls a.example:443 x1: denied_by_rule"],
    ],
    [
      "a host that came onto a blocklist, on every port",
      [seen("tls a.example:443"), seen("tcp a.example:22"), refused("tls a.example:444", "blocklisted")],
      ["tcp a.example:22 x1: blocklisted", "tls a.example:443 x1: blocklisted"],
    ],
    [
      "what became a provider's",
      [seen("tls a.example:443"), seen("http GET a.example:443/"), refused("tls a.example:443", "inference_only")],
      ["http GET a.example:443/ x1: inference_only", "tls a.example:443 x1: inference_only"],
    ],
    [
      "a name that led to a forbidden address",
      [seen("tls a.example:443"), refused("tls a.example:443", "address_not_allowed")],
      ["tls a.example:443 x1: address_not_allowed"],
    ],
    [
      "what a rule refuses for its fields",
      [
        seen("https-inspected GET a.example:443/", {
          outcome: { allowed: true, rule: undefined, unlisted: "denied_by_rule" },
        }),
      ],
      ["https-inspected GET a.example:443/ x1: denied_by_rule"],
    ],
  ];
for (const [name, observations, expected] of leaving) {
  test(`left out: ${name}`, () => {
    const { rules, leftOut } = suggested(observations);
    assert.deepEqual(rules.map(text), []);
    assert.deepEqual(
      leftOut.map(({ entry, why }) => `${told(entry)}: ${why.kind === "refused" ? why.reason : why.kind}`).toSorted(),
      expected,
    );
  });
}

test("a refusal elsewhere leaves the rest alone", () => {
  const { rules } = suggested([
    seen("http GET a.example:80/u/list"),
    seen("http POST a.example:80/u/other"),
    refused("http GET a.example:80/u/other", "denied_by_rule"),
    refused("tls b.example:443", "blocklisted"),
    seen("tls a.example:443"),
    refused("tls a.example:8443", "denied_by_rule"),
  ]);
  assert.deepEqual(rules.map(text), [
    "a.example: a.example:443 tls",
    "a.example-http: a.example:80 http GET /u/list",
    "a.example-http-2: a.example:80 http POST /u/other",
  ]);
});

const given: PolicyText = {
  allow: [
    { id: "a", hosts: ["a.example"] },
    {
      id: "web",
      hosts: ["www.example"],
      ports: [80],
      protocol: "http",
      methods: ["GET"],
      paths: ["/v1/*", "/deep/**"],
    },
    { id: "new.example", hosts: ["unused.example"] },
  ],
  deny: [
    { id: "no", hosts: ["no.example"] },
    { id: "no-secret", hosts: ["www.example"], paths: ["/v1/secret"] },
  ],
};

for (const mode of ["enforce", "learn"] as const) {
  test(`with a policy that is there (${mode}), only what it lacks is suggested`, () => {
    const { rules, leftOut, ruled } = suggested(
      [
        seen("tls a.example:443"),
        seen("tls new.example:443"),
        seen("tls no.example:443"),
        seen("http GET www.example:80/v1/list"),
        seen("http GET www.example:80/v1/123"),
        seen("http GET www.example:80/v1/secret"),
        refused("http GET www.example:80/v1/secret", "denied_by_rule"),
        seen("http GET www.example:80/deep/1/2/3/4/5/6/7/8"),
        seen("http GET www.example:80/v2/list"),
        seen("http POST www.example:80/v1/list"),
      ],
      { ...given, mode },
    );
    assert.deepEqual(rules.map(text), [
      "new.example-2: new.example:443 tls",
      "www.example-http: www.example:80 http POST /v1/list",
      "www.example-http-2: www.example:80 http GET /v2/list",
    ]);
    assert.deepEqual(
      leftOut.map(({ entry }) => told(entry)),
      ["tls no.example:443 x1"],
    );
    assert.deepEqual(
      [...ruled].map(([id, entries]) => `${id}: ${entries.map(told).join(", ")}`).toSorted(),
      [
        "a: tls a.example:443 x1",
        "web: http GET www.example:80/deep/*/*/*/*/*/*/** x1, http GET www.example:80/v1/* x2, http GET www.example:80/v1/list x1",
      ].map((line) => line),
    );
  });
}

for (const [paths, id] of [
  ["/projects/*%2F*/files", "gl"],
  ["/projects/%2A%2F%2A/files", undefined],
] as const) {
  test(`a shape with an encoded slash stands for what it was made of, not for stars: ${paths}`, () => {
    const { rules, ruled } = suggested([seen("https-inspected GET gl.example:443/projects/grp%2fproj/files")], {
      allow: [{ id: "gl", hosts: ["gl.example"], inspect: true, paths: [paths] }],
    });
    assert.deepEqual([...ruled.keys()], id === undefined ? [] : [id]);
    assert.equal(rules.length, id === undefined ? 1 : 0);
  });
}

const DEEP = "http GET www.example:80/a/b/c/d/e/f/g/h/i/j";
const deepRows: readonly (readonly [name: string, policy: PolicyText, rules: number, leftOut: number])[] = [
  ["no rule", {}, 1, 0],
  [
    "a rule for all of them",
    { allow: [{ id: "w", hosts: ["www.example"], ports: [80], protocol: "http", paths: ["/a/**"] }] },
    0,
    0,
  ],
  [
    "a rule for the shortest",
    { allow: [{ id: "w", hosts: ["www.example"], ports: [80], protocol: "http", paths: ["/a/b/c/d/e/f/g"] }] },
    1,
    0,
  ],
  ["a deny rule for longer ones", { deny: [{ id: "d", hosts: ["www.example"], paths: ["/a/b/c/d/e/f/g/*"] }] }, 0, 1],
];
for (const [name, policy, rules, leftOut] of deepRows) {
  test(`many paths in one entry, and a policy with ${name}`, () => {
    const found = suggested([seen(DEEP)], policy);
    assert.deepEqual([found.rules.length, found.leftOut.length], [rules, leftOut]);
  });
}

test("a wildcard is proposed from five siblings on, and not where strangers are siblings", () => {
  const of = (count: number, domain: string): string | undefined => {
    const observations = Array.from({ length: count }, (_, at) => seen(`tls n${at}x.${domain}:443`));
    const [rule, ...more] = suggested(observations).rules;
    assert.deepEqual(more, []);
    assert.equal(rule?.hosts.length, count);
    return rule.wildcard;
  };
  assert.equal(of(4, "svc.example"), undefined);
  assert.equal(of(5, "svc.example"), "*.svc.example");
  assert.equal(of(5, "github.io"), undefined);
  assert.equal(of(5, "s3.eu-central-1.amazonaws.com"), undefined);
});

const careful: readonly (readonly [name: string, observation: Observation, expected: readonly string[]])[] = [
  ["nothing to say", seen("tls api.example:443"), []],
  ["an address and raw TCP", seen("tcp 192.0.2.7:22"), ["literal_address", "raw_tcp"]],
  ["in clear", seen("http GET www.example:80/list"), ["plain_http"]],
  ["an upload", seen("tls api.example:443", { bytesOut: 5_000_000, bytesIn: 1_000 }), ["upload_heavy"]],
  ["as much in", seen("tls api.example:443", { bytesOut: 5_000_000, bytesIn: 5_000_000 }), []],
  ["a store of strangers", seen("tls gist.github.com:443"), ["shared_host"]],
  ["a bucket", seen("tls data.s3.amazonaws.com:443"), ["shared_host"]],
  ["a paste", seen("tls paste.corp.example:443"), ["shared_host"]],
  ["data in a name", seen("tls mzxw6ytboi2gk3tf4fqwc43t.example:443"), ["generated_name"]],
  ["a wide path", seen("https-inspected GET api.example:443/123/x"), ["wide_path"]],
  ["a star where something is read", seen("https-inspected GET api.example:443/list/123"), []],
  ["a star where something is written", seen("https-inspected DELETE api.example:443/list/123"), ["wide_path"]],
  [
    "an approval",
    seen("tls api.example:443", { outcome: { allowed: true, rule: "approval/once", unlisted: undefined } }),
    ["by_approval"],
  ],
];
for (const [name, observation, expected] of careful) {
  test(`cautions: ${name}`, () => {
    const book = new LearnedBook(16);
    book.observe(observation);
    const [entry] = book.entries();
    assert.ok(entry !== undefined);
    assert.deepEqual(cautionsOf(entry), expected);
  });
}

test("tens of thousands of entries take a moment, and every id is another", () => {
  const book = new LearnedBook(65_536);
  const prefix = "a".repeat(50);
  for (let at = 0; at < 6_000; at += 1) {
    book.observe(seen(`tls ${prefix}${at}.d${at % 200}.example${at % 100}x:443`));
    book.observe(seen(`http GET web.d${at}.example${at % 100}x:80/list`));
    book.observe(refused(`tls ${prefix}${at}.d${at % 200}.example${at % 100}x:444`, "denied_by_rule"));
  }
  const { rules } = suggest(book.entries());
  assert.ok(rules.length > 5_000);
  assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length);
});
