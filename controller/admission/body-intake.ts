import type { IncomingMessage } from "node:http";

/** Why there is no body: it is too large, it ended early, or it had to make room. */
export type IntakeFailure = "too_large" | "cut_short" | "made_room";

export type Intake =
  | { readonly ok: true; readonly body: Uint8Array; readonly release: () => void }
  | { readonly ok: false; readonly failure: IntakeFailure };

interface Reading {
  stop(failure: IntakeFailure): void;
}

/**
 * Reads bodies whole, with a bound for each and for all together. Over the bound for all, the one that is being read for
 * the longest time goes: the API server sends a body in one go, and who trickles must not keep it out.
 */
export class BodyIntake {
  readonly #most: number;
  readonly #mostTogether: number;
  readonly #readings = new Set<Reading>();
  #held = 0;

  constructor(most: number, mostTogether: number) {
    this.#most = most;
    this.#mostTogether = mostTogether;
  }

  /** Octets of bodies that are read or not yet released. */
  get held(): number {
    return this.#held;
  }

  /** False: nobody is being read. */
  evictOldest(): boolean {
    const [oldest] = this.#readings;
    oldest?.stop("made_room");
    return oldest !== undefined;
  }

  /** Who gets a body must release it. Never rejects. */
  read(request: IncomingMessage): Promise<Intake> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const release = (): void => {
        this.#held -= length;
        length = 0;
      };
      const settle = (intake: Intake): void => {
        this.#readings.delete(reading);
        request.off("data", take).off("end", end).off("close", close).off("error", close);
        if (!intake.ok) {
          release();
          chunks.length = 0;
          // Without a listener an error of what is not read any more would end the process.
          request.on("error", () => {}).resume();
        }
        resolve(intake);
      };
      const reading: Reading = { stop: (failure) => settle({ ok: false, failure }) };
      const take = (chunk: Buffer): void => {
        length += chunk.length;
        this.#held += chunk.length;
        if (length > this.#most) return reading.stop("too_large");
        chunks.push(chunk);
        while (this.#held > this.#mostTogether && this.evictOldest());
        return undefined;
      };
      const end = (): void => settle({ ok: true, body: Buffer.concat(chunks, length), release });
      const close = (): void => reading.stop("cut_short");
      this.#readings.add(reading);
      request.on("data", take).on("end", end).on("close", close).on("error", close);
    });
  }
}
