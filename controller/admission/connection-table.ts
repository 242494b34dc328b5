import type { Socket } from "node:net";

interface Peer {
  readonly socket: Socket;
  /** What ends the requests of it that are being worked on. */
  readonly open: Set<() => void>;
}

/**
 * The open connections, longest without a finished review first. Over the cap that one goes and not the newest, so that
 * peers who only hold connections cannot keep the API server out. The API server's client opens another where an idle
 * one is gone.
 */
export class ConnectionTable {
  readonly #most: number;
  readonly #peers = new Map<string, Peer>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#peers.size;
  }

  add(socket: Socket): void {
    if (this.#peers.size >= this.#most) this.#evict();
    const key = keyOf(socket);
    const peer: Peer = { socket, open: new Set() };
    this.#peers.set(key, peer);
    socket.once("close", () => {
      if (this.#peers.get(key) === peer) this.#peers.delete(key);
      for (const over of peer.open) over();
    });
  }

  /**
   * A request has begun on the connection (its TLS socket, or the one below). `over` is called when the connection closes
   * under it: Node says nothing of an answer that stands behind another in a pipeline. Returns what to call when the request
   * has ended otherwise; `useful`: it was a review that was answered.
   */
  begin(socket: Socket, over: () => void): (useful: boolean) => void {
    const key = keyOf(socket);
    const peer = this.#peers.get(key);
    if (peer === undefined) {
      socket.once("close", over);
      return () => socket.off("close", over);
    }
    peer.open.add(over);
    return (useful) => {
      peer.open.delete(over);
      if (!useful || this.#peers.get(key) !== peer) return;
      this.#peers.delete(key);
      this.#peers.set(key, peer);
    };
  }

  #evict(): void {
    let oldest: Peer | undefined;
    for (const peer of this.#peers.values()) {
      oldest ??= peer;
      if (peer.open.size > 0) continue;
      oldest = peer;
      break;
    }
    if (oldest === undefined) return;
    this.#peers.delete(keyOf(oldest.socket));
    oldest.socket.destroy();
  }
}

/** The TLS socket and the TCP socket below it have the same addresses; a closed socket has none. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ""} ${socket.remotePort ?? ""} ${socket.localAddress ?? ""}`;
}
