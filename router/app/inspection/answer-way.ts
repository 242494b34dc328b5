import type { HttpAnswer } from "../../edge/listeners/http-answer.ts";
import type { ResponseHead } from "../../edge/upstream/response-head.ts";
import type { InjectedFields } from "./injected-fields.ts";
import { unsearchable } from "./searchable.ts";

/** Where an origin's answer goes on its way to the agent. */
export interface AnswerWay {
  head(head: ResponseHead): void;
  /** See `ResponseSink`. */
  data(chunk: Buffer): Promise<void> | undefined;
  /** The content has ended. False: it must not end well for the agent. */
  end(): boolean;
  /** However the exchange ended: nothing goes on any more. */
  close(): void;
  /** Why the answer was cut here; undefined: it was not. */
  readonly problem: string | undefined;
}

export function openAnswerWay(answer: HttpAnswer): AnswerWay {
  return {
    head: (head) => answer.head(head),
    data: (chunk) => answer.data(chunk),
    end: () => true,
    close: () => undefined,
    problem: undefined,
  };
}

/** The way of an answer to a request that something was injected into: nothing that repeats it goes on. */
export class GuardedAnswerWay implements AnswerWay {
  readonly #answer: HttpAnswer;
  readonly #injected: InjectedFields;
  readonly #gate: ReturnType<InjectedFields["gate"]>;
  readonly #cut: () => void;
  #wait: Promise<void> | undefined;
  #problem: string | undefined;

  /** `cut` ends the exchange. */
  constructor(answer: HttpAnswer, injected: InjectedFields, cut: () => void) {
    this.#answer = answer;
    this.#injected = injected;
    this.#cut = cut;
    this.#gate = injected.gate(
      (octets) => {
        this.#wait = answer.data(octets);
      },
      () => this.#stop(REPEATED),
    );
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  head(head: ResponseHead): void {
    const problem = head.hasBody ? unsearchable(head) : undefined;
    if (problem !== undefined) this.#stop(problem);
    else this.#answer.head({ ...head, fields: this.#injected.answer(head.fields) });
  }

  data(chunk: Buffer): Promise<void> | undefined {
    this.#wait = undefined;
    if (!this.#gate.push(chunk)) this.#stop(REPEATED);
    return this.#wait;
  }

  end(): boolean {
    if (this.#gate.end()) return true;
    this.#problem = REPEATED;
    return false;
  }

  close(): void {
    this.#gate.close();
  }

  #stop(problem: string): void {
    this.#problem = problem;
    this.#cut();
  }
}

const REPEATED = "The answer repeats a secret that was written into the request.";
