import { ruleSpec } from "./render.ts";
import type { Chain, RuleSet } from "./rule-set.ts";
import { isOwn, normalRule, type SavedChain, type SavedTable, targetOf } from "./saved-rules.ts";

export interface Difference {
  readonly family: RuleSet["family"];
  readonly code:
    | "unreadable"
    | "chain_missing"
    | "chain_foreign"
    | "rule_missing"
    | "rule_foreign"
    | "rules_reordered"
    | "jump_missing"
    | "jump_not_first"
    | "jump_foreign";
  /** Where: `filter/SLUICE-OUTPUT`. */
  readonly place: string;
  /** One sentence, with the rule's id or its text. */
  readonly message: string;
}

/** Everything in which the kernel's rules are not the plan's. An altered rule is one missing and one foreign. */
export function compare(ruleSet: RuleSet, saved: readonly SavedTable[]): readonly Difference[] {
  const found: Difference[] = [];
  const tables = new Set<string>([...ruleSet.tables.map((each) => each.table), ...saved.map((each) => each.table)]);
  for (const table of tables) {
    const planned = ruleSet.tables.find((each) => each.table === table)?.chains ?? [];
    const present = saved.find((each) => each.table === table)?.chains ?? [];
    for (const { code, chain, message } of [...ownChains(planned, present), ...jumps(planned, present)]) {
      found.push({ family: ruleSet.family, code, place: `${table}/${chain}`, message });
    }
  }
  return found;
}

interface Finding {
  readonly code: Difference["code"];
  readonly chain: string;
  readonly message: string;
}

function ownChains(planned: readonly Chain[], present: readonly SavedChain[]): readonly Finding[] {
  const findings: Finding[] = [];
  for (const chain of planned) {
    const actual = present.find((each) => each.name === chain.name);
    if (actual === undefined) {
      findings.push({ code: "chain_missing", chain: chain.name, message: "the chain is not there" });
    } else {
      findings.push(...rules(chain, actual));
    }
  }
  for (const { name } of present) {
    if (isOwn(name) && !planned.some((chain) => chain.name === name)) {
      findings.push({ code: "chain_foreign", chain: name, message: "the plan has no such chain" });
    }
  }
  return findings;
}

function rules(chain: Chain, actual: SavedChain): readonly Finding[] {
  const wanted = chain.rules.map((rule) => ({ id: rule.id, text: normalRule(ruleSpec(rule)) }));
  const rest = actual.rules.map((rule) => ({ saved: rule, text: normalRule(rule) }));
  const findings: Finding[] = [];
  const order: number[] = [];
  for (const rule of wanted) {
    const index = rest.findIndex((each) => each.text === rule.text);
    if (index === -1) {
      findings.push({ code: "rule_missing", chain: chain.name, message: `${rule.id} is not there: ${rule.text}` });
    } else {
      order.push(index);
      rest[index] = { saved: "", text: "" };
    }
  }
  for (const { saved } of rest) {
    if (saved !== "") findings.push({ code: "rule_foreign", chain: chain.name, message: `not ours: ${saved}` });
  }
  if (order.some((index, place) => place > 0 && index < (order[place - 1] ?? 0))) {
    findings.push({ code: "rules_reordered", chain: chain.name, message: "the rules are in another order" });
  }
  return findings;
}

function jumps(planned: readonly Chain[], present: readonly SavedChain[]): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { hook, name } of planned) {
    if (hook === undefined) continue;
    const own = normalRule(`-j ${name}`);
    const actual = present.find((each) => each.name === hook)?.rules ?? [];
    const first = actual.findIndex((rule) => normalRule(rule) === own);
    if (first === -1) {
      findings.push({ code: "jump_missing", chain: hook, message: `no jump to ${name}` });
      continue;
    }
    for (const rule of actual.slice(0, first)) {
      findings.push({ code: "jump_not_first", chain: hook, message: `before the jump to ${name}: ${rule}` });
    }
  }
  const seen = new Set<string>();
  for (const { name, rules: all } of present) {
    if (isOwn(name)) continue;
    for (const rule of all) {
      const target = targetOf(rule);
      if (target === undefined || !isOwn(target)) continue;
      const ours = planned.some((chain) => chain.name === target && chain.hook === name);
      if (!ours || normalRule(rule) !== `-j ${target}` || seen.has(`${name} ${target}`)) {
        findings.push({ code: "jump_foreign", chain: name, message: `a jump that is not ours: ${rule}` });
      }
      seen.add(`${name} ${target}`);
    }
  }
  return findings;
}
