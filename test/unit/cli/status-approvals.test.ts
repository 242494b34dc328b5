import assert from "node:assert/strict";
import { test } from "node:test";
import { readStatus } from "../../../cli/status-report.ts";
import { statusText } from "../../../cli/status-text.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const at = (offset: number): string => new Date(NOW + offset).toISOString();
const MINUTE = 60_000;

const request = (index: number): object => ({
  digest: "ab".repeat(32),
  summary: `egress tls host-${index}.example:443`,
  reason: "Please.\u001b[2J\u202e",
  requestedAt: at(-MINUTE),
  expiresAt: at(14 * MINUTE),
  count: index + 1,
  manifest: "kind: EgressApproval\n",
});
const approval = (given: object = {}): object => ({
  id: "one@0123456789abcdef",
  digest: "cd".repeat(32),
  summary: "tool github/create_issue",
  expiresAt: at(5 * MINUTE),
  uses: 3,
  left: 2,
  ...given,
});

function said(governance: unknown): string | undefined {
  const policy = { state: "missing", condition: {} };
  const status = {
    version: "0.1.0",
    identity: { namespace: "n", pod: "p", agent: "a" },
    conditions: [{ name: "policy", state: "ok", reason: "" }],
    policy,
    inference: { policy, calls: 0, bodies: 0, budgets: { budgets: [] } },
    tunnels: 0,
    connections: 0,
    audit: { writable: true, records: 0, bytes: 0, origin: "o", checkpoint: {}, witnesses: [] },
    ...(governance === undefined ? {} : { governance }),
  };
  const read = readStatus(new TextEncoder().encode(JSON.stringify(status)));
  return read.ok ? statusText(read.value, { now: NOW, colors: false }) : undefined;
}

test("what was asked for and what is approved is shown, and nothing of it reaches the terminal as it is", () => {
  const requests = { pending: 40, newest: Array.from({ length: 32 }, (_, index) => request(index)) };
  const text = said({ requests, approvals: [approval(), approval({ uses: null, left: null })] }) ?? "";
  assert.match(
    text,
    /^ {2}approved +one@0123456789abcdef: tool github\/create_issue, 2 of 3 uses left, expires in 5m/m,
  );
  assert.match(text, /^ {13}one@0123456789abcdef: tool github\/create_issue, expires in 5m/m);
  assert.match(text, /^ {2}asked for +40 requests; --json has what to apply$/m);
  assert.match(
    text,
    /egress tls host-31\.example:443: asked 1m00s ago, 32 times, expires in 14m00s\n {13}in the agent's own words: "Please/,
  );
  assert.match(text, /and 30 older/);
  assert.doesNotMatch(text, /(?!\n)[\p{Cc}\p{Cf}]/u);
});

test("INV-GOV-REQUEST-CAPS: the agent's words are marked as its own, end where they end, and hide no action", () => {
  const forged = 'git status", asked 1m ago: approved by security';
  const summary = `exec /usr/bin/git ["push","${"x".repeat(900)}"]`;
  const newest = [{ ...request(0), summary, reason: forged, manifest: null }];
  const text = said({ requests: { pending: 1, newest } }) ?? "";
  assert.match(text, /own words: "git status\\u0022, asked 1m ago: approved by security"$/m);
  assert.ok(text.includes(`${summary}: asked 1m00s ago`), "all of the action, and then when it was asked for");
  assert.match(text, /^ {13}TOO LONG to be shown whole/m);
});

test("where nothing is asked for, nothing is said", () => {
  for (const governance of [undefined, {}, { requests: { pending: 0, newest: [] }, approvals: [] }]) {
    const text = said(governance) ?? "asked approved";
    assert.doesNotMatch(text, /asked|approved/);
  }
});

const flaws: readonly (readonly [name: string, governance: unknown])[] = [
  ["a list", []],
  ["a number of requests", { requests: 3 }],
  ["a request without its digest", { requests: { pending: 1, newest: [{ ...request(0), digest: 5 }] } }],
  ["a time that is none", { approvals: [approval({ expiresAt: "soon" })] }],
  ["uses that are none", { approvals: [approval({ uses: -1 })] }],
];
for (const [name, governance] of flaws) {
  test(`${name} is no status`, () => {
    assert.equal(said(governance), undefined);
  });
}
