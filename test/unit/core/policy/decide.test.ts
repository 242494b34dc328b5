import { NOTHING_AROUND, type Surroundings } from "../../../../router/core/policy/surroundings.ts";
import type { Decision } from "../../../../router/core/policy/decision.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { decide } from "../../../../router/core/policy/decide.ts";
import { DENY_ALL } from "../../../../router/core/policy/snapshot.ts";
import { compiled, DIGEST, EXPIRES, ip, NOON, type PolicyText, type RuleText, request } from "./policy-fixture.ts";

/** `permit <rule> <protocol>` or `deny <reason> <rule>`; "-" where there is no rule. */
function verdict(policy: PolicyText, text: string, now = NOON, grace = 0): string {
  const decision = decide(compiled(policy, grace), request(text), now);
  if (decision.effect === "deny") return `deny ${decision.reason} ${decision.rule ?? "-"}`;
  return `permit ${decision.permit.rule ?? "-"} ${decision.permit.obligations.protocol}`;
}

const contract: PolicyText = {
  allow: [
    { id: "github", hosts: ["api.github.com", "*.githubusercontent.com"], ports: [443] },
    { id: "deep", hosts: ["**.example.org"], ports: [443, 8443] },
    {
      id: "web",
      hosts: ["www.example.com"],
      ports: [80],
      protocol: "http",
      methods: ["GET", "HEAD"],
      paths: ["/pub/**"],
    },
    { id: "post", hosts: ["www.example.com"], ports: [80], protocol: "http", methods: ["POST"], paths: ["/submit"] },
    { id: "db", hosts: ["db.example.net"], ports: [5432], protocol: "tcp" },
    { id: "warehouse", addresses: ["10.1.2.3:5432", "[fd00::1]:5432"], protocol: "tcp" },
    { id: "any-http", hosts: ["open.example.com"], ports: [80, 8080], protocol: "http" },
  ],
  deny: [
    { id: "no-gists", hosts: ["gist.github.com"] },
    { id: "no-secret", hosts: ["**.secret.example.org"] },
    { id: "no-8443", hosts: ["a.example.org"], ports: [8443] },
    { id: "no-admin", hosts: ["open.example.com"], paths: ["/admin/**"] },
    { id: "no-delete", hosts: ["open.example.com"], methods: ["DELETE"] },
    { id: "no-router", addresses: ["192.0.2.1:80"] },
  ],
};

const table: readonly (readonly [request: string, verdict: string])[] = [
  // Host patterns.
  ["CONNECT api.github.com:443", "permit github tls"],
  ["CONNECT API.GitHub.COM:443", "permit github tls"],
  ["CONNECT github.com:443", "deny host_not_allowed -"],
  ["CONNECT x.api.github.com:443", "deny host_not_allowed -"],
  ["CONNECT raw.githubusercontent.com:443", "permit github tls"],
  ["CONNECT githubusercontent.com:443", "deny host_not_allowed -"],
  ["CONNECT a.b.githubusercontent.com:443", "deny host_not_allowed -"],
  ["CONNECT evilgithubusercontent.com:443", "deny host_not_allowed -"],
  ["CONNECT raw.githubusercontent.com.evil.test:443", "deny host_not_allowed -"],
  ["CONNECT x.example.org:443", "permit deep tls"],
  ["CONNECT a.b.c.d.example.org:8443", "permit deep tls"],
  ["CONNECT example.org:443", "deny host_not_allowed -"],
  // Ports.
  ["CONNECT api.github.com:80", "deny port_not_allowed github"],
  ["CONNECT x.example.org:8444", "deny port_not_allowed deep"],
  // Deny wins.
  ["CONNECT gist.github.com:443", "deny denied_by_rule no-gists"],
  ["CONNECT gist.github.com:1", "deny denied_by_rule no-gists"],
  ["GET http://gist.github.com/x", "deny denied_by_rule no-gists"],
  ["CONNECT x.secret.example.org:443", "deny denied_by_rule no-secret"],
  ["CONNECT secret.example.org:443", "permit deep tls"],
  ["CONNECT a.example.org:8443", "deny denied_by_rule no-8443"],
  ["CONNECT a.example.org:443", "permit deep tls"],
  // Plain HTTP: the furthest that any rule's terms were met is the reason.
  ["GET http://www.example.com/pub/a", "permit web http"],
  ["HEAD http://www.example.com/pub", "permit web http"],
  ["POST http://www.example.com/submit", "permit post http"],
  ["GET http://www.example.com/submit", "deny path_not_allowed web"],
  ["POST http://www.example.com/pub/a", "deny path_not_allowed post"],
  ["PUT http://www.example.com/pub/a", "deny method_not_allowed web"],
  ["get http://www.example.com/pub/a", "deny method_not_allowed web"],
  ["GET http://www.example.com:81/pub/a", "deny port_not_allowed web"],
  ["GET http://api.github.com:443/", "deny not_tls github"],
  ["GET http://api.github.com/", "deny port_not_allowed github"],
  ["GET http://db.example.net:5432/", "deny method_not_allowed db"],
  ["GET http://nowhere.example/", "deny host_not_allowed -"],
  // A tunnel to an http rule: permitted, and each request in it is judged as plain HTTP is.
  ["CONNECT www.example.com:80", "permit web http"],
  ["CONNECT db.example.net:5432", "permit db tcp"],
  // Deny rules about methods and paths.
  ["GET http://open.example.com/x", "permit any-http http"],
  ["GET http://open.example.com/admin/x", "deny denied_by_rule no-admin"],
  ["GET http://open.example.com/admin", "deny denied_by_rule no-admin"],
  ["GET http://open.example.com/x/..%2fadmin", "deny denied_by_rule no-admin"],
  ["DELETE http://open.example.com/x", "deny denied_by_rule no-delete"],
  ["delete http://open.example.com/x", "deny denied_by_rule no-delete"],
  ["CONNECT open.example.com:80", "permit any-http http"],
  // A tunnel that no http rule permits stays opaque: the deny rule cannot be applied later, so it applies now.
  ["CONNECT open.example.com:443", "deny denied_by_rule no-admin"],
  // Literals.
  ["CONNECT 10.1.2.3:5432", "permit warehouse tcp"],
  ["CONNECT [fd00:0::1]:5432", "permit warehouse tcp"],
  ["CONNECT 10.1.2.3:5433", "deny port_not_allowed warehouse"],
  ["CONNECT 10.1.2.4:5432", "deny host_not_allowed -"],
  ["CONNECT [::ffff:10.1.2.3]:5432", "deny host_not_allowed -"],
  ["GET http://10.1.2.3:5432/", "deny method_not_allowed warehouse"],
  ["CONNECT 192.0.2.1:80", "deny denied_by_rule no-router"],
  ["CONNECT 192.0.2.1:81", "deny host_not_allowed -"],
];

for (const [text, expected] of table) {
  test(`decide: ${text} -> ${expected}`, () => assert.equal(verdict(contract, text), expected));
}

test("INV-POLICY-LITERAL: a literal address is matched by no host pattern", () => {
  const policy: PolicyText = { allow: [{ id: "odd", hosts: ["1.2.3.4", "**.3.4", "*.2.3.4"], ports: [443] }] };
  assert.equal(verdict(policy, "CONNECT 1.2.3.4:443"), "deny host_not_allowed -");
});

test("INV-POLICY-ABSENCE: no policy, no rule and no time deny", () => {
  const asked = request("CONNECT api.github.com:443");
  assert.deepEqual(decide(DENY_ALL, asked, NOON), { effect: "deny", reason: "policy_missing", rule: undefined });
  assert.equal(verdict({}, "CONNECT api.github.com:443"), "deny host_not_allowed -");
  assert.equal(verdict(contract, "CONNECT api.github.com:443", epochMillis(Number.NaN)), "deny policy_expired -");
});

const at = (offset: number): ReturnType<typeof epochMillis> => epochMillis(EXPIRES + offset);

test("INV-POLICY-EXPIRY: after expiresAt and the grace everything is denied", () => {
  const asked = "CONNECT api.github.com:443";
  assert.equal(verdict(contract, asked, at(-1)), "permit github tls");
  assert.equal(verdict(contract, asked, at(0)), "deny policy_expired -");
  assert.equal(verdict(contract, asked, at(999), 1000), "permit github tls");
  assert.equal(verdict(contract, asked, at(1000), 1000), "deny policy_expired -");
  assert.equal(verdict(contract, "CONNECT gist.github.com:443", at(1000), 1000), "deny policy_expired -");
});

test("learn mode permits what is not denied, and the grace does not lengthen it", () => {
  const learn: PolicyText = { ...contract, mode: "learn" };
  const rows: readonly (readonly [string, string])[] = [
    ["CONNECT api.github.com:443", "permit github tls"],
    ["CONNECT anything.example:443", "permit - tls"],
    ["CONNECT anything.example:22", "permit - tcp"],
    ["GET http://anything.example/x", "permit - http"],
    ["PUT http://www.example.com/pub/a", "permit - http"],
    ["CONNECT 203.0.113.9:443", "permit - tls"],
    ["CONNECT gist.github.com:443", "deny denied_by_rule no-gists"],
    ["CONNECT open.example.com:443", "deny denied_by_rule no-admin"],
    ["GET http://open.example.com/admin/x", "deny denied_by_rule no-admin"],
  ];
  for (const [text, expected] of rows) assert.equal(verdict(learn, text), expected, text);
  assert.equal(verdict(learn, "CONNECT anything.example:443", EXPIRES, 1000), "deny policy_expired -");
  assert.equal(verdict(learn, "CONNECT api.github.com:443", EXPIRES, 1000), "permit github tls");
});

test("a deny rule about paths leaves an http rule its tunnel, whatever the order of the rules", () => {
  const tls = { id: "tls", hosts: ["x.example"], ports: [443] } as const;
  const http = { id: "http", hosts: ["x.example"], ports: [443], protocol: "http" } as const;
  const deny = [{ id: "no-admin", hosts: ["x.example"], paths: ["/admin"] }];
  assert.equal(verdict({ allow: [tls, http] }, "CONNECT x.example:443"), "permit tls tls");
  assert.equal(verdict({ allow: [http, tls] }, "CONNECT x.example:443"), "permit http http");
  assert.equal(verdict({ allow: [tls, http], deny }, "CONNECT x.example:443"), "permit http http");
  assert.equal(verdict({ allow: [http, tls], deny }, "CONNECT x.example:443"), "permit http http");
  assert.equal(verdict({ allow: [tls], deny }, "CONNECT x.example:443"), "deny denied_by_rule no-admin");
  assert.equal(verdict({ allow: [], deny }, "CONNECT x.example:443"), "deny denied_by_rule no-admin");
});

test("a permit carries what the rest of the corridor needs, and all of it is frozen", () => {
  const policy: PolicyText = {
    allow: [
      {
        id: "db",
        hosts: ["db.internal"],
        addresses: ["10.0.0.5:5432", "10.0.0.6:5433"],
        ports: [5432],
        protocol: "tcp",
      },
    ],
  };
  const decision = decide(compiled(policy), request("CONNECT db.internal:5432"), NOON);
  assert.ok(decision.effect === "permit");
  const { permit } = decision;
  assert.deepEqual(permit.host, { kind: "name", text: "db.internal" });
  assert.equal(permit.port, 5432);
  assert.deepEqual(permit.policy, { name: "research-agent", version: 7, digest: DIGEST });
  assert.deepEqual(permit.namedAddresses, [ip("10.0.0.5")]);
  assert.equal(permit.limits.bytesOut, 1024);
  for (const part of [permit, permit.policy, permit.namedAddresses, permit.limits, permit.obligations]) {
    assert.ok(Object.isFrozen(part));
  }
});

const providers: Surroundings = {
  ...NOTHING_AROUND,
  isProviderHost: (host, portAsked) =>
    host.text === "api.openai.com" || (host.text === "10.1.2.3" && portAsked === 5432),
};

const providerRows: readonly (readonly [policy: PolicyText, request: string, verdict: string])[] = [
  // Before allow rules and learn mode, by whatever way.
  [{ allow: [{ id: "a", hosts: ["api.openai.com"] }] }, "CONNECT api.openai.com:443", "deny inference_only -"],
  [{ allow: [{ id: "a", hosts: ["**.openai.com"] }] }, "CONNECT API.OPENAI.COM.:443", "deny inference_only -"],
  [{ mode: "learn" }, "CONNECT api.openai.com:443", "deny inference_only -"],
  [{ mode: "learn" }, "CONNECT api.openai.com:8443", "deny inference_only -"],
  [{ mode: "learn" }, "GET http://api.openai.com/v1/models", "deny inference_only -"],
  [
    { allow: [{ id: "h", hosts: ["api.openai.com"], ports: [80], protocol: "http" }] },
    "GET http://api.openai.com/",
    "deny inference_only -",
  ],
  [
    { allow: [{ id: "w", addresses: ["10.1.2.3:5432"], protocol: "tcp" }] },
    "CONNECT 10.1.2.3:5432",
    "deny inference_only -",
  ],
  // After deny rules.
  [{ deny: [{ id: "d", hosts: ["**.openai.com"] }] }, "CONNECT api.openai.com:443", "deny denied_by_rule d"],
  [
    { deny: [{ id: "d", hosts: ["api.openai.com"], paths: ["/v1"] }] },
    "CONNECT api.openai.com:443",
    "deny inference_only -",
  ],
  // Nothing else changes.
  [{ allow: [{ id: "a", hosts: ["**.openai.com"] }] }, "CONNECT www.openai.com:443", "permit a tls"],
  [{ allow: [{ id: "w", addresses: ["10.1.2.3:22"], protocol: "tcp" }] }, "CONNECT 10.1.2.3:22", "permit w tcp"],
  [{}, "CONNECT elsewhere.example:443", "deny host_not_allowed -"],
];
for (const [policy, text, expected] of providerRows) {
  test(`INV-MODEL-HOST: a model provider is reached through the agent API only: ${JSON.stringify(policy)}: ${text}`, () => {
    const decision = decide(compiled(policy), request(text), NOON, providers);
    assert.equal(
      decision.effect === "deny"
        ? `deny ${decision.reason} ${decision.rule ?? "-"}`
        : `permit ${decision.permit.rule ?? "-"} ${decision.permit.obligations.protocol}`,
      expected,
    );
  });
}

test("a missing or expired policy is said before a provider's host", () => {
  const asked = request("CONNECT api.openai.com:443");
  assert.partialDeepStrictEqual(decide(DENY_ALL, asked, NOON, providers), { reason: "policy_missing" });
  assert.partialDeepStrictEqual(decide(compiled({}), asked, EXPIRES, providers), { reason: "policy_expired" });
});

const inspected: RuleText = { id: "in", hosts: ["api.example"], inspect: true, methods: ["GET"], paths: ["/repos/**"] };
const opaque: RuleText = { id: "out", hosts: ["api.example"] };
const withField: RuleText = {
  id: "field",
  hosts: ["api.example"],
  inspect: true,
  headers: [{ name: "x-api", values: ["1", "2"] }],
};
const insideRows: readonly (readonly [name: string, policy: PolicyText, request: string, verdict: string])[] = [
  ["a tunnel", { allow: [inspected] }, "CONNECT api.example:443", "permit in tls inspect"],
  ["a request", { allow: [inspected] }, "GET https://api.example/repos/a", "permit in tls inspect"],
  ["another method", { allow: [inspected] }, "POST https://api.example/repos/a", "deny method_not_allowed in"],
  ["another path", { allow: [inspected] }, "GET https://api.example/user", "deny path_not_allowed in"],
  ["another port", { allow: [inspected] }, "GET https://api.example:8443/repos/a", "deny port_not_allowed in"],
  ["plain HTTP", { allow: [inspected] }, "GET http://api.example:443/repos/a", "deny not_tls in"],
  ["another host", { allow: [inspected] }, "GET https://b.example/repos/a", "deny host_not_allowed -"],
  [
    "no opaque rule behind an inspected one",
    { allow: [inspected, opaque] },
    "GET https://api.example/user",
    "deny path_not_allowed in",
  ],
  ["an opaque rule before it", { allow: [opaque, inspected] }, "GET https://api.example/user", "permit out tls opaque"],
  ["an opaque rule alone", { allow: [opaque] }, "DELETE https://api.example/", "permit out tls opaque"],
  [
    "an opaque rule on another port",
    { allow: [{ ...inspected, ports: [8443] }, opaque] },
    "GET https://api.example/user",
    "permit out tls opaque",
  ],
  [
    "an http rule",
    { allow: [{ id: "h", hosts: ["api.example"], ports: [443], protocol: "http" }] },
    "GET https://api.example/",
    "deny method_not_allowed h",
  ],
  [
    "a tcp rule",
    { allow: [{ id: "t", hosts: ["api.example"], protocol: "tcp" }] },
    "GET https://api.example/",
    "deny method_not_allowed t",
  ],
  [
    "a deny rule about paths, inspected",
    {
      allow: [{ ...inspected, paths: ["/**"] }],
      deny: [{ id: "d", hosts: ["api.example"], paths: ["/repos/secret"] }],
    },
    "GET https://api.example/repos/open",
    "permit in tls inspect",
  ],
  [
    "a deny rule about paths, its path",
    {
      allow: [{ ...inspected, paths: ["/**"] }],
      deny: [{ id: "d", hosts: ["api.example"], paths: ["/repos/secret"] }],
    },
    "GET https://api.example/repos/secret",
    "deny denied_by_rule d",
  ],
  [
    "a deny rule about paths, the inspected tunnel",
    { allow: [inspected], deny: [{ id: "d", hosts: ["api.example"], paths: ["/x"] }] },
    "CONNECT api.example:443",
    "permit in tls inspect",
  ],
  [
    "a deny rule about paths, the opaque tunnel",
    { allow: [opaque], deny: [{ id: "d", hosts: ["api.example"], paths: ["/x"] }] },
    "CONNECT api.example:443",
    "deny denied_by_rule d",
  ],
  ["learn mode", { mode: "learn" }, "GET https://new.example/", "permit - tls opaque"],
  ["fields that are not known", { allow: [withField] }, "GET https://api.example/", "deny denied_by_rule field"],
];
for (const [name, policy, text, expected] of insideRows) {
  test(`INV-INSPECT-JUDGED: inside TLS: ${name}`, () => {
    assert.equal(shown(decide(compiled(policy), request(text), NOON)), expected);
  });
}

const fieldRows: readonly (readonly [name: string, sent: readonly string[], verdict: string])[] = [
  ["one of the values", ["2"], "permit field tls inspect"],
  ["another value", ["3"], "deny denied_by_rule field"],
  ["no value", [], "deny denied_by_rule field"],
  ["the same twice", ["1", "1"], "deny denied_by_rule field"],
  ["a list", ["1, 2"], "deny denied_by_rule field"],
];
for (const [name, sent, expected] of fieldRows) {
  test(`INV-INSPECT-JUDGED: a rule about a field: ${name}`, () => {
    const asked = {
      ...request("GET https://api.example/"),
      header: (field: string) => (field === "x-api" ? sent : []),
    };
    const decision = decide(compiled({ allow: [withField] }), asked, NOON);
    assert.equal(shown(decision), expected);
    if (decision.effect === "permit") return;
    assert.match(decision.detail ?? "", /^It allows requests that have the field "x-api" once/, "by its name only");
  });
}

test("an approval of a tunnel or a plain request opens nothing inside TLS", () => {
  for (const protocol of ["tls", "tcp", "http"] as const) {
    const grant = { id: "g", protocol };
    const asked = request("GET https://new.example/");
    assert.equal(shown(decide(compiled({}), asked, NOON, NOTHING_AROUND, grant)), "deny host_not_allowed -", protocol);
  }
});

const listed: Surroundings = {
  ...NOTHING_AROUND,
  blocklist: ({ text }) => (text.endsWith("bad.example") || text === "203.0.113.9" ? "feed" : undefined),
};
const blockedRows: readonly (readonly [policy: PolicyText, request: string, verdict: string])[] = [
  [{ allow: [{ id: "a", hosts: ["bad.example"] }] }, "CONNECT bad.example:443", "deny blocklisted blocklist/feed"],
  [{ mode: "learn" }, "GET http://x.bad.example/", "deny blocklisted blocklist/feed"],
  [{ mode: "learn" }, "CONNECT 203.0.113.9:443", "deny blocklisted blocklist/feed"],
  [{ deny: [{ id: "d", hosts: ["bad.example"] }] }, "CONNECT bad.example:443", "deny blocklisted blocklist/feed"],
  [
    { allow: [{ id: "a", hosts: ["bad.example"] }], notBlocked: ["bad.example"] },
    "CONNECT bad.example:443",
    "permit a tls opaque",
  ],
  [
    { allow: [{ id: "a", hosts: ["x.bad.example"] }], notBlocked: ["bad.example"] },
    "CONNECT x.bad.example:443",
    "deny blocklisted blocklist/feed",
  ],
  [
    { allow: [{ id: "a", hosts: ["x.bad.example"] }], notBlocked: ["**.bad.example"] },
    "CONNECT x.bad.example:443",
    "permit a tls opaque",
  ],
  [{ notBlocked: ["bad.example"] }, "CONNECT bad.example:443", "deny host_not_allowed -"],
  [{ allow: [{ id: "a", hosts: ["good.example"] }] }, "CONNECT good.example:443", "permit a tls opaque"],
];
for (const [policy, text, expected] of blockedRows) {
  test(`INV-BLOCKLIST: a listed host is refused before all rules, unless the policy takes it out: ${JSON.stringify(policy)}: ${text}`, () => {
    assert.equal(shown(decide(compiled(policy), request(text), NOON, listed)), expected);
  });
}

test("learn mode says what enforcing would have refused for", () => {
  const unlisted = (policy: PolicyText, text: string): string | undefined => {
    const decision = decide(compiled({ mode: "learn", ...policy }), request(text), NOON);
    return decision.effect === "permit" ? decision.permit.unlisted : undefined;
  };
  assert.equal(unlisted({}, "CONNECT new.example:443"), "host_not_allowed");
  assert.equal(unlisted({ allow: [opaque] }, "CONNECT api.example:22"), "port_not_allowed");
  assert.equal(unlisted({ allow: [opaque] }, "CONNECT api.example:443"), undefined);
});

test("INV-BLOCKLIST: no name leads to a listed address, unless the policy takes the name out", () => {
  const denied = (policy: PolicyText, text: string): string | undefined => {
    const decision = decide(compiled(policy), request(text), NOON, listed);
    assert.ok(decision.effect === "permit");
    return decision.permit.deniedAddress(ip("203.0.113.9"));
  };
  assert.equal(denied({ allow: [opaque] }, "CONNECT api.example:443"), "blocklist/feed");
  assert.equal(denied({ mode: "learn" }, "CONNECT new.example:443"), "blocklist/feed");
  assert.equal(denied({ allow: [opaque], notBlocked: ["api.example"] }, "CONNECT api.example:443"), undefined);
});

test("INV-CHAIN-NO-FALLBACK: learn mode leads to a host through the parent that a rule names for it", () => {
  const through: RuleText = { ...inspected, proxy: "corp" };
  const proxy = (text: string): string | undefined => {
    const decision = decide(compiled({ mode: "learn", allow: [through] }), request(text), NOON);
    return decision.effect === "permit" ? decision.permit.proxy : "refused";
  };
  assert.equal(proxy("GET https://api.example/other"), "corp");
  assert.equal(proxy("CONNECT api.example:8443"), "corp");
  assert.equal(proxy("CONNECT other.example:443"), undefined);
});

function shown(decision: Decision): string {
  if (decision.effect === "deny") return `deny ${decision.reason} ${decision.rule ?? "-"}`;
  const { rule, obligations } = decision.permit;
  return `permit ${rule ?? "-"} ${obligations.protocol} ${obligations.inspect ? "inspect" : "opaque"}`;
}
