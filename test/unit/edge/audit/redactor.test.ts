import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import type { AuditValue } from "../../../../router/core/audit/audit-event.ts";
import { createRedactor, redactedText } from "../../../../router/edge/audit/redactor.ts";
import { auditEvent, openLog, recordsOf, scratchDirectory } from "./log-fixture.ts";

const KEY = Buffer.from("0123456789abcdef");
const hmac = (text: string): string => `hmac-sha256:${createHmac("sha256", KEY).update(text).digest("hex")}`;

const rows: readonly [name: string, fields: readonly string[], value: AuditValue, hidden: AuditValue][] = [
  ["a text", ["detail.x"], "10.0.0.1", hmac("10.0.0.1")],
  ["an empty text", ["detail.x"], "", hmac("")],
  ["each item of a list", ["detail.x"], ["a", "b"], [hmac("a"), hmac("b")]],
  ["a number", ["detail.x"], 7, hmac("7")],
  ["a map", ["detail.x"], { b: 1, a: 2 }, hmac('{"a":2,"b":1}')],
  ["null", ["detail.x"], null, null],
  ["half a surrogate pair", ["detail.x"], "\ud800", hmac("\ufffd")],
  ["what is not named", ["detail.y"], "10.0.0.1", "10.0.0.1"],
];

for (const [name, fields, value, hidden] of rows) {
  test(`INV-AUDIT-HIDDEN: hidden: ${name}`, () => {
    const event = createRedactor(fields, KEY)(auditEvent("r", { detail: { x: value, z: "clear" } }));
    assert.deepEqual(event.detail, { x: hidden, z: "clear" });
    assert.equal(event.target, "api.github.com:443");
  });
}

test("INV-AUDIT-HIDDEN: no hidden text reaches the disk, and who has the key finds it again", async (t) => {
  const directory = scratchDirectory(t);
  const log = await openLog(directory, { redact: createRedactor(["target", "detail.addresses"], KEY) });
  await log.append(auditEvent("r1", { detail: { addresses: ["140.82.121.6"] } }));
  log.appendSoon(auditEvent("r2", { kind: "egress.end", detail: { addresses: ["140.82.121.6"] } }));
  await log.close();
  const records = await recordsOf(directory);
  const text = JSON.stringify(records);
  assert.ok(!text.includes("api.github.com") && !text.includes("140.82.121.6"), text);
  const found = records.filter(({ target }) => target === redactedText("api.github.com:443", KEY));
  assert.deepEqual(
    found.map(({ request, detail }) => [request, detail["addresses"]]),
    [
      ["r1", [hmac("140.82.121.6")]],
      ["r2", [hmac("140.82.121.6")]],
    ],
  );
  // What the chain itself needs is never hidden.
  assert.ok(records.some(({ kind, detail }) => kind === "segment" && detail["segment"] === 1));
});
