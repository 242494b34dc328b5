import type { EpochMillis } from "../router/core/base/quantity.ts";
import { REASONS } from "../router/core/base/reason.ts";
import { cautionsOf, CAUTIONS } from "../router/core/learning/cautions.ts";
import { shapeText } from "../router/core/learning/path-shape.ts";
import type { SeenEntry, Tally } from "../router/core/learning/seen.ts";
import { showsRequests } from "../router/core/learning/seen-kind.ts";
import type { LeftOut, SuggestedRule, Suggestion } from "../router/core/learning/suggestion.ts";
import { formatAuthority } from "../router/core/wire/authority.ts";
import { quantityText } from "./amount-text.ts";
import type { KeptPolicy } from "./policy-suggest-given.ts";
import { shownText } from "./shown-text.ts";

export interface SuggestedDocument {
  readonly name: string;
  readonly version: number;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  /** As YAML in one line. */
  readonly audience: string;
  readonly suggestion: Suggestion;
  readonly kept: KeptPolicy | undefined;
  /** Exchanges of which only their number is known. */
  readonly overflow: Tally | undefined;
  /** What else a reviewer must know, a sentence each. */
  readonly notes: readonly string[];
}

const LONGEST_COMMENT = 400;
/** Kinds of requests of one rule that are told one by one. */
const MOST_ENTRIES = 50;

/** The document, with a note for a reviewer before each rule. */
export function suggestedText(document: SuggestedDocument): string {
  const { suggestion, kept } = document;
  return [...linesOf(document, suggestion, kept), ""].join("\n");
}

function* linesOf(
  { name, version, issuedAt, expiresAt, audience, overflow, notes }: SuggestedDocument,
  { rules, leftOut, ruled }: Suggestion,
  kept: KeptPolicy | undefined,
): Generator<string> {
  yield "# A suggestion of `sluice policy suggest`, from what was seen. Nothing of it is in force: read every rule, take out";
  yield "# what the agent has no business with, then sign it.";
  yield* notes.map((note) => comment(0, note));
  if (overflow !== undefined) {
    yield comment(0, `! ${overflow.count} exchanges found no room when they were seen: what they were is not known.`);
  }
  yield "apiVersion: sluice.dev/v1alpha1";
  yield "kind: EgressPolicy";
  yield `metadata: { name: ${quoted(name)} }`;
  yield "spec:";
  yield `  version: ${version}`;
  yield `  issuedAt: ${quoted(isoText(issuedAt))}`;
  yield `  expiresAt: ${quoted(isoText(expiresAt))}`;
  yield `  audience: ${audience}`;
  yield "  mode: enforce";
  if (kept?.blocklist !== undefined) yield `  blocklist: ${kept.blocklist}`;
  const isEmpty = rules.length === 0 && (kept?.allow.length ?? 0) === 0;
  yield isEmpty ? "  allow: []" : "  allow:";
  for (const [id, rule] of kept?.allow ?? []) {
    yield* keptComments(ruled.get(id) ?? []);
    yield `    - ${rule}`;
  }
  for (const rule of rules) yield* ruleLines(rule);
  if (kept !== undefined && kept.deny.length > 0) yield* ["  deny:", ...kept.deny.map((rule) => `    - ${rule}`)];
  if (leftOut.length > 0) yield "# Not suggested, though it was allowed:";
  yield* leftOut.map((one) => comment(0, leftOutText(one)));
}

function* keptComments(entries: readonly SeenEntry[]): Generator<string> {
  if (entries.length === 0) yield comment(4, "nothing that was seen needed it");
  else yield* entryComments(entries);
}

function* ruleLines(rule: SuggestedRule): Generator<string> {
  yield* entryComments(rule.entries);
  const { id, hosts, addresses, ports, protocol, inspect, http, wildcard } = rule;
  if (wildcard !== undefined) {
    yield comment(
      4,
      `proposal, only if all of them are one service's: hosts: [${quoted(wildcard)}], for ${hosts.length} hosts`,
    );
  }
  yield `    - id: ${quoted(id)}`;
  if (hosts.length > 0) yield `      hosts: [${hosts.map(quoted).join(", ")}]`;
  if (hosts.length > 0) yield `      ports: [${ports.join(", ")}]`;
  if (addresses.length > 0) yield `      addresses: [${addresses.map(quoted).join(", ")}]`;
  yield `      protocol: ${protocol}`;
  if (inspect) yield "      inspect: true";
  if (http !== undefined) {
    const { methods, paths } = http;
    yield `      http: { methods: [${methods.map(quoted).join(", ")}], paths: [${paths.map(quoted).join(", ")}] }`;
  }
}

function* entryComments(entries: readonly SeenEntry[]): Generator<string> {
  for (const entry of entries.slice(0, MOST_ENTRIES)) {
    yield comment(4, entryText(entry));
    for (const caution of cautionsOf(entry)) yield comment(4, `! ${CAUTIONS[caution]}`);
  }
  if (entries.length > MOST_ENTRIES) yield comment(4, `and ${entries.length - MOST_ENTRIES} more kinds of requests`);
}

export function entryText(entry: SeenEntry): string {
  const { count, first, last, bytesOut, bytesIn, rule, unlisted } = entry;
  const verdict = rule === undefined ? `enforcing refused it: ${unlisted ?? "host_not_allowed"}` : `allowed by ${rule}`;
  const when = first === last ? isoText(first) : `${isoText(first)} to ${isoText(last)}`;
  const octets = `${quantityText(bytesOut) ?? "?"} out, ${quantityText(bytesIn) ?? "?"} in`;
  const times = count === 1 ? "once" : `${count} times`;
  return `${whatText(entry)}: ${times}, ${when}, ${octets}; ${verdict}`;
}

function whatText({ host, port, kind, method, shape }: SeenEntry): string {
  const where = `${formatAuthority({ host, port })} ${kind}`;
  if (!showsRequests(kind)) return where;
  return `${where} ${method ?? "(a method no rule can name)"} ${shape === undefined ? "(a path no rule can name)" : shapeText(shape)}`;
}

export function leftOutText({ entry, why }: LeftOut): string {
  const reason =
    why.kind === "unnameable"
      ? "no rule can name it"
      : `it was refused too, or what its rule would allow: ${why.reason}. ${REASONS[why.reason].sentence}`;
  return `${entryText(entry)}. Left out: ${reason}`;
}

/** One line, whatever stands in it. */
function comment(indent: number, text: string): string {
  return `${" ".repeat(indent)}# ${shownText(text, LONGEST_COMMENT)}`;
}

/** Plain where every reader of YAML takes it for a text, else in quotes, as JSON has them. */
function quoted(text: string): string {
  return /^[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)+$|^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(text)
    ? text
    : JSON.stringify(text);
}

export function isoText(time: EpochMillis): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "?" : date.toISOString();
}
