import { frozenCopy } from "../base/frozen-copy.ts";
import { type EpochMillis, epochMillis, type Millis, type Port } from "../base/quantity.ts";
import type { BudgetRule, RateRule } from "../budget/budget-rule.ts";
import type { Guardrail } from "../guardrail/guardrail-rule.ts";
import { BARE_NETWORK } from "../policy/network.ts";
import type { PolicyIdentity } from "../policy/permit.ts";
import type { Host } from "../wire/host.ts";
import type { InferencePolicyDocument, Located, ModelRule, Provider, Severity } from "./inference-policy.ts";

/** What holds for the calls of one model, in document order. */
export interface ModelLimits {
  readonly budgets: readonly (BudgetRule & Located)[];
  readonly rateLimits: readonly (RateRule & Located)[];
  readonly guardrails: readonly (Guardrail & Located)[];
}

interface Tables {
  /** By name and by alias. */
  readonly models: ReadonlyMap<string, ModelRule>;
  readonly limits: ReadonlyMap<ModelRule, ModelLimits>;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly providerNames: ReadonlySet<string>;
  /** Literal addresses, with the ports of providers there. */
  readonly providerAddresses: ReadonlyMap<string, ReadonlySet<Port>>;
}

type Compiled = Pick<
  InferencePolicyDocument,
  "issuedAt" | "expiresAt" | "providers" | "models" | "budgets" | "rateLimits" | "guardrails" | "contentFilter"
>;

/**
 * A policy ready to call by, made by `compileInferencePolicy`. Everything reachable from it is frozen. A copy
 * (`{...policy}`) is no policy: it lacks the private member for the compiler and the methods at run time.
 */
export class CompiledInferencePolicy {
  readonly state = "loaded";
  readonly identity: PolicyIdentity;
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  /** `expiresAt` and the operator's grace: from here on every model is refused. */
  readonly deniesFrom: EpochMillis;
  readonly providers: readonly Provider[];
  readonly models: readonly ModelRule[];
  readonly budgets: ModelLimits["budgets"];
  readonly rateLimits: ModelLimits["rateLimits"];
  readonly guardrails: ModelLimits["guardrails"];
  readonly contentFilter: ReadonlyMap<string, Severity>;
  readonly #tables: Tables;

  constructor(identity: PolicyIdentity, deniesFrom: EpochMillis, document: Compiled) {
    this.identity = identity;
    this.issuedAt = document.issuedAt;
    this.expiresAt = document.expiresAt;
    this.deniesFrom = deniesFrom;
    this.providers = document.providers;
    this.models = document.models;
    this.budgets = document.budgets;
    this.rateLimits = document.rateLimits;
    this.guardrails = document.guardrails;
    this.contentFilter = document.contentFilter;
    this.#tables = tablesOf(document);
    Object.freeze(this);
  }

  /** The model that a request names, letter by letter, by its name or an alias; undefined: it may not be called. */
  model(name: string): ModelRule | undefined {
    return this.#tables.models.get(name);
  }

  provider(id: string): Provider | undefined {
    return this.#tables.providers.get(id);
  }

  /** Throws for a model of another policy: its limits are not known here. */
  limitsOf(model: ModelRule): ModelLimits {
    const limits = this.#tables.limits.get(model);
    if (limits === undefined) throw new Error("a model is asked of the policy that it is of");
    return limits;
  }

  /**
   * Whether calls of models go there, so that nothing else may (`inference_only`): the name of an endpoint on every
   * port; a literal address, also one that carries it, on the port of an endpoint or of what `addresses` lists, or,
   * without a port, on any.
   */
  isProviderHost(host: Host, port?: Port): boolean {
    if (host.kind === "name") return this.#tables.providerNames.has(host.text);
    const { providerAddresses } = this.#tables;
    if (providerAddresses.size === 0) return false;
    return BARE_NETWORK.aliases(host.text).some((address) => {
      const ports = providerAddresses.get(address);
      return ports !== undefined && (port === undefined || ports.has(port));
    });
  }
}

function tablesOf({ providers, models, budgets, rateLimits, guardrails }: Compiled): Tables {
  const names = new Map<string, ModelRule>();
  const limits = new Map<ModelRule, ModelLimits>();
  for (const model of models) {
    for (const name of [model.name, ...model.aliases]) {
      if (names.has(name)) throw new Error("names of models came unchecked");
      names.set(name, model);
    }
    const applying = <Rule extends { readonly models: ReadonlySet<string> | undefined }>(rules: readonly Rule[]) =>
      Object.freeze(rules.filter((rule) => rule.models?.has(model.name) ?? true));
    limits.set(
      model,
      Object.freeze({
        budgets: applying(budgets),
        rateLimits: applying(rateLimits),
        guardrails: applying(guardrails),
      }),
    );
  }
  const providerNames = new Set<string>();
  const providerAddresses = new Map<string, Set<Port>>();
  const addAddress = (address: string, port: Port): void => {
    providerAddresses.set(address, (providerAddresses.get(address) ?? new Set()).add(port));
  };
  for (const { endpoint, addresses } of providers) {
    if (endpoint.host.kind === "name") providerNames.add(endpoint.host.text);
    else addAddress(endpoint.host.text, endpoint.port);
    // Those of other ports are for the credential's endpoints, which an egress rule may open to the agent.
    for (const { address, port } of addresses) if (port === endpoint.port) addAddress(address, port);
  }
  return {
    models: names,
    limits,
    providers: new Map(providers.map((provider) => [provider.id, provider])),
    providerNames,
    providerAddresses,
  };
}

/** No policy has been accepted yet: every model is refused with `policy_missing`. */
export interface MissingInferencePolicy {
  readonly state: "missing";
  readonly identity: undefined;
}

export type InferencePolicySnapshot = CompiledInferencePolicy | MissingInferencePolicy;

export const NO_MODELS: MissingInferencePolicy = Object.freeze({ state: "missing", identity: undefined });

/**
 * Turns a parsed document into the tables that calls are judged by. `digest` is `sha256:` and 64 hex digits over the
 * bytes as signed; `expiryGrace` is the operator's, not the document's. The document is copied, never shared.
 */
export function compileInferencePolicy(
  document: InferencePolicyDocument,
  digest: string,
  expiryGrace: Millis,
): CompiledInferencePolicy {
  const { name, version, expiresAt } = document;
  return new CompiledInferencePolicy(
    Object.freeze({ name, version, digest }),
    epochMillis(expiresAt + expiryGrace),
    frozenCopy(document),
  );
}
