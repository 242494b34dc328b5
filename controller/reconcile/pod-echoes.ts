import type { Clock } from "../../router/core/base/clock.ts";
import type { AskPod } from "./ask-pod.ts";
import { type PodFacts, podKey } from "./pod-facts.ts";
import type { PodReport } from "./pod-report.ts";

export interface PodEchoesOptions {
  readonly clock: Pick<Clock, "monotonic">;
  readonly random: () => number;
  readonly ask: AskPod;
  /** What a pod says has changed. */
  readonly changed: (pod: PodFacts) => void;
}

export interface PodEchoes {
  /** Undefined: it is gone. */
  follow(now: PodFacts | undefined, before: PodFacts | undefined): void;
  /** Asked at once, and each second for a minute or until they are calmed. */
  hurry(isMeant: (pod: PodFacts) => boolean): void;
  calm(isMeant: (pod: PodFacts) => boolean): void;
  /** A text: why nothing is known. */
  report(pod: PodFacts): PodReport | string;
  close(): Promise<void>;
}

const TICK_MILLIS = 200;
const EACH_MILLIS = 15_000;
const HURRIED_EACH_MILLIS = 1_000;
const HURRY_MILLIS = 60_000;
const MOST_AT_ONCE = 16;

interface Entry {
  facts: PodFacts;
  report: PodReport | string;
  mark: string;
  due: number;
  hurriedUntil: number;
  isAsked: boolean;
}

/** What the injected pods say of themselves: each is asked every 15 seconds, sixteen at a time. */
export function openPodEchoes(options: PodEchoesOptions): PodEchoes {
  const { clock, random, ask, changed } = options;
  const entries = new Map<string, Entry>();
  const asking = new Set<Promise<void>>();
  const closing = new AbortController();
  const timer = setInterval(() => tick(), TICK_MILLIS);
  timer.unref();

  function tick(): void {
    const now = clock.monotonic();
    for (const entry of entries.values()) {
      if (asking.size >= MOST_AT_ONCE) return;
      if (entry.due > now || entry.isAsked) continue;
      const one = askOne(entry).finally(() => asking.delete(one));
      asking.add(one);
    }
  }

  async function askOne(entry: Entry): Promise<void> {
    const { address } = entry.facts;
    entry.isAsked = true;
    // Behind all others: many that do not answer must not keep the rest waiting.
    entries.delete(podKey(entry.facts));
    entries.set(podKey(entry.facts), entry);
    const answer = address === undefined ? "It has no address yet." : await ask(address, closing.signal);
    entry.isAsked = false;
    const now = clock.monotonic();
    entry.due = now + (now < entry.hurriedUntil ? HURRIED_EACH_MILLIS : EACH_MILLIS * (0.9 + 0.2 * random()));
    if (closing.signal.aborted || entries.get(podKey(entry.facts)) !== entry) return;
    entry.report = typeof answer === "string" ? answer : answer.ok ? answer.value : answer.problem;
    const mark = markOf(entry.report);
    if (mark === entry.mark) return;
    entry.mark = mark;
    changed(entry.facts);
  }

  function each(isMeant: (pod: PodFacts) => boolean, change: (entry: Entry) => void): void {
    for (const entry of entries.values()) if (isMeant(entry.facts)) change(entry);
  }

  return {
    follow(now, before) {
      if (now === undefined || !now.isLive) {
        if (before !== undefined) entries.delete(podKey(before));
        if (now !== undefined) entries.delete(podKey(now));
        return;
      }
      const known = entries.get(podKey(now));
      const moment = clock.monotonic();
      if (known !== undefined && known.facts.uid === now.uid) {
        if (known.facts.address !== now.address) {
          known.due = moment;
          known.hurriedUntil = moment + HURRY_MILLIS;
        }
        known.facts = now;
        return;
      }
      // A pod that starts is hurried: what it loads is waited for.
      entries.set(podKey(now), {
        facts: now,
        report: "It has not been asked yet.",
        mark: "",
        due: moment,
        hurriedUntil: moment + HURRY_MILLIS,
        isAsked: false,
      });
    },
    hurry(isMeant) {
      const now = clock.monotonic();
      each(isMeant, (entry) => {
        entry.due = Math.min(entry.due, now);
        entry.hurriedUntil = now + HURRY_MILLIS;
      });
    },
    calm(isMeant) {
      each(isMeant, (entry) => void (entry.hurriedUntil = 0));
    },
    report: (pod) => entries.get(podKey(pod))?.report ?? "It has not been asked yet.",
    async close() {
      closing.abort();
      clearInterval(timer);
      await Promise.all(asking);
    },
  };
}

function markOf(report: PodReport | string): string {
  if (typeof report === "string") return report;
  return JSON.stringify([report.policies, [...report.approvals].toSorted(), report.guard]);
}
