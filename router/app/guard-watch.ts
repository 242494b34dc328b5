import { readFile, readlink } from "node:fs/promises";
import type { RouterConfig } from "../core/config/router-config.ts";
import { type GuardProof, readProof } from "../core/guard/proof.ts";
import type { Condition } from "../edge/admin/admin-routes.ts";

/** How often an absent proof is looked for again. */
const RETRY_MILLIS = 1_000;

/**
 * Whether the pod was shown to be closed. The router's own UID is the one that may leave, so it cannot try for itself:
 * it reads what the init container `sluice-prove` wrote as a foreign UID, bound to this network namespace and boot.
 */
export class GuardWatch {
  readonly #config: RouterConfig["guard"];
  readonly #verified: (proof: GuardProof) => void;
  #proof: GuardProof | undefined;
  #problem = "not looked for yet";
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(config: RouterConfig["guard"], verified: (proof: GuardProof) => void) {
    this.#config = config;
    this.#verified = verified;
  }

  get proved(): boolean {
    return this.#proof !== undefined;
  }

  get proof(): GuardProof | undefined {
    return this.#proof;
  }

  async look(): Promise<void> {
    if (!this.#config.expected || this.#proof !== undefined || this.#closed) return;
    try {
      const [text, netns, bootId] = await Promise.all([
        readFile(this.#config.proofFile, "utf8"),
        readlink("/proc/self/ns/net"),
        readFile("/proc/sys/kernel/random/boot_id", "utf8"),
      ]);
      const proof = readProof(text, { netns, bootId: bootId.trim() });
      if (proof.ok) {
        this.#proof = proof.value;
        this.#verified(proof.value);
        return;
      }
      this.#problem = proof.problem.message;
    } catch (error) {
      this.#problem = `no proof: ${error instanceof Error ? error.message : String(error)}`;
    }
    this.#timer = setTimeout(() => void this.look(), RETRY_MILLIS);
    this.#timer.unref();
  }

  condition(): Condition {
    if (!this.#config.expected) {
      return {
        name: "guard",
        state: "degraded",
        reason: "not expected here (guard.expected is false): nothing keeps the agent from going around",
      };
    }
    return this.proved
      ? { name: "guard", state: "ok", reason: "" }
      : { name: "guard", state: "failed", reason: this.#problem };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
