import assert from "node:assert/strict";
import { test } from "node:test";
import { plan } from "../../../init-egress-guard/plan.ts";
import type { Rule, RuleSet } from "../../../init-egress-guard/rule-set.ts";
import { type GuardSettings, PORTS } from "../../../init-egress-guard/settings.ts";

const SETTINGS: GuardSettings = { routerUid: 20_480, lastUid: 65_535, redirect: true };
const FAMILIES = ["ipv4", "ipv6"] as const;

function chain(ruleSet: RuleSet, table: string, name: string): readonly Rule[] {
  const found = ruleSet.tables.find((each) => each.table === table)?.chains.find((each) => each.name === name);
  assert.notEqual(found, undefined, `${table}/${name}`);
  return found?.rules ?? [];
}

for (const family of FAMILIES) {
  const ruleSet = plan(SETTINGS, family);

  test(`${family}: the filter table comes first, and every chain there that is entered ends in a verdict on all`, () => {
    assert.deepEqual(
      ruleSet.tables.map(({ table }) => table),
      ["filter", "mangle", "raw", "nat"],
    );
    for (const [name, last] of [
      ["SLUICE-OUTPUT", "SLUICE-REFUSE"],
      ["SLUICE-FORWARD", "DROP"],
    ] as const) {
      const rule = chain(ruleSet, "filter", name).at(-1);
      assert.deepEqual([rule?.match, rule?.verdict], ["", last]);
    }
    assert.equal(chain(ruleSet, "filter", "SLUICE-REFUSE").at(-1)?.match, "");
  });

  test(`${family}: ids are unique, and every rule says why it is there`, () => {
    const rules = ruleSet.tables.flatMap(({ chains }) => chains.flatMap((each) => each.rules));
    assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length);
    for (const { id, reason } of rules) assert.match(reason, /^[A-Z].*\.$/, id);
  });

  test(`${family}: only these accept, in this order`, () => {
    const accepts = chain(ruleSet, "filter", "SLUICE-OUTPUT").filter(({ verdict }) => verdict === "ACCEPT");
    const neighbours = family === "ipv6" ? ["neighbour-solicitation", "neighbour-advertisement"] : [];
    assert.deepEqual(
      accepts.map(({ id }) => id),
      ["loopback", "redirected", "reply", "orphan", ...neighbours, "router-dns-udp", "router-dns-tcp", "router"],
    );
  });

  test(`${family}: every listener's port is guarded against squatting`, () => {
    const squat = chain(ruleSet, "filter", "SLUICE-OUTPUT").find(({ id }) => id === "squat-tcp");
    for (const port of Object.values(PORTS)) assert.match(squat?.match ?? "", new RegExp(`--sports \\S*\\b${port}\\b`));
  });

  test(`${family}: without redirection, only the filter table remains, and nothing is accepted for its mark`, () => {
    const plain = plan({ ...SETTINGS, redirect: false }, family);
    assert.deepEqual(
      plain.tables.map(({ table }) => table),
      ["filter"],
    );
    assert.equal(JSON.stringify(plain).includes("--ctstate DNAT"), false);
  });
}

function names(family: "ipv4" | "ipv6"): readonly string[] {
  return plan(SETTINGS, family).tables.flatMap(({ table, chains }) =>
    chains.flatMap(({ name, rules }) => rules.map(({ id }) => `${table}/${name} ${id}`)),
  );
}

function only(one: "ipv4" | "ipv6", other: "ipv4" | "ipv6"): readonly string[] {
  return names(one).filter((name) => !names(other).includes(name));
}

test("both families have the same rules, save what only one of them has", () => {
  assert.deepEqual(only("ipv4", "ipv6"), [
    "filter/SLUICE-OUTPUT metadata-azure",
    "filter/SLUICE-OUTPUT metadata-alibaba",
    "filter/SLUICE-OUTPUT metadata-oracle",
  ]);
  assert.deepEqual(only("ipv6", "ipv4"), [
    "filter/SLUICE-OUTPUT neighbour-solicitation",
    "filter/SLUICE-OUTPUT neighbour-advertisement",
    "filter/SLUICE-OUTPUT metadata-aws",
    "filter/SLUICE-OUTPUT metadata-gcp",
    "nat/SLUICE-OUTPUT nat-link-local",
    "nat/SLUICE-OUTPUT nat-multicast",
  ]);
});
