import { createHash } from "node:crypto";
import { FORBIDDEN, type Misbehaviour } from "./attack-origin.ts";
import { until } from "./until.ts";

/** What a malicious origin answers, what the agent sees of it, and (`open`) that the connection is good for another. */
interface AnswerRow {
  readonly name: string;
  readonly answer: string | Misbehaviour;
  readonly verdict: string;
  /** The method of the request; default GET. */
  readonly ask?: string;
}

const then = (text: string, more: Misbehaviour): Misbehaviour => {
  return (socket, head) => void socket.write(text, "latin1", () => more(socket, head));
};
const saying = (text: string): Misbehaviour => then(text, () => undefined);
const ending = (text: string): Misbehaviour => then(text, (socket) => void socket.end());
const breaking = (text: string): Misbehaviour => then(text, (socket) => setTimeout(() => socket.resetAndDestroy(), 30));
const ok = (more: string): string => `HTTP/1.1 200 OK\r\n${more}`;

const invalid = "502 upstream_invalid, fin";
const unreachable = "502 upstream_unreachable, fin";

const LATER = "a second answer a moment later";
let sent = 0;

/**
 * Waits until what the row's origin has to say is at the router, once the agent has the first answer: asked before, the
 * router would rightly take a later one for the answer to the next request. `before`: of `laterAnswers()` then.
 */
export async function allSaid(name: string, before: number): Promise<void> {
  if (name === LATER) await until(() => sent > before);
  await new Promise((resolve) => setTimeout(resolve, 100));
  // A process that was held up has first to read what came meanwhile.
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** How often an origin has said a second answer a moment later. */
export function laterAnswers(): number {
  return sent;
}

export const attackAnswers: readonly AnswerRow[] = [
  { name: "no HTTP", answer: "HTP/1.1 200 OK\r\n\r\n", verdict: invalid },
  { name: "a banner", answer: "SSH-2.0-OpenSSH\r\n", verdict: invalid },
  { name: "HTTP/2", answer: "HTTP/2 200\r\n\r\n", verdict: invalid },
  { name: "HTTP/0.9", answer: ending("<html>"), verdict: invalid },
  { name: "FIN at once", answer: (socket) => void socket.end(), verdict: unreachable },
  { name: "RST at once", answer: (socket) => void socket.resetAndDestroy(), verdict: unreachable },
  { name: "half a head, then FIN", answer: ending("HTTP/1.1 200 OK\r\nA: b\r\n"), verdict: unreachable },
  { name: "half a head, then RST", answer: breaking("HTTP/1.1 200 OK\r\nA: b\r\n"), verdict: unreachable },
  { name: "silence", answer: () => undefined, verdict: "429 idle_timeout, fin" },
  { name: "status 099", answer: "HTTP/1.1 099 X\r\n\r\n", verdict: invalid },
  { name: "status 700", answer: "HTTP/1.1 700 X\r\nContent-Length: 0\r\n\r\n", verdict: invalid },
  { name: "status of four digits", answer: "HTTP/1.1 2000 X\r\n\r\n", verdict: invalid },
  {
    name: "101 unasked",
    answer: `HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n${FORBIDDEN}`,
    verdict: invalid,
  },
  { name: "interim without end", answer: "HTTP/1.1 100 Continue\r\n\r\n".repeat(100), verdict: invalid },
  {
    name: "early hints",
    answer: `HTTP/1.1 103 X\r\nLink: ${FORBIDDEN}\r\n\r\n${ok("Content-Length: 0\r\n\r\n")}`,
    verdict: "200, open",
  },
  {
    name: "100 unasked",
    answer: `HTTP/1.1 100 Continue\r\n\r\n${ok("Content-Length: 0\r\n\r\n")}`,
    verdict: "200, open",
  },
  {
    name: "length and chunks",
    answer: ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    verdict: invalid,
  },
  { name: "two lengths", answer: ok("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), verdict: invalid },
  {
    name: "the same length twice",
    answer: ok("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    verdict: invalid,
  },
  { name: "a list of lengths", answer: ok("Content-Length: 5, 5\r\n\r\nhello"), verdict: invalid },
  { name: "a negative length", answer: ok("Content-Length: -5\r\n\r\n"), verdict: invalid },
  { name: "a length in hex", answer: ok("Content-Length: 0x5\r\n\r\nhello"), verdict: invalid },
  { name: "a length of 2^64", answer: ok("Content-Length: 18446744073709551616\r\n\r\n"), verdict: invalid },
  { name: "space before the colon", answer: ok("Content-Length : 5\r\n\r\nhello"), verdict: invalid },
  { name: "another coding", answer: ok("Transfer-Encoding: gzip\r\n\r\nx"), verdict: invalid },
  { name: "gzip, chunked", answer: ok("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), verdict: invalid },
  {
    name: "chunks in HTTP/1.0",
    answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    verdict: invalid,
  },
  { name: "LF only", answer: "HTTP/1.1 200 OK\nContent-Length: 0\n\n", verdict: invalid },
  { name: "NUL in a field", answer: ok("A: b\0c\r\nContent-Length: 0\r\n\r\n"), verdict: invalid },
  { name: "CR in a field", answer: ok("A: b\rSluice-Reason: x\r\nContent-Length: 0\r\n\r\n"), verdict: invalid },
  { name: "a folded field", answer: ok("A: b\r\n c\r\nContent-Length: 0\r\n\r\n"), verdict: invalid },
  { name: "a head of 40 KiB", answer: ok(`A: ${"b".repeat(40_000)}\r\nContent-Length: 0\r\n\r\n`), verdict: invalid },
  { name: "300 fields", answer: ok(`${"A: b\r\n".repeat(300)}Content-Length: 0\r\n\r\n`), verdict: invalid },
  {
    name: "Connection: content-length",
    answer: ok("Connection: content-length\r\nContent-Length: 0\r\n\r\n"),
    verdict: invalid,
  },
  { name: "a body cut by FIN", answer: ending(ok("Content-Length: 10\r\n\r\nabc")), verdict: "200, rst" },
  { name: "a body cut by RST", answer: breaking(ok("Content-Length: 10\r\n\r\nabc")), verdict: "200, rst" },
  { name: "a body that stops", answer: ok("Content-Length: 10\r\n\r\nabc"), verdict: "200, rst" },
  { name: "chunks cut by FIN", answer: ending(ok("Transfer-Encoding: chunked\r\n\r\n5\r\nabc")), verdict: "200, rst" },
  {
    name: "chunks without an end",
    answer: ending(ok("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")),
    verdict: "200, rst",
  },
  {
    name: "a chunk size that is none",
    answer: ok("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n"),
    verdict: "200, rst",
  },
  {
    name: "a chunk of 2^64",
    answer: ok("Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
    verdict: "200, rst",
  },
  { name: "to the end of the connection", answer: ending(ok("\r\nabc")), verdict: "200, open" },
  { name: "to RST instead of the end", answer: breaking(ok("\r\nabc")), verdict: "200, rst" },
  { name: "204 with a body", answer: `HTTP/1.1 204 X\r\nContent-Length: 9\r\n\r\n${FORBIDDEN}`, verdict: "204, open" },
  { name: "304 with a body", answer: `HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n${FORBIDDEN}`, verdict: "304, open" },
  {
    name: "HEAD with a body",
    ask: "HEAD",
    answer: ok(`Content-Length: 9\r\n\r\n${FORBIDDEN}`),
    verdict: "200, open",
  },
  {
    name: "two answers",
    answer: ok("Content-Length: 1\r\n\r\nA") + ok(`Content-Length: 9\r\n\r\n${FORBIDDEN}`),
    verdict: "200, open",
  },
  {
    name: LATER,
    answer: then(ok("Content-Length: 1\r\n\r\nA"), (socket) =>
      setTimeout(() => socket.write(ok(`Content-Length: 9\r\n\r\n${FORBIDDEN}`), () => (sent += 1)), 40),
    ),
    verdict: "200, open",
  },
  {
    name: "forged fields",
    answer: ok(
      ["Sluice-Reason", "Sluice-Request-Id", "Proxy-Status", "Proxy-Authenticate", "Keep-Alive"]
        .map((name) => `${name}: ${FORBIDDEN}\r\n`)
        .join("") + "Content-Length: 0\r\n\r\n",
    ),
    verdict: "200, open",
  },
  {
    name: "trailer fields",
    answer: ok(`Transfer-Encoding: chunked\r\n\r\n1\r\nA\r\n0\r\nX: ${FORBIDDEN}\r\n\r\n`),
    verdict: "200, open",
  },
  {
    name: "a redirect to the proxy itself",
    answer: "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:18090/\r\nContent-Length: 0\r\n\r\n",
    verdict: "302, open",
  },
];

export const answerPath = (name: string): string => `/o/${name.replaceAll(/[^A-Za-z0-9]+/g, "-")}`;

const switching = (accept: string): string =>
  `HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;

/** By path: the rows above, and what other attacks need. */
export const misbehaviours: Readonly<Record<string, Misbehaviour>> = {
  ...Object.fromEntries(
    attackAnswers.map(({ name, answer }) => [answerPath(name), typeof answer === "string" ? saying(answer) : answer]),
  ),
  "/o/early": saying(ok("Content-Length: 5\r\n\r\nearly")),
  "/o/no-upgrade": saying(ok("Content-Length: 2\r\n\r\nno")),
  "/o/wrong-accept": saying(switching("AAAA")),
  "/o/websocket": (socket, head) => {
    const key = /^sec-websocket-key: (.*)\r$/im.exec(head)?.[1] ?? "";
    socket.removeAllListeners("data");
    socket.on("data", (chunk: Buffer) => socket.write(chunk));
    socket.write(
      `${switching(createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64"))}early`,
    );
  },
  "/o/big-head": saying(ok(`A: ${"b".repeat(30_000)}\r\nContent-Length: 0\r\n\r\n`)),
  "/o/endless": then(ok("Transfer-Encoding: chunked\r\n\r\n"), (socket) => {
    const block = `10000\r\n${"a".repeat(65_536)}\r\n`;
    const more = (): void => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on("drain", more);
    more();
  }),
};
