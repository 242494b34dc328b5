import { quoted } from "../document/quoted.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { parseHostname } from "../wire/hostname.ts";
import { parseIpAddress } from "../wire/ip-address.ts";
import type { HostPattern } from "./egress-policy.ts";

/** One of `hosts` in a rule. Allow rules may not say `*.com`: a wildcard over one label is more than anybody means. */
export function hostPattern({ wide }: { readonly wide: boolean }): Shape<HostPattern> {
  return refined(
    text({ maximum: 256 }),
    (given, node, report) => {
      const pattern = parseHostPattern(given);
      if (!pattern.ok) {
        report.add(node, pattern.problem.code, pattern.problem.message);
        return undefined;
      }
      const { kind, name } = pattern.value;
      if (wide || kind === "exact" || name.includes(".")) return pattern.value;
      report.add(
        node,
        "wildcard_too_wide",
        `${quoted(given)} spans a whole top-level domain: name what lies below it.`,
      );
      return undefined;
    },
    { pattern: "^(?:\\*{1,2}\\.)?[a-z0-9_][a-z0-9_.-]*$" },
  );
}

interface PatternProblem {
  readonly code: string;
  readonly message: string;
}

/** `exact.example`, `*.one-label.example` or `**.deep.example`, written exactly as requests are compared with it. */
export function parseHostPattern(given: string): Result<HostPattern, PatternProblem> {
  const stars = given.startsWith("**.") ? "**." : given.startsWith("*.") ? "*." : "";
  const name = given.slice(stars.length);
  if (name.includes("*")) {
    const forms = '"*.example.com" for one label and "**.example.com" for one or more';
    return refuse("bad_host", `In ${quoted(given)} a star stands for part of a name: there is only ${forms}.`);
  }
  if (/[^\0-\x7f]/.test(name)) {
    return refuse("host_not_ascii", `Write ${quoted(given)} as DNS does, with an A-label (xn--...).`);
  }
  if (parseIpAddress(name.replace(/^\[(.*)\]$/, "$1")) !== undefined) {
    return refuse("host_is_address", `${quoted(given)} is an address: it belongs under "addresses", with its port.`);
  }
  if (/[/:@]/.test(name)) {
    const message = `${quoted(given)} must be a host alone: no scheme and no path, and the port goes into "ports".`;
    return refuse("bad_host", message);
  }
  const hostname = parseHostname(name);
  if (!hostname.ok) return refuse("bad_host", `${quoted(given)}: ${hostname.problem}`);
  if (hostname.value !== name)
    return refuse("host_not_canonical", `Write the host as ${quoted(stars + hostname.value)}.`);
  const kind = stars === "" ? "exact" : stars === "*." ? "one-label" : "deep";
  return ok({ kind, name });
}

function refuse(code: string, message: string): Result<never, PatternProblem> {
  return fail({ code, message });
}
