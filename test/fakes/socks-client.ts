import { connect, isIPv4, isIPv6, type Socket } from "node:net";
import { addressOctets, parseIpAddress } from "../../router/core/wire/ip-address.ts";

/** SOCKS5's greeting of a client that has no credential. */
export const SOCKS_GREETING = Buffer.of(5, 1, 0);

/** CONNECT to a name, or to an address by its octets. */
export function socksRequest(host: string, port: number): Buffer {
  const address = isIPv4(host) || isIPv6(host) ? parseIpAddress(host) : undefined;
  const where =
    address === undefined
      ? Buffer.concat([Buffer.of(3, host.length), Buffer.from(host, "latin1")])
      : Buffer.concat([Buffer.of(isIPv4(host) ? 1 : 4), addressOctets(address)]);
  return Buffer.concat([Buffer.of(5, 1, 0), where, Buffer.of(port >> 8, port & 0xff)]);
}

/** The proxy's answer, or what it refused with. */
export type SocksAnswer = { readonly socket: Socket } | { readonly reply: number };

/** Asks for a tunnel; `reply` is the octet REP of a refusal. */
export async function askSocks(proxyPort: number, host: string, port: number): Promise<SocksAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: proxyPort, host: "127.0.0.1", allowHalfOpen: true });
    let read = Buffer.alloc(0);
    socket.once("error", reject);
    socket.write(Buffer.concat([SOCKS_GREETING, socksRequest(host, port)]));
    const take = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk]);
      if (read.length < 12) return;
      socket.off("data", take);
      socket.pause();
      socket.off("error", reject);
      socket.on("error", () => socket.destroy());
      const reply = read[3] ?? 255;
      if (reply !== 0) {
        socket.destroy();
        resolve({ reply });
        return;
      }
      if (read.length > 12) socket.unshift(read.subarray(12));
      resolve({ socket });
    };
    socket.on("data", take);
    socket.once("close", () => reject(new Error(`closed after ${read.toString("hex")}`)));
  });
}
