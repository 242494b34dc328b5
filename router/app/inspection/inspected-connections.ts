/** A connection inside inspected TLS, as far as the end of the process concerns it. */
export interface DrainedConnection {
  /** No further request: it ends now where none is under way, otherwise after that one. */
  drain(): void;
}

/** The inspected HTTP/1.1 connections that are open. */
export class InspectedConnections {
  readonly #open = new Set<DrainedConnection>();

  get size(): number {
    return this.#open.size;
  }

  add(connection: DrainedConnection): void {
    this.#open.add(connection);
  }

  remove(connection: DrainedConnection): void {
    this.#open.delete(connection);
  }

  drain(): void {
    for (const connection of this.#open) connection.drain();
  }
}
