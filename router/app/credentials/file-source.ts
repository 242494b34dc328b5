import type { Clock } from "../../core/base/clock.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Credential } from "../../core/credential/inject.ts";
import type { CredentialEvent, CredentialProblem } from "./credential-problem.ts";
import { KnownSecrets, type LeakRules } from "./known-secrets.ts";
import { readSecretFile, secretIdentity } from "./secret-file.ts";
import { settleBy } from "./settle-by.ts";
import { CLOSED, type Obtained, type Source } from "./source.ts";

export interface FileSourceOptions {
  readonly directory: string;
  readonly file: string;
  /** For events. */
  readonly name: string;
  readonly clock: Clock;
  /** For one look at the file. */
  readonly deadline: Millis;
  /** The credential and what of it is secret, or a sentence that repeats nothing of the text. */
  readonly parse: (
    text: string,
  ) => Result<{ readonly credential: Credential; readonly secrets: readonly string[] }, string>;
  readonly event: (event: CredentialEvent) => void;
}

/** From then on a call starts a look at the file, and does not wait for it. */
const LOOK_AFTER = 1_000;
/** From then on a call waits for the look: what was read is never trusted for longer. */
const TRUSTED_FOR = 2_000;

/**
 * A credential that a file holds. Under load the file is looked at every second behind the calls' backs; after a pause the
 * first call looks. Nothing runs while nobody asks. A file that has gone, or no longer holds a credential, takes the
 * credential away: that is how an operator revokes it.
 */
export class FileSource implements Source {
  readonly #options: FileSourceOptions;
  readonly #known: KnownSecrets;
  #obtained: Obtained | undefined;
  #identity: string | undefined;
  /** When the look began that `#obtained` is from. */
  #lookedAt = -Infinity;
  #look: Promise<void> | undefined;
  #told = "";
  #closed = false;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#known = new KnownSecrets(options.clock);
  }

  get(): Obtained | Promise<Obtained> {
    if (this.#closed) return fail(CLOSED);
    const age = this.#options.clock.monotonic() - this.#lookedAt;
    if (this.#obtained !== undefined) {
      if (age < LOOK_AFTER) return this.#obtained;
      if (age < TRUSTED_FOR && this.#obtained.ok) {
        void this.#begin();
        return this.#obtained;
      }
    }
    return this.#begin().then(() => (this.#closed ? fail(CLOSED) : (this.#obtained ?? fail(CLOSED))));
  }

  rejected(): void {
    // The next call looks at the file first: it may have been rotated this very second, and a look costs two stats.
    this.#lookedAt = Math.min(this.#lookedAt, this.#options.clock.monotonic() - TRUSTED_FOR);
  }

  rules(): LeakRules {
    return this.#known.rules();
  }

  close(): void {
    this.#closed = true;
  }

  #begin(): Promise<void> {
    return (this.#look ??= this.#lookOnce().finally(() => {
      this.#look = undefined;
    }));
  }

  async #lookOnce(): Promise<void> {
    const { clock, deadline, directory, file } = this.#options;
    const begun = clock.monotonic();
    const late = (): Obtained =>
      fail({ code: "secret_unusable", message: `The secret file ${file} was not read in time.` });
    const obtained = await settleBy(
      deadline,
      async () => {
        if (this.#obtained?.ok === true && this.#identity === (await secretIdentity(directory, file))) {
          return this.#obtained;
        }
        return this.#read();
      },
      late,
      late,
    );
    this.#lookedAt = begun;
    if (obtained === this.#obtained || this.#closed) return;
    this.#obtained = obtained;
    this.#tell(obtained);
  }

  async #read(): Promise<Obtained> {
    const { directory, file, parse } = this.#options;
    const read = await readSecretFile(directory, file);
    if (!read.ok) return read;
    const parsed = parse(read.value.text);
    if (!parsed.ok) {
      return fail({ code: "secret_unusable", message: `The secret file ${file} is of no use: ${parsed.problem}` });
    }
    this.#identity = read.value.identity;
    this.#known.use(parsed.value.secrets);
    return ok(parsed.value.credential);
  }

  /** A failure that stays the same is told once. */
  #tell(obtained: Obtained): void {
    const { name, event } = this.#options;
    const problem: CredentialProblem | undefined = obtained.ok ? undefined : obtained.problem;
    const telling = problem?.message ?? "ready";
    if (problem !== undefined && telling === this.#told) return;
    this.#told = telling;
    if (problem === undefined) event({ kind: "ready", source: name, renewIn: undefined });
    else event({ kind: "failed", source: name, problem, stillValid: false });
  }
}
