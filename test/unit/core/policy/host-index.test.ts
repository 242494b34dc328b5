import assert from "node:assert/strict";
import { test } from "node:test";
import { indexHosts } from "../../../../router/core/policy/host-index.ts";
import { parseHostname } from "../../../../router/core/wire/hostname.ts";
import { hostPattern } from "./policy-fixture.ts";

const rules = [
  ["a.example"],
  ["*.example", "**.example"],
  ["**.b.example", "x.b.example"],
  ["x.b.example", "x.b.example"],
  ["*.b.example"],
  ["**.very.deep.name.example"],
  ["twice.test", "other.test", "twice.test"],
].map((hosts, order) => ({ order, hosts: hosts.map(hostPattern) }));

const table: readonly (readonly [name: string, orders: readonly number[]])[] = [
  ["a.example", [0, 1]],
  ["b.example", [1]],
  ["example", []],
  ["x.b.example", [1, 2, 3, 4]],
  ["y.b.example", [1, 2, 4]],
  ["y.z.b.example", [1, 2]],
  ["very.deep.name.example", [1]],
  ["x.very.deep.name.example", [1, 5]],
  ["x.y.very.deep.name.example", [1, 5]],
  ["twice.test", [6]],
  ["other", []],
  ["xexample", []],
  ["example.other", []],
  [`${"a.".repeat(100)}b.example`, [1, 2]],
];

for (const [name, orders] of table) {
  test(`host index: ${name.length > 40 ? "a name of 102 labels" : name} -> [${orders.join(" ")}]`, () => {
    const parsed = parseHostname(name);
    assert.ok(parsed.ok);
    const found = indexHosts(rules)(parsed.value);
    assert.deepEqual(
      found.map((rule) => rule.order),
      orders,
    );
    assert.ok(Object.isFrozen(found));
  });
}
