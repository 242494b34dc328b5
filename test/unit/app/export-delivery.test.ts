import assert from "node:assert/strict";
import { test } from "node:test";
import { type ExportProtocol, judgeAnswer, retryAfterOf } from "../../../router/app/export-delivery.ts";
import { epochMillis } from "../../../router/core/base/quantity.ts";

const NOW = epochMillis(Date.UTC(2026, 10, 21, 8, 0, 0));

test("what an answer says of a batch", () => {
  const partial = (count: unknown): string => JSON.stringify({ partialSuccess: { rejectedLogRecords: count } });
  const rows: readonly (readonly [status: number, body: string, protocol: ExportProtocol, expected: string])[] = [
    [200, "", "webhook", "delivered 0"],
    [202, "", "webhook", "delivered 0"],
    [204, "", "otlp", "delivered 0"],
    [200, "{}", "otlp", "delivered 0"],
    [200, partial("3"), "otlp", "delivered 3"],
    [200, partial(3), "otlp", "delivered 3"],
    [200, partial(3), "webhook", "delivered 0"],
    [200, partial("99"), "otlp", "delivered 10"],
    [200, partial("-3"), "otlp", "delivered 0"],
    [200, partial("1e999"), "otlp", "delivered 0"],
    [200, partial("0.5"), "otlp", "delivered 0"],
    [200, partial([3]), "otlp", "delivered 0"],
    [200, partial(" 3"), "otlp", "delivered 0"],
    [200, partial({}), "otlp", "delivered 0"],
    [200, partial(null), "otlp", "delivered 0"],
    [200, '{"partialSuccess":null}', "otlp", "delivered 0"],
    [200, '{"__proto__":{"partialSuccess":{"rejectedLogRecords":3}}}', "otlp", "delivered 0"],
    [200, partial("3").slice(0, -2), "otlp", "delivered 0"],
    [200, "[".repeat(4_096), "otlp", "delivered 0"],
    [300, "", "webhook", "failed"],
    [302, "", "webhook", "failed"],
    [304, "", "webhook", "failed"],
    [400, "", "webhook", "refused"],
    [401, "", "webhook", "refused"],
    [404, "", "webhook", "refused"],
    [408, "", "webhook", "failed"],
    [413, "", "webhook", "refused"],
    [422, "", "otlp", "refused"],
    [429, "", "webhook", "failed"],
    [499, "", "webhook", "refused"],
    [500, "", "webhook", "failed"],
    [503, "", "otlp", "failed"],
    [599, "", "webhook", "failed"],
    [999, "", "webhook", "failed"],
  ];
  for (const [status, body, protocol, expected] of rows) {
    const delivery = judgeAnswer({ status, retryAfter: undefined, body }, 10, protocol, NOW);
    const found = delivery.kind === "delivered" ? `delivered ${delivery.rejected}` : delivery.kind;
    assert.equal(found, expected, `${status} ${protocol} ${body.slice(0, 80)}`);
  }
});

test("Retry-After in seconds or as a date, for five minutes at most", () => {
  const rows: readonly (readonly [text: string | undefined, wait: number | undefined])[] = [
    [undefined, undefined],
    ["0", undefined],
    ["1", 1_000],
    ["120", 120_000],
    ["301", 300_000],
    ["9999999999", 300_000],
    ["99999999999", undefined],
    ["-1", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    [" 1", undefined],
    ["", undefined],
    ["soon", undefined],
    ["Sat, 21 Nov 2026 08:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 07:00:00 GMT", undefined],
    ["Sun, 21 Nov 2027 08:00:00 GMT", 300_000],
    ["Sat, 99 Foo 2026 99:99:99 GMT", undefined],
    ["2026-11-21T08:00:30Z", undefined],
  ];
  for (const [text, wait] of rows) assert.equal(retryAfterOf(text, NOW), wait, `${text}`);
});

test("a problem says the status, and nothing that the receiver sent", () => {
  const answer = { status: 503, retryAfter: "7", body: "Bearer s3cret" };
  assert.deepEqual(judgeAnswer(answer, 1, "webhook", NOW), {
    kind: "failed",
    problem: "The receiver answered 503.",
    retryAfter: 7_000,
  });
});
