import { assertNever } from "../base/assert-never.ts";
import type { HostPattern } from "../policy/egress-policy.ts";
import { indexHosts } from "../policy/host-index.ts";
import type { ActionKind } from "./action-kind.ts";
import { textFact } from "./action-facts.ts";
import type { CompiledRule } from "./compiled-rule.ts";
import type { TextFact, TextTest } from "./governance-policy.ts";
import type { JudgedAction } from "./judged-action.ts";
import { indexRanges } from "./range-index.ts";
import { addTo, indexTexts, isIndexable, literalsOf } from "./text-index.ts";

/**
 * Lists that together hold every rule of a kind which might match an action, or might once its arguments are there; a
 * rule may stand in several. What stands in none has a condition that says no.
 */
export type RuleIndex = (judged: JudgedAction) => readonly (readonly CompiledRule[])[];

/** A rule with more pairs of server and tool than this is found by its tools alone. */
const MAXIMUM_PAIRS = 256;

/** `rules` are all those of the kind, in document order. By the fact that tells most; without it, all of them. */
export function indexRules(kind: ActionKind, rules: readonly CompiledRule[]): RuleIndex {
  switch (kind) {
    case "inference":
      return byText("model", rules);
    case "egress":
      return byHost(rules);
    case "exec":
      return byText("program", rules);
    case "spawn":
      return byText("agent", rules);
    case "tool":
      return byTool(rules);
    case "mesh.send":
      return byText("peer", rules);
    case "admin":
      return byText("operation", rules);
    default:
      return assertNever(kind);
  }
}

function byText(fact: TextFact, rules: readonly CompiledRule[]): RuleIndex {
  const read = textFact(fact);
  const indexed: (readonly [TextTest, CompiledRule])[] = [];
  const rest: CompiledRule[] = [];
  for (const rule of rules) {
    const test = testOf(rule, fact);
    if (test === undefined) rest.push(rule);
    else indexed.push([test, rule]);
  }
  const index = indexTexts(indexed);
  return ({ action }) => {
    const text = read(action);
    if (text === undefined) return [rules];
    const found: (readonly CompiledRule[])[] = rest.length === 0 ? [] : [rest];
    index(text, found);
    return found;
  };
}

/** By server and tool together where a rule lists both, else by either. */
function byTool(rules: readonly CompiledRule[]): RuleIndex {
  const readServer = textFact("server");
  const readTool = textFact("tool");
  const pairs = new Map<string, CompiledRule[]>();
  const tools: (readonly [TextTest, CompiledRule])[] = [];
  const servers: (readonly [TextTest, CompiledRule])[] = [];
  const rest: CompiledRule[] = [];
  for (const rule of rules) {
    const server = testOf(rule, "server");
    const tool = testOf(rule, "tool");
    const listed = server === undefined || tool === undefined ? undefined : pairsOf(server, tool);
    if (listed !== undefined) for (const pair of listed) addTo(pairs, pair, rule);
    else if (tool !== undefined) tools.push([tool, rule]);
    else if (server !== undefined) servers.push([server, rule]);
    else rest.push(rule);
  }
  const toolIndex = indexTexts(tools);
  const serverIndex = indexTexts(servers);
  return ({ action }) => {
    const server = readServer(action);
    const tool = readTool(action);
    if (server === undefined || tool === undefined) return [rules];
    const found: (readonly CompiledRule[])[] = rest.length === 0 ? [] : [rest];
    const listed = pairs.get(pairKey(server, tool));
    if (listed !== undefined) found.push(listed);
    toolIndex(tool, found);
    serverIndex(server, found);
    return found;
  };
}

function pairsOf(server: TextTest, tool: TextTest): readonly string[] | undefined {
  const servers = literalsOf(server);
  const tools = literalsOf(tool);
  if (servers === undefined || tools === undefined || servers.length * tools.length > MAXIMUM_PAIRS) return undefined;
  return servers.flatMap((one) => tools.map((other) => pairKey(one, other)));
}

/** Two pairs of the same key cost an evaluation too many, and nothing else: rules are still asked. */
function pairKey(server: string, tool: string): string {
  return `${server}\n${tool}`;
}

function byHost(rules: readonly CompiledRule[]): RuleIndex {
  const named: { readonly order: number; readonly hosts: readonly HostPattern[]; readonly rule: CompiledRule }[] = [];
  const ranged: (readonly [ranges: readonly string[], rule: CompiledRule])[] = [];
  const rest: CompiledRule[] = [];
  for (const rule of rules) {
    const condition = rule.when.find(({ kind }) => kind === "host");
    if (condition?.kind !== "host") {
      rest.push(rule);
      continue;
    }
    if (condition.patterns.length > 0) named.push({ order: rule.order, hosts: condition.patterns, rule });
    if (condition.ranges.length > 0) ranged.push([condition.ranges, rule]);
  }
  const names = indexHosts(named);
  const ranges = indexRanges(ranged);
  return (judged) => {
    const { action } = judged;
    if (action.kind !== "egress" || action.host === undefined) return [rules];
    const found: (readonly CompiledRule[])[] = rest.length === 0 ? [] : [rest];
    if (action.host.kind === "name") found.push(names(action.host.text).map(({ rule }) => rule));
    else for (const octets of judged.addresses()) ranges(octets, found);
    return found;
  };
}

/** A condition that must say yes, by whose texts the rule can be found. */
function testOf(rule: CompiledRule, fact: TextFact): TextTest | undefined {
  for (const condition of rule.when) {
    if (condition.kind === "text" && condition.fact === fact && isIndexable(condition.test)) return condition.test;
  }
  return undefined;
}
