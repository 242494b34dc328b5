import { connect, type Socket } from "node:net";
import type { SecureContext } from "node:tls";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { NetworkFacts } from "../../core/policy/network.ts";
import { type IpAddress, parseIpAddress } from "../../core/wire/ip-address.ts";
import { interleaveFamilies } from "./happy-eyeballs.ts";
import type { ParentProblem, ParentProxy } from "./parent-proxy.ts";
import { parentTrust } from "./parent-trust.ts";
import type { NameResolver } from "./resolver.ts";
import { secure } from "./secure-dial.ts";

export interface ParentLinkOptions {
  readonly clock: Clock;
  readonly resolve: NameResolver["resolve"];
  readonly network: () => NetworkFacts;
  /** By the monotonic clock: when all of it has to be over. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** Of the parent's own addresses; each is given its share of the time that is left. */
const MOST_ADDRESSES = 4;
const KEEP_ALIVE_MILLIS = 30_000;

/**
 * A connection to a parent proxy, paused, under TLS where its endpoint is https. Its name goes through the router's
 * resolver. Which address it is, is the operator's choice, so that special-use ones are as good as any; but this router
 * is never its own parent.
 */
export async function linkToParent(
  parent: ParentProxy,
  ca: string | undefined,
  options: ParentLinkOptions,
): Promise<Result<Socket, ParentProblem>> {
  const { host, port } = parent.endpoint.authority;
  const { clock, signal, deadline } = options;
  const context = parent.endpoint.scheme === "https" ? parentTrust(ca) : undefined;
  if (context?.ok === false) return unreachable(context.problem);
  const found = host.kind === "name" ? await options.resolve(host.text, signal) : ok([host.text]);
  if (!found.ok) return unreachable(`Its name has no address (${found.problem.detail}).`);
  const network = options.network();
  const foreign = found.value.filter((address) => !network.isOwnListener(address, port));
  if (foreign.length === 0) return unreachable("Its endpoint is this router itself.");

  const addresses = interleaveFamilies(foreign).slice(0, MOST_ADDRESSES);
  const failures: string[] = [];
  for (const [index, address] of addresses.entries()) {
    const left = deadline - clock.monotonic();
    if (signal.aborted || left <= 0) break;
    const share = millis(left / (addresses.length - index));
    const connected = await connectTo(address, port, share, signal);
    // Not the address: the agent is told, and where the operator's proxies are is none of its business.
    if (!connected.ok) failures.push(connected.problem);
    else if (context === undefined) return connected;
    else return overTls(connected.value, address, parent, context.value, options);
  }
  return unreachable(`It cannot be reached (${failures.join(", ")}).`);
}

async function overTls(
  socket: Socket,
  address: IpAddress,
  parent: ParentProxy,
  context: SecureContext,
  { clock, deadline, signal }: ParentLinkOptions,
): Promise<Result<Socket, ParentProblem>> {
  const { host, port } = parent.endpoint.authority;
  const timeout = millis(Math.max(1, deadline - clock.monotonic()));
  const alpn = parent.kind === "http" ? (["http/1.1"] as const) : [];
  const link = { socket, address, port, connectMillis: millis(0) };
  const secured = await secure(link, { host, context, alpn, clock, timeout, signal });
  if (secured.ok) {
    const over = secured.value.socket;
    // What ends without close_notify is broken to its reader. Reset from below, TLS within this TLS would never emit "close"
    // (Node 26.10).
    over.resetAndDestroy = () => over.destroy();
    return ok(over);
  }
  const { reason } = secured.problem;
  const detail = secured.problem.detail.replace(`${address}: `, "");
  return fail({ reason, detail: `TLS with it failed (${detail}).`, again: false });
}

/** A paused socket whose errors are caught. The problem is a phrase. */
async function connectTo(
  address: IpAddress,
  port: number,
  timeout: Millis,
  signal: AbortSignal,
): Promise<Result<Socket, string>> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({
    host: address,
    port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MILLIS,
    // A literal is never looked up; should Node ever come to ask, there is no answer.
    lookup: (_name, _options, callback) => callback(new Error("a parent's address is resolved already"), []),
  });
  socket.pause();
  const onClose = (): void => resolve("was closed at once");
  const onAbort = (): void => resolve("given up");
  const timer = setTimeout(() => resolve(`no answer within ${Math.round(timeout)} ms`), timeout);
  socket.on("error", (error) => resolve("code" in error ? String(error.code) : error.name));
  socket.once("connect", () => {
    const reached = socket.remoteAddress ?? "";
    const isIt = (reached === address || parseIpAddress(reached) === address) && socket.remotePort === port;
    resolve(isIt ? undefined : "reached another address");
  });
  socket.once("close", onClose);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const problem = await promise;
  clearTimeout(timer);
  socket.off("close", onClose);
  signal.removeEventListener("abort", onAbort);
  if (problem === undefined) return ok(socket);
  socket.destroy();
  return fail(problem);
}

function unreachable(detail: string): { readonly ok: false; readonly problem: ParentProblem } {
  return fail({ reason: "upstream_unreachable", detail, again: false });
}
