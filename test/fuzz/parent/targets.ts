import assert from "node:assert/strict";
import { connectDialogue } from "../../../router/edge/upstream/parent-connect.ts";
import type { OpenDialogue } from "../../../router/edge/upstream/parent-proxy.ts";
import { socksDialogue } from "../../../router/edge/upstream/parent-socks.ts";
import { parseAuthority } from "../../../router/core/wire/authority.ts";
import { type FuzzTarget, inputs, latin1 } from "../fuzz-target.ts";
import type { Random } from "../random.ts";
import { cutAt, hear, type Heard } from "./hear.ts";

const authority = parseAuthority("origin.test:443", undefined);
if (!authority.ok) throw new Error(authority.problem);
const target = authority.value;

type Expected = Pick<Heard, "end" | "left">;

/** The same whatever the pieces, and as the oracle has it. */
function examined(open: OpenDialogue, oracle: (text: string) => Expected) {
  return (input: Uint8Array, random: Random): boolean => {
    const places = Array.from({ length: random.below(6) }, () => random.below(input.length + 1));
    const { end, left } = hear(open(target, undefined), cutAt(input, places));
    assert.deepEqual({ end, left }, oracle(latin1(input)), "the oracle says otherwise");
    return end === "open";
  };
}

const nothing = { left: undefined } as const;
const more = { end: "more", ...nothing } as const;
const invalid = { end: "upstream_invalid", ...nothing } as const;
const refused = { end: "upstream_unreachable", ...nothing } as const;

export const PARENT_SOCKS: FuzzTarget = {
  name: "parent-socks",
  input: inputs(
    [
      "\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x01\xbb",
      "\x05\x00\x05\x00\x00\x04\x20\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\xbb220 early",
      "\x05\x00\x05\x00\x00\x03\x05proxy\x01\xbbearly",
      "\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00",
      "\x05\xff",
    ],
    [
      "\x05",
      "\x04",
      "\x00",
      "\x01",
      "\x02",
      "\x03",
      "\xff",
      "\x05\x00",
      "\x05\x00\x00\x03\x00\x00\x00",
      "HTTP/1.1 200 OK",
    ],
  ),
  examine: examined(socksDialogue, socksOracle),
};

/** By the tables of RFC 1928, over the whole text. */
function socksOracle(text: string): Expected {
  if (!"\x05".startsWith(text.slice(0, 1))) return invalid;
  if (text.length < 2) return more;
  if (text[1] !== "\x00") return text[1] === "\xff" ? refused : invalid;
  const reply = text.slice(2);
  if (!"\x05".startsWith(reply.slice(0, 1))) return invalid;
  if (reply.length < 2) return more;
  if (/^.[\x01-\x08]/s.test(reply)) return refused;
  if (!/^.\x00(?:\x00(?:[\x01\x03\x04]|$)|$)/s.test(reply)) return invalid;
  const name = reply.length > 4 ? 1 + reply.charCodeAt(4) : Number.POSITIVE_INFINITY;
  const length = 4 + ({ "\x01": 4, "\x04": 16, "\x03": name }[reply[3] ?? ""] ?? Number.POSITIVE_INFINITY) + 2;
  return reply.length < length ? more : { end: "open", left: reply.length - length };
}

export const PARENT_CONNECT: FuzzTarget = {
  name: "parent-connect",
  input: inputs(
    [
      "HTTP/1.1 200 Connection established\r\n\r\n",
      "HTTP/1.0 200 OK\r\nVia: 1.0 x\r\nContent-Length: 7\r\n\r\nearly octets",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: <x>\r\n\r\nHTTP/1.1 204 \r\n\r\n\x16\x03\x01",
      'HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 2\r\n\r\nno',
      "HTTP/1.1 503 Later\r\n\r\n",
    ],
    [
      "\r\n",
      "\n",
      "\r",
      "\r\n\r\n",
      ":",
      " ",
      "\t",
      "\0",
      "200",
      "101",
      "199",
      "HTTP/1.1 200 OK",
      "HTTP/2 200",
      "A: b\r\n",
      "\xff",
    ],
  ),
  examine: examined(connectDialogue, connectOracle),
};

const HEAD =
  /^HTTP\/1\.[01] (?<status>[0-9]{3})(?: [\t\x20-\x7e\x80-\xff]*)?(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*)*$/;
/** What may stand before the end of a head is there. */
const BEGINNING = /^(?:[\t\x20-\x7e\x80-\xff]|\r\n)*\r?$/;

function connectOracle(text: string): Expected {
  let rest = text;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) {
      const begins = "HTTP/1.".startsWith(rest.slice(0, 7)) && BEGINNING.test(rest);
      return begins ? more : invalid;
    }
    const status = Number(HEAD.exec(rest.slice(0, end))?.groups?.["status"] ?? Number.NaN);
    rest = rest.slice(end + 4);
    if (status >= 200 && status < 300) return { end: "open", left: rest.length };
    if (status >= 300 && status < 600) return refused;
    const isInterim = status >= 100 && status < 200 && status !== 101;
    if (!isInterim) return invalid;
    if (rest === "") return more;
  }
}

/** What a parent proxy answers. */
export const PARENT_TARGETS: readonly FuzzTarget[] = [PARENT_SOCKS, PARENT_CONNECT];
