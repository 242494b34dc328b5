import type { Port } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import { formatAuthority } from "../wire/authority.ts";
import { formatHost } from "../wire/host.ts";
import { coversShape, shapeText } from "./path-shape.ts";
import { LASTING, type SeenEntry } from "./seen.ts";
import { showsRequests } from "./seen-kind.ts";
import { isSharedHost } from "./shared-hosts.ts";

export interface SuggestedRule {
  readonly id: string;
  readonly hosts: readonly string[];
  /** With their ports. */
  readonly addresses: readonly string[];
  /** Of the hosts; empty only where there are none. */
  readonly ports: readonly Port[];
  readonly protocol: "tls" | "http" | "tcp";
  readonly inspect: boolean;
  readonly http: { readonly methods: readonly string[]; readonly paths: readonly string[] } | undefined;
  /** What it is for. */
  readonly entries: readonly SeenEntry[];
  /** A wildcard that would stand for its hosts, if somebody who knows them wanted that. */
  readonly wildcard: string | undefined;
}

/** Why an entry gets no rule. */
export type LeftOutFor =
  /** It was refused too, or what it would cover was, and that would have to stay. */
  | { readonly kind: "refused"; readonly reason: Reason }
  /** No rule can name such a method, or a path that can be read in several ways. */
  | { readonly kind: "unnameable" };

export interface LeftOut {
  readonly entry: SeenEntry;
  readonly why: LeftOutFor;
}

/** What the policy says already, if it were enforced. */
export type Ruled =
  | { readonly effect: "allow"; readonly rule: string }
  | { readonly effect: "deny"; readonly reason: Reason }
  | { readonly effect: "none" };

/** The policy to which the suggestion is added. */
export interface GivenPolicy {
  readonly ids: ReadonlySet<string>;
  ruled(entry: SeenEntry): Ruled;
}

export interface Suggestion {
  /** In the order in which they must stand. */
  readonly rules: readonly SuggestedRule[];
  readonly leftOut: readonly LeftOut[];
  /** What a rule of the given policy allows, by its id. */
  readonly ruled: ReadonlyMap<string, readonly SeenEntry[]>;
}

/** So many hosts side by side make a wildcard worth a thought. */
const WILDCARD_FROM = 5;

/**
 * The fewest rules that allow what was allowed, and nothing else that can be named: of each destination the methods and
 * paths that were seen, together as they were seen. What was refused for good is not suggested, nor is what covers it.
 * `given`: its rules stay, and come first.
 */
export function suggest(entries: readonly SeenEntry[], given?: GivenPolicy): Suggestion {
  const refused = Map.groupBy(
    entries.filter((entry) => entry.refused !== undefined && LASTING.includes(entry.refused.reason)),
    ({ host }) => formatHost(host),
  );
  const leftOut: LeftOut[] = [];
  const ruled = new Map<string, SeenEntry[]>();
  const wanted: SeenEntry[] = [];
  for (const entry of entries) {
    if (entry.count === 0) continue;
    if (showsRequests(entry.kind) && (entry.method === undefined || entry.shape === undefined)) {
      leftOut.push({ entry, why: { kind: "unnameable" } });
      continue;
    }
    const word = given?.ruled(entry) ?? { effect: "none" };
    const reason =
      word.effect === "deny"
        ? word.reason
        : refusalOf(entry, refused.get(formatHost(entry.host)) ?? [], given !== undefined);
    if (reason !== undefined) leftOut.push({ entry, why: { kind: "refused", reason } });
    else if (word.effect !== "allow") wanted.push(entry);
    else {
      const same = ruled.get(word.rule);
      if (same === undefined) ruled.set(word.rule, [entry]);
      else same.push(entry);
    }
  }
  const freeId = idsBeside(given?.ids ?? new Set());
  const rules = grouped(termsOf(wanted)).map((group) => ({
    ...group,
    id: freeId(group),
    wildcard: wildcardFor(group),
  }));
  return { rules, leftOut, ruled };
}

/**
 * Why what the entry stands for was refused, too; `refused`: of its host. With deny rules that stay in force, a refusal by one of them is theirs to
 * repeat.
 */
function refusalOf(entry: SeenEntry, refused: readonly SeenEntry[], keepsDenyRules: boolean): Reason | undefined {
  // A rule asks for fields that it did not have: to allow it without them would be to take the rule out.
  if (entry.unlisted === "denied_by_rule") return entry.unlisted;
  for (const other of refused) {
    const reason = other.refused?.reason;
    if (reason === undefined) continue;
    if (reason === "denied_by_rule" && keepsDenyRules) continue;
    if (reason === "blocklisted") return reason;
    if (entry.port !== other.port) continue;
    // A tunnel hides what was refused; a tunnel that was refused says nothing of single requests.
    if (!showsRequests(entry.kind) || reason === "inference_only") return reason;
    if (entry.kind !== other.kind || entry.shape === undefined) continue;
    const isSameMethod = other.method === undefined || other.method === entry.method;
    if (isSameMethod && (other.shape === undefined || coversShape(entry.shape, other.shape))) return reason;
  }
  return undefined;
}

/** A rule in the making: what one host may be asked for. */
type Terms = Omit<SuggestedRule, "id" | "wildcard"> & {
  /** What stands side by side is told together. */
  readonly parent: string;
};

/** Of several rules that name a tunnel the first counts: the one that asks for least. */
const ORDER = ["tcp", "tls", "inspected", "http"] as const;

function termsOf(entries: readonly SeenEntry[]): readonly Terms[] {
  const destinations = Map.groupBy(entries, ({ host, port }) => formatAuthority({ host, port }));
  return [...destinations.values()].flatMap((all) => {
    const of = (kind: SeenEntry["kind"]): readonly SeenEntry[] => all.filter((entry) => entry.kind === kind);
    const [tcp, tls, http, inspected] = [of("tcp"), of("tls"), of("http"), of("https-inspected")];
    const found: Terms[] = [];
    // Raw TCP may be TLS as well.
    if (tcp.length > 0) found.push(tunnel("tcp", [...tcp, ...tls]));
    // Where a tunnel must stay closed to us, nothing is gained by asking of some of its requests.
    else if (tls.length > 0) found.push(tunnel("tls", [...tls, ...inspected]));
    if (inspected.length > 0 && (tls.length === 0 || tcp.length > 0)) found.push(...requests("tls", inspected));
    if (http.length > 0) found.push(...requests("http", http));
    return found;
  });
}

function destinationOf({ host, port }: SeenEntry): Pick<Terms, "hosts" | "addresses" | "ports" | "parent"> {
  const text = formatHost(host);
  return host.kind === "address"
    ? { hosts: [], addresses: [formatAuthority({ host, port })], ports: [], parent: text }
    : { hosts: [text], addresses: [], ports: [port], parent: parentOf(text) };
}

function tunnel(protocol: "tls" | "tcp", entries: readonly SeenEntry[]): Terms {
  const [first] = entries;
  if (first === undefined) throw new Error("a rule for nothing");
  return { ...destinationOf(first), protocol, inspect: false, http: undefined, entries };
}

/** One rule for all paths that were asked for with the same methods. */
function requests(protocol: "tls" | "http", entries: readonly SeenEntry[]): readonly Terms[] {
  const byPath = Map.groupBy(entries, ({ shape }) => shapeText(shape ?? []));
  const paths = [...byPath].map(([path, same]) => {
    const methods = [...new Set(same.flatMap(({ method }) => (method === undefined ? [] : [method])))].toSorted();
    return { path, methods, same };
  });
  return [...Map.groupBy(paths, ({ methods }) => methods.join(" ")).values()].flatMap((group): readonly Terms[] => {
    const [first] = group;
    const [any] = first?.same ?? [];
    if (first === undefined || any === undefined) return [];
    const http = { methods: first.methods, paths: group.map(({ path }) => path).toSorted() };
    const same = group.flatMap((each) => each.same);
    return [{ ...destinationOf(any), protocol, inspect: protocol === "tls", http, entries: same }];
  });
}

/** Ports of one host, then hosts side by side, for which the same holds. */
function grouped(terms: readonly Terms[]): readonly Terms[] {
  const asked = ({ protocol, inspect, http }: Terms): string => JSON.stringify([protocol, inspect, http]);
  const perHost = mergedBy(terms, (one) => `${one.hosts.join()} ${one.parent} ${asked(one)}`);
  const perParent = mergedBy(perHost, (one) => `${one.ports.join()} ${one.parent} ${asked(one)}`);
  const order = ({ protocol, inspect }: Terms): number => ORDER.indexOf(inspect ? "inspected" : protocol);
  const place = (parent: string): string => parent.split(".").toReversed().join(".");
  return perParent
    .map((one) => ({ one, at: place(one.parent) }))
    .toSorted((left, right) => compared(left.at, right.at) || order(left.one) - order(right.one))
    .map(({ one }) => one);
}

function mergedBy(terms: readonly Terms[], key: (terms: Terms) => string): readonly Terms[] {
  return [...Map.groupBy(terms, key).values()].flatMap((group) => {
    const [first, ...more] = group;
    if (first === undefined || more.length === 0) return group;
    return [
      {
        ...first,
        hosts: [...new Set(group.flatMap(({ hosts }) => hosts))].toSorted(),
        addresses: [...new Set(group.flatMap(({ addresses }) => addresses))].toSorted(),
        ports: [...new Set(group.flatMap(({ ports }) => ports))].toSorted((one, other) => one - other),
        entries: group.flatMap(({ entries }) => entries),
      },
    ];
  });
}

function compared(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

/** The domain whose names are told together: never one that sells names, as far as its form shows. */
function parentOf(name: string): string {
  const parent = name.slice(name.indexOf(".") + 1);
  const sells = /^(?:[a-z]{2,3}\.[a-z]{2}|[^.]+)$/.test(parent);
  return sells || !name.includes(".") ? name : parent;
}

function wildcardFor({ hosts, parent }: Terms): string | undefined {
  return hosts.length >= WILDCARD_FROM && !isSharedHost(parent) ? `*.${parent}` : undefined;
}

/** Gives each rule an id that none of these is, and none that was given before. */
function idsBeside(taken: ReadonlySet<string>): (terms: Terms) => string {
  const given = new Map<string, number>();
  return (terms) => {
    const wished = idOf(terms);
    for (let count = (given.get(wished) ?? 0) + 1; ; count += 1) {
      const id = count === 1 ? wished : `${wished}-${count}`;
      given.set(wished, count);
      if (taken.has(id) || (id !== wished && given.has(id))) continue;
      given.set(id, given.get(id) ?? 1);
      return id;
    }
  };
}

function idOf({ hosts, addresses, parent, protocol, inspect }: Terms): string {
  const what = hosts.length > 1 ? parent : (hosts[0] ?? addresses[0] ?? "");
  const kind = inspect ? "-inspected" : protocol === "tls" ? "" : `-${protocol}`;
  const begun = what.replaceAll(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+/, "");
  return (begun === "" ? "learned" : begun).slice(0, 45) + kind;
}
