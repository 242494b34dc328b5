import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Auditor } from "../../../../cli/quickstart/audit-step.ts";
import { approve, manifestOf } from "../../../../cli/quickstart/operator.ts";
import { parseEgressApproval } from "../../../../router/core/approval/parse-egress-approval.ts";

const MANIFEST = `apiVersion: sluice.dev/v1alpha1
kind: EgressApproval
metadata:
  name: request-1
spec:
  action:
    kind: egress
    host: reports.wild.example
    port: 8443
    protocol: tls
  reason: "Because."
  uses: 1
`;

/** Answers one `sluice status --json`. */
function auditorOf(newest: readonly object[], failure = ""): { readonly auditor: Auditor; readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const stdout = failure === "" ? JSON.stringify({ governance: { requests: { pending: newest.length, newest } } }) : "";
  const ask = (what: unknown) => {
    asked.push(what);
    return Promise.resolve({ exit: failure === "" ? 0 : 69, stdout, stderr: `${failure}\n` });
  };
  return { auditor: { ask } as Auditor, asked };
}

test("the manifest is that of the request asked about", async () => {
  const { auditor, asked } = auditorOf([
    { digest: "0".repeat(64), manifest: "of another" },
    { digest: "1".repeat(64), manifest: MANIFEST },
  ]);
  assert.equal(await manifestOf(auditor, ["--address", "127.0.0.1:1"], "1".repeat(64)), MANIFEST);
  assert.deepEqual(asked, [{ verb: "status", argv: ["--address", "127.0.0.1:1", "--json"] }]);
});

const NONE = [
  ["no such request", auditorOf([{ digest: "0".repeat(64), manifest: MANIFEST }]), /does not show the request/],
  ["one that is too long to be shown", auditorOf([{ digest: "1".repeat(64), manifest: null }]), /does not show/],
  ["no sidecar", auditorOf([], "sluice status: none answers"), /^Error: sluice status: none answers$/],
] as const;
for (const [name, { auditor }, expected] of NONE) {
  test(`no manifest: ${name}`, async () => {
    await assert.rejects(manifestOf(auditor, [], "1".repeat(64)), expected);
  });
}

test("applied as it is, and approved: the file alone, which the sidecar reads as a yes", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-operator-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "reports.yaml");
  approve(file, MANIFEST, Date.UTC(2027, 0, 1));
  assert.deepEqual(readdirSync(directory), ["reports.yaml"]);
  const text = readFileSync(file, "utf8");
  assert.ok(text.startsWith(MANIFEST));
  const parsed = parseEgressApproval("reports.yaml", text);
  assert.ok(parsed.ok);
  assert.deepEqual(
    { ...parsed.value.answer, uses: parsed.value.uses, revoked: parsed.value.revoked },
    { approved: true, at: Date.UTC(2027, 0, 1), uses: 1, revoked: false },
  );
  const unapproved = parseEgressApproval("reports.yaml", MANIFEST);
  assert.ok(unapproved.ok);
  assert.equal(unapproved.value.answer, undefined);
});
