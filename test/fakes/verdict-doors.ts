import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { assertNever } from "../../router/core/base/assert-never.ts";
import type { Reason } from "../../router/core/base/reason.ts";
import { socksReplyOf } from "../../router/core/wire/socks-reply.ts";
import { refusalAlert } from "../../router/edge/listeners/refusal.ts";
import { AttackAgent } from "./attack-agent.ts";
import { attackHellos } from "./attack-hellos.ts";
import { clientHello } from "./client-hello.ts";
import { SOCKS_GREETING, socksRequest } from "./socks-client.ts";
import { HANGING, type VerdictWorld, type WorldDoor, type Zone } from "./verdict-world.ts";

/** What a program asks for; each door says it in its own words, where it has any for it. */
export interface Ask {
  readonly host: string;
  readonly port: number;
  readonly method?: string;
  readonly path?: string;
  /** In the ClientHello: another name than the host, none, or an encrypted one besides; `bare`: nothing but a hello; `clear`: no TLS at all. */
  readonly hello?: "other" | "none" | "ech" | "bare" | "clear";
  /** Another host in the Host field, or in `:authority`. */
  readonly hostField?: string;
}

/** What the program was told: that it may, or why not, in the door's words. */
export type Told =
  | { readonly kind: "allowed" }
  /** `Sluice-Reason`, or `error.code` of the fetch tool. */
  | { readonly kind: "http"; readonly reason: string }
  | { readonly kind: "socks"; readonly reply: number }
  /** The octets of a TLS alert, as latin1; empty: the connection was closed without a word. */
  | { readonly kind: "tls"; readonly alert: string };

export interface Asked {
  readonly told: Told;
  /** Ends what is open, so that it counts no more. */
  close(): void;
  /** The sidecar has ended it; undefined: there is nothing that stays open. */
  readonly ended?: () => boolean;
}

export interface VerdictDoor extends WorldDoor {
  /** It has words for these. */
  readonly says: {
    readonly requests: boolean;
    readonly hello: boolean;
    readonly hostField: boolean;
    readonly addresses: boolean;
  };
  ask(world: VerdictWorld, ask: Ask): Promise<Asked>;
}

/** Whether this is how the door tells of that reason. */
export function tells(told: Told, reason: Reason): boolean {
  switch (told.kind) {
    case "allowed":
      return false;
    case "http":
      return told.reason === reason;
    case "socks":
      return told.reply === socksReplyOf(reason);
    case "tls":
      return told.alert === Buffer.from(refusalAlert(reason) ?? []).toString("latin1");
    default:
      return assertNever(told);
  }
}

const ALLOWED: Told = { kind: "allowed" };

/** How a tunnel is asked for: the octets, and what comes back before the tunnel's own. */
interface Way {
  port(world: VerdictWorld): number;
  opening(ask: Ask): Buffer;
  /** What the answer says of the opening; undefined: not all of it has come. */
  opened(text: string): Told | { readonly kind: "open"; readonly rest: string } | undefined;
}

const authorityOf = ({ host, port }: Ask): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;

const CONNECT: Way = {
  port: ({ sidecar }) => sidecar.port,
  opening: (ask) => Buffer.from(`CONNECT ${authorityOf(ask)} HTTP/1.1\r\nHost: ${authorityOf(ask)}\r\n\r\n`),
  opened(text) {
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    return text.startsWith("HTTP/1.1 200 ") ? { kind: "open", rest: text.slice(end + 4) } : toldInHttp(text);
  },
};

const SOCKS: Way = {
  port: ({ sidecar }) => sidecar.port,
  opening: ({ host, port }) => Buffer.concat([SOCKS_GREETING, socksRequest(host, port)]),
  opened(text) {
    if (text.length < 12) return undefined;
    const reply = text.charCodeAt(3);
    return reply === 0 ? { kind: "open", rest: text.slice(12) } : { kind: "socks", reply };
  },
};

const REDIRECTED: Way = {
  port: ({ sidecar }) => sidecar.tlsPort,
  opening: () => Buffer.alloc(0),
  opened: (text) => ({ kind: "open", rest: text }),
};

function toldInHttp(text: string): Told {
  const reason = /^Sluice-Reason: ([^\r]*)/m.exec(text)?.[1];
  if (reason !== undefined) return { kind: "http", reason };
  return /^HTTP\/1\.[01] 200 /.test(text) ? ALLOWED : { kind: "http", reason: `answered: ${text.slice(0, 40)}` };
}

/** The octets that a program speaks first in a tunnel for TLS. */
function helloOf({ host, hello }: Ask): Buffer {
  const octets = clientHello(hello === "other" ? "other.opaque.example" : host);
  switch (hello) {
    case "clear":
      return Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    case "none":
      return attackHellos.find(({ name }) => name === "no server_name")?.octets.subarray(0, octets.length) ?? octets;
    case "ech":
      octets.writeUInt16BE(0xfe0d, octets.lastIndexOf(Buffer.of(0, 0x15)));
      return octets;
    case "other":
    case "bare":
    case undefined:
      return octets;
    default:
      return assertNever(hello);
  }
}

/** What a tunnel carries shows whether its first octets were taken: a ServerHello, an alert, or nothing at all. */
function tlsTold(rest: string, ended: boolean): Told | undefined {
  if (rest.startsWith("\x16\x03")) return ALLOWED;
  if (rest.startsWith("\x15\x03") && rest.length >= 7) return { kind: "tls", alert: rest.slice(0, 7) };
  // A tunnel to a rule for plain HTTP is answered in HTTP.
  if (rest.startsWith("HTTP/") && rest.includes("\r\n\r\n")) return toldInHttp(rest);
  return ended ? { kind: "tls", alert: "" } : undefined;
}

async function spoken(
  world: VerdictWorld,
  way: Way,
  ask: Ask,
  first: Buffer,
  read: (rest: string, ended: boolean) => Told | undefined,
): Promise<Asked> {
  const agent = (await AttackAgent.open(way.port(world))).send(Buffer.concat([way.opening(ask), first]));
  const deadline = Date.now() + 6_000;
  for (;;) {
    const opened = way.opened(agent.text);
    const ended = agent.end !== "open" || Date.now() > deadline;
    const told = opened?.kind === "open" ? read(opened.rest, ended) : opened;
    if (told !== undefined) return { told, close: () => void agent.reset(), ended: () => agent.end !== "open" };
    if (ended) return { told: { kind: "tls", alert: "" }, close: () => void agent.reset() };
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function opaqueDoor(name: string, way: Way): VerdictDoor {
  return {
    name,
    zone: "opaque",
    says: { requests: false, hello: true, hostField: false, addresses: way !== REDIRECTED },
    ask: async (world, ask) => spoken(world, way, ask, helloOf(ask), tlsTold),
  };
}

const headOf = (ask: Ask, target: string): Buffer => {
  const host = ask.port === 80 ? authorityOf(ask).slice(0, -":80".length) : authorityOf(ask);
  return Buffer.from(`${ask.method ?? "GET"} ${target} HTTP/1.1\r\nHost: ${ask.hostField ?? host}\r\n\r\n`);
};

const pathOf = (ask: Ask): string => ask.path ?? "/open/1";

/** The answer to one request; of one that is left hanging there is none, and it is open once an origin has it. */
function answerIn(world: VerdictWorld, ask: Ask): (rest: string, ended: boolean) => Told | undefined {
  const before = world.hanging();
  return (rest, ended) => {
    if (rest.includes("\r\n\r\n")) return toldInHttp(rest);
    if (ask.path === HANGING && world.hanging() > before) return ALLOWED;
    return ended ? { kind: "tls", alert: "" } : undefined;
  };
}

function plainDoor(name: string, way: Way, target: (ask: Ask) => string, hostField = true): VerdictDoor {
  return {
    name,
    zone: "web",
    says: { requests: true, hello: false, hostField, addresses: true },
    ask: async (world, ask) => spoken(world, way, ask, headOf(ask, target(ask)), answerIn(world, ask)),
  };
}

const STRAIGHT = { opening: () => Buffer.alloc(0), opened: (text: string) => ({ kind: "open", rest: text }) as const };
const ABSOLUTE: Way = { ...STRAIGHT, port: ({ sidecar }) => sidecar.port };
const PORT_80: Way = { ...STRAIGHT, port: ({ sidecar }) => sidecar.httpPort };

/** TLS by a real client, and one request within; a hello that no client sends is told of as on the opaque doors. */
function inspectedDoor(name: string, way: Way, alpn: "http/1.1" | "h2"): VerdictDoor {
  return {
    name,
    zone: "seen",
    says: { requests: true, hello: true, hostField: true, addresses: way !== REDIRECTED },
    async ask(world, ask) {
      const sendable = /^[0-9A-Za-z.:-]+$/.test(ask.host);
      if (ask.hello !== undefined || !sendable) return spoken(world, way, ask, helloOf(ask), tlsTold);
      const agent = (await AttackAgent.open(way.port(world))).send(way.opening(ask));
      const close = (): void => void agent.reset();
      const deadline = Date.now() + 6_000;
      let opened = way.opened(agent.text);
      while (opened === undefined && agent.end === "open" && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        opened = way.opened(agent.text);
      }
      if (opened?.kind !== "open") return { told: opened ?? { kind: "tls", alert: "" }, close };
      agent.socket.removeAllListeners("data");
      const ca = readFileSync(world.caFile);
      const secure = connectTls({ socket: agent.socket, servername: ask.host, ca, ALPNProtocols: [alpn] });
      const failed = await new Promise<Error | undefined>((resolve) => {
        secure.once("secureConnect", () => resolve(undefined));
        secure.once("error", resolve);
        secure.once("close", () => resolve(new Error("closed")));
      });
      secure.on("error", () => undefined);
      if (failed !== undefined) return { told: alertTold(failed), close };
      const told = alpn === "h2" ? await askHttp2(world, secure, ask) : await askHttp1(world, secure, ask);
      return { told, close };
    },
  };
}

/** OpenSSL names the alert: `SSL alert number 49`; Node in `code`, without its number. */
function alertTold(error: Error): Told {
  const numbers: Readonly<Record<string, number>> = {
    ACCESS_DENIED: 49,
    DECODE_ERROR: 50,
    INTERNAL_ERROR: 80,
    UNRECOGNIZED_NAME: 112,
  };
  const found = Object.entries(numbers).find(([name]) => "code" in error && String(error.code).endsWith(name));
  const alert = found === undefined ? String(error) : Buffer.of(21, 3, 3, 0, 2, 2, found[1]).toString("latin1");
  return { kind: "tls", alert };
}

async function askHttp1(world: VerdictWorld, secure: TLSSocket, ask: Ask): Promise<Told> {
  let text = "";
  secure.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  const host = { ...ask, hostField: ask.hostField ?? ask.host };
  secure.write(headOf(host, pathOf(ask)));
  const read = answerIn(world, ask);
  const deadline = Date.now() + 6_000;
  for (;;) {
    const told = read(text, secure.destroyed || Date.now() > deadline);
    if (told !== undefined) return told;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function askHttp2(world: VerdictWorld, secure: TLSSocket, ask: Ask): Promise<Told> {
  const before = world.hanging();
  const session = connectHttp2(`https://${ask.host}`, { createConnection: () => secure });
  session.on("error", () => undefined);
  const stream = session.request({
    ":method": ask.method ?? "GET",
    ":path": pathOf(ask),
    ":authority": ask.hostField ?? ask.host,
  });
  stream.resume();
  return new Promise((resolve) => {
    const hangs = setInterval(() => {
      if (ask.path === HANGING && world.hanging() > before) done(ALLOWED);
    }, 5);
    const late = setTimeout(() => done({ kind: "http", reason: "no answer" }), 6_000);
    const done = (told: Told): void => {
      clearInterval(hangs);
      clearTimeout(late);
      resolve(told);
    };
    stream.once("response", (head) => {
      const reason = head["sluice-reason"];
      done(
        typeof reason === "string"
          ? { kind: "http", reason }
          : head[":status"] === 200
            ? ALLOWED
            : { kind: "http", reason: `answered ${head[":status"]}` },
      );
    });
    stream.once("error", (error) => done({ kind: "http", reason: String(error) }));
    stream.once("close", () => done({ kind: "http", reason: `closed with ${stream.rstCode}` }));
  });
}

function fetchDoor(name: string, zone: Zone, scheme: "http" | "https"): VerdictDoor {
  return {
    name,
    zone,
    says: { requests: zone !== "opaque", hello: false, hostField: false, addresses: true },
    async ask(world, ask) {
      const before = world.hanging();
      const giveUp = new AbortController();
      const close = (): void => giveUp.abort();
      const defaultPort = scheme === "http" ? 80 : 443;
      const authority = ask.port === defaultPort ? authorityOf(ask).replace(/:[0-9]+$/, "") : authorityOf(ask);
      const answered = fetch(`http://127.0.0.1:${world.sidecar.agentPort}/egress/v1/fetch`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ url: `${scheme}://${authority}${pathOf(ask)}`, method: ask.method ?? "GET" }),
        signal: giveUp.signal,
      }).then(async (response): Promise<Told> => {
        const body = (await response.json()) as { error?: { code?: string } };
        return body.error === undefined ? ALLOWED : { kind: "http", reason: String(body.error.code) };
      });
      answered.catch(() => undefined);
      if (ask.path !== HANGING) return { told: await answered, close };
      const hangs = async (): Promise<Told> => {
        const deadline = Date.now() + 6_000;
        while (world.hanging() <= before && Date.now() < deadline)
          await new Promise((resolve) => setTimeout(resolve, 5));
        return world.hanging() > before ? ALLOWED : { kind: "http", reason: "no answer" };
      };
      return { told: await Promise.race([answered, hangs()]), close };
    },
  };
}

/** Every way out of the pod. */
export const VERDICT_DOORS: readonly VerdictDoor[] = [
  opaqueDoor("connect", CONNECT),
  opaqueDoor("socks", SOCKS),
  opaqueDoor("port-443", REDIRECTED),
  plainDoor("connect-http", CONNECT, pathOf),
  plainDoor("socks-http", SOCKS, pathOf),
  plainDoor("absolute", ABSOLUTE, (ask) => `http://${authorityOf(ask).replace(/:80$/, "")}${pathOf(ask)}`),
  plainDoor("port-80", PORT_80, pathOf, false),
  {
    ...plainDoor("absolute-https", ABSOLUTE, (ask) => `https://${authorityOf(ask).replace(/:443$/, "")}${pathOf(ask)}`),
    zone: "seen",
  },
  inspectedDoor("inspected-h1", CONNECT, "http/1.1"),
  inspectedDoor("inspected-h2", CONNECT, "h2"),
  inspectedDoor("inspected-port-443", REDIRECTED, "http/1.1"),
  inspectedDoor("inspected-socks-h2", SOCKS, "h2"),
  fetchDoor("fetch-http", "web", "http"),
  fetchDoor("fetch-https", "opaque", "https"),
  fetchDoor("fetch-inspected", "seen", "https"),
];
