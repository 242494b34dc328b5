import { BehaviorMonitor } from "../../../../router/core/behavior/behavior-monitor.ts";
import type { DetectorRule, Response } from "../../../../router/core/behavior/detector.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { GovernanceSnapshot } from "../../../../router/core/governance/compile-governance-policy.ts";
import { RateLimiter } from "../../../../router/core/limiter/rate-limiter.ts";
import { type Governed, Governor, type Grants } from "../../../../router/app/governance/governor.ts";
import { governance, NOON } from "../../core/governance/engine-fixture.ts";

/** The judge with all its rooms, of which only the approvals are a fake: they write down what they are asked. */
export interface GovernorWorld {
  readonly governor: Governor;
  readonly monitor: BehaviorMonitor;
  readonly limiter: RateLimiter;
  /** Ids of approvals, in the order in which a use of them was taken. */
  readonly used: readonly string[];
  /** How often somebody looked for an approval. */
  readonly looked: () => number;
  /** `kind result bytes request` of each action that was told to be over. */
  readonly ended: readonly string[];
  readonly counted: readonly Governed[];
  /** Both clocks. */
  pass(milliseconds: number): void;
  set(policy: GovernanceSnapshot): void;
}

export interface WorldOptions {
  readonly rules?: readonly string[];
  /** Further keys of the policy's spec. */
  readonly more?: string;
  readonly policy?: GovernanceSnapshot;
  readonly absent?: boolean;
  readonly grant?: { readonly id: string } | "expired";
  /** Uses that are left; what is not counted: Infinity. */
  readonly uses?: number;
  readonly stands?: boolean;
  /** Follows at once, and stands against every kind of action. */
  readonly response?: Response;
  /** Why a peer is not connected. */
  readonly barred?: string;
  readonly labels?: ReadonlyMap<string, string>;
  /** Of the policy's time, while both clocks stay. */
  readonly time?: () => number;
}

export function governorWorld(options: WorldOptions = {}): GovernorWorld {
  let policy = options.policy ?? governance(options.rules ?? [], options.more);
  let steady = 0;
  let looked = 0;
  let left = options.uses ?? Infinity;
  const [used, ended, counted]: [string[], string[], Governed[]] = [[], [], []];
  const grants: Grants = {
    find() {
      looked += 1;
      return options.grant;
    },
    use(id) {
      if (left < 1) return false;
      left -= 1;
      used.push(id);
      return true;
    },
    stands: () => options.stands ?? true,
  };
  const limiter = new RateLimiter();
  const monitor = new BehaviorMonitor(options.response === undefined ? [] : [watch(options.response)]);
  if (options.response !== undefined) {
    monitor.observe({ at: NOON, steady, action: "exec", target: "x", result: "denied", bytes: 0, isSaid: true });
  }
  const apply = (): void => {
    if (policy.state === "missing") return;
    const ruled = policy.rules.flatMap(({ applied }) => (applied === undefined ? [] : [applied]));
    limiter.apply([...policy.limits, ...ruled], steady);
  };
  apply();
  const governor = new Governor({
    clock: { now: () => epochMillis(NOON + steady), monotonic: () => millis(steady) },
    time: () => epochMillis(options.time?.() ?? NOON + steady),
    policy: () => policy,
    absent: () => options.absent ?? false,
    labels: () => options.labels,
    barred: () => options.barred,
    scoreOf: () => undefined,
    limiter,
    monitor,
    grants,
    ended: ({ kind }, result, bytes, request) => ended.push(`${kind} ${result} ${bytes} ${request ?? "-"}`),
    judged: (_, governed) => counted.push(governed),
  });
  return {
    governor,
    monitor,
    limiter,
    used,
    looked: () => looked,
    ended,
    counted,
    pass(milliseconds) {
      steady += milliseconds;
    },
    set(next) {
      policy = next;
      apply();
    },
  };
}

function watch(response: Response): DetectorRule {
  return { id: "d", watch: { kind: "denials", count: 1, window: 60_000 }, actions: undefined, response, quiet: 0 };
}

/** `allow rule`, or `reason rule`; then the approval and what was observed. */
export function said(governed: Governed): string {
  if (governed.kind === "refused") return `${governed.reason} ${governed.rule ?? "-"}`;
  const { rule, approval, observed } = governed;
  return ["allow", rule ?? "-", ...(approval === undefined ? [] : [`by ${approval}`]), observed ?? ""]
    .join(" ")
    .trimEnd();
}
