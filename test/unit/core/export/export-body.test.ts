import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { exportBody } from "../../../../router/core/export/export-body.ts";
import { otlpBody } from "../../../../router/core/export/otlp-body.ts";
import { auditSample } from "../../../fakes/audit-sample.ts";

const sample = auditSample();
const [first = { line: "", leaf: "" }, second = first] = sample;

test("jsonl is the lines themselves", () => {
  const { contentType, body, unreadable } = exportBody("jsonl", sample, "0.1.0");
  assert.deepEqual([contentType, unreadable], ["application/x-ndjson", 0]);
  assert.equal(body, sample.map(({ line }) => `${line}\n`).join(""));
});

test("nothing is a body too", () => {
  assert.equal(exportBody("jsonl", [], "0.1.0").body, "");
  assert.equal(exportBody("cloudevents", [], "0.1.0").body, "[]");
  assert.equal(exportBody("ocsf", [], "0.1.0").body, "[]");
  assert.equal(otlpBody([], "0.1.0", epochMillis(0)).body, '{"resourceLogs":[]}');
});

const unreadable: readonly [name: string, line: string][] = [
  ["empty", ""],
  ["no JSON", "{"],
  ["no object", "[]"],
  ["null", "null"],
  ["another version", first.line.replace(/"v":1\}$/, '"v":2}')],
  ["a member more", first.line.replace(/\}$/, ',"w":1}')],
  ["an actor without a pod", first.line.replace(/"pod":"[^"]*"/, '"pop":"x"')],
  ["not in canonical form", first.line.replace('"v":1', '"v": 1')],
  ["two records", `${first.line},${first.line}`],
  ["a lone surrogate", first.line.replace('"action":"begin"', '"action":"\\ud800"')],
  ["nested without end", "[".repeat(100_000)],
];

for (const [name, line] of unreadable) {
  test(`a line that is no record is left out and counted: ${name}`, () => {
    assert.notEqual(line, first.line);
    const records = [first, { line, leaf: first.leaf }, second];
    for (const format of ["cloudevents", "ocsf"] as const) {
      const body = exportBody(format, records, "0.1.0");
      assert.equal(body.unreadable, 1, format);
      assert.equal(body.body, exportBody(format, [first, second], "0.1.0").body, format);
    }
    const body = otlpBody(records, "0.1.0", epochMillis(0));
    assert.deepEqual(body, { ...otlpBody([first, second], "0.1.0", epochMillis(0)), unreadable: 1 });
  });
}
