import type { Clock } from "../../core/base/clock.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import type { Provider } from "../../core/models/inference-policy.ts";
import { providerPermit, type ProviderRefusal } from "../../core/models/provider-permit.ts";
import { admitAddresses } from "../../core/policy/admit-address.ts";
import type { NetworkFacts } from "../../core/policy/network.ts";
import type { DialPermit, NamePermit } from "../../core/policy/permit.ts";
import type { PolicySnapshot } from "../../core/policy/snapshot.ts";
import type { Host } from "../../core/wire/host.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import { createModelClient, type ModelClient } from "../../edge/upstream/model-client.ts";
import { type ModelLinker, modelLinker, type OpenProblem } from "../../edge/upstream/model-link.ts";
import type { NameResolver } from "../../edge/upstream/resolver.ts";

export interface ConnectionRooms {
  readonly clock: Clock;
  egress(): PolicySnapshot;
  time(): EpochMillis;
  network(): NetworkFacts;
  resolve: NameResolver["resolve"];
  /** Certificates of the trust directory, as PEM; undefined where the file cannot be read. */
  certificates(file: string): string | undefined;
}

/** The connections to one provider under one policy. */
export interface ProviderConnections {
  readonly provider: Provider;
  readonly client: ModelClient;
  /** Opens a connection that is the caller's alone. */
  readonly link: ModelLinker;
  /** It answered that `stream_options` is unknown to it; remembered while the policy stands. */
  refusesStreamOptions: boolean;
}

/**
 * The ways to the providers of the policy in force. Every connection is resolved and admitted anew, as any other that
 * leaves the pod; whatever changes what may be reached ends the kept ones.
 */
export class ProviderRoutes {
  readonly #rooms: ConnectionRooms;
  #policy: CompiledInferencePolicy | undefined;
  #open = new Map<string, ProviderConnections>();

  constructor(rooms: ConnectionRooms) {
    this.#rooms = rooms;
  }

  /** Undefined also for a policy that is not in force any more. */
  of(policy: CompiledInferencePolicy, id: string): ProviderConnections | undefined {
    if (policy !== this.#policy) return undefined;
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const provider = policy.provider(id);
    if (provider === undefined) return undefined;
    const { endpoint, tls } = provider;
    const ca = tls.caFile === undefined ? undefined : (this.#rooms.certificates(tls.caFile) ?? "");
    const way = {
      scheme: endpoint.scheme,
      host: endpoint.host,
      tls: { ca, serverName: tls.serverName },
      open: (signal: AbortSignal) =>
        admitEndpoint(this.#rooms, endpoint.host, signal, () =>
          providerPermit(policy, provider, this.#rooms.egress(), this.#rooms.time()),
        ),
      clock: this.#rooms.clock,
      timeout: provider.timeouts.connect,
    };
    const client = createModelClient({ ...way, port: endpoint.port });
    let linker: ModelLinker | undefined;
    const link: ModelLinker = async (signal) => (linker ??= modelLinker(way))(signal);
    const made: ProviderConnections = { provider, client, link, refusesStreamOptions: false };
    this.#open.set(id, made);
    return made;
  }

  /** This policy is in force from here on. */
  use(policy: CompiledInferencePolicy): void {
    this.reset();
    this.#policy = policy;
  }

  /** Kept connections end when their calls do; the next call is admitted anew. */
  reset(): void {
    const old = this.#open;
    this.#open = new Map();
    for (const { client } of old.values()) void client.close();
  }

  destroy(): void {
    for (const { client } of this.#open.values()) client.destroy();
    this.#open.clear();
  }

  /** Whether a call that was dialled at `address` could be dialled there now. */
  admits(policy: CompiledInferencePolicy, id: string, address: IpAddress): boolean {
    const provider = policy.provider(id);
    if (provider === undefined) return false;
    const permit = providerPermit(policy, provider, this.#rooms.egress(), this.#rooms.time());
    return permit.ok && admitAddresses(this.#rooms.network(), permit.value, [address]).ok;
  }
}

/** Resolves a name that a permit is for, and admits what it leads to. */
export async function admitEndpoint(
  rooms: Pick<ConnectionRooms, "network" | "resolve">,
  host: Host,
  signal: AbortSignal,
  permitted: () => Result<NamePermit, ProviderRefusal>,
): Promise<Result<DialPermit, OpenProblem>> {
  const permit = permitted();
  if (!permit.ok) return fail({ reason: permit.problem.reason, detail: "Policy refuses the host." });
  let answers: readonly IpAddress[] = host.kind === "address" ? [host.text] : [];
  if (host.kind === "name") {
    const resolved = await rooms.resolve(host.text, signal);
    if (!resolved.ok) return fail({ reason: "dns_failure", detail: resolved.problem.detail });
    answers = resolved.value;
  }
  const admitted = admitAddresses(rooms.network(), permit.value, answers);
  if (admitted.ok) return ok(admitted.value.permit);
  const classes = [...new Set(admitted.problem.refused.map((refused) => refused.class.name))];
  return fail({ reason: "address_not_allowed", detail: `Refused: ${classes.join(", ")}.` });
}
