import { atLeastOneOf } from "../document/conditions.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { type DocumentNode, entryOf } from "../document/document-node.ts";
import { optional } from "../document/field.ts";
import { object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Report } from "../document/report.ts";
import type { Shape } from "../document/shape.ts";
import type { NumberTest } from "./governance-policy.ts";

interface WrittenTest {
  readonly in: readonly number[] | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** `{ in: [...], from: 1, to: 9 }`: at least one of them; the ends belong to the range. */
export function numberTest(item: Shape<number>): Shape<NumberTest> {
  const fields = object(
    {
      in: optional(listUpTo(1024, item, { unique: true }), "One of these."),
      from: optional(item, "At least this."),
      to: optional(item, "At most this."),
    },
    atLeastOneOf<WrittenTest>(
      ["in", "from", "to"],
      "empty_test",
      'A test needs "in", "from" or "to": without them no number would pass.',
    ),
  );
  return refined(fields, numberTestOf);
}

/** Undefined, and a problem at `node`: no number can pass, or one of the set cannot. */
export function numberTestOf(given: WrittenTest, node: DocumentNode, report: Report): NumberTest | undefined {
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = given;
  if (from > to) {
    const place = node.kind === "map" ? (entryOf(node, "to")?.value ?? node) : node;
    report.add(place, "empty_range", `No number is at least ${from} and at most ${to}.`);
    return undefined;
  }
  const outside = given.in?.find((value) => value < from || value > to);
  if (outside !== undefined) {
    report.add(node, "outside_range", `${outside} is in the set and not in the range: it can never pass.`);
    return undefined;
  }
  return { in: given.in ?? [], from: given.from, to: given.to };
}
