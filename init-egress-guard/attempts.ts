import type { NetworkInterfaceInfo } from "node:os";
import type { Attempt } from "./attempt.ts";
import type { Family } from "./settings.ts";

/** Documentation addresses (RFC 5737, RFC 3849): nobody's, and routed like anybody's. */
const OUTSIDE: Readonly<Record<Family, string>> = { ipv4: "192.0.2.1", ipv6: "2001:db8::1" };
const TCP_PORTS = [443, 80, 53, 853, 9_999];
const UDP_PORTS = [53, 443, 9_999];
const DISCARD = 9;

/**
 * What a prover tries, given `os.networkInterfaces()`: the outside of every family that has an address beyond
 * loopback, and one neighbour on each link, which needs no default route. Redirection is judged by `redirect`.
 */
export function attemptsFor(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
  redirect: boolean,
): readonly Attempt[] {
  const own = new Set(Object.values(interfaces).flatMap((infos) => (infos ?? []).map((info) => info.address)));
  const found: Attempt[] = [];
  const tried = new Set<Family>();
  for (const [device, infos] of Object.entries(interfaces)) {
    for (const info of infos ?? []) {
      if (info.internal) continue;
      const family = info.family === "IPv4" ? "ipv4" : "ipv6";
      if (!tried.has(family)) {
        const address = OUTSIDE[family];
        for (const port of TCP_PORTS) {
          found.push({ family, transport: "tcp", address, port, redirected: redirect && [443, 80, 53].includes(port) });
        }
        for (const port of UDP_PORTS) {
          found.push({ family, transport: "udp", address, port, redirected: redirect && port === 53 });
        }
        tried.add(family);
      }
      const neighbour = neighbourOf(info, own);
      if (neighbour === undefined) continue;
      for (const transport of ["tcp", "udp"] as const) {
        found.push({
          family,
          transport,
          address: info.family === "IPv6" && info.scopeid !== 0 ? `${neighbour}%${device}` : neighbour,
          port: DISCARD,
          redirected: false,
        });
      }
    }
  }
  return found;
}

/**
 * The address with one of its last bits turned: on the same link, not one of this pod's own, and no broadcast or
 * network address, to which the kernel has answers of its own.
 */
function neighbourOf({ family, address, netmask }: NetworkInterfaceInfo, own: ReadonlySet<string>): string | undefined {
  const [separator, radix] = family === "IPv4" ? [".", 10] : [":", 16];
  const groups = address.split(separator);
  const last = Number.parseInt(`0${groups.pop()}`, radix);
  const hostBits = 0xff & ~Number(netmask.split(".").at(-1));
  return [1, 2, 4, 8, 16, 32]
    .map((bit) => last ^ bit)
    .filter((turned) => (family === "IPv4" ? isHost(turned, hostBits) : turned !== 0))
    .map((turned) => [...groups, turned.toString(radix)].join(separator))
    .find((candidate) => !own.has(candidate));
}

/** Of a network whose last octet has these host bits; a point-to-point link (/31, /32) has hosts alone. */
function isHost(octet: number, hostBits: number): boolean {
  const host = octet & hostBits;
  return hostBits < 2 || (host !== 0 && host !== hostBits);
}
