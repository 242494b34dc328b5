import type { Millis } from "../../core/base/quantity.ts";
import { Buckets } from "./buckets.ts";

/** A histogram of durations in the Prometheus text format, in seconds, without labels. */
export class DurationHistogram {
  readonly #name: string;
  readonly #help: string;
  readonly #buckets: Buckets;

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#buckets = new Buckets(bounds);
  }

  observe(elapsed: Millis): void {
    this.#buckets.observe(elapsed / 1000);
  }

  exposition(): string {
    const head = [`# HELP ${this.#name} ${this.#help}`, `# TYPE ${this.#name} histogram`];
    return `${[...head, ...this.#buckets.lines(this.#name, "")].join("\n")}\n`;
  }
}
