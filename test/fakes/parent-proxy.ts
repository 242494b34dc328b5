import { connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { testCa } from "./origins.ts";

export interface ParentSetup {
  readonly kind: "http" | "socks5";
  /** `user:password` that it asks for. */
  readonly credential?: string;
  /** Names of the certificate that it speaks TLS with. */
  readonly tls?: readonly string[];
  /** The addresses of names; anything else that is no address is refused. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Addresses that it refuses to go to. */
  readonly refuses?: readonly string[];
  /** What it says behind its answer as if the origin had. */
  readonly early?: string;
}

/** A parent proxy that keeps its word, and remembers what it was asked. */
export interface FakeParent extends AsyncDisposable {
  readonly port: number;
  /** `host:port` of each request, in order. */
  readonly asked: readonly string[];
  /** `user:password` of each request that had one. */
  readonly credentials: readonly string[];
  /** Connections accepted. */
  readonly accepted: number;
}

/** Octets as they come, by number or up to a text. */
class Reader {
  readonly #socket: Socket;
  #held = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  async octets(count: number): Promise<Buffer> {
    while (this.#held.length < count) await this.#more();
    return this.#take(count);
  }

  async upTo(text: string): Promise<string> {
    while (!this.#held.includes(text)) await this.#more();
    return this.#take(this.#held.indexOf(text) + text.length).toString("latin1");
  }

  /** What was read too much goes back, and the socket is whoever's comes next. */
  leave(): void {
    if (this.#held.length > 0) this.#socket.unshift(this.#held);
    this.#held = Buffer.alloc(0);
  }

  #take(count: number): Buffer {
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        const chunk = this.#socket.read() as Buffer | null;
        if (chunk === null) return;
        this.#socket.off("readable", done).off("close", broke).off("end", broke);
        this.#held = Buffer.concat([this.#held, chunk]);
        resolve();
      };
      const broke = (): void => reject(new Error("the client is gone"));
      this.#socket.on("readable", done).on("close", broke).on("end", broke);
      done();
    });
  }
}

export async function fakeParent(setup: ParentSetup): Promise<FakeParent> {
  const asked: string[] = [];
  const credentials: string[] = [];
  const open = new Set<Socket>();
  let accepted = 0;

  const serve = (socket: Socket): void => {
    accepted += 1;
    socket.on("error", () => undefined);
    const speak = setup.kind === "http" ? speakHttp : speakSocks;
    speak(new Reader(socket), socket).catch(() => socket.destroy());
  };

  async function speakHttp(reader: Reader, socket: Socket): Promise<void> {
    const head = await reader.upTo("\r\n\r\n");
    reader.leave();
    const target = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head)?.[1];
    const basic = /^proxy-authorization: basic (\S+)\r$/im.exec(head)?.[1];
    if (target === undefined || !head.includes(`\r\nHost: ${target}\r\n`)) {
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      return;
    }
    asked.push(target);
    if (basic !== undefined) credentials.push(Buffer.from(basic, "base64").toString("latin1"));
    if (setup.credential !== undefined && credentials.at(-1) !== setup.credential) {
      socket.end('HTTP/1.1 407 Authentication required\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n');
      return;
    }
    const onward = await reach(target);
    if (typeof onward === "string") socket.end(`HTTP/1.1 ${onward === "refused" ? 403 : 502} Nothing there\r\n\r\n`);
    else join(socket, onward, `HTTP/1.1 200 Connection established\r\nVia: 1.1 parent\r\n\r\n${setup.early ?? ""}`);
  }

  async function speakSocks(reader: Reader, socket: Socket): Promise<void> {
    const [version, count = 0] = await reader.octets(2);
    const methods = await reader.octets(count);
    const method = setup.credential === undefined ? 0 : 2;
    if (version !== 5 || !methods.includes(method)) {
      socket.end(Uint8Array.from([5, 0xff]));
      return;
    }
    socket.write(Uint8Array.from([5, method]));
    if (method === 2) {
      const [, userLength = 0] = await reader.octets(2);
      const user = (await reader.octets(userLength)).toString("latin1");
      const [passwordLength = 0] = await reader.octets(1);
      credentials.push(`${user}:${(await reader.octets(passwordLength)).toString("latin1")}`);
      const isRight = credentials.at(-1) === setup.credential;
      socket.write(Uint8Array.from([1, isRight ? 0 : 1]));
      if (!isRight) {
        socket.end();
        return;
      }
    }
    const [, command, , kind] = await reader.octets(4);
    const host = await readAddress(reader, kind ?? 0);
    const target = `${host}:${(await reader.octets(2)).readUInt16BE()}`;
    reader.leave();
    asked.push(target);
    const onward = command === 1 ? await reach(target) : "refused";
    const reply = (code: number): Buffer => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
    if (typeof onward === "string") socket.end(reply(onward === "refused" ? 2 : 5));
    else join(socket, onward, Buffer.concat([reply(0), Buffer.from(setup.early ?? "", "latin1")]));
  }

  async function reach(target: string): Promise<Socket | "refused" | "unreachable"> {
    const colon = target.lastIndexOf(":");
    const text = target.slice(0, colon).replaceAll(/[[\]]/g, "");
    const host = setup.hosts?.[text] ?? text;
    if (setup.refuses?.includes(text) === true) return "refused";
    if (!/^[0-9.:a-f]+$/.test(host)) return "unreachable";
    return new Promise((resolve) => {
      const socket = connect({ host, port: Number(target.slice(colon + 1)), allowHalfOpen: true });
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      socket.once("connect", () => resolve(socket));
      socket.on("error", () => resolve("unreachable"));
    });
  }

  const server: Server =
    setup.tls === undefined
      ? createServer({ allowHalfOpen: true }, serve)
      : createTlsServer({ ...testCertificate(setup.tls), allowHalfOpen: true }, serve);
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("error", () => undefined).on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    asked,
    credentials,
    get accepted() {
      return accepted;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function testCertificate(names: readonly string[]): { readonly key: string; readonly cert: string } {
  const { certificatePem, keyPem } = testCa().issue(names);
  return { key: keyPem, cert: certificatePem };
}

async function readAddress(reader: Reader, kind: number): Promise<string> {
  if (kind === 1) return (await reader.octets(4)).join(".");
  if (kind === 4) return `[${(await reader.octets(16)).toString("hex")}]`;
  const [length = 0] = await reader.octets(1);
  return (await reader.octets(length)).toString("latin1");
}

function join(socket: Socket, onward: Socket, answer: string | Uint8Array): void {
  socket.write(answer);
  socket.pipe(onward).pipe(socket);
  const end = (): void => {
    socket.destroy();
    onward.destroy();
  };
  socket.on("close", end);
  onward.on("close", end);
}
