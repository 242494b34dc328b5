import type { JsonObject } from "./json-object.ts";

type Role = "user" | "assistant";

/** The turns of a conversation as messages wants them: neighbours of one role are one, and none is empty. */
export class Turns {
  readonly #messages: JsonObject[] = [];
  #role: Role | undefined;
  /** Of the turn that is open. Results of tools come first in a user's turn. */
  #results: JsonObject[] = [];
  #blocks: JsonObject[] = [];

  add(role: Role, blocks: readonly JsonObject[]): void {
    if (blocks.length === 0) return;
    this.#open(role);
    for (const block of blocks) this.#blocks.push(block);
  }

  addResult(result: JsonObject): void {
    this.#open("user");
    this.#results.push(result);
  }

  /** All turns; after it nothing is added. */
  messages(): readonly JsonObject[] {
    this.#close();
    return this.#messages;
  }

  #open(role: Role): void {
    if (this.#role === role) return;
    this.#close();
    this.#role = role;
  }

  #close(): void {
    if (this.#role === undefined) return;
    this.#messages.push({ role: this.#role, content: [...this.#results, ...this.#blocks] });
    this.#results = [];
    this.#blocks = [];
    this.#role = undefined;
  }
}
