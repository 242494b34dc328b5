import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEgressApproval } from "../../../../router/core/approval/parse-egress-approval.ts";
import { changed } from "../../policies/documents.ts";
import { EGRESS_APPROVAL, EGRESS_APPROVAL_ROWS } from "../../policies/egress-approval-rows.ts";

test("an approval as it is read", () => {
  const parsed = parseEgressApproval("f", EGRESS_APPROVAL);
  assert.ok(parsed.ok);
  const { action, ...rest } = parsed.value;
  assert.deepEqual(
    { ...action },
    {
      kind: "egress",
      host: { kind: "name", text: "api.example.com" },
      port: 443,
      protocol: "tls",
      method: undefined,
      path: undefined,
    },
  );
  assert.deepEqual(rest, {
    name: "fetch-report",
    argumentsDigest: undefined,
    reason: "The report is published there only.",
    requestedBy: "system:serviceaccount:research:agent",
    target: { namespace: "research", agent: "research-agent", pod: "agent-0" },
    uses: 1,
    duration: 600_000,
    revoked: false,
    answer: { approved: true, at: Date.UTC(2026, 10, 20, 10) },
  });
});

const answers: readonly (readonly [name: string, replace: string, by: string, expected: boolean | undefined])[] = [
  ["True is a yes", '"True"', '"True"', true],
  ["False is a no", '"True"', '"False"', false],
  ["Unknown is no answer", '"True"', "Unknown", undefined],
  ["another condition is no answer", "type: Approved", "type: Looked", undefined],
];
for (const [name, replace, by, expected] of answers) {
  test(name, () => {
    const parsed = parseEgressApproval("f", changed(EGRESS_APPROVAL, { name, replace, by, problems: [] }));
    assert.ok(parsed.ok);
    assert.equal(parsed.value.answer?.approved, expected);
  });
}

for (const row of EGRESS_APPROVAL_ROWS) {
  test(`EgressApproval: ${row.name}`, () => {
    const parsed = parseEgressApproval("f", changed(EGRESS_APPROVAL, row));
    const problems = parsed.ok ? [] : parsed.problem.map(({ line, column, code }) => `${line}:${column} ${code}`);
    assert.deepEqual(problems, row.problems);
  });
}

const garbage: readonly (readonly [name: string, text: string])[] = [
  ["nothing", ""],
  ["half of it", EGRESS_APPROVAL.slice(0, 300)],
  ["another kind", EGRESS_APPROVAL.replace("kind: EgressApproval", "kind: EgressPolicy")],
  ["a list", "- a\n"],
  [
    "deep arguments",
    EGRESS_APPROVAL.replace(
      "kind: egress, host: api.example.com, port: 443, protocol: tls",
      `kind: tool, server: a, tool: b, arguments: ${"[".repeat(500)}`,
    ),
  ],
];
for (const [name, text] of garbage) {
  test(`${name} is a problem, and no approval`, () => {
    const parsed = parseEgressApproval("f", text);
    assert.ok(!parsed.ok && parsed.problem.length > 0);
  });
}
