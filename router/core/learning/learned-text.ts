import { epochMillis, portOf } from "../base/quantity.ts";
import { type Reason, REASONS } from "../base/reason.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { formatHost, type Host, parseHost } from "../wire/host.ts";
import { LearnedBook, orderOf } from "./learned-book.ts";
import { shapeText, withoutKeys, writtenShape } from "./path-shape.ts";
import { namedMethod, type Refusals, type SeenEntry, type Tally } from "./seen.ts";
import { SEEN_KINDS, showsRequests } from "./seen-kind.ts";

const FORMAT = "sluice.dev/learned.v1";

/** Octets that one entry takes at most, and those around them. */
const LONGEST_ENTRY = 1024;
const AROUND = 4096;
/** A rule's id with what stands before it. */
const LONGEST_RULE = 128;
const LONGEST_NAME = 253;

/** SHA-256 in hex of a text. */
export type Digest = (text: string) => string;

/** Whose traffic it is, and under which policy it was seen. */
export interface LearnedAbout {
  readonly policy: string;
  /** The last one. */
  readonly version: number;
  readonly namespace: string;
  readonly agent: string;
}

/** What is kept over a restart. */
export interface Learned {
  readonly about: LearnedAbout;
  /** In the order of the book. */
  readonly entries: readonly SeenEntry[];
  /** Exchanges of which nothing but their number is known; undefined: none. */
  readonly overflow: Tally | undefined;
}

/** Octets that the text of a book takes at most. */
export function longestText(entries: number): number {
  return entries * LONGEST_ENTRY + AROUND;
}

/** One JSON object, an entry a line; its last member is the digest of all that stands before. */
export function learnedText({ about, entries, overflow }: Learned, digest: Digest): string {
  const lines = entries.map((entry) => JSON.stringify(entryForm(entry)));
  const { policy, version, namespace, agent } = about;
  const head = {
    format: FORMAT,
    policy,
    version,
    namespace,
    agent,
    overflow: overflow === undefined ? null : tallyForm(overflow),
  };
  const body = `${JSON.stringify(head).slice(0, -1)},"entries":[\n${lines.join(",\n")}\n]`;
  return `${body},"digest":"${digest(body)}"}\n`;
}

/**
 * Reads what `learnedText` wrote, and nothing else: a text that is not exactly what would be written of what stands in it
 * is refused, with a sentence. Words of paths that were none to us today come out as `*`.
 */
export function parseLearned(text: string, digest: Digest): Result<Learned, string> {
  let form: unknown;
  try {
    form = JSON.parse(text);
  } catch {
    return fail("It is not JSON.");
  }
  const members = membersOf(form);
  const { format, policy, version, namespace, agent } = members;
  if (format !== FORMAT) return fail(`Its format is not ${FORMAT}.`);
  if (!isName(policy) || !isCount(version)) return fail("It names no policy.");
  if (!isName(namespace) || !isName(agent)) return fail("It does not say whose traffic it is.");
  if (!Array.isArray(members.entries)) return fail("It has no list of entries.");
  const entries: SeenEntry[] = [];
  let before = "";
  for (const [at, each] of members.entries.entries()) {
    const entry = entryOf(each);
    const order = entry === undefined ? "" : orderOf(entry);
    // Each once, and in their order.
    if (entry === undefined || order <= before) return fail(`Its entry ${at + 1} is malformed.`);
    before = order;
    entries.push(entry);
  }
  const overflow = members.overflow === null ? undefined : tallyOf(membersOf(members.overflow));
  if (members.overflow !== null && (overflow === undefined || overflow.count === 0)) {
    return fail("Its overflow is malformed.");
  }
  const learned = { about: { policy, version, namespace, agent }, entries, overflow };
  if (learnedText(learned, digest) !== text) return fail("It is not as it was written.");
  return ok({ ...learned, entries: entriesWithoutKeys(entries) });
}

/** Those that tell the same without them are one. */
function entriesWithoutKeys(entries: readonly SeenEntry[]): readonly SeenEntry[] {
  const known = entries.map((entry) => {
    const shape = entry.shape === undefined ? undefined : withoutKeys(entry.shape);
    return shape === entry.shape ? entry : { ...entry, shape };
  });
  if (known.every((entry, at) => entry === entries[at])) return entries;
  const book = new LearnedBook(Infinity);
  book.restore(known, undefined);
  return book.entries();
}

function entryForm(entry: SeenEntry): Readonly<Record<string, unknown>> {
  const { host, port, kind, method, shape, rule, unlisted, refused } = entry;
  return {
    host: formatHost(host),
    port,
    kind,
    ...(showsRequests(kind)
      ? { method: method ?? null, path: shape === undefined ? null : shapeText(shape) }
      : undefined),
    ...tallyForm(entry),
    ...(rule === undefined ? undefined : { rule }),
    ...(unlisted === undefined ? undefined : { unlisted }),
    ...(refused === undefined ? undefined : { refused: { count: refused.count, reason: refused.reason } }),
  };
}

function tallyForm({ count, first, last, bytesOut, bytesIn }: Tally): Tally {
  return { count, first, last, bytesOut, bytesIn };
}

type Members = Readonly<Record<string, unknown>> & {
  readonly format?: unknown;
  readonly policy?: unknown;
  readonly version?: unknown;
  readonly namespace?: unknown;
  readonly agent?: unknown;
  readonly overflow?: unknown;
  readonly entries?: unknown;
  readonly host?: unknown;
  readonly port?: unknown;
  readonly kind?: unknown;
  readonly method?: unknown;
  readonly path?: unknown;
  readonly rule?: unknown;
  readonly unlisted?: unknown;
  readonly refused?: unknown;
  readonly count?: unknown;
  readonly first?: unknown;
  readonly last?: unknown;
  readonly bytesOut?: unknown;
  readonly bytesIn?: unknown;
  readonly reason?: unknown;
};

/** Of what is no object, none. */
function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null ? (value as Members) : {};
}

function entryOf(value: unknown): SeenEntry | undefined {
  const members = membersOf(value);
  const host = typeof members.host === "string" ? hostOf(members.host) : undefined;
  const port = typeof members.port === "number" ? portOf(members.port) : undefined;
  const kind = SEEN_KINDS.find((each) => each === members.kind);
  const tally = tallyOf(members);
  const { rule, unlisted, method, path } = members;
  if (host === undefined || port === undefined || kind === undefined || tally === undefined) return undefined;
  if (
    rule !== undefined &&
    (typeof rule !== "string" || !/^[a-z0-9:/._-]+$/i.test(rule) || rule.length > LONGEST_RULE)
  ) {
    return undefined;
  }
  if (unlisted !== undefined && !isReason(unlisted)) return undefined;
  const refused = members.refused === undefined ? undefined : refusalsOf(members.refused);
  if (members.refused !== undefined && refused === undefined) return undefined;
  if (tally.count === 0 && (refused === undefined || rule !== undefined || unlisted !== undefined)) return undefined;
  const named = typeof method === "string" ? namedMethod(method) : undefined;
  const shape = typeof path === "string" ? writtenShape(path) : undefined;
  if (showsRequests(kind)) {
    if ((method !== null && named === undefined) || (path !== null && shape === undefined)) return undefined;
  } else if (method !== undefined || path !== undefined) return undefined;
  return { host, port, kind, method: named, shape, ...tally, rule, unlisted, refused };
}

function hostOf(text: string): Host | undefined {
  const host = parseHost(text);
  return host.ok && formatHost(host.value) === text ? host.value : undefined;
}

function refusalsOf(value: unknown): Refusals | undefined {
  const { count, reason } = membersOf(value);
  return isCount(count) && count > 0 && isReason(reason) ? { count, reason } : undefined;
}

function tallyOf({ count, first, last, bytesOut, bytesIn }: Members): Tally | undefined {
  if (!isCount(count) || !isCount(first) || !isCount(last) || !isCount(bytesOut) || !isCount(bytesIn)) return undefined;
  if (first > last) return undefined;
  return { count, first: epochMillis(first), last: epochMillis(last), bytesOut, bytesIn };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** As Kubernetes and the sidecar's settings have them, and as a comment of YAML can hold them. */
function isName(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) && value.length <= LONGEST_NAME;
}

function isReason(value: unknown): value is Reason {
  return typeof value === "string" && Object.hasOwn(REASONS, value);
}
