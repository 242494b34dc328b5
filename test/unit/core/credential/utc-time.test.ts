import assert from "node:assert/strict";
import { test } from "node:test";
import { epochMillis } from "../../../../router/core/base/quantity.ts";
import { basicTime, parseUtcTime } from "../../../../router/core/credential/utc-time.ts";

test("instants are written and read as the platform does, leap days and all", () => {
  const days = [
    "1970-01-01",
    "1999-12-31",
    "2000-02-29",
    "2024-02-29",
    "2026-03-01",
    "2100-02-28",
    "2100-03-01",
    "9999-12-31",
  ];
  for (const day of days) {
    for (const time of ["00:00:00", "08:09:10", "23:59:59"]) {
      const text = `${day}T${time}Z`;
      const instant = Date.parse(text);
      assert.equal(basicTime(epochMillis(instant + 999)), text.replace(/[:-]/g, ""), text);
      assert.equal(parseUtcTime(text), instant, text);
    }
  }
  for (let day = 0; day < 50_000; day += 1) {
    const iso = new Date(day * 86_400_000).toISOString();
    assert.equal(basicTime(epochMillis(day * 86_400_000)), `${iso.slice(0, 10).replaceAll("-", "")}T000000Z`);
    assert.equal(parseUtcTime(iso), day * 86_400_000);
  }
  assert.equal(parseUtcTime("2026-01-01T00:00:00.1239Z"), Date.parse("2026-01-01T00:00:00.123Z"));
  assert.equal(parseUtcTime("2026-01-01T00:00:00.5Z"), Date.parse("2026-01-01T00:00:00.500Z"));
});

test("what is no instant in UTC is none", () => {
  const rows = [
    "",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+00:00",
    "2026-01-01 00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-32T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:61Z",
    "1969-12-31T23:59:59Z",
    "12026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00.1234567890Z",
    "2026-01-01T00:00:00Z\n",
  ];
  for (const text of rows) assert.equal(parseUtcTime(text), undefined, text);
});
