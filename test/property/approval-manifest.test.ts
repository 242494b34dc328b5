import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { actionForm } from "../../router/core/approval/action-form.ts";
import { approvalManifest } from "../../router/core/approval/approval-manifest.ts";
import { approvedDigest, isMeant } from "../../router/core/approval/approved-digest.ts";
import { MOST_REASON, parseEgressApproval } from "../../router/core/approval/parse-egress-approval.ts";
import { yamlText } from "../../router/core/approval/yaml-text.ts";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { readAction } from "../../router/core/governance/read-action.ts";
import type { Json } from "../../router/core/json/json.ts";
import { safeText } from "../../router/core/wire/safe-text.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const identity = { namespace: "research", agent: "on", pod: "agent-0" };

const text = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
  fc.constantFrom(
    "null",
    "true",
    "1e3",
    "~",
    "- a",
    "a: b",
    "#x",
    "\u202e",
    "\u{e0041}",
    "'",
    '"',
    "\\",
    "{{ x }}",
    "\u2028",
  ),
);
const value = fc.jsonValue({ stringUnit: "binary", maxDepth: 5 }) as fc.Arbitrary<Json>;
const action: fc.Arbitrary<Json> = fc.oneof(
  fc.record({ kind: fc.constant("tool"), server: text, tool: text, arguments: value }),
  fc.record({ kind: fc.constant("exec"), program: text, argv: fc.array(fc.string({ unit: "binary" })) }),
  fc.record({ kind: fc.constant("admin"), operation: text, target: text }),
  fc.record({ kind: fc.constant("mesh.send"), peer: text }),
  fc.record({ kind: fc.constant("spawn"), agent: text, depth: fc.nat() }),
  fc.record({ kind: fc.constant("inference"), model: text }),
  fc.record({
    kind: fc.constant("egress"),
    host: fc.constantFrom("api.example.com", "on", "93.184.216.34", "[2606:4700::1]"),
    port: fc.integer({ min: 1, max: 65_535 }),
    protocol: fc.constant("http"),
    method: text,
    path: text,
  }),
);

test("what is asked for, applied as it is, is bound to what was asked for, and grants nothing yet", () => {
  fc.assert(
    fc.property(action, text, fc.constantFrom("full", "digest"), (stated, why, shown) => {
      const read = readAction(stated);
      if (!read.ok) return;
      const form = actionForm(read.value, sha256);
      // YAML texts cannot hold non-characters, which no agent has reason to send.
      fc.pre(form !== undefined);
      const request = {
        id: "0".repeat(20),
        digest: sha256(form),
        action: read.value,
        summary: "",
        reason: safeText(why, MOST_REASON),
        at: epochMillis(0),
        expiresAt: epochMillis(0),
        state: "pending",
        count: 1,
      } as const;
      const manifest = yamlText(approvalManifest(request, identity, { sha256, arguments: shown }));
      const parsed = parseEgressApproval("f", manifest);
      assert.ok(parsed.ok, `${manifest}\n${JSON.stringify(parsed)}`);
      assert.equal(approvedDigest(parsed.value, sha256), request.digest);
      assert.equal(parsed.value.reason, request.reason);
      assert.equal(parsed.value.answer, undefined);
      assert.ok(isMeant(parsed.value, identity));
      for (const other of [{ namespace: "x" }, { agent: "x" }, { pod: "x" }]) {
        assert.ok(!isMeant(parsed.value, { ...identity, ...other }));
      }
      // One document, and nothing in it that shows as another text.
      assert.doesNotMatch(manifest, /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
    { numRuns: 400 },
  );
});
