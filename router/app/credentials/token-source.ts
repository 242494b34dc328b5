import type { Clock } from "../../core/base/clock.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Credential } from "../../core/credential/inject.ts";
import type { CredentialEvent, CredentialProblem } from "./credential-problem.ts";
import { KnownSecrets, type LeakRules } from "./known-secrets.ts";
import { pauseAfter, renewAfter, usableFor } from "./renewal-times.ts";
import { settleBy } from "./settle-by.ts";
import { CLOSED, type Obtained, type Source } from "./source.ts";

/** A credential as it was issued. */
export interface Issued {
  readonly credential: Credential;
  /** What of it must not come back. */
  readonly secrets: readonly string[];
  /** From the moment it was asked for. */
  readonly life: Millis;
}

export interface TokenSourceOptions {
  /** For events. */
  readonly name: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** For one renewal, all its requests together: nobody waits longer. */
  readonly deadline: Millis;
  readonly issue: (signal: AbortSignal) => Promise<Result<Issued, CredentialProblem>>;
  readonly event: (event: CredentialEvent) => void;
}

interface Held {
  readonly obtained: Obtained;
  /** When it is not sent any more: by both clocks, of which one stands still while a machine sleeps and the other may step. */
  readonly endMonotonic: number;
  readonly endWall: number;
  readonly renewAt: number;
}

/** How often a provider's refusals can make us ask again: the agent may be able to cause them. */
const REJECTION_PACE = 30_000;

/**
 * A credential that an issuer gives for a while. One request is under way at a time, whoever asks; it is renewed ahead of
 * its end behind the calls' backs, by a call (nothing runs while nobody asks); what has ended is never given. A renewal
 * that fails leaves what is still valid in use and is tried again after a pause that grows.
 */
export class TokenSource implements Source {
  readonly #options: TokenSourceOptions;
  readonly #known: KnownSecrets;
  readonly #stop = new AbortController();
  #held: Held | undefined;
  #renewal: Promise<void> | undefined;
  /** The provider refused what is held: calls wait for the renewal that this has started. */
  #suspect = false;
  #rejectedAt = -Infinity;
  #failures = 0;
  #failure: Obtained = fail({ code: "issuer_unreachable", message: "No token was asked for yet." });
  #notBefore = -Infinity;
  #told = "";

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#known = new KnownSecrets(options.clock);
  }

  get(): Obtained | Promise<Obtained> {
    if (this.#stop.signal.aborted) return fail(CLOSED);
    const held = this.#valid();
    const mayAsk = this.#options.clock.monotonic() >= this.#notBefore;
    if (held === undefined) {
      if (this.#renewal === undefined && !mayAsk) return this.#failure;
      return this.#renew().then(() => this.#now());
    }
    if (this.#suspect && this.#renewal !== undefined) return this.#renewal.then(() => this.#now());
    if (mayAsk && this.#options.clock.monotonic() >= held.renewAt) void this.#renew();
    return held.obtained;
  }

  /**
   * What was issued may have been taken back, so another is asked for, at most every 30 s. Until there is one, and where
   * there is none, the old one stays: an agent that provokes refusals takes nobody's credential away.
   */
  rejected(): void {
    const now = this.#options.clock.monotonic();
    if (this.#stop.signal.aborted || this.#valid() === undefined) return;
    if (now - this.#rejectedAt < REJECTION_PACE || now < this.#notBefore) return;
    this.#rejectedAt = now;
    this.#suspect = true;
    void this.#renew();
  }

  rules(): LeakRules {
    return this.#known.rules();
  }

  close(): void {
    this.#stop.abort();
    this.#held = undefined;
  }

  #valid(): Held | undefined {
    const { clock } = this.#options;
    const held = this.#held;
    if (held !== undefined && clock.monotonic() < held.endMonotonic && clock.now() < held.endWall) return held;
    this.#held = undefined;
    return undefined;
  }

  /** After a renewal, whatever it came to. */
  #now(): Obtained {
    if (this.#stop.signal.aborted) return fail(CLOSED);
    return this.#valid()?.obtained ?? this.#failure;
  }

  #renew(): Promise<void> {
    return (this.#renewal ??= this.#renewOnce().finally(() => {
      this.#renewal = undefined;
      this.#suspect = false;
    }));
  }

  async #renewOnce(): Promise<void> {
    const { clock, deadline, issue, random } = this.#options;
    const monotonic = clock.monotonic();
    const wall = clock.now();
    const issued = await settleBy<Result<Issued, CredentialProblem>>(
      deadline,
      (late) => issue(AbortSignal.any([late, this.#stop.signal])),
      () => fail({ code: "issuer_unreachable", message: `No token came within ${deadline} ms.` }),
      () => fail({ code: "issuer_unreachable", message: "The request for a token failed." }),
    );
    if (this.#stop.signal.aborted) return;
    if (issued.ok) {
      const { credential, life, secrets } = issued.value;
      const usable = usableFor(life);
      const renewIn = renewAfter(life, random());
      this.#held = {
        obtained: ok(credential),
        endMonotonic: monotonic + usable,
        endWall: wall + usable,
        renewAt: monotonic + renewIn,
      };
      this.#known.use(secrets);
      if (this.#valid() !== undefined) {
        this.#failures = 0;
        this.#notBefore = -Infinity;
        this.#told = "ready";
        this.#options.event({ kind: "ready", source: this.#options.name, renewIn });
        return;
      }
    }
    this.#fail(
      issued.ok ? { code: "issuer_refused", message: "The token had ended before it arrived." } : issued.problem,
    );
  }

  #fail(problem: CredentialProblem): void {
    const { clock, event, name, random } = this.#options;
    this.#failures += 1;
    this.#failure = fail(problem);
    this.#notBefore = clock.monotonic() + pauseAfter(this.#failures, random());
    if (problem.message === this.#told) return;
    this.#told = problem.message;
    event({ kind: "failed", source: name, problem, stillValid: this.#valid() !== undefined });
  }
}
