import { type Chain, OWN, type RuleSet } from "./rule-set.ts";
import { isOwn, type SavedTable, targetOf } from "./saved-rules.ts";

/**
 * Text for `iptables-restore --noflush` (`ip6tables-restore`): one transaction for each table. `saved` is what the
 * kernel holds now. Own chains are flushed by declaring them; jumps into them are deleted, however many there are,
 * and made once, first; own chains that the plan no longer has go. Other people's rules are not touched.
 */
export function renderInstall(ruleSet: RuleSet, saved: readonly SavedTable[]): string {
  const planned = new Set<string>(ruleSet.tables.map((table) => table.table));
  const sections = ruleSet.tables.map(({ table, chains }) => {
    const present = saved.find((each) => each.table === table);
    const stale = ownChains(present).filter((name) => !chains.some((chain) => chain.name === name));
    return section(table, [
      ...[...chains.map((chain) => chain.name), ...stale].map((name) => `:${name} - [0:0]`),
      ...chains.flatMap((chain) => chain.rules.map((rule) => ruleLine(chain, rule))),
      ...jumpsIn(present).map(deleteLine),
      ...chains.flatMap(({ hook, name }) => (hook === undefined ? [] : [`-I ${hook} 1 -j ${name}`])),
      ...stale.map((name) => `-X ${name}`),
    ]);
  });
  return sections.join("") + renderRemove(saved.filter((each) => !planned.has(each.table)));
}

/** Takes out our jumps and chains, and nothing else; empty where there are none. */
export function renderRemove(saved: readonly SavedTable[]): string {
  const sections = saved.map((present) => {
    const own = ownChains(present);
    if (own.length === 0) return "";
    return section(present.table, [
      ...own.map((name) => `:${name} - [0:0]`),
      ...jumpsIn(present).map(deleteLine),
      ...own.map((name) => `-X ${name}`),
    ]);
  });
  return sections.join("");
}

/**
 * The last resort, where the filter table could not be installed: nothing leaves, the router included. It needs no
 * match and no target that a kernel could lack. The next successful install takes it out.
 */
export function renderClosed(): string {
  const chain = `${OWN}CLOSED`;
  return section("filter", [
    `:${chain} - [0:0]`,
    `-A ${chain} -o lo -j ACCEPT`,
    `-A ${chain} -j DROP`,
    `-I OUTPUT 1 -j ${chain}`,
    `-I FORWARD 1 -j ${chain}`,
  ]);
}

/**
 * The text that `install` feeds to the tool where nothing of ours is there yet, with each rule's id and reason
 * before it. They are lines of the text and no matches: a comment match is one more thing a kernel may lack.
 */
export function renderPrint(ruleSet: RuleSet, restoreCommand: string): string {
  const lines = [`# ${ruleSet.family}: ${restoreCommand} --noflush`];
  for (const { table, chains } of ruleSet.tables) {
    lines.push(`*${table}`, ...chains.map((chain) => `:${chain.name} - [0:0]`));
    for (const chain of chains) {
      for (const rule of chain.rules) lines.push(`# ${rule.id}: ${rule.reason}`, ruleLine(chain, rule));
    }
    for (const { hook, name } of chains) {
      if (hook !== undefined) lines.push(`# jump: before anything else in ${hook}`, `-I ${hook} 1 -j ${name}`);
    }
    lines.push("COMMIT");
  }
  return `${lines.join("\n")}\n`;
}

/** A rule as `iptables-save` would print it after `-A CHAIN`. */
export function ruleSpec(rule: Chain["rules"][number]): string {
  return `${rule.match === "" ? "" : `${rule.match} `}-j ${rule.verdict}`;
}

function ruleLine(chain: Chain, rule: Chain["rules"][number]): string {
  return `-A ${chain.name} ${ruleSpec(rule)}`;
}

function section(table: string, lines: readonly string[]): string {
  return `${[`*${table}`, ...lines, "COMMIT"].join("\n")}\n`;
}

function ownChains(table: SavedTable | undefined): readonly string[] {
  return (table?.chains ?? []).map((chain) => chain.name).filter(isOwn);
}

interface Jump {
  readonly chain: string;
  readonly rule: string;
}

function jumpsIn(table: SavedTable | undefined): readonly Jump[] {
  return (table?.chains ?? [])
    .filter((chain) => !isOwn(chain.name))
    .flatMap((chain) =>
      chain.rules.filter((rule) => isOwn(targetOf(rule))).map((rule) => ({ chain: chain.name, rule })),
    );
}

function deleteLine(jump: Jump): string {
  return `-D ${jump.chain} ${jump.rule}`;
}
