import { type Millis, millis } from "../../router/core/base/quantity.ts";
import type { RouterConfig } from "../../router/core/config/router-config.ts";
import type { Hostname } from "../../router/core/wire/hostname.ts";

/** Settings of a resolver that asks over UDP and TCP. */
export function plainConfig(servers: readonly string[], timeout: Millis = millis(1_000)): RouterConfig["resolver"] {
  return {
    servers,
    timeout,
    over: "plain",
    serverName: undefined,
    path: "/dns-query",
    caFile: undefined,
    hosts: new Map(),
  };
}

/** Of one that asks over TLS; the servers' certificate is for `dns.test`. */
export function securedConfig(
  over: "tls" | "https",
  servers: readonly string[],
  timeout: Millis = millis(1_000),
): RouterConfig["resolver"] {
  return { ...plainConfig(servers, timeout), over, serverName: "dns.test" as Hostname };
}
