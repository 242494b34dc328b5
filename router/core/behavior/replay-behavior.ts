import { type Alarm, BehaviorMonitor } from "./behavior-monitor.ts";
import type { DetectorRule } from "./detector.ts";
import { type ObservedEvent, observationsOf } from "./observed-event.ts";

/** An audit record, its `time` as milliseconds since 1970. */
export interface RecordedEvent extends ObservedEvent {
  readonly stream: string;
  /** Milliseconds since the stream was opened. */
  readonly uptime: number;
  readonly at: number;
}

/**
 * The alarms that these detectors would have raised, in order. Records are in the order of the log; another stream is a
 * restart, between whose end and beginning no time passes, as with a state that was restored.
 */
export function* replayBehavior(
  rules: readonly DetectorRule[],
  records: Iterable<RecordedEvent>,
): Generator<Alarm, void, undefined> {
  const monitor = new BehaviorMonitor(rules);
  let stream: string | undefined;
  let begun = 0;
  let steady = 0;
  for (const record of records) {
    if (record.stream !== stream) begun = steady - record.uptime;
    stream = record.stream;
    steady = Math.max(steady, begun + record.uptime);
    for (const observation of observationsOf(record, { at: record.at, steady })) yield* monitor.observe(observation);
  }
}
