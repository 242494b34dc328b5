import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditEvent } from "../../../../router/core/audit/audit-event.ts";
import { parseRecord } from "../../../../router/core/audit/parse-record.ts";
import { MAXIMUM_LINE_BYTES, recordRenderer } from "../../../../router/core/audit/record.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";

const STREAM = "0123456789abcdef0123456789abcdef";
const ACTOR = { namespace: "research", pod: "agent-7f9c", agent: "researcher" };
const AT = { seq: 7, prev: "ab".repeat(32), time: "2026-11-20T00:00:00.000Z", uptime: millis(12.4) };
const EVENT: AuditEvent = {
  time: epochMillis(0),
  kind: "egress.decision",
  action: "connect",
  target: "api.github.com:443",
  decision: "allow",
  reason: null,
  rule: "github",
  policy: { name: "research-agent", version: 7, digest: `sha256:${"0".repeat(64)}` },
  request: "r-1",
  detail: { via: "tunnel", addresses: ["140.82.121.6"], ms: 3 },
};

test("a record holds every member of the contract, in canonical order", () => {
  assert.equal(
    recordRenderer(ACTOR, STREAM)(EVENT, AT),
    '{"action":"connect","actor":{"agent":"researcher","namespace":"research","pod":"agent-7f9c"},"decision":"allow",' +
      '"detail":{"addresses":["140.82.121.6"],"ms":3,"via":"tunnel"},"kind":"egress.decision",' +
      `"policy":{"digest":"sha256:${"0".repeat(64)}","name":"research-agent","version":7},"prev":"${"ab".repeat(32)}",` +
      `"reason":null,"request":"r-1","rule":"github","seq":7,"stream":"${STREAM}","target":"api.github.com:443",` +
      '"time":"2026-11-20T00:00:00.000Z","uptime":12,"v":1}',
  );
});

const many = "x".repeat(1_000_000);
const hostile: readonly [name: string, change: Partial<AuditEvent>, holds: RegExp][] = [
  ["a quote and a line end", { target: 'a"\n{"v":1}' }, /"target":"a\\"\\n\{\\"v\\":1\}"/],
  ["a lone surrogate in the target", { target: "a\ud800b" }, /"target":"a\\\\ud800b"/],
  ["a million units of target", { target: many }, /"target":"x{1023}…"/],
  ["a million units of action", { action: many }, /"action":"x{1023}…"/],
  ["a million units of rule", { rule: many }, /"rule":"x{1023}…"/],
  ["a million units of request", { request: many }, /"request":"x{1023}…"/],
  ["a million units of policy name", { policy: { name: many, version: 1, digest: "" } }, /"name":"x{1023}…"/],
  ["a million controls", { target: "\u0001".repeat(1_000_000) }, /"target":"(?:\\\\u0001)+…"/],
  ["a thousand controls", { target: "\u0001".repeat(1_000) }, /"target":"(?:\\u0001){1000}"/],
  ["a detail of a million units", { detail: { a: many } }, /"detail":\{"oversize":1000008\}/],
  ["a lone surrogate in the detail", { detail: { a: "\udfff" } }, /"detail":\{"a":"\ufffd"\}/],
  ["no number in the detail", { detail: { a: Number.NaN } }, /"detail":\{"a":null\}/],
  [
    "three octets a unit",
    { target: "\u20ac".repeat(2_000), detail: { a: "\u20ac".repeat(8_000) } },
    /"target":"€{1023}…"/,
  ],
];

for (const [name, change, holds] of hostile) {
  test(`INV-AUDIT-RENDER: an event with ${name} is one bounded, canonical record`, () => {
    const line = recordRenderer(ACTOR, STREAM)({ ...EVENT, ...change }, AT);
    assert.match(line, holds);
    assert.equal(line.includes("\n"), false);
    assert.equal(parseRecord(line).ok, true);
    assert.ok(Buffer.byteLength(line) < MAXIMUM_LINE_BYTES);
  });
}

test("trap 1.5: no two records are hashed as one text, wherever a mark that might divide their fields stands", () => {
  const render = recordRenderer(ACTOR, STREAM);
  for (const mark of ["|", '"', '","target":"', "\\", "\n", "\0", ","]) {
    const lines = [
      { action: `a${mark}b`, target: "c" },
      { action: "a", target: `b${mark}c` },
      { action: `a${mark}`, target: "bc" },
      { action: `a${mark}b${mark}c`, target: "" },
    ].map((change) => render({ ...EVENT, ...change }, AT));
    assert.equal(new Set(lines).size, lines.length, mark);
    for (const line of lines) assert.equal(parseRecord(line).ok, true, mark);
  }
});

test("the longest record that can be made fits", () => {
  const worst = "\u0001".repeat(1_024);
  const line = recordRenderer({ namespace: worst, pod: worst, agent: worst }, STREAM)(
    {
      ...EVENT,
      action: worst,
      target: worst,
      rule: worst,
      request: worst,
      policy: { name: worst, version: Number.MAX_SAFE_INTEGER, digest: worst },
      detail: { a: "\u20ac".repeat(8_184) },
    },
    AT,
  );
  assert.equal(line.includes("oversize"), false);
  assert.ok(Buffer.byteLength(line) < MAXIMUM_LINE_BYTES, String(Buffer.byteLength(line)));
});

test("the policy of each event is its own", () => {
  const render = recordRenderer(ACTOR, STREAM);
  const policies = [EVENT.policy, null, { name: "b", version: 1, digest: "d" }, EVENT.policy, EVENT.policy];
  for (const policy of policies) {
    const line = render({ ...EVENT, policy }, AT);
    assert.deepEqual((JSON.parse(line) as AuditEvent).policy, policy);
  }
});

const good = recordRenderer(ACTOR, STREAM)(EVENT, AT);
const swap = (from: string, to: string): string => good.replace(from, to);
const lines: readonly [name: string, line: string, problem: string | undefined][] = [
  ["a record", good, undefined],
  ["a kind of a later version", swap('"egress.decision"', '"inference.usage"'), undefined],
  ["nothing", "", "malformed"],
  ["no JSON", good.slice(0, -1), "malformed"],
  ["a list", "[]", "malformed"],
  ["null", "null", "malformed"],
  ["a byte order mark", `\ufeff${good}`, "malformed"],
  ["another version", swap('"v":1', '"v":2'), "malformed"],
  ["a member missing", swap('"uptime":12,', ""), "malformed"],
  ["a member more", swap('"v":1', '"v":1,"w":1'), "malformed"],
  ["a member with another name", swap('"uptime"', '"uptimf"'), "malformed"],
  ["a negative seq", swap('"seq":7', '"seq":-7'), "malformed"],
  ["an upper-case prev", swap("ab".repeat(32), "AB".repeat(32)), "malformed"],
  ["a time with an offset", swap("00.000Z", "00.000+00:00"), "malformed"],
  ["a decision that is none", swap('"allow"', '"allox"'), "malformed"],
  ["an actor member more", swap('{"agent"', '{"a":1,"agent"'), "malformed"],
  ["an actor of text", swap(/\{"agent[^}]*\}/.exec(good)?.[0] ?? "", '"x"'), "malformed"],
  ["a detail that is a list", swap(/"detail":\{[^}]*\}/.exec(good)?.[0] ?? "", '"detail":[]'), "malformed"],
  ["a policy that is a list", swap(/"policy":\{[^}]*\}/.exec(good)?.[0] ?? "", '"policy":[]'), "malformed"],
  ["40,000 levels of detail", swap('"ms":3', `"ms":${"[".repeat(40_000)}${"]".repeat(40_000)}`), "not_canonical"],
  ["a space at the end", `${good} `, "not_canonical"],
  ["members in another order", swap('"seq":7,', "").replace('"v":1', '"v":1,"seq":7'), "not_canonical"],
  ["a member twice", swap('"v":1', '"v":1,"v":1'), "not_canonical"],
  ["a number written otherwise", swap('"seq":7', '"seq":7.0'), "not_canonical"],
  ["a lone surrogate", swap('"connect"', String.raw`"\ud800"`), "not_canonical"],
];

for (const [name, line, problem] of lines) {
  test(`parseRecord: ${name}`, () => {
    const parsed = parseRecord(line);
    assert.equal(parsed.ok ? undefined : parsed.problem, problem);
  });
}
