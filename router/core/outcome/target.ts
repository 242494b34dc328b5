import { formatHost } from "../wire/host.ts";
import type { ExchangeStart } from "./outcome.ts";

/** `host:port` in canonical spelling, or `-` where the request named nothing readable. */
export function targetText(start: Pick<ExchangeStart, "host" | "port">): string {
  return start.host === undefined || start.port === undefined ? "-" : `${formatHost(start.host)}:${start.port}`;
}
