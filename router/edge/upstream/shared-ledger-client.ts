import { createHash } from "node:crypto";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, type Result } from "../../core/base/result.ts";
import type { SharedRequest } from "../../core/budget/shared-request.ts";
import type { SharedScript } from "../../core/budget/shared-script.ts";
import type { Endpoint } from "../../core/config/endpoint-shape.ts";
import type { NameResolver } from "./resolver.ts";
import type { RespValue } from "./resp-reader.ts";
import { dialSharedLedger } from "./shared-ledger-dial.ts";
import { type LedgerReply, SharedLedgerLink } from "./shared-ledger-link.ts";

export interface LedgerDeadlines {
  /** Of name, connection and handshake together. */
  readonly connect: Millis;
  /** Of each command; the connection ends with the first that is not answered in time. */
  readonly command: Millis;
  /** Between two probes, at most. */
  readonly probe: Millis;
  /** Between two attempts to connect, at most. */
  readonly retry: Millis;
}

export const LEDGER_DEADLINES: LedgerDeadlines = {
  connect: millis(2_000),
  command: millis(500),
  probe: millis(10_000),
  retry: millis(5_000),
};

export interface LedgerLogin {
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** PEM, and then nobody else's certificates count; undefined: the roots that Node carries. */
  readonly ca: string | undefined;
}

export interface SharedLedgerClientOptions {
  readonly endpoint: Endpoint;
  readonly deadlines: LedgerDeadlines;
  readonly clock: Clock;
  readonly resolve: NameResolver["resolve"];
  /** Read for each connection. The problem is a phrase that holds no secret. */
  login(): Promise<Result<LedgerLogin, string>>;
  /** What a server must be able to do before it is relied on, and from time to time after that. */
  probe(): { readonly request: SharedRequest; accepts(answer: RespValue): boolean };
  /** A phrase: why there is no answer. Undefined: there is one. */
  onChange(problem: string | undefined): void;
  /** A number from 0 to less than 1. */
  random(): number;
}

/** A client of one Valkey or Redis, which connects again by itself until it is closed. */
export interface SharedLedgerClient {
  /** Why nothing can be asked now: a phrase. Undefined: it can. */
  readonly problem: string | undefined;
  /** Sends at once, or not at all; never twice. Never rejects. */
  run(request: SharedRequest): Promise<LedgerReply>;
  /** What was answered cannot be: everything under way is given up, and the connection made anew. */
  distrust(why: string): void;
  close(): void;
}

/** After so long a connection has proved itself, and the next one is tried at once. */
const PROVED = 5_000;
const FIRST_RETRY = 50;

/**
 * Speaks RESP2 itself, over one connection. `@redis/client` 6.3 was tried for this: its deadline ends with the write, so
 * that a frozen server is waited for without an end; after an octet that is no answer it goes on with the next, and
 * answers may reach the wrong call; it waits for HELLO for ever; by default it lets the server send it, with its
 * password, to another address; nothing that it reads is bounded; it costs 30 MB.
 */
export function createSharedLedgerClient(options: SharedLedgerClientOptions): SharedLedgerClient {
  const { clock, deadlines } = options;
  const stop = new AbortController();
  const digests = new Map<SharedScript, string>();
  let link: SharedLedgerLink | undefined;
  let opening: SharedLedgerLink | undefined;
  let problem: string | undefined = "there is no connection yet";
  let probing: NodeJS.Timeout | undefined;

  function turn(to: string | undefined): void {
    const changed = problem !== to;
    problem = to;
    if (changed && !stop.signal.aborted) options.onChange(to);
  }

  function digestOf(script: SharedScript): string {
    let digest = digests.get(script);
    if (digest === undefined) {
      // Redis' own name of a script.
      digest = createHash("sha1").update(script.text).digest("hex");
      digests.set(script, digest);
    }
    return digest;
  }

  async function runOn(on: SharedLedgerLink, { script, keys, args }: SharedRequest): Promise<LedgerReply> {
    const rest = [String(keys.length), ...keys, ...args];
    const reply = await on.send(["EVALSHA", digestOf(script), ...rest]);
    if (reply.ok || reply.problem.kind !== "refused" || reply.problem.code !== "NOSCRIPT") return reply;
    return on.send(["EVAL", script.text, ...rest]);
  }

  async function probe(on: SharedLedgerLink): Promise<string | undefined> {
    const asked = options.probe();
    const reply = await runOn(on, asked.request);
    if (!reply.ok) return reply.problem.sentence;
    return asked.accepts(reply.value) ? undefined : "what the server answers makes no sense";
  }

  /** Why there is no connection; undefined where there is one, and it is `link`. */
  async function open(): Promise<string | undefined> {
    const login = await options.login();
    if (!login.ok) return login.problem;
    const { username, password, ca } = login.value;
    const dialling = { endpoint: options.endpoint, resolve: options.resolve, timeout: deadlines.connect };
    const socket = await dialSharedLedger(dialling, ca, stop.signal);
    if (!socket.ok) return socket.problem;
    const made = new SharedLedgerLink(socket.value, clock, deadlines.command);
    opening = made;
    if (stop.signal.aborted) made.destroy("given up");
    const why = (await authenticate(made, username, password)) ?? (await probe(made));
    opening = undefined;
    if (why !== undefined) made.destroy(why);
    else link = made;
    return why;
  }

  function scheduleProbe(on: SharedLedgerLink): void {
    probing = setTimeout(
      () => {
        void probeAgain(on);
      },
      deadlines.probe * (0.5 + options.random() / 2),
    );
    probing.unref();
  }

  async function probeAgain(on: SharedLedgerLink): Promise<void> {
    const why = await probe(on);
    if (why !== undefined) on.destroy(why);
    else if (link === on) scheduleProbe(on);
  }

  async function live(): Promise<void> {
    let failures = 0;
    while (!stop.signal.aborted) {
      const why = await open();
      if (why === undefined && link !== undefined) {
        const since = clock.monotonic();
        turn(undefined);
        scheduleProbe(link);
        const ended = await link.closed;
        clearTimeout(probing);
        link = undefined;
        turn(ended);
        if (clock.monotonic() - since > PROVED) failures = 0;
      } else {
        turn(why ?? "there is no connection");
      }
      const most = Math.min(deadlines.retry, FIRST_RETRY * 2 ** Math.min(failures, 20));
      failures += 1;
      await pause(most * (0.5 + options.random() / 2), stop.signal);
    }
  }

  void live();

  return {
    get problem() {
      return problem;
    },
    async run(request) {
      const on = link;
      if (on === undefined || problem !== undefined) return fail({ kind: "down", sentence: problem ?? "down" });
      const reply = await runOn(on, request);
      // A server that refuses to write, or us, is no ledger: whoever comes next finds out by a new connection.
      if (!reply.ok && reply.problem.kind === "refused") on.destroy(reply.problem.sentence);
      return reply;
    },
    distrust(why) {
      link?.destroy(why);
    },
    close() {
      stop.abort();
      clearTimeout(probing);
      opening?.destroy("given up");
      link?.destroy("given up");
    },
  };
}

/** Undefined where the server lets us in. */
async function authenticate(
  link: SharedLedgerLink,
  username: string | undefined,
  password: string | undefined,
): Promise<string | undefined> {
  if (password === undefined) return undefined;
  const reply = await link.send(username === undefined ? ["AUTH", password] : ["AUTH", username, password]);
  if (!reply.ok) return reply.problem.sentence;
  return reply.value === "OK" ? undefined : "what the server answers makes no sense";
}

async function pause(length: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, length);
  timer.unref();
  const onAbort = (): void => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
}
