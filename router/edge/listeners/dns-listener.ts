import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import type { ListenerConfig } from "../../core/config/router-config.ts";
import { isIpv6 } from "../../core/wire/ip-address.ts";
import type { BoundListener } from "./bound-listener.ts";
import { serveDnsStream } from "./dns-stream.ts";

/** The answer to a client's message, in octets; undefined: silence. */
export type AnswerDns = (query: Uint8Array, over: "udp" | "tcp") => Promise<Uint8Array | undefined>;

/** Queries over UDP that are not answered yet; one beyond is dropped, as a full socket buffer would drop it. */
const MOST_OPEN = 512;
/** Connections at the same time; one beyond is reset. */
const MOST_CONNECTIONS = 64;

/**
 * Binds every address of the listener over UDP and TCP, or none: a failed bind is fatal. Only an address family that this
 * kernel does not have is left out, and only while another address is bound. `close` ends everything, open connections
 * too. `failed`: a bug of ours cost one answer.
 */
export async function bindDnsListener(
  config: ListenerConfig,
  answer: AnswerDns,
  failed: (thrown: unknown) => void,
): Promise<BoundListener> {
  const udp: UdpSocket[] = [];
  const tcp: Server[] = [];
  const connections = new Set<() => void>();
  const bound: string[] = [];
  let open = 0;

  async function onDatagram(socket: UdpSocket, query: Uint8Array, from: RemoteInfo): Promise<void> {
    // Nobody can be answered at port 0.
    if (open >= MOST_OPEN || from.port === 0) return;
    open += 1;
    try {
      const reply = await answer(query, "udp");
      if (reply !== undefined && udp.includes(socket)) socket.send(reply, from.port, from.address, () => undefined);
    } catch (error) {
      failed(error);
    } finally {
      open -= 1;
    }
  }

  function newServer(): Server {
    return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (connections.size >= MOST_CONNECTIONS) {
        socket.on("error", () => undefined);
        socket.resetAndDestroy();
        return;
      }
      const cut = serveDnsStream(socket, async (query) => {
        try {
          return await answer(query, "tcp");
        } catch (error) {
          failed(error);
          return undefined;
        }
      });
      connections.add(cut);
      socket.once("close", () => connections.delete(cut));
    });
  }

  async function bindOne(address: ListenerConfig["addresses"][number]): Promise<void> {
    const server = newServer();
    const socket = createSocket(isIpv6(address) ? { type: "udp6", ipv6Only: true } : { type: "udp4" });
    try {
      server.listen({ host: address, port: config.port, backlog: 128 });
      await once(server, "listening");
      socket.bind({ address, port: config.port, exclusive: true });
      await once(socket, "listening");
    } catch (error) {
      server.close();
      socket.close();
      throw error;
    }
    // Errors of accepting and sending are of the moment; without a listener they would end the process.
    server.on("error", () => undefined);
    socket.on("error", () => undefined);
    socket.on("message", (query, from) => void onDatagram(socket, query, from));
    tcp.push(server);
    udp.push(socket);
  }

  function close(): void {
    for (const server of tcp.splice(0)) server.close();
    for (const socket of udp.splice(0)) socket.close();
    for (const cut of connections) cut();
  }

  try {
    for (const address of config.addresses) {
      try {
        await bindOne(address);
      } catch (error) {
        if (isIpv6(address) && isAbsentFamily(error) && config.addresses.some((other) => !isIpv6(other))) continue;
        throw error;
      }
      bound.push(isIpv6(address) ? `[${address}]:${config.port}` : `${address}:${config.port}`);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { bound, close };
}

function isAbsentFamily(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return error.code === "EAFNOSUPPORT" || error.code === "EADDRNOTAVAIL";
}
