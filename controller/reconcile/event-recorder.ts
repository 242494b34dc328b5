import type { Clock } from "../../router/core/base/clock.ts";
import { safeText } from "../../router/core/wire/safe-text.ts";
import type { KubeWriter } from "./kube-writer.ts";
import { FIELD_MANAGER } from "./managed.ts";
import { timeText } from "./status-condition.ts";

/** What an Event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** Undefined: of the cluster. */
  readonly namespace: string | undefined;
}

export interface EventRecorder {
  /** Tells it soon; never waits and never fails: an Event is a courtesy. */
  tell(subject: EventSubject, type: "Normal" | "Warning", reason: string, message: string): void;
  close(): Promise<void>;
}

const MOST_WAITING = 256;
const MOST_MESSAGE = 1_024;
/** What was told is not told again for so long. */
const AGAIN_MILLIS = 600_000;
const MOST_REMEMBERED = 1_024;

/** Core v1 Events, one at a time; the same is not told twice in ten minutes, and more than a few hundred wait for nobody. */
export function recordEvents(writer: KubeWriter, clock: Clock, random: () => number): EventRecorder {
  const closing = new AbortController();
  const waiting: { readonly namespace: string; readonly event: object }[] = [];
  const told = new Map<string, number>();
  let working: Promise<void> | undefined;

  async function work(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (closing.signal.aborted) return;
      await writer.create(`/api/v1/namespaces/${next.namespace}/events`, next.event, closing.signal);
    }
    working = undefined;
  }

  return {
    tell(subject, type, reason, message) {
      const key = `${subject.uid} ${subject.name} ${reason} ${message}`;
      const now = clock.monotonic();
      const before = told.get(key);
      if (closing.signal.aborted || waiting.length >= MOST_WAITING) return;
      if (before !== undefined && now - before < AGAIN_MILLIS) return;
      told.delete(key);
      told.set(key, now);
      const [oldest] = told.keys();
      if (told.size > MOST_REMEMBERED && oldest !== undefined) told.delete(oldest);
      const namespace = subject.namespace ?? "default";
      waiting.push({ namespace, event: eventOf(subject, namespace, type, reason, message, clock.now(), random) });
      working ??= work();
    },
    async close() {
      closing.abort();
      await working;
    },
  };
}

function eventOf(
  { namespace: of, ...subject }: EventSubject,
  namespace: string,
  type: string,
  reason: string,
  message: string,
  now: number,
  random: () => number,
): object {
  const suffix = Math.floor(random() * 2 ** 40)
    .toString(16)
    .padStart(10, "0");
  const time = timeText(now);
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { namespace, name: `${subject.name.slice(0, 200)}.${now.toString(16)}${suffix}` },
    involvedObject: { ...subject, ...(of === undefined ? {} : { namespace: of }) },
    type,
    reason,
    message: safeText(message, MOST_MESSAGE),
    source: { component: FIELD_MANAGER },
    reportingComponent: FIELD_MANAGER,
    reportingInstance: "",
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
}
