import assert from "node:assert/strict";
import { test } from "node:test";
import { lintGovernancePolicy } from "../../../../router/core/governance/lint-governance-policy.ts";
import { parseGovernancePolicy } from "../../../../router/core/governance/parse-governance-policy.ts";
import { changed } from "../../policies/documents.ts";
import { GOVERNANCE_POLICY } from "../../policies/governance-policy-document.ts";
import { GOVERNANCE_POLICY_ROWS } from "../../policies/governance-policy-rows.ts";
import { governanceDocument, governanceText } from "./governance-document-fixture.ts";

for (const row of GOVERNANCE_POLICY_ROWS) {
  test(`INV-POLICY-STRICT: GovernancePolicy: ${row.name}`, () => {
    const parsed = parseGovernancePolicy("f", changed(GOVERNANCE_POLICY, row));
    const problems = parsed.ok ? [] : parsed.problem;
    assert.deepEqual(
      problems.map(({ line, column, code }) => `${line}:${column} ${code}`),
      row.problems,
      JSON.stringify(problems),
    );
  });
}

test("what is left out has its one default", () => {
  const { rules, limits, behavior, trust, requests, ...rest } = governanceDocument(`  rules:
    - { id: r, effect: rate_limit, actions: [admin], limit: { rate: { count: 7, window: 1m } } }
  behavior:
    - { id: b, detector: burst }
    - { id: f, detector: failures }
    - { id: d, detector: denials }
    - { id: n, detector: new_destinations }
    - { id: v, detector: volume, bytes: 1Ki, response: { kind: require_approval } }
`);
  assert.deepEqual(rest, {
    name: "p",
    version: 1,
    issuedAt: Date.UTC(2026, 10, 20),
    expiresAt: Date.UTC(2027, 1, 20),
    audience: { namespaces: ["n"], agents: ["a"] },
    mode: "enforce",
    observeUntil: undefined,
    delegate: new Set(),
    deniedTools: "remove",
    mcp: [],
    liftBefore: undefined,
  });
  assert.deepEqual(rules, [
    {
      id: "r",
      effect: "rate_limit",
      actions: ["admin"],
      when: [],
      unless: [],
      limit: { per: "all", rate: { count: 7, window: 60_000, burst: 7 }, concurrent: undefined },
      obligations: { redact: [], resultBytes: undefined, log: "digest" },
      message: undefined,
      line: 10,
    },
  ]);
  assert.deepEqual(limits, []);
  const alert = { actions: undefined, response: { kind: "alert" }, quiet: 300_000 };
  assert.deepEqual(behavior, [
    { id: "b", watch: { kind: "burst", count: 100, window: 60_000 }, ...alert },
    { id: "f", watch: { kind: "failures", count: 20, window: 600_000 }, ...alert },
    { id: "d", watch: { kind: "denials", count: 10, window: 600_000 }, ...alert },
    { id: "n", watch: { kind: "new_destinations", count: 20, window: 3_600_000, memory: 604_800_000 }, ...alert },
    {
      id: "v",
      watch: { kind: "volume", bytes: 1024, window: 3_600_000, perDestination: false },
      ...alert,
      response: { kind: "require_approval", millis: 900_000 },
    },
  ]);
  const rates = { initial: 500, reward: 10, penalty: 50, perHour: 200, decay: 50 };
  assert.deepEqual(trust, { rates, peers: [], graph: [] });
  assert.deepEqual(requests, { pending: 32, perMinute: 10, ttl: 900_000, grant: 3_600_000 });
});

test("a server and a peer with all their defaults", () => {
  const { mcp, trust } = governanceDocument(`  rules: []
  mcp:
    - { id: m, url: "https://m.example/" }
  trust:
    peers:
      - id: p
        keys: [{ kid: k, algorithm: EdDSA, spki: MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE= }]
        card: { endpoint: "p.example:443" }
        endpoints: ["p.example:444"]
`);
  const place = (name: string, port: number) => ({ host: { kind: "name", text: name }, port });
  assert.deepEqual(mcp, [
    {
      id: "m",
      endpoint: { scheme: "https", ...place("m.example", 443), path: "/" },
      addresses: [],
      credential: undefined,
      caFile: undefined,
      resultBytes: 1_048_576,
      timeout: 30_000,
    },
  ]);
  const [peer] = trust.peers;
  assert.deepEqual(peer?.card, { endpoint: place("p.example", 443), path: "/.well-known/agent-card.json" });
  assert.deepEqual(peer.endpoints, [place("p.example", 444)]);
});

const conditions: readonly (readonly [what: string, actions: string, when: string, expected: unknown])[] = [
  ["a night shift", "exec", 'time: { days: [sat], from: "22:30", to: "06:00" }', [6, 1350, 360, 0]],
  ["whole days", "exec", "time: { days: [sun] }", [0, 0, 0, 0]],
  ["west of Greenwich", "exec", 'time: { days: [mon], offset: "-03:30" }', [1, 0, 0, -210]],
  ["at Greenwich, by the other sign", "exec", 'time: { days: [mon], offset: "-00:00" }', [1, 0, 0, 0]],
];
for (const [what, actions, when, expected] of conditions) {
  test(`working hours: ${what}`, () => {
    const rule = `{ id: r, effect: allow, actions: [${actions}], when: { ${when} } }`;
    const [condition] = governanceDocument(`  rules: [${rule}]\n`).rules[0]?.when ?? [];
    assert.ok(condition?.kind === "time");
    const { days, from, to, offset } = condition.hours;
    assert.deepEqual([...days, from, to, offset], expected);
  });
}

test("-0 is 0, which prints and hashes as such", () => {
  const rule = "{ id: r, effect: allow, actions: [tool], when: { arguments: [{ at: /n, in: [-0, -0.0] }] } }";
  const [condition] = governanceDocument(`  rules: [${rule}]\n`).rules[0]?.when ?? [];
  assert.deepEqual(condition, {
    kind: "argument",
    at: "/n",
    test: { kind: "number", in: [0, 0], from: undefined, to: undefined },
  });
});

const manyRules = (count: number): string =>
  `  delegate: [egress]\n  rules:\n${Array.from(
    { length: count },
    (_, at) => `    - { id: r${at}, effect: allow, actions: [tool], when: { tool: { in: [t${at}] } } }\n`,
  ).join("")}`;

test("20,000 rules are read, and one more is not", () => {
  assert.equal(governanceDocument(manyRules(20_000)).rules.length, 20_000);
  const parsed = parseGovernancePolicy("f", governanceText(manyRules(20_001)));
  assert.deepEqual(parsed.ok ? [] : parsed.problem.map(({ code }) => code), ["too_many"]);
});

const withPatterns = (count: number, pattern: (at: number) => string): string =>
  `  rules:\n${Array.from(
    { length: count },
    (_, at) =>
      `    - { id: r${at}, effect: allow, actions: [admin], when: { target: { pattern: ["${pattern(at)}"] } } }\n`,
  ).join("")}`;

test("patterns are counted over all rules, each once", () => {
  assert.equal(governanceDocument(withPatterns(256, (at) => `^p${at}$`)).rules.length, 256);
  assert.equal(governanceDocument(withPatterns(5_000, () => "^p$")).rules.length, 5_000);
  const parsed = parseGovernancePolicy("f", governanceText(withPatterns(300, (at) => `^p${at}$`)));
  const problems = parsed.ok ? [] : parsed.problem.map(({ line, code }) => `${line} ${code}`);
  assert.deepEqual(problems, ["266 too_many_patterns"]);
});

test("a document that is nothing but costly patterns is refused at once", () => {
  const text = governanceText(withPatterns(20_000, (at) => `^(a|b${at}){999}$`));
  const before = performance.now();
  const parsed = parseGovernancePolicy("f", text);
  assert.equal(parsed.ok, false);
  // Unbounded it took minutes.
  assert.ok(performance.now() - before < 10_000);
});

test("the shared document is linted for what it is", () => {
  const parsed = parseGovernancePolicy("f", GOVERNANCE_POLICY);
  assert.ok(parsed.ok);
  assert.deepEqual(
    lintGovernancePolicy("f", parsed.value).map(({ line, code }) => `${line} ${code}`),
    ["0 unused_server"],
  );
});
