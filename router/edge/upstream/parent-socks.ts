import type { Authority } from "../../core/wire/authority.ts";
import { addressOctets, isIpv6 } from "../../core/wire/ip-address.ts";
import { type DialogueStep, failed, type ParentCredential, type ParentDialogue } from "./parent-proxy.ts";

const VERSION = 5;
/** RFC 1929 section 2. */
const PASSWORD_VERSION = 1;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
const NO_METHOD = 0xff;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

/** RFC 1929: each length is one octet. */
export const LONGEST_SOCKS_CREDENTIAL = 255;

/**
 * SOCKS 5 (RFC 1928), CONNECT only, with user name and password (RFC 1929) where there is a credential. Every message is
 * of known length, so that what comes behind the last is the origin's.
 */
export function socksDialogue(target: Authority, credential: ParentCredential | undefined): ParentDialogue {
  let awaited: "method" | "leave" | "reply" = "method";
  const methods = credential === undefined ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USER_AND_PASSWORD];

  function ask(used: number): DialogueStep {
    awaited = "reply";
    return { kind: "say", octets: request(target), used };
  }

  function chosen(method: number): DialogueStep {
    if (method === NO_METHOD) {
      return failed("upstream_unreachable", "It accepts none of the ways to authenticate that were offered.");
    }
    if (method === NO_AUTHENTICATION) return ask(2);
    if (method !== USER_AND_PASSWORD || credential === undefined) {
      return failed("upstream_invalid", `It chose a way to authenticate that was not offered (${method}).`);
    }
    awaited = "leave";
    return { kind: "say", octets: login(credential), used: 2 };
  }

  function admitted(heard: Uint8Array): DialogueStep {
    const version = expectVersion(heard, PASSWORD_VERSION);
    if (version !== undefined) return version;
    if (heard.length < 2) return MORE;
    return heard[1] === 0 ? ask(2) : failed("upstream_unreachable", "It refuses the user name and password.");
  }

  function hear(heard: Uint8Array): DialogueStep {
    if (awaited === "reply") return readSocksReply(heard);
    if (awaited === "leave") return admitted(heard);
    return expectVersion(heard, VERSION) ?? (heard.length < 2 ? MORE : chosen(heard[1] ?? NO_METHOD));
  }

  return { opening: Uint8Array.from([VERSION, methods.length, ...methods]), hear };
}

const MORE: DialogueStep = { kind: "more" };

/**
 * Reads a reply to a request (RFC 1928 section 6). A refusal counts as soon as its code is there: what else belongs to it
 * many do not send. The address that it was bound to is of no use to us.
 */
export function readSocksReply(heard: Uint8Array): DialogueStep {
  const version = expectVersion(heard, VERSION);
  if (version !== undefined) return version;
  const [, code, reserved, kind] = heard;
  if (code === undefined) return MORE;
  if (code !== 0) return refusal(code);
  if (reserved === undefined) return MORE;
  if (reserved !== 0) return failed("upstream_invalid", "Its reply is not of SOCKS 5 (the reserved octet).");
  if (kind === undefined) return MORE;
  const length = boundLength(kind, heard[4]);
  if (length === undefined) return failed("upstream_invalid", `Its reply has an unknown kind of address (${kind}).`);
  const used = length === "unknown" ? Infinity : 4 + length + 2;
  return heard.length < used ? MORE : { kind: "open", used };
}

/** Octets of the bound address, with its own length where it has one. */
function boundLength(kind: number, first: number | undefined): number | "unknown" | undefined {
  switch (kind) {
    case IPV4:
      return 4;
    case IPV6:
      return 16;
    case NAME:
      return first === undefined ? "unknown" : 1 + first;
    default:
      return undefined;
  }
}

/** Codes of RFC 1928 section 6 that another address may not meet. */
const ABOUT_THE_ADDRESS = new Set([1, 2, 3, 4, 5, 6, 8]);
const REFUSALS: readonly (string | undefined)[] = [
  undefined,
  "it failed",
  "its rules refuse it",
  "the network is unreachable",
  "the host is unreachable",
  "the connection was refused",
  "the time to live expired",
  "it knows no CONNECT",
  "it does not support this kind of address",
];

function refusal(code: number): DialogueStep {
  const said = REFUSALS[code];
  if (said === undefined) return failed("upstream_invalid", `Its reply has an unknown code (${code}).`);
  return failed("upstream_unreachable", `It did not connect: ${said} (reply ${code}).`, ABOUT_THE_ADDRESS.has(code));
}

function expectVersion(heard: Uint8Array, version: number): DialogueStep | undefined {
  const [given] = heard;
  if (given === undefined || given === version) return undefined;
  return failed("upstream_invalid", "Its answer is not of SOCKS 5 (the version).");
}

function login({ user, password }: ParentCredential): Uint8Array {
  return Buffer.concat([
    Uint8Array.from([PASSWORD_VERSION, user.length]),
    Buffer.from(user, "latin1"),
    Uint8Array.from([password.length]),
    Buffer.from(password, "latin1"),
  ]);
}

function request({ host, port }: Authority): Uint8Array {
  const address =
    host.kind === "name"
      ? Buffer.concat([Uint8Array.from([NAME, host.text.length]), Buffer.from(host.text, "latin1")])
      : Buffer.concat([Uint8Array.from([isIpv6(host.text) ? IPV6 : IPV4]), addressOctets(host.text)]);
  return Buffer.concat([Uint8Array.from([VERSION, CONNECT, 0]), address, Uint8Array.from([port >> 8, port & 0xff])]);
}
