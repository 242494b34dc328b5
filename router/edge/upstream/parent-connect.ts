import { type Authority, formatAuthority } from "../../core/wire/authority.ts";
import { beginningProblem, isBadText, MOST_FIELDS, readField, unwell } from "./model-answer-head.ts";
import { HOP_FIELD, HOP_TOKEN } from "./hop-token.ts";
import { type DialogueStep, failed, type ParentCredential, type ParentDialogue } from "./parent-proxy.ts";

/** All heads of one answer together; what proxies send is a few hundred octets. */
const MOST_OCTETS = 16 * 1024;
const HEAD_END = "\r\n\r\n";
/** RFC 9112 section 4; the reason may be left out with its space. */
const STATUS_LINE = /^HTTP\/1\.[01] ([0-9]{3})(?: [^\r]*)?$/;

/**
 * CONNECT (RFC 9110 section 9.3.6) to an HTTP proxy, with Basic authentication (RFC 7617) where there is a credential.
 * Only a 2xx opens the tunnel, whatever its fields say of a body, and the octets behind its head are the origin's.
 */
export function connectDialogue(target: Authority, credential: ParentCredential | undefined): ParentDialogue {
  /** Octets of interim answers. */
  let interim = 0;
  let searched = 0;
  return {
    opening: Buffer.from(requestText(formatAuthority(target), credential), "latin1"),
    hear(heard) {
      const octets = Buffer.from(heard.buffer, heard.byteOffset, heard.length);
      const end = octets.indexOf(HEAD_END, Math.max(0, searched - HEAD_END.length), "latin1");
      searched = octets.length;
      const length = end < 0 ? octets.length : end + HEAD_END.length;
      if (interim + length > MOST_OCTETS) return invalid("Its answer has a head without end.");
      const text = octets.toString("latin1", 0, end < 0 ? octets.length : end);
      if (end < 0) {
        const problem = beginningProblem(text, text);
        return problem === undefined ? { kind: "more" } : invalid(problem);
      }
      searched = 0;
      const status = statusOf(text);
      if (typeof status === "string") return invalid(status);
      // Others than 101 may come before the answer (RFC 9110 section 15.2).
      if (status >= 100 && status < 200 && status !== 101) {
        interim += length;
        return { kind: "say", octets: NOTHING, used: length };
      }
      if (status >= 200 && status < 300) return { kind: "open", used: length };
      return refusal(status);
    },
  };
}

const NOTHING = new Uint8Array();

function requestText(authority: string, credential: ParentCredential | undefined): string {
  return [
    `CONNECT ${authority} HTTP/1.1`,
    `Host: ${authority}`,
    `${HOP_FIELD}: ${HOP_TOKEN}`,
    ...(credential === undefined ? [] : [`Proxy-Authorization: Basic ${basic(credential)}`]),
    "",
    "",
  ].join("\r\n");
}

function basic({ user, password }: ParentCredential): string {
  return Buffer.from(`${user}:${password}`, "latin1").toString("base64");
}

/** The status of a whole head without the empty line behind it, or a sentence on why it is none. */
function statusOf(text: string): number | string {
  if (isBadText(text)) return unwell("a control character or a line end that is none");
  const [line = "", ...fields] = text.split("\r\n");
  const status = STATUS_LINE.exec(line)?.[1];
  if (status === undefined) return unwell("the status line is none");
  if (fields.length > MOST_FIELDS) return "Its answer has too many fields.";
  if (fields.some((field) => readField(field, 0, field.length) === undefined)) return unwell("a field line is none");
  return Number(status);
}

function refusal(status: number): DialogueStep {
  if (status === 407) return failed("upstream_unreachable", "It asks for other credentials (status 407).");
  if (status < 300 || status > 599) return invalid(`Its answer has no status of a final response (${status}).`);
  // It may refuse one address and not the next.
  return failed("upstream_unreachable", `It refuses to connect there (status ${status}).`, true);
}

function invalid(detail: string): DialogueStep {
  return failed("upstream_invalid", detail);
}
