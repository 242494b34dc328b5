import type { Clock } from "../core/base/clock.ts";
import { fail, ok, type Result } from "../core/base/result.ts";
import type { ProxyConfig } from "../core/config/router-config.ts";
import { endpointOrigin } from "../core/config/endpoint-shape.ts";
import type { NetworkFacts } from "../core/policy/network.ts";
import type { DialPermit } from "../core/policy/permit.ts";
import type { Condition } from "../edge/admin/admin-routes.ts";
import { readRegularFile } from "../edge/sources/regular-file.ts";
import type { Link } from "../edge/upstream/dial.ts";
import { dialThrough, type ParentDialOptions, type ParentDialProblem } from "../edge/upstream/parent-dial.ts";
import type { ParentCredential, ParentProxy, ParentSecrets } from "../edge/upstream/parent-proxy.ts";

export interface ProxiesRooms {
  readonly config: readonly ProxyConfig[];
  readonly clock: Clock;
  readonly network: () => NetworkFacts;
  readonly resolve: ParentDialOptions["resolve"];
}

export interface ProxyStatus {
  readonly name: string;
  readonly endpoint: string;
  readonly kind: ProxyConfig["kind"];
  readonly send: ProxyConfig["send"];
  readonly dialled: number;
  readonly failed: number;
  /** Of the latest dial; null where it went well. */
  readonly problem: string | null;
}

/** The parent proxies that rules may lead through. */
export interface Proxies {
  /** What the proxy of this name is asked for; undefined: there is none. */
  sends(name: string): "address" | "name" | undefined;
  /** Through the parent that the permit's rule names, or not at all. */
  dial(
    name: string,
    permit: DialPermit,
    options: Pick<ParentDialOptions, "timeout" | "signal">,
  ): Promise<Result<Link, ParentDialProblem>>;
  status(): readonly ProxyStatus[];
  /** Degraded while one of them failed the latest time that it was not about the target; nothing where there are none. */
  conditions(): readonly Condition[];
}

/** A password may be a token. */
const MAXIMUM_CREDENTIAL = 16 * 1024;
const MAXIMUM_CA = 1024 * 1024;
/** Mounted secrets are renewed by the minute; connections may come by the thousand. */
const FRESH_MILLIS = 1_000;
/** RFC 7617 section 2: the user id has no colon, and neither has a control character. */
// eslint-disable-next-line no-control-regex
const CREDENTIAL = /^(?<user>[^\x00-\x1f\x7f:]+):(?<password>[^\x00-\x1f\x7f]*)$/;

/** A problem (a sentence) where one leads to this router itself, which would never end. */
export function createProxies(rooms: ProxiesRooms): Result<Proxies, string> {
  const { config, clock, network, resolve } = rooms;
  const known = new Map<string, KnownProxy>();
  for (const proxy of config) {
    const { name, endpoint, kind, send } = proxy;
    const { host, port } = endpoint.authority;
    if (known.has(name)) return fail(`Two proxies are called ${name}.`);
    if (host.kind === "address" && network().isOwnListener(host.text, port)) {
      return fail(`The proxy ${name} is this router itself (${endpointOrigin(endpoint)}).`);
    }
    const secrets = secretsOf(proxy, clock);
    known.set(name, {
      parent: { name, endpoint, kind, send, secrets },
      dialled: 0,
      failed: 0,
      latest: undefined,
      problem: undefined,
    });
  }

  return ok({
    sends: (name) => known.get(name)?.parent.send,
    async dial(name, permit, { timeout, signal }) {
      const proxy = known.get(name);
      if (proxy === undefined) {
        return fail({ reason: "upstream_unreachable", detail: `No parent proxy is configured as ${name}.` });
      }
      const dialled = await dialThrough(proxy.parent, permit, { clock, resolve, network, timeout, signal });
      // One that was broken off says nothing of the parent.
      if (!dialled.ok && signal.aborted) return dialled;
      proxy.dialled += 1;
      if (!dialled.ok) proxy.failed += 1;
      proxy.latest = dialled.ok ? undefined : dialled.problem.detail;
      // Which targets it is asked for the agent chooses, and so what it refuses of them.
      proxy.problem = dialled.ok || dialled.problem.ofTarget === true ? undefined : dialled.problem.detail;
      return dialled;
    },
    status: () =>
      [...known.values()].map(({ parent, dialled, failed, latest }) => ({
        name: parent.name,
        endpoint: endpointOrigin(parent.endpoint),
        kind: parent.kind,
        send: parent.send,
        dialled,
        failed,
        problem: latest ?? null,
      })),
    conditions() {
      if (known.size === 0) return [];
      const problems = [...known.values()].flatMap(({ problem }) => problem ?? []);
      return [{ name: "proxies", state: problems.length === 0 ? "ok" : "degraded", reason: problems.join(" ") }];
    },
  });
}

interface KnownProxy {
  readonly parent: ParentProxy;
  dialled: number;
  failed: number;
  /** Of the latest dial. */
  latest: string | undefined;
  /** Of the parent itself. */
  problem: string | undefined;
}

/** Read again where a second has passed: a rotated file counts without a restart. */
function secretsOf({ name, credentialFile, caFile }: ProxyConfig, clock: Clock): ParentProxy["secrets"] {
  let held: { readonly secrets: ParentSecrets; readonly at: number } | undefined;
  return async () => {
    if (held !== undefined && clock.monotonic() - held.at < FRESH_MILLIS) return ok(held.secrets);
    held = undefined;
    const [given, ca] = await Promise.all([
      read(credentialFile, MAXIMUM_CREDENTIAL, "credential"),
      read(caFile, MAXIMUM_CA, "certificate"),
    ]);
    if (!given.ok) return given;
    if (!ca.ok) return ca;
    const credential = given.value === undefined ? undefined : parseCredential(given.value);
    if (credential === "unusable") return fail(`The credential file of ${name} does not hold user:password.`);
    held = { secrets: { credential, ca: ca.value }, at: clock.monotonic() };
    return ok(held.secrets);
  };
}

/** Latin-1, so that every octet is one character. */
async function read(
  path: string | undefined,
  maximum: number,
  what: string,
): Promise<Result<string | undefined, string>> {
  if (path === undefined) return ok(undefined);
  const file = await readRegularFile(path, maximum);
  return file.ok
    ? ok(file.value.bytes.toString("latin1"))
    : fail(`Its ${what} file cannot be read (${file.problem.kind}).`);
}

/** Editors and `kubectl create secret --from-file` leave one line end. */
function parseCredential(text: string): ParentCredential | "unusable" {
  const parts = CREDENTIAL.exec(text.replace(/\r?\n$/, ""))?.groups;
  const user = parts?.["user"];
  const password = parts?.["password"];
  return user === undefined || password === undefined ? "unusable" : { user, password };
}
