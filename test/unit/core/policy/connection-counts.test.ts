import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../../../router/core/base/quantity.ts";
import { ConnectionCounts, type ConnectionLimits } from "../../../../router/core/policy/connection-counts.ts";
import { NO_LIMITS } from "../../../../router/core/policy/limits.ts";
import type { Host } from "../../../../router/core/wire/host.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";

const at = (seconds: number): ReturnType<typeof millis> => millis(seconds * 1_000);

function host(text: string): Host {
  const parsed = parseHost(text);
  assert.ok(parsed.ok);
  return parsed.value;
}
const A = host("a.example");
const B = host("b.example");

const limits = (more: Partial<ConnectionLimits>): ConnectionLimits => ({ ...NO_LIMITS, ...more });

test("INV-CONNECTION-LIMIT: never more than the limit at once, per rule and per host of a rule", () => {
  const counts = new ConnectionCounts();
  const both = limits({ connections: 3, hostConnections: 2 });
  const first = counts.take("r", A, both, at(0));
  assert.ok(first.ok);
  assert.ok(counts.take("r", A, both, at(0)).ok);
  assert.deepEqual(counts.take("r", A, both, at(0)), { ok: false, problem: "connection_limit" }, "the host is full");
  assert.ok(counts.take("r", B, both, at(0)).ok);
  assert.equal(counts.obstacle("r", B, both, at(0)), "connection_limit", "the rule is full");
  assert.ok(counts.take("other", A, both, at(0)).ok, "rules do not share");
  first.value.release();
  first.value.release();
  assert.equal(counts.open("r"), 2, "a place comes back once");
  assert.ok(counts.take("r", A, both, at(0)).ok);
  assert.equal(counts.obstacle("r", A, both, at(0)), "connection_limit");
});

test("who is refused takes nothing, whichever limit it was", () => {
  const rows: readonly (readonly [Partial<ConnectionLimits>, string])[] = [
    [{ connections: 1 }, "connection_limit"],
    [{ hostConnections: 1 }, "connection_limit"],
    [{ connectionsPerMinute: 1 }, "rate_limited"],
    [{ hostConnectionsPerMinute: 1 }, "rate_limited"],
  ];
  for (const [one, reason] of rows) {
    const counts = new ConnectionCounts();
    const tight = limits(one);
    assert.ok(counts.take("r", A, tight, at(0)).ok);
    const all = { connections: 2, hostConnections: 2, connectionsPerMinute: 2, hostConnectionsPerMinute: 2 };
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const refused = counts.take("r", A, { ...limits(all), ...one }, at(1));
      assert.ok(!refused.ok && refused.problem === reason);
    }
    assert.equal(counts.open("r"), 1);
    // All that the others would have counted is still there.
    const wide = { ...limits(all), ...Object.fromEntries(Object.keys(one).map((key) => [key, 2])) };
    assert.ok(counts.take("r", A, wide, at(1)).ok, JSON.stringify(one));
  }
});

test("a minute per host is rolling, and apart from that of the rule", () => {
  const counts = new ConnectionCounts();
  const rate = limits({ connectionsPerMinute: 5, hostConnectionsPerMinute: 2 });
  const opened = (where: Host, second: number): boolean => {
    const taken = counts.take("r", where, rate, at(second));
    if (taken.ok) taken.value.release();
    return taken.ok;
  };
  assert.deepEqual(
    [opened(A, 0), opened(A, 30), opened(A, 59), opened(B, 59), opened(A, 60)],
    [true, true, false, true, false],
  );
  assert.ok(opened(A, 61));
  assert.equal(opened(A, 62), false, "two within the last minute");
  assert.ok(opened(B, 62));
  assert.ok(opened(host("c.example"), 62));
  assert.equal(opened(host("d.example"), 63), false, "the rule's own minute is full");
});

test("INV-CONNECTION-LIMIT: a limit that a reload brings finds what is open; rules that are gone are forgotten when empty", () => {
  const counts = new ConnectionCounts();
  const held = [counts.take("r", A, NO_LIMITS, at(0)), counts.take("r", A, NO_LIMITS, at(0))];
  assert.equal(counts.obstacle("r", A, limits({ connections: 2 }), at(0)), "connection_limit");
  counts.take("r", A, limits({ connectionsPerMinute: 9, hostConnectionsPerMinute: 9 }), at(0));
  counts.retain(new Set(["other"]));
  assert.equal(counts.open("r"), 3, "what is open counts on");
  assert.deepEqual(counts.size, { rules: 1, open: 1, hosts: 0 });
  for (const place of held) assert.ok(place.ok && (place.value.release(), true));
  assert.equal(counts.open("r"), 1);
  counts.retain(new Set(["r"]));
  assert.equal(counts.obstacle("r", A, limits({ connections: 1 }), at(0)), "connection_limit");
});

test("a request within a tunnel does not count beside it, except where it is another rule's or host's", () => {
  const counts = new ConnectionCounts();
  const one = limits({ connections: 1, hostConnections: 1, connectionsPerMinute: 3 });
  const tunnel = counts.take("r", A, one, at(0));
  assert.ok(tunnel.ok);
  const inner = counts.take("r", A, one, at(0), tunnel.value);
  assert.ok(inner.ok);
  inner.value.release();
  assert.equal(counts.open("r"), 1, "the tunnel keeps its own place");
  assert.ok(counts.take("r", A, one, at(0), tunnel.value).ok);
  assert.deepEqual(counts.take("r", A, one, at(0), tunnel.value), { ok: false, problem: "rate_limited" });
  assert.deepEqual(counts.take("r", B, one, at(0), tunnel.value), { ok: false, problem: "connection_limit" });
  assert.ok(counts.take("s", A, one, at(0), tunnel.value).ok);
});

test("INV-CONNECTION-MEMORY: a million hosts under a wildcard are refused before they cost memory, and forgotten after", () => {
  const counts = new ConnectionCounts();
  const rate = limits({ hostConnectionsPerMinute: 2 });
  let admitted = 0;
  const began = process.cpuUsage();
  for (let index = 0; index < 1_000_000; index += 1) {
    const name: Host = { kind: "name", text: `h${index}.example` as never };
    const taken = counts.take("r", name, rate, at(index / 100_000));
    if (!taken.ok) continue;
    admitted += 1;
    taken.value.release();
  }
  const { user } = process.cpuUsage(began);
  assert.ok(user < 5_000_000, `${user} us`);
  assert.equal(admitted, 16_384, "those of one minute");
  assert.equal(counts.size.hosts, 16_384);
  assert.equal(counts.size.rules, 0);
  assert.equal(counts.obstacle("r", host("h1.example"), rate, at(10)), undefined, "one that is known goes on");
  assert.equal(counts.obstacle("r", host("new.example"), rate, at(10)), "rate_limited");
  // A minute later there is room for all of them again, and each new one forgets two old ones.
  for (let index = 0; index < 10_000; index += 1) {
    assert.ok(counts.take("r", { kind: "name", text: `n${index}.example` as never }, rate, at(80)).ok);
  }
  assert.ok(counts.size.hosts <= 16_384 - 6_000, `${counts.size.hosts}`);
});

test("INV-CONNECTION-MEMORY: while one connection stays open, hosts that come and go leave nothing", () => {
  const counts = new ConnectionCounts();
  assert.ok(counts.take("r", A, NO_LIMITS, at(0)).ok);
  for (let index = 0; index < 1_000; index += 1) {
    const taken = counts.take("r", { kind: "name", text: `h${index}.example` as never }, NO_LIMITS, at(0));
    assert.ok(taken.ok);
    taken.value.release();
  }
  assert.deepEqual(counts.size, { rules: 1, open: 1, hosts: 0 });
});

test("a busy host does not keep those that are quiet from being forgotten", () => {
  const counts = new ConnectionCounts(3);
  const rate = limits({ hostConnectionsPerMinute: 9 });
  const opened = (name: string, second: number): boolean => counts.take("r", host(name), rate, at(second)).ok;
  assert.ok(opened("busy.example", 0) && opened("a.example", 1) && opened("b.example", 2));
  assert.ok(opened("busy.example", 50));
  assert.equal(opened("c.example", 51), false, "three at a time");
  assert.ok(opened("c.example", 70) && opened("d.example", 70), "two of them have been quiet for a minute");
  assert.equal(opened("e.example", 71), false);
});
