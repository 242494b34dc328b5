import { listUpTo } from "../document/bounded-list.ts";
import { canonical } from "../document/canonical-shape.ts";
import { atLeastOneOf } from "../document/conditions.ts";
import { optional, required } from "../document/field.ts";
import { object } from "../document/object-shape.ts";
import { quoted } from "../document/quoted.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import type { HostPattern } from "../policy/egress-policy.ts";
import { parseHostPattern } from "../policy/host-pattern.ts";
import { parsePathPattern } from "../policy/path-pattern.ts";
import { parseCidr } from "../wire/cidr.ts";
import type { Condition } from "./governance-policy.ts";

/** The egress policy's patterns, also over a whole top-level domain: the egress policy still decides what may be dialled. */
const hostName: Shape<HostPattern> = refined(
  text({ maximum: 256 }),
  (given, node, report) => {
    const pattern = parseHostPattern(given);
    if (pattern.ok) return pattern.value;
    const { code, message } = pattern.problem;
    const isAddress = code === "host_is_address";
    report.add(node, code, isAddress ? `${quoted(given)} is an address: it belongs under "ranges", as CIDR.` : message);
    return undefined;
  },
  { pattern: "^(?:\\*{1,2}\\.)?[a-z0-9_][a-z0-9_.-]*$" },
);

/** `10.0.0.0/8` or `fd00::/8`; a single address is `/32` or `/128`. */
const range: Shape<string> = canonical({
  noun: "network",
  maximum: 64,
  pattern: /^[0-9a-f.:]+\/[0-9]{1,3}$/,
  hint: "a network such as 10.0.0.0/8 or fd00::/8 is needed, without bits beyond the prefix.",
  parse: (given) => {
    const network = parseCidr(given)?.text;
    return network === undefined ? undefined : { value: network, canonical: network };
  },
});

export const host: Shape<Condition> = refined(
  object(
    {
      names: optional(
        listUpTo(1024, hostName, { unique: true }),
        'Hosts: exact, "*." for one more label, "**." for one or more; never the apex.',
      ),
      ranges: optional(listUpTo(256, range, { unique: true }), "Networks, of a host that is written as an address."),
    },
    atLeastOneOf(["names", "ranges"], "empty_test", 'A test of the host needs "names" or "ranges".'),
  ),
  ({ names, ranges }): Condition => ({ kind: "host", patterns: names ?? [], ranges: ranges ?? [] }),
);

const pathGlob: Shape<string> = refined(
  text(),
  (given, node, report) => {
    const pattern = parsePathPattern(given);
    if (pattern.ok) return given;
    report.add(node, "bad_path", `${quoted(given)}: ${pattern.problem}`);
    return undefined;
  },
  { pattern: "^/[^?#]*$" },
);

export const path: Shape<Condition> = refined(
  object({
    glob: required(
      listUpTo(256, pathGlob, { unique: true }),
      "Path globs as in the egress policy: * within a segment, ** over segments.",
    ),
  }),
  ({ glob }): Condition => ({ kind: "path", globs: glob }),
);
