import { createHash } from "node:crypto";
import type { Clock } from "../../core/base/clock.ts";
import type { EpochMillis } from "../../core/base/quantity.ts";
import { LearnedBook } from "../../core/learning/learned-book.ts";
import {
  type Learned,
  type LearnedAbout,
  learnedText,
  longestText,
  parseLearned,
} from "../../core/learning/learned-text.ts";
import type { Outcome } from "../../core/outcome/outcome.ts";
import type { PolicySnapshot } from "../../core/policy/snapshot.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import type { Log } from "../../edge/log/log.ts";
import { setAside } from "../../edge/state/set-aside.ts";
import { StateFile } from "../../edge/state/state-file.ts";
import type { Exchange } from "../exchange.ts";
import { observationOf } from "./observation-of.ts";
import { durationText } from "./duration-text.ts";

export interface LearningRooms {
  readonly clock: Clock;
  readonly log: Pick<Log, "event">;
  /** The state directory. */
  readonly directory: string;
  /** `learning.entries` of the RouterConfig. */
  readonly entries: number;
  readonly identity: { readonly namespace: string; readonly agent: string };
  /** In force now. */
  readonly policy: () => PolicySnapshot;
  readonly policyTime: () => EpochMillis;
}

const FILE = "learned.json";
/** What a crash may take of what was seen. */
const SAVE_MILLIS = 3_000;
/** How long a disk may keep the end of the process waiting. */
const CLOSE_MILLIS = 2_000;

/** What was seen under `mode: learn`, on the disk, and how loud that is told. */
export class Learning {
  readonly #rooms: LearningRooms;
  readonly #file: StateFile;
  readonly #timer: NodeJS.Timeout;
  #about: LearnedAbout | undefined;
  #book: LearnedBook;
  #changed = false;
  #problem: string | undefined;

  /** Goes on where the last process ended. What cannot be read is set aside, and told; then it begins anew. */
  static async open(rooms: LearningRooms): Promise<Learning> {
    const file = new StateFile(rooms.directory, FILE, longestText(rooms.entries), (error) => learning.#failed(error));
    const loaded = await read(rooms, file);
    const learning: Learning = new Learning(rooms, file, loaded);
    return learning;
  }

  private constructor(rooms: LearningRooms, file: StateFile, loaded: Learned | undefined) {
    this.#rooms = rooms;
    this.#file = file;
    this.#about = loaded?.about;
    this.#book = new LearnedBook(rooms.entries);
    if (loaded !== undefined) this.#book.restore(loaded.entries, loaded.overflow);
    this.#timer = setInterval(() => this.#save(), SAVE_MILLIS);
    this.#timer.unref();
  }

  /** Distinct requests that are remembered. */
  get entries(): number {
    return this.#book.size;
  }

  /** Whether more passes now than rules allow. */
  get active(): boolean {
    const { policy, policyTime } = this.#rooms;
    const snapshot = policy();
    return snapshot.state === "loaded" && snapshot.mode === "learn" && policyTime() < snapshot.expiresAt;
  }

  /** A policy has come into force. */
  swapped(snapshot: PolicySnapshot): void {
    if (snapshot.state === "missing" || snapshot.mode !== "learn") return;
    const { log, policyTime } = this.#rooms;
    log.event("warn", "learn mode: what is not denied is allowed, and remembered", {
      policy: snapshot.identity.name,
      version: snapshot.identity.version,
      until: new Date(snapshot.expiresAt).toISOString(),
      left: durationText(snapshot.expiresAt - policyTime()),
    });
  }

  /** Each exchange, as it was settled. */
  observe(exchange: Exchange, outcome: Outcome): void {
    const snapshot = exchange.judgedBy?.policy;
    if (snapshot === undefined || snapshot.state === "missing" || snapshot.mode !== "learn") return;
    const observation = observationOf(exchange, outcome, this.#rooms.clock.now());
    if (observation === undefined) return;
    const { name, version } = snapshot.identity;
    // What was seen under another policy is another agent's, or another intention's.
    if (this.#about !== undefined && this.#about.policy !== name) this.#begin(this.#about.policy, name);
    this.#about = { ...this.#rooms.identity, policy: name, version };
    this.#book.observe(observation);
    this.#changed = true;
  }

  conditions(): readonly Condition[] {
    const snapshot = this.#rooms.policy();
    if (snapshot.state === "missing" || snapshot.mode !== "learn") return [];
    const left = snapshot.expiresAt - this.#rooms.policyTime();
    const until = new Date(snapshot.expiresAt).toISOString();
    const reasons = [
      left > 0
        ? `learn mode for ${durationText(left)} more, until ${until}: what is not denied is allowed; ${this.entries} kinds of requests were seen`
        : `learn mode ended at ${until}: what no rule allows is denied`,
    ];
    const { overflow } = this.#book;
    if (overflow !== undefined) reasons.push(`${overflow.count} exchanges found no room in learning.entries`);
    if (this.#problem !== undefined) reasons.push(`what was seen cannot be kept: ${this.#problem}`);
    return [{ name: "learning", state: "degraded", reason: reasons.join("; ") }];
  }

  /** For `/status`. */
  status(): unknown {
    const { overflow, size } = this.#book;
    return {
      active: this.active,
      entries: size,
      maximum: this.#rooms.entries,
      unkept: overflow?.count ?? 0,
      policy: this.#about?.policy ?? null,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  /** What was seen is on the disk, if it takes it in time. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#save();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MILLIS)));
    await Promise.race([this.#file.settled(), late]);
    clearTimeout(timer);
  }

  #begin(before: string, next: string): void {
    this.#book = new LearnedBook(this.#rooms.entries);
    this.#rooms.log.event("warn", "learn mode: another policy, so what was seen before is forgotten", { before, next });
  }

  #save(): void {
    if (!this.#changed || this.#about === undefined) return;
    this.#changed = false;
    this.#problem = undefined;
    const { overflow } = this.#book;
    this.#file.save(learnedText({ about: this.#about, entries: this.#book.entries(), overflow }, sha256));
  }

  #failed(error: unknown): void {
    this.#changed = true;
    this.#problem = error instanceof Error ? error.message : String(error);
    this.#rooms.log.event("error", "what was seen in learn mode cannot be kept", { error: this.#problem });
  }
}

async function read({ log, directory }: LearningRooms, file: StateFile): Promise<Learned | undefined> {
  const loaded = await file.load();
  if (loaded.ok && loaded.value === undefined) return undefined;
  const learned = loaded.ok ? parseLearned(loaded.value ?? "", sha256) : loaded;
  if (learned.ok) return learned.value;
  const aside = await setAside(directory, FILE);
  log.event("error", "what was seen in learn mode before cannot be read: it begins anew", {
    problem: learned.problem,
    aside: aside ?? "it cannot be moved, and will be replaced",
  });
  return undefined;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
