import { randomBytes } from "node:crypto";
import type { Clock } from "../../core/base/clock.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { isShared, type SharedIdentity, sharedKey, type SharedRule } from "../../core/budget/shared-key.ts";
import type { RouterConfig, SharedLedgerConfig } from "../../core/config/router-config.ts";
import type { CompiledInferencePolicy, InferencePolicySnapshot } from "../../core/models/compile-inference-policy.ts";
import { readRegularFile } from "../../edge/sources/regular-file.ts";
import type { NameResolver } from "../../edge/upstream/resolver.ts";
import {
  createSharedLedgerClient,
  LEDGER_DEADLINES,
  type LedgerLogin,
} from "../../edge/upstream/shared-ledger-client.ts";
import type { BudgetRooms } from "./budget-rooms.ts";
import { highestPrice } from "./local-budgets.ts";
import { createSharedBudgets, type SharedBudgetEvent, type SharedBudgets } from "./shared-budgets.ts";

export interface OpenSharedBudgets {
  readonly config: SharedLedgerConfig;
  readonly identity: RouterConfig["identity"];
  /** The longest life of a call. */
  readonly life: Millis;
  readonly clock: Clock;
  readonly local: BudgetRooms;
  policy(): InferencePolicySnapshot;
  resolve: NameResolver["resolve"];
  onEvent(event: SharedBudgetEvent): void;
}

/** A call that ends at the very end of its life has still to be settled. */
const LIFE_MARGIN = 60_000;
const MOST_SECRET = 65_536;

/** The shared ledger of the configuration, for the rules of the policy that is in force; it connects by itself. */
export function openSharedBudgets(options: OpenSharedBudgets): SharedBudgets {
  const { config, clock, local } = options;
  const rules = policyRules(options.identity);
  return createSharedBudgets({
    local,
    identity: options.identity,
    instance: randomBytes(10).toString("hex"),
    clock,
    rulesOf(name) {
      const policy = options.policy();
      const model = policy.state === "missing" ? undefined : policy.model(name);
      if (policy.state === "missing" || model === undefined) return { rules: [], price: undefined };
      return { rules: rules(policy).of(model.name), price: model.price && highestPrice(model.price) };
    },
    allRules() {
      const policy = options.policy();
      return policy.state === "missing" ? [] : rules(policy).all;
    },
    whenDown: config.whenDown,
    leasePercent: config.leasePercent,
    life: millis(options.life + LIFE_MARGIN),
    client: (rooms) =>
      createSharedLedgerClient({
        ...rooms,
        endpoint: config.endpoint,
        deadlines: LEDGER_DEADLINES,
        clock,
        resolve: (host, signal) => options.resolve(host, signal),
        login: () => readLogin(config),
        random: Math.random,
      }),
    onEvent: (event) => options.onEvent(event),
  });
}

interface PolicyRules {
  readonly all: readonly SharedRule[];
  of(model: string): readonly SharedRule[];
}

/** The shared rules of the last policy asked for; keys are made once. */
function policyRules(identity: SharedIdentity): (policy: CompiledInferencePolicy) => PolicyRules {
  let of: CompiledInferencePolicy | undefined;
  let made: PolicyRules = { all: [], of: () => [] };
  return (policy) => {
    if (policy === of) return made;
    const all = policy.budgets.filter(isShared).map((rule) => ({ rule, key: sharedKey(identity, rule) }));
    const byModel = new Map<string, readonly SharedRule[]>();
    for (const { name } of policy.models) {
      byModel.set(
        name,
        all.filter(({ rule: { models } }) => models === undefined || models.has(name)),
      );
    }
    of = policy;
    made = { all, of: (model) => byModel.get(model) ?? [] };
    return made;
  };
}

/** Read for each connection, so that a rotated password counts. */
async function readLogin({ username, passwordFile, caFile }: SharedLedgerConfig): Promise<Result<LedgerLogin, string>> {
  const [password, ca] = await Promise.all([readSecret(passwordFile), readSecret(caFile)]);
  if (!password.ok) return password;
  if (!ca.ok) return ca;
  const text = password.value?.replace(/\r?\n$/, "");
  if (text === "") return fail(`${passwordFile} is empty`);
  return ok({ username, password: text, ca: ca.value });
}

async function readSecret(path: string | undefined): Promise<Result<string | undefined, string>> {
  if (path === undefined) return ok(undefined);
  const read = await readRegularFile(path, MOST_SECRET);
  return read.ok ? ok(read.value.bytes.toString("utf8")) : fail(`${path} cannot be read (${read.problem.kind})`);
}
