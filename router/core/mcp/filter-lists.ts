import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { MemberScan } from "../json/member-scan.ts";
import { scanPlan } from "../json/scan-plan.ts";
import { type Edit, splice } from "../json/splice.ts";
import { itemSpans } from "./item-spans.ts";
import { MOST_MESSAGE, type ObjectMember } from "./rpc-message.ts";

/** What a server lists, by the member that holds the list. */
export type Listing = "tools" | "resources" | "resourceTemplates" | "prompts";

export const LISTINGS: readonly Listing[] = ["tools", "resources", "resourceTemplates", "prompts"];

const PLAN = scanPlan({
  capture: new Map(LISTINGS.map((name) => [name, MOST_MESSAGE])),
  count: new Set(),
  depth: 128,
});

/** Items of one list: each is judged, and nothing else goes on meanwhile. */
const MOST_LISTED = 10_000;

/**
 * A message without those items of the lists in `holder` (its result or its params) that are not to be seen. The rest
 * stands as it came, octet for octet. The problem is one sentence: a list that is none, or that readers differ on.
 */
export function filterLists(
  message: Uint8Array,
  holder: ObjectMember,
  isListed: (listing: Listing, item: Json) => boolean,
): Result<Uint8Array, string> {
  const text = message.subarray(holder.at, holder.end);
  const scan = new MemberScan(PLAN);
  scan.push(text);
  const read = scan.end();
  if (!read.ok) return fail(read.problem.sentence);
  const edits: Edit[] = [];
  for (const listing of LISTINGS) {
    const member = read.value.members.get(listing);
    if (member === undefined) continue;
    const items = member.value;
    if (!isList(items)) return fail("A list of the server's is none.");
    if (items.length > MOST_LISTED) return fail(`A list of the server's has at most ${MOST_LISTED} items.`);
    const spans = itemSpans(text, member.at, member.end);
    const kept = spans.filter((_, index) => isListed(listing, items[index] ?? null));
    if (kept.length === spans.length) continue;
    const texts = kept.map((span) => text.subarray(span.at, span.end));
    edits.push({ at: holder.at + member.at, end: holder.at + member.end, text: array(texts) });
  }
  if (edits.length === 0) return ok(message);
  edits.sort((one, other) => one.at - other.at);
  const { chunks, length } = splice([message], edits);
  return ok(joined(chunks, length));
}

const OPEN = Uint8Array.of(0x5b);
const COMMA = Uint8Array.of(0x2c);
const CLOSE = Uint8Array.of(0x5d);

function array(items: readonly Uint8Array[]): Uint8Array {
  const parts = [OPEN, ...items.flatMap((item, index) => (index === 0 ? [item] : [COMMA, item])), CLOSE];
  return joined(
    parts,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
