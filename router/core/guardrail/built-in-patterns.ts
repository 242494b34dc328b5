import { ibanEnd } from "./bank-account.ts";
import type { BuiltInPattern } from "./guardrail-rule.ts";
import type { SearchPattern } from "./pattern-search.ts";
import { cardEnd, mayStartCard } from "./payment-card.ts";

type Row = Omit<SearchPattern, "name">;

/** Base64 with whatever stands around it in a file, and in a file that was quoted in JSON. */
const PEM_BODY = "[A-Za-z0-9+/=\\s\\\\:,.-]*";

/**
 * By name, the forms it has. Keys and tokens are known by their issuers' fixed beginnings; what has no such mark, as an
 * AWS secret access key, is not looked for. A letter directly before is allowed wherever that beginning is distinctive.
 */
const ROWS: Readonly<Record<BuiltInPattern, readonly Row[]>> = {
  api_key: [
    { lead: "sk", pattern: "-(?:ant|proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{16,}" },
    { pattern: "\\bsk-[A-Za-z0-9]{20,}" },
    { lead: "AI", pattern: "za[A-Za-z0-9_-]{35,}" },
    { lead: "xox", pattern: "[abeoprs](?:\\.[abeoprs])?-[A-Za-z0-9-]{10,}" },
    { lead: "[rs]k", pattern: "_(?:live|test)_[A-Za-z0-9]{16,}" },
    { lead: "hf", pattern: "_[A-Za-z0-9]{34,}" },
    { lead: "gl", pattern: "pat-[A-Za-z0-9_-]{20,}" },
    { lead: "npm", pattern: "_[A-Za-z0-9]{36,}" },
  ],
  private_key: [
    {
      lead: "-----",
      pattern: `BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----${PEM_BODY}`,
      cut: pemEnd,
    },
  ],
  aws_access_key: [{ lead: "A", pattern: "(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}" }],
  github_token: [
    { lead: "gh", pattern: "[oprsu]_[A-Za-z0-9]{36,}" },
    { lead: "github", pattern: "_pat_[A-Za-z0-9_]{22,}" },
  ],
  // A header and a payload are JSON objects, so both begin with what `{"` or `{ ` is in base64 (RFC 7519).
  jwt: [{ lead: "ey", pattern: "[A-Za-z0-9_-]{8,}\\.ey[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]*" }],
  credit_card: [{ pattern: "\\d(?:[ .-]?\\d){12,18}", mayStart: mayStartCard, check: cardEnd }],
  us_ssn: [{ pattern: "\\d{3}(?:-\\d{2}-| \\d{2} )\\d{4}", check: ssnEnd }],
  iban: [{ pattern: "\\b[A-Z]{2}\\d{2}(?: ?[A-Z0-9]){11,30}", check: ibanEnd }],
  email: [{ lead: "[A-Za-z0-9._%+'-]+", pattern: "@(?:[A-Za-z0-9-]+\\.)+[A-Za-z]{2,}" }],
  phone: [
    { pattern: "\\+[1-9](?:[ .()-]{0,2}\\d){7,14}", check: numberEnd },
    { pattern: "(?:\\([2-9]\\d{2}\\) ?|[2-9]\\d{2}[ .-])[2-9]\\d{2}[ .-]\\d{4}", check: numberEnd },
    { pattern: "\\(?0\\d{2,4}\\)?[ -]\\d{3,4}[ -]\\d{3,4}", check: numberEnd },
  ],
  ip_address: [
    { pattern: "\\d{1,3}(?:\\.\\d{1,3}){3}", check: ipv4End },
    { pattern: "\\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}", check: ipv6End },
  ],
};

/** What to search for, under the names of the rows. */
export function builtInPatterns(names: readonly BuiltInPattern[]): readonly SearchPattern[] {
  return [...new Set(names)].flatMap((name) => ROWS[name].map((row) => ({ ...row, name })));
}

/** Up to the end of the line `-----END ...-----`, where there is one. */
function pemEnd(text: string, start: number, end: number): number {
  const footer = /-----END [A-Z0-9 ]{0,64}PRIVATE KEY(?: BLOCK)?-----/.exec(text.slice(start, end));
  return footer === null ? end : start + footer.index + footer[0].length;
}

/** It is not a part of a longer number. */
function numberEnd(text: string, start: number, end: number): number | undefined {
  return isDigitAt(text, start - 1) || isDigitAt(text, end) ? undefined : end;
}

/** Areas 000, 666 and 9xx, group 00 and serial 0000 were never given out. */
function ssnEnd(text: string, start: number, end: number): number | undefined {
  const joins = /[0-9-]/;
  if (joins.test(text.charAt(start - 1)) || joins.test(text.charAt(end))) return undefined;
  return /^(?:000|666|9)|[ -]00[ -]|0000$/.test(text.slice(start, end)) ? undefined : end;
}

/** Four numbers up to 255 that are not a part of more: a version of five numbers is none. */
function ipv4End(text: string, start: number, end: number): number | undefined {
  const before = text.charAt(start - 1);
  if (isDigitAt(text, start - 1) || (before === "." && isDigitAt(text, start - 2))) return undefined;
  if (isDigitAt(text, end) || (text.charAt(end) === "." && isDigitAt(text, end + 1))) return undefined;
  return text
    .slice(start, end)
    .split(".")
    .every((part) => Number(part) <= 255)
    ? end
    : undefined;
}

/**
 * Eight groups, or fewer around one `::` (RFC 4291 section 2.2) of which one holds a digit: `12:34:56` is a time, and
 * `a::b` a name in a program.
 */
function ipv6End(text: string, start: number, end: number): number | undefined {
  if (/[\w:]/.test(text.charAt(end))) return undefined;
  const whole = text.slice(start, end);
  const groups = whole.split(":").filter((group) => group !== "");
  const gaps = whole.split("::").length - 1;
  if (gaps === 0) return groups.length === 8 ? end : undefined;
  const isShort = gaps === 1 && !whole.includes(":::") && groups.length < 8 && /\d/.test(whole);
  return isShort && (whole.endsWith("::") || !whole.endsWith(":")) ? end : undefined;
}

function isDigitAt(text: string, at: number): boolean {
  const character = text.charAt(at);
  return character >= "0" && character <= "9";
}
