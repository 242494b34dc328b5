import { connect, type Socket } from "node:net";

/** An agent's end of one connection, driven step by step; nothing it is sent is lost, and nothing throws. */
export class AttackAgent {
  readonly socket: Socket;
  /** Everything that came, as latin1. */
  text = "";
  /** How the proxy ended it. */
  end: "open" | "fin" | "rst" = "open";
  readonly #waiting = new Set<() => void>();
  static readonly #open = new Set<Socket>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    AttackAgent.#open.add(socket);
    socket.on("data", (chunk: Buffer) => {
      this.text += chunk.toString("latin1");
      this.#wake();
    });
    socket.on("end", () => this.#ended("fin"));
    socket.on("error", () => this.#ended("rst"));
    socket.on("close", () => {
      AttackAgent.#open.delete(socket);
      this.#ended("fin");
    });
  }

  static closeAll(): void {
    for (const socket of AttackAgent.#open) socket.destroy();
  }

  static async open(port: number, host = "127.0.0.1"): Promise<AttackAgent> {
    const socket = connect({ port, host, allowHalfOpen: true });
    const agent = new AttackAgent(socket);
    await new Promise<void>((resolve) => {
      socket.once("connect", resolve);
      socket.once("error", () => resolve());
    });
    return agent;
  }

  /** Over a connection that stands already; `end` is then how its TLS ended, where it has some. */
  static of(socket: Socket): AttackAgent {
    return new AttackAgent(socket);
  }

  send(octets: string | Uint8Array): this {
    if (!this.socket.destroyed) this.socket.write(typeof octets === "string" ? Buffer.from(octets, "latin1") : octets);
    return this;
  }

  /** One octet after the other, each in a segment of its own as far as the kernel lets us. */
  async trickle(octets: string | Uint8Array, gap = 0): Promise<this> {
    for (const octet of typeof octets === "string" ? Buffer.from(octets, "latin1") : octets) {
      this.send(Buffer.of(octet));
      await new Promise((resolve) => (gap === 0 ? setImmediate(resolve) : setTimeout(resolve, gap)));
    }
    return this;
  }

  fin(): this {
    this.socket.end();
    return this;
  }

  /** With RST; where FIN is on its way already, libuv could not (EINVAL), and Node would never exit. */
  reset(): this {
    if (this.socket.writableEnded) this.socket.destroy();
    else if (!this.socket.destroyed) this.socket.resetAndDestroy();
    return this;
  }

  /** Resolves when the text matches, the proxy has ended the connection, or the time is over. */
  async until(found: RegExp, milliseconds = 3_000): Promise<this> {
    const deadline = performance.now() + milliseconds;
    while (!found.test(this.text) && this.end === "open" && performance.now() < deadline) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, deadline - performance.now());
        this.#waiting.add(wake);
      });
    }
    return this;
  }

  /** Resolves when the proxy has ended the connection, or the time is over. */
  async over(milliseconds = 3_000): Promise<this> {
    return this.until(/(?!)/, milliseconds);
  }

  /** Each answer as `status` or `status reason`, in order. */
  get answers(): string[] {
    return [...this.text.matchAll(/HTTP\/1\.[01] ([0-9]{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)/g)].map(
      ([, status, fields]) => {
        const reason = /^Sluice-Reason: ([^\r]*)/m.exec(fields ?? "")?.[1];
        return reason === undefined ? String(status) : `${status} ${reason}`;
      },
    );
  }

  /** The answers, and how it ended. */
  get verdict(): string {
    return [...this.answers, this.end].join(", ");
  }

  get requestIds(): string[] {
    return [...this.text.matchAll(/^Sluice-Request-Id: ([^\r]*)/gm)].map((match) => match[1] ?? "");
  }

  #ended(how: "fin" | "rst"): void {
    if (this.end === "open") this.end = how;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}
