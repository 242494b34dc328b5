import { createServer, type Server, type Socket } from "node:net";
import type { ListenerConfig } from "../../core/config/router-config.ts";
import { isIpv6 } from "../../core/wire/ip-address.ts";

export interface BoundListener {
  /** Stops accepting. Connections that are open go on. */
  close(): void;
  /** The addresses that are bound, as `address:port`. */
  readonly bound: readonly string[];
}

/**
 * Binds every address of a listener, or none: a failed bind is fatal. Only an address family that this kernel
 * does not have is left out, and only while another address of the listener is bound.
 */
export async function bindListener(
  config: ListenerConfig,
  onConnection: (socket: Socket) => void,
): Promise<BoundListener> {
  const servers: Server[] = [];
  const bound: string[] = [];
  try {
    for (const address of config.addresses) {
      const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: 64 * 1024 }, onConnection);
      try {
        await listen(server, address, config.port);
      } catch (error) {
        if (isIpv6(address) && isAbsentFamily(error) && config.addresses.some((other) => !isIpv6(other))) continue;
        throw error;
      }
      servers.push(server);
      bound.push(isIpv6(address) ? `[${address}]:${config.port}` : `${address}:${config.port}`);
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return {
    bound,
    close(): void {
      for (const server of servers) server.close();
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off("error", reject);
      // Accept errors (out of descriptors) are temporary; without a listener they would end the process.
      server.on("error", () => undefined);
      resolve();
    });
  });
}

function isAbsentFamily(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return error.code === "EAFNOSUPPORT" || error.code === "EADDRNOTAVAIL";
}
