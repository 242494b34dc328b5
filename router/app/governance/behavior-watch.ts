import { ownEvent } from "../../core/audit/own-event.ts";
import { type Alarm, BehaviorMonitor } from "../../core/behavior/behavior-monitor.ts";
import { observationsOf } from "../../core/behavior/observed-event.ts";
import type { GovernanceSnapshot } from "../../core/governance/compile-governance-policy.ts";
import type { AuditEvent } from "../../core/audit/audit-event.ts";
import type { Clock } from "../../core/base/clock.ts";
import type { Log } from "../../edge/log/log.ts";
import { StateFile } from "../../edge/state/state-file.ts";

export interface BehaviorWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The state directory. */
  readonly directory: string;
  readonly recordSoon: (event: AuditEvent) => void;
  readonly alerted: (kind: Alarm["kind"]) => void;
  /** What stands against the agent has changed: what is live is judged again. */
  readonly changed: () => void;
}

const FILE = "behavior.json";
/** Rows of 4,096 targets for each detector, and room. */
const MOST_OCTETS = 16 * 1024 * 1024;
/** What a crash may take of what was counted; of a quarantine it takes nothing, and of other responses nothing that is older than a write. */
const SAVE_MILLIS = 10_000;
/** The detector that stands for a state which cannot be read. */
const UNREADABLE = "behavior-state";

/** The behaviour monitor with its memory on the disk, its alarms on record, and its quarantines that outlive restarts. */
export class BehaviorWatch {
  readonly monitor = new BehaviorMonitor();
  readonly #options: BehaviorWatchOptions;
  readonly #file: StateFile;
  #timer: NodeJS.Timeout | undefined;
  #restored = false;
  #saved = "";
  /** There are detectors. */
  #watches = false;

  constructor(options: BehaviorWatchOptions) {
    this.#options = options;
    const { directory, log } = options;
    this.#file = new StateFile(directory, FILE, MOST_OCTETS, (error) =>
      log.event("error", "the behaviour monitor's state cannot be kept", { error: String(error) }),
    );
  }

  /** A policy came into force: its detectors count from here on, and what it lifts is lifted. */
  apply(policy: GovernanceSnapshot): void {
    const { clock } = this.#options;
    if (policy.state === "missing") return;
    this.monitor.apply(policy.detectors);
    this.#watches = policy.detectors.length > 0;
    const { liftBefore } = policy;
    if (liftBefore === undefined || !this.#restored) return;
    this.#lift(liftBefore, clock.monotonic());
  }

  /** Goes on where the last process ended; after the first policy was applied. What cannot be read denies everything. */
  async restore(policy: GovernanceSnapshot): Promise<void> {
    const { clock, log } = this.#options;
    const loaded = await this.#file.load();
    const state = loaded.ok && loaded.value !== undefined ? parsed(loaded.value) : undefined;
    const absent = loaded.ok && loaded.value === undefined;
    if (!absent && (state === undefined || !this.monitor.restore(state, clock.monotonic()).ok)) {
      log.event("error", "the behaviour monitor's state cannot be read: everything is denied until that is lifted", {
        problem: loaded.ok ? "it is malformed" : loaded.problem,
      });
      this.monitor.quarantine(UNREADABLE, clock.now());
    }
    this.#restored = true;
    this.apply(policy);
    this.#timer = setInterval(() => this.#save(), SAVE_MILLIS);
    this.#timer.unref();
  }

  /** Everything that goes to the audit log, as it goes there: what is seen live is what a replay of the log sees. */
  seen(event: AuditEvent): void {
    if (!this.#watches) return;
    const { clock } = this.#options;
    for (const observation of observationsOf(event, { at: event.time, steady: clock.monotonic() })) {
      const before = this.quarantine();
      const alarms = this.monitor.observe(observation);
      const begins = before === undefined && this.quarantine() !== undefined;
      // On the disk before anybody can learn of it: a kill must not lift it.
      if (begins) this.#save(true);
      this.#follow(alarms, begins);
    }
  }

  /** `begins`: a quarantine does; its alarm may be one that was raised a while ago and is quiet. */
  #follow(alarms: readonly Alarm[], begins: boolean): void {
    if (alarms.length === 0 && !begins) return;
    const { clock, log, recordSoon, alerted, changed } = this.#options;
    for (const { detector, kind, action, target, count, response } of alarms) {
      alerted(kind);
      const facts = { detector, watch: kind, action, count, response: response.kind };
      recordSoon({ ...ownEvent(clock.now(), "governance.alert", kind, target, facts), rule: detector });
      log.event("warn", "behaviour alarm", { ...facts, target });
    }
    // What follows must not be lost with the process, and may end what goes on.
    this.#save();
    if (begins || alarms.some(({ response }) => response.kind !== "alert")) changed();
  }

  /** Since when everything is denied, and by which detector. */
  quarantine(): { readonly since: number; readonly detector: string } | undefined {
    const { clock } = this.#options;
    const standing = this.monitor.standing({ at: clock.now(), steady: clock.monotonic() }, "admin");
    return standing.kind === "quarantined" ? standing : undefined;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#restored) this.#save();
    await this.#file.settled();
  }

  #lift(before: number, steady: number): void {
    const { clock, log, recordSoon, changed } = this.#options;
    const quarantined = this.quarantine();
    if (quarantined === undefined || quarantined.since >= before) return;
    const lifted = this.monitor.lift(undefined, steady);
    recordSoon(ownEvent(clock.now(), "governance.alert", "lift", lifted.join(" "), { detectors: lifted }));
    log.event("warn", "quarantine lifted by the policy", { detectors: lifted.join(",") });
    this.#save();
    changed();
  }

  #save(isAtOnce = false): void {
    const state = this.monitor.save(this.#options.clock.monotonic());
    const whole = JSON.stringify(state);
    // What stands must outlive a restart; what was counted may have to give way to it.
    const text = Buffer.byteLength(whole) <= MOST_OCTETS ? whole : JSON.stringify({ ...(state as object), gauges: [] });
    if (text === this.#saved) return;
    this.#saved = text;
    if (!isAtOnce) this.#file.save(text);
    // What could not be written is tried again.
    else if (!this.#file.saveNow(text)) this.#saved = "";
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
