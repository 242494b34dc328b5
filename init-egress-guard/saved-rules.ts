import { OWN } from "./rule-set.ts";

export interface SavedChain {
  readonly name: string;
  /** A built-in chain has one (`ACCEPT`, `DROP`); an own chain has none. */
  readonly policy: string | undefined;
  /** What follows `-A CHAIN`, as saved. */
  readonly rules: readonly string[];
}

export interface SavedTable {
  readonly table: string;
  readonly chains: readonly SavedChain[];
}

/**
 * What `iptables-save` prints, both backends. Lines it does not know (comments, warnings about tables that only
 * `nft` can show) are passed over: what is missing then, the comparison names.
 */
export function parseSaved(text: string): readonly SavedTable[] {
  const tables: { table: string; chains: { name: string; policy: string | undefined; rules: string[] }[] }[] = [];
  for (const line of text.split("\n")) {
    const table = tables.at(-1);
    if (line.startsWith("*")) {
      tables.push({ table: line.slice(1).trim(), chains: [] });
    } else if (line.startsWith(":") && table !== undefined) {
      const [name = "", policy = "-"] = line.slice(1).split(" ");
      table.chains.push({ name, policy: policy === "-" ? undefined : policy, rules: [] });
    } else if (line.startsWith("-A ") && table !== undefined) {
      const end = line.indexOf(" ", 3);
      const name = end === -1 ? line.slice(3) : line.slice(3, end);
      table.chains.find((chain) => chain.name === name)?.rules.push(end === -1 ? "" : line.slice(end + 1));
    }
  }
  return tables;
}

/** The words of a rule. A comment in double quotes is one word, whatever it says. */
function words(rule: string): readonly string[] {
  return rule.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
}

/** The chain that a rule jumps or goes to, or its target. */
export function targetOf(rule: string): string | undefined {
  const all = words(rule);
  const jump = all.findIndex((word) => word === "-j" || word === "-g");
  return jump === -1 ? undefined : all[jump + 1];
}

export function isOwn(name: string | undefined): boolean {
  return name?.startsWith(OWN) ?? false;
}

/** Which name a protocol has depends on the version (1.8.11 no longer asks /etc/protocols). */
const PROTOCOL_NAMES: ReadonlyMap<string, string> = new Map([
  ["6", "tcp"],
  ["17", "udp"],
  ["58", "ipv6-icmp"],
  ["icmpv6", "ipv6-icmp"],
]);

/**
 * One form for one meaning: the conditions of a rule must all hold, so versions of iptables may print them in another
 * order. Each is an option with its `!` and its values; what belongs to the target stays in order, at the end.
 */
export function normalRule(rule: string): string {
  const parts: string[] = [];
  let negated = false;
  for (const word of words(rule)) {
    if (word === "!") {
      negated = true;
    } else if (/^-{1,2}[a-zA-Z]/.test(word) || negated) {
      parts.push(negated ? `! ${word}` : word);
      negated = false;
    } else {
      const option = parts.pop() ?? "";
      const value = /^(?:! )?-p$/.test(option) ? (PROTOCOL_NAMES.get(word) ?? word) : word;
      parts.push(`${option} ${value}`.trim());
    }
  }
  const target = parts.findIndex((part) => /^-[jg] /.test(part));
  const conditions = target === -1 ? parts : parts.slice(0, target);
  return [...conditions.toSorted(), ...parts.slice(conditions.length)].join(" ");
}
