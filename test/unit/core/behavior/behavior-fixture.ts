import type { BehaviorMonitor } from "../../../../router/core/behavior/behavior-monitor.ts";
import type { DetectorRule, Observation, Response, Watch } from "../../../../router/core/behavior/detector.ts";

/** A Friday, 12:00 UTC. */
export const NOON = Date.UTC(2026, 10, 20, 12);
export const ALERT: Response = { kind: "alert" };
export const QUARANTINE: Response = { kind: "quarantine" };

export function detector(id: string, watch: Watch, some: Partial<DetectorRule> = {}): DetectorRule {
  return { id, watch, actions: undefined, response: ALERT, quiet: 0, ...some };
}

/** At `steady` milliseconds after noon, by both clocks. */
export function seen(steady: number, some: Partial<Observation> = {}): Observation {
  return {
    at: NOON + steady,
    steady,
    action: "egress",
    target: "a:443",
    result: "allowed",
    bytes: 0,
    isSaid: false,
    ...some,
  };
}

export function moment(steady: number): { readonly at: number; readonly steady: number } {
  return { at: NOON + steady, steady };
}

/** `detector:count` of every alarm. */
export function alarmsOf(monitor: BehaviorMonitor, observations: readonly Observation[]): readonly string[] {
  return observations.flatMap((one) => monitor.observe(one).map(({ detector: id, count }) => `${id}:${count}`));
}
