import type { FuzzTarget } from "../fuzz-target.ts";
import { AUTHORITY } from "./authority.ts";
import { CHUNKED_BODY } from "./chunked-body.ts";
import { CLIENT_HELLO } from "./client-hello.ts";
import { DNS_MESSAGE } from "./dns-message.ts";
import { MESSAGE_HEAD } from "./message-head.ts";
import { REQUEST_TARGET } from "./request-target.ts";
import { SOCKS } from "./socks.ts";
import { TRANSPARENT_REQUEST } from "./transparent-request.ts";

/** The parsers at the door, each with what it promises. */
export const WIRE_TARGETS: readonly FuzzTarget[] = [
  AUTHORITY,
  REQUEST_TARGET,
  MESSAGE_HEAD,
  CLIENT_HELLO,
  CHUNKED_BODY,
  DNS_MESSAGE,
  SOCKS,
  TRANSPARENT_REQUEST,
];
