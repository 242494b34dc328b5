import assert from "node:assert/strict";
import { formatAuthority } from "../../../router/core/wire/authority.ts";
import { parseAbsoluteForm, parseOriginForm } from "../../../router/core/wire/request-target.ts";
import { type FuzzTarget, inputs, latin1 } from "../fuzz-target.ts";
import { oracleAuthority } from "./authority-oracle.ts";
import { HOST_PIECES, HOSTS } from "./host-pieces.ts";

const TARGET_PIECES = [
  ...HOST_PIECES,
  "/",
  "//",
  "/.",
  "/..",
  "/../",
  "%2e%2e",
  "%2E",
  "%252e",
  "%2f",
  "%5c",
  "..;",
  ";a=b",
  "%",
  "%zz",
  "?",
  "?a=b",
  "{}",
  "|",
  "^",
  "`",
  '"',
  "<>",
  "[0]",
  "http://",
  "HTTP://",
  "https://",
  "http:",
  "file:///",
  "http://evil/",
  "#f",
  "\x7f",
  "\xe9",
];

export const REQUEST_TARGET: FuzzTarget = {
  name: "request-target",
  input: inputs(
    [
      ...HOSTS.map((host) => `http://${host}/a/b?c=d`),
      "http://example.com",
      "http://example.com:8080?x",
      "/a/%2Fb/c;d?e=f&g[]={}",
      "/",
    ],
    TARGET_PIECES,
  ),
  examine(input, random) {
    const text = random.once(8) ? Buffer.from(input).toString("utf8") : latin1(input);
    const origin = parseOriginForm(text);
    if (origin.ok) assertWhatwgAgrees(`http://h${text}`, "h", 80, origin.value.path, origin.value.query);
    const absolute = parseAbsoluteForm(text);
    if (!absolute.ok) return origin.ok;
    const { path, query } = absolute.value;
    const target = formatAuthority(absolute.value.authority);
    assert.deepEqual(parseAbsoluteForm(`http://${target}${path}${query}`), absolute, "not idempotent");
    assert.deepEqual(parseOriginForm(path + query), { ok: true, value: { path, query } }, "the forms differ");
    const colon = target.lastIndexOf(":");
    assertWhatwgAgrees(text, target.slice(0, colon), Number(target.slice(colon + 1)), path, query);
    return true;
  },
};

/** What we take, the URL parser of browsers and undici must read the same way: an origin may well use it. */
function assertWhatwgAgrees(text: string, host: string, port: number, path: string, query: string): void {
  // It also validates what A-labels decode to, which we never look at.
  if (/xn--/i.test(host)) return;
  const url = new URL(text);
  const seen = oracleAuthority(url.host, 80);
  assert.equal(seen, `${host}:${port}`, "WHATWG URL reads another authority");
  assert.equal(url.pathname, path, "WHATWG URL reads another path");
  // It escapes these three in a query, and drops an empty one.
  const escaped = query.replaceAll('"', "%22").replaceAll("<", "%3C").replaceAll(">", "%3E").replaceAll("'", "%27");
  assert.equal(url.search, escaped === "?" ? "" : escaped, "WHATWG URL reads another query");
}
