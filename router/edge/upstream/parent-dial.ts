import type { Socket } from "node:net";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { NetworkFacts } from "../../core/policy/network.ts";
import { DialPermit } from "../../core/policy/permit.ts";
import type { Authority } from "../../core/wire/authority.ts";
import { formatHost } from "../../core/wire/host.ts";
import type { Link } from "./dial.ts";
import { interleaveFamilies } from "./happy-eyeballs.ts";
import { connectDialogue } from "./parent-connect.ts";
import { handshake } from "./parent-handshake.ts";
import { linkToParent } from "./parent-link.ts";
import type { OpenDialogue, ParentProblem, ParentProxy, ParentSecrets } from "./parent-proxy.ts";
import { LONGEST_SOCKS_CREDENTIAL, socksDialogue } from "./parent-socks.ts";
import type { NameResolver } from "./resolver.ts";

export interface ParentDialOptions {
  readonly clock: Clock;
  readonly resolve: NameResolver["resolve"];
  readonly network: () => NetworkFacts;
  /** For everything together: the parent's name, its connection, TLS, and its own way to the origin. */
  readonly timeout: Millis;
  readonly signal: AbortSignal;
}

export interface ParentDialProblem extends Pick<ParentProblem, "reason" | "detail"> {
  /** The parent answered, and what it refuses is this target: nothing is wrong with the parent. */
  readonly ofTarget?: boolean;
}

/** Of the origin's addresses; a parent is asked for one after the other. */
const MOST_ADDRESSES = 4;

const DIALOGUES: Readonly<Record<ParentProxy["kind"], OpenDialogue>> = { http: connectDialogue, socks5: socksDialogue };

/**
 * Reaches an origin through a parent proxy, and in no other way: whatever the parent does, nothing is dialled directly.
 * Throws where the permit is none, or not for this parent. Octets that the origin sent behind the parent's answer are the
 * next to be read from the link. Every problem names the parent and repeats nothing that a peer or a file said.
 */
export async function dialThrough(
  parent: ParentProxy,
  permit: DialPermit,
  options: ParentDialOptions,
): Promise<Result<Link, ParentDialProblem>> {
  if (!DialPermit.isMinted(permit)) throw new TypeError("dial needs a DialPermit minted by policy");
  if (permit.name.proxy !== parent.name) throw new TypeError("the permit is not for this parent proxy");
  const targets = targetsOf(parent, permit);
  const { clock, timeout, signal } = options;
  const began = clock.monotonic();
  const deadline = began + timeout;
  const cut = new AbortController();
  const { promise: ended, resolve } = Promise.withResolvers<Result<never, ParentProblem>>();
  const stop = (detail: string): void => {
    cut.abort();
    resolve(fail({ reason: "upstream_unreachable", detail, again: false }));
  };
  const onAbort = (): void => stop("given up");
  const timer = setTimeout(() => stop(`No connection within ${timeout} ms.`), timeout);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const opening = cut.signal.aborted
      ? ended
      : openOneOf(parent, targets, { ...options, deadline, signal: cut.signal });
    const opened = await Promise.race([opening, ended]);
    // What comes to be after all belongs to nobody.
    if (cut.signal.aborted)
      void opening.then(
        (late) => late.ok && late.value.socket.destroy(),
        () => undefined,
      );
    if (!opened.ok) {
      const { reason, detail, again } = opened.problem;
      return fail({ reason, detail: `Parent proxy ${parent.name}: ${detail}`, ofTarget: again });
    }
    const { socket, target } = opened.value;
    const address = target.host.kind === "address" ? target.host.text : undefined;
    return ok({ socket, address, port: target.port, connectMillis: millis(clock.monotonic() - began) });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

interface Opened {
  readonly socket: Socket;
  readonly target: Authority;
}

/** One connection to the parent for each address, since a refusal usually ends it. */
async function openOneOf(
  parent: ParentProxy,
  targets: readonly Authority[],
  options: ParentDialOptions & { readonly deadline: number },
): Promise<Result<Opened, ParentProblem>> {
  const secrets = await parent.secrets();
  if (!secrets.ok) return fail({ reason: "upstream_unreachable", detail: secrets.problem, again: false });
  const unfit = unfitCredential(parent, secrets.value);
  if (unfit !== undefined) return fail({ reason: "upstream_unreachable", detail: unfit, again: false });

  const failures: string[] = [];
  for (const [index, target] of targets.entries()) {
    const left = options.deadline - options.clock.monotonic();
    // Half of the time for each but the last: a parent that hangs on one address must not cost the next.
    const isLast = index === targets.length - 1;
    const patience = AbortSignal.timeout(Math.max(1, Math.ceil(isLast ? left : left / 2)));
    const signal = AbortSignal.any([options.signal, patience]);
    const opened = await openOne(parent, target, secrets.value, { ...options, signal });
    if (opened.ok) return ok({ socket: opened.value, target });
    const slow = patience.aborted && !options.signal.aborted;
    const detail = slow ? "No answer in time." : opened.problem.detail;
    failures.push(`${formatHost(target.host)}: ${detail}`);
    if (isLast || options.signal.aborted || !(opened.problem.again || slow)) {
      return fail({ ...opened.problem, detail: failures.join(" ") });
    }
  }
  throw new Error("a parent is asked for one address at least");
}

async function openOne(
  parent: ParentProxy,
  target: Authority,
  { credential, ca }: ParentSecrets,
  options: ParentDialOptions & { readonly deadline: number },
): Promise<Result<Socket, ParentProblem>> {
  const linked = await linkToParent(parent, ca, options);
  if (!linked.ok) return linked;
  const socket = linked.value;
  const spoken = await handshake(socket, DIALOGUES[parent.kind](target, credential), options.signal);
  return spoken.ok ? ok(socket) : spoken;
}

/** What the parent is asked for, in order. */
function targetsOf(parent: ParentProxy, { name, addresses }: DialPermit): readonly Authority[] {
  const { host, port } = name;
  // A literal address was vetted like any other, and resolves to itself.
  if (parent.send === "name") return [{ host, port }];
  if (addresses.length === 0) throw new TypeError("a permit without addresses is for a parent that is given names");
  return interleaveFamilies(addresses)
    .slice(0, MOST_ADDRESSES)
    .map((address) => ({ host: { kind: "address", text: address }, port }));
}

function unfitCredential({ kind }: ParentProxy, { credential }: ParentSecrets): string | undefined {
  if (kind !== "socks5" || credential === undefined) return undefined;
  const { user, password } = credential;
  const fits = [user, password].every((text) => text.length > 0 && text.length <= LONGEST_SOCKS_CREDENTIAL);
  return fits ? undefined : "User name and password for SOCKS have 1 to 255 octets each.";
}
