import assert from "node:assert/strict";
import { test } from "node:test";
import type { RuleSet } from "../../init-egress-guard/rule-set.ts";
import { requirement } from "../require.ts";
import { battery } from "./battery.ts";
import { guardPod, lines, RULE_SETS } from "./guarded.ts";
import { haveNetns } from "./system.ts";
import { World } from "./world.ts";

const netns = requirement("netns", haveNetns(), "needs root, ip netns, iptables, setpriv and /usr/bin/python3");
const UIDS = [1_000];

interface Mutant {
  readonly name: string;
  readonly of: (ruleSet: RuleSet) => RuleSet;
}

/** The plan less one rule, or less one jump, in whichever families have it. */
function mutants(): readonly Mutant[] {
  const names = new Map<string, Mutant>();
  for (const { tables } of RULE_SETS) {
    for (const { table, chains } of tables) {
      for (const chain of chains) {
        for (const { id } of chain.rules) names.set(id, { name: id, of: (ruleSet) => withoutRule(ruleSet, id) });
        if (chain.hook === undefined) continue;
        const name = `the jump from ${table}/${chain.hook}`;
        names.set(name, { name, of: (ruleSet) => withoutJump(ruleSet, table, chain.hook) });
      }
    }
  }
  return [...names.values()];
}

function withoutRule(ruleSet: RuleSet, id: string): RuleSet {
  return {
    ...ruleSet,
    tables: ruleSet.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({ ...chain, rules: chain.rules.filter((rule) => rule.id !== id) })),
    })),
  };
}

function withoutJump(ruleSet: RuleSet, name: string, hook: string | undefined): RuleSet {
  return {
    ...ruleSet,
    tables: ruleSet.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) =>
        table.table === name && chain.hook === hook ? { ...chain, hook: undefined } : chain,
      ),
    })),
  };
}

test("INV-GUARD-4: there is no rule whose removal nothing notices, in either family", netns, async (context) => {
  await using world = await World.open(UIDS);
  await guardPod(world.lab, "nft");
  assert.deepEqual(lines(await world.play(battery(UIDS))), [], "the whole plan");
  for (const mutant of mutants()) {
    const mutated = RULE_SETS.map((ruleSet) => ({ before: ruleSet, after: mutant.of(ruleSet) }));
    const touched = mutated.filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
    await context.test(mutant.name, async () => {
      await guardPod(
        world.lab,
        "nft",
        mutated.map(({ after }) => after),
      );
      const failed = new Set((await world.play(battery(UIDS))).map((failure) => failure.case.family));
      assert.deepEqual([...failed].toSorted(), touched.map(({ before }) => before.family).toSorted());
    });
  }
  await guardPod(world.lab, "nft");
  assert.deepEqual(lines(await world.play(battery(UIDS))), [], "the whole plan again");
});
