import assert from "node:assert/strict";
import { test } from "node:test";
import { boolean } from "../../../../router/core/document/boolean-shape.ts";
import { choice } from "../../../../router/core/document/choice-shape.ts";
import { duration } from "../../../../router/core/document/duration-shape.ts";
import { integer } from "../../../../router/core/document/integer-shape.ts";
import { port } from "../../../../router/core/document/port-shape.ts";
import { ipAddress } from "../../../../router/core/document/ip-address-shape.ts";
import type { Shape } from "../../../../router/core/document/shape.ts";
import { size } from "../../../../router/core/document/size-shape.ts";
import { text } from "../../../../router/core/document/text-shape.ts";
import { timestamp } from "../../../../router/core/document/timestamp-shape.ts";
import { readShape, sentence } from "./read-shape.ts";

type Row = readonly [text: string, value: unknown];

function rows<Value>(name: string, shape: Shape<Value>, table: readonly Row[]): void {
  test(name, () => {
    for (const [given, value] of table) {
      const expected = typeof value === "string" && value.startsWith("!") ? [`1:1 ${value.slice(1)}`] : value;
      assert.deepEqual(readShape(shape, given), expected, given);
    }
  });
}

rows("text", text({ pattern: /^[a-z ]+$/, hint: "small letters.", code: "bad_word", maximum: 5 }), [
  ["abc", "abc"],
  ["'a b'", "a b"],
  ["no", "no"],
  ["abcdef", "!too_long"],
  ["''", "!empty_text"],
  ["A", "!bad_word"],
  ["true", "!wrong_type"],
  ["12", "!wrong_type"],
  ["~", "!wrong_type"],
  ["[]", "!wrong_type"],
  ["{}", "!wrong_type"],
  ['"a\\nb"', "!control_character"],
  ['"a\\u200Bb"', "!control_character"],
  ['"a\\u2028b"', "!control_character"],
]);

rows("integer", integer({ minimum: -5, maximum: 100 }), [
  ["0", 0],
  ["100", 100],
  ["-5", -5],
  ["-6", "!out_of_range"],
  ["101", "!out_of_range"],
  ["99999999999999999999999", "!out_of_range"],
  ["-0", "!bad_integer"],
  ["007", "!bad_integer"],
  ["+7", "!bad_integer"],
  ["0x7", "!bad_integer"],
  ["0o7", "!bad_integer"],
  ["1e1", "!bad_integer"],
  ["1.0", "!bad_integer"],
  [".inf", "!bad_integer"],
  [".nan", "!bad_integer"],
  ["1_0", "!wrong_type"],
  ["'7'", "!wrong_type"],
  ["true", "!wrong_type"],
  ["[7]", "!wrong_type"],
]);

rows("boolean", boolean, [
  ["true", true],
  ["False", false],
  ["FALSE", false],
  ["yes", "!wrong_type"],
  ["off", "!wrong_type"],
  ["1", "!wrong_type"],
  ["'true'", "!wrong_type"],
  ["tRUE", "!wrong_type"],
]);

rows("duration", duration(), [
  ["1h", 3_600_000],
  ["5m", 300_000],
  ["90s", 90_000],
  ["250ms", 250],
  ["7d", 604_800_000],
  ["1h30m", 5_400_000],
  ["1d2h3m4s5ms", 93_784_005],
  ["24d", 2_073_600_000],
  ["'10s'", 10_000],
  ["24d1ms", "!out_of_range"],
  ["999999999d", "!out_of_range"],
  ["0s", "!out_of_range"],
  ["9999999999s", "!bad_duration"],
  ["10", "!bad_duration"],
  ["1.5h", "!bad_duration"],
  ["-1s", "!bad_duration"],
  ["1m1h", "!bad_duration"],
  ["1s1s", "!bad_duration"],
  ["1H", "!bad_duration"],
  ["1 h", "!bad_duration"],
  ["1w", "!bad_duration"],
  ["s", "!bad_duration"],
  ["''", "!bad_duration"],
  ["[1s]", "!bad_duration"],
]);

rows("duration that may be nothing", duration({ zero: true }), [
  ["0s", 0],
  ["0", "!bad_duration"],
]);

rows("size", size, [
  ["1", 1],
  ["1048576", 1_048_576],
  ["'500'", 500],
  ["500k", 500_000],
  ["64Ki", 65_536],
  ["10Mi", 10_485_760],
  ["1Gi", 1_073_741_824],
  ["2T", 2_000_000_000_000],
  ["8191Ti", 8191 * 2 ** 40],
  ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ["8192Ti", "!out_of_range"],
  ["9007199254740992", "!out_of_range"],
  ["0", "!bad_size"],
  ["0Mi", "!bad_size"],
  ["010", "!bad_size"],
  ["1.5Gi", "!bad_size"],
  ["-1", "!bad_size"],
  ["10MB", "!bad_size"],
  ["10mi", "!bad_size"],
  ["1 Mi", "!bad_size"],
  ["1e3", "!bad_size"],
  ["~", "!bad_size"],
  ["{}", "!bad_size"],
]);

rows("timestamp", timestamp, [
  ["1970-01-01T00:00:00Z", 0],
  ["2026-11-20T00:00:00Z", Date.UTC(2026, 10, 20)],
  ['"2026-11-20T01:30:00.5+01:30"', Date.UTC(2026, 10, 20) + 500],
  ["2026-11-19T22:00:00-02:00", Date.UTC(2026, 10, 20)],
  ["2024-02-29T23:59:59.123456789Z", Date.UTC(2024, 1, 29, 23, 59, 59, 123)],
  ["2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29)],
  ["9999-12-31T23:59:59Z", Date.UTC(9999, 11, 31, 23, 59, 59)],
  ["2026-02-29T00:00:00Z", "!bad_timestamp"],
  ["2100-02-29T00:00:00Z", "!bad_timestamp"],
  ["2026-04-31T00:00:00Z", "!bad_timestamp"],
  ["2026-00-10T00:00:00Z", "!bad_timestamp"],
  ["2026-13-10T00:00:00Z", "!bad_timestamp"],
  ["2026-11-00T00:00:00Z", "!bad_timestamp"],
  ["2026-11-20T24:00:00Z", "!bad_timestamp"],
  ["2026-11-20T23:59:60Z", "!bad_timestamp"],
  ["2026-11-20T00:00:00", "!bad_timestamp"],
  ["2026-11-20T00:00:00+0100", "!bad_timestamp"],
  ["2026-11-20T00:00:00+24:00", "!bad_timestamp"],
  ["2026-11-20t00:00:00z", "!bad_timestamp"],
  ["2026-11-20 00:00:00Z", "!bad_timestamp"],
  ["2026-11-20", "!bad_timestamp"],
  ["1969-12-31T23:59:59Z", "!bad_timestamp"],
  ["1970-01-01T00:00:00+01:00", "!bad_timestamp"],
  ["1795132800", "!wrong_type"],
]);

test("a timestamp is what Date says, on every day of 200 years", () => {
  for (let day = 0; day < 73_000; day += 1) {
    const iso = new Date(day * 86_400_000).toISOString();
    assert.equal(readShape(timestamp, iso), day * 86_400_000, iso);
  }
});

rows("port", port, [
  ["1", 1],
  ["65535", 65_535],
  ["0", "!bad_port"],
  ["65536", "!bad_port"],
  ["'80'", "!wrong_type"],
]);

rows("address", ipAddress, [
  ["10.1.2.3", "10.1.2.3"],
  ["::1", "::1"],
  ["fd00:0::1", "!address_not_canonical"],
  ["10.1.2", "!bad_address"],
  ["'[::1]'", "!bad_address"],
  ["fe80::1%eth0", "!bad_address"],
  ["10.0.0.0/8", "!bad_address"],
]);

rows("choice", choice("enforce", "learn"), [
  ["learn", "learn"],
  ["Learn", "!unknown_value"],
  ["''", "!unknown_value"],
  ["true", "!wrong_type"],
]);

test("a near miss is told what was meant, and a far one is not", () => {
  const shape = choice("refuse", "allow", "best_effort");
  const table: readonly (readonly [given: string, meant: string | undefined])[] = [
    ["alow", "allow"],
    ["REFUSE", "refuse"],
    ["refsue", "refuse"],
    ["best-effort", "best_effort"],
    ["maybe", undefined],
    ["a", undefined],
    ["x".repeat(2000), undefined],
  ];
  for (const [given, meant] of table) {
    assert.equal(/did you mean "(.*)"/.exec(sentence(shape, given) ?? "")?.[1], meant, given);
  }
});

test("what a document holds cannot steer the terminal that shows its problems", () => {
  const message = sentence(choice("a"), '"\\e[2J\\u202e\\n' + "x".repeat(500) + '"') ?? "";
  assert.match(message, /^[ -~…]*$/);
  assert.ok(message.length < 250);
});
