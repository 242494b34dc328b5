import type { EpochMillis } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { deniedAddress } from "../policy/denied-address.ts";
import { denies } from "../policy/match-rule.ts";
import { type NamePermit, takeProviderMint } from "../policy/permit.ts";
import type { PolicySnapshot } from "../policy/snapshot.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { CompiledInferencePolicy } from "./compile-inference-policy.ts";
import { AZURE_IMDS, credentialEndpoints } from "./credential-endpoints.ts";
import type { Provider, ProviderEndpoint } from "./inference-policy.ts";

const mint = takeProviderMint();

export interface ProviderRefusal {
  readonly reason: Reason;
  /** The deny rule's id. */
  readonly rule: string | undefined;
}

type Permission = Result<NamePermit, ProviderRefusal>;

/**
 * Leave to resolve a provider's endpoint for a call of this policy. The InferencePolicy stands in the place of an allow
 * rule; a deny rule of the egress policy that names host and port wins over it, also one about methods and paths, since
 * a permit is for the connection. Only the very provider objects of this policy count.
 */
export function providerPermit(
  policy: CompiledInferencePolicy,
  provider: Provider,
  egress: PolicySnapshot,
  now: EpochMillis,
): Permission {
  return permitTo(policy, provider, provider.endpoint, egress, now);
}

/**
 * The same for a place where the provider's credential is fetched: one of `credentialEndpoints`, or `AZURE_IMDS` for a
 * managed identity. Throws for any other.
 */
export function credentialPermit(
  policy: CompiledInferencePolicy,
  provider: Provider,
  endpoint: ProviderEndpoint,
  egress: PolicySnapshot,
  now: EpochMillis,
): Permission {
  const { credential } = provider;
  const isImds = credential.kind === "azureManagedIdentity" && endpoint === AZURE_IMDS;
  if (!isImds && !credentialEndpoints(credential).some((known) => known.endpoint === endpoint)) {
    throw new Error("a credential is fetched where its source says, and nowhere else");
  }
  return permitTo(policy, provider, endpoint, egress, now);
}

function permitTo(
  policy: CompiledInferencePolicy,
  provider: Provider,
  { scheme, host, port }: ProviderEndpoint,
  egress: PolicySnapshot,
  now: EpochMillis,
): Permission {
  // A look-alike, or one of a policy that was replaced meanwhile.
  if (policy.provider(provider.id) !== provider) return refuse("model_not_allowed");
  if (egress.state === "missing") return refuse("policy_missing");
  // Written so that a clock that is not a number denies.
  if (!(now < policy.deniesFrom) || !(now < egress.deniesFrom)) return refuse("policy_expired");
  const asked = { host, port, http: undefined };
  const denying = egress.denyFor(host).find((rule) => denies(rule, asked, true));
  if (denying !== undefined) return refuse("denied_by_rule", denying.id);

  const named: readonly IpAddress[] = Object.freeze(
    // Frozen with the policy, or the constant itself, which no `addresses` may name.
    host === AZURE_IMDS.host && host.kind === "address"
      ? [host.text]
      : provider.addresses.filter((entry) => entry.port === port).map(({ address }) => address),
  );
  const deniedByRule = deniedAddress(egress, asked, true);
  return ok(
    mint({
      provider: provider.id,
      host,
      port,
      policy: policy.identity,
      namedAddresses: named,
      // A name may lead to any public address, and a credential goes in clear to none.
      deniedAddress:
        scheme === "https"
          ? deniedByRule
          : (address) => deniedByRule(address) ?? (named.includes(address) ? undefined : `provider:${provider.id}`),
    }),
  );
}

function refuse(reason: Reason, rule?: string): Permission {
  return fail({ reason, rule });
}
