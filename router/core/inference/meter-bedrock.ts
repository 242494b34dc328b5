import { readEventStreamFrame } from "./event-stream.ts";
import { FrameSkim } from "./frame-skim.ts";
import { type SkimKey, skimTable } from "./frame-skim-table.ts";
import { converseEvent, converseTable } from "./meter-converse.ts";
import { MESSAGES_KEYS, messagesReader } from "./meter-messages.ts";
import type { FrameVerdict } from "./meter-sse.ts";
import type { MeterState } from "./meter-state.ts";

/** Reads the frames of `converse-stream` and of `invoke-with-response-stream`. */
export class BedrockReader {
  readonly #state: MeterState;
  readonly #invoke: boolean;
  readonly #skim: FrameSkim;
  readonly #model = new FrameSkim(invokeTable);

  constructor(state: MeterState, invoke: boolean) {
    this.#state = state;
    this.#invoke = invoke;
    this.#skim = new FrameSkim(invoke ? chunkTable : converseTable);
  }

  read(bytes: Uint8Array, from: number, to: number): FrameVerdict {
    const frame = readEventStreamFrame(bytes, from, to);
    if (frame === undefined) return "garbage";
    if (frame.messageType !== "event") {
      this.#state.fail({ type: frame.name });
      return "keep";
    }
    if (this.#skim.run(bytes, frame.payloadFrom, frame.payloadTo) < 0) return "garbage";
    if (!this.#invoke) converseEvent(frame.name, this.#skim.findings, this.#state);
    else if (frame.name === "chunk") return this.#chunk();
    return "keep";
  }

  /** A chunk holds one object of the model's own in base64. */
  #chunk(): FrameVerdict {
    const text = this.#skim.findings.json(CHUNK_BYTES);
    const object = typeof text === "string" ? decoded(text) : undefined;
    // A model of whatever vendor may write what is not an object: then nothing is known of it but that it came.
    if (object === undefined || this.#model.run(object, 0, object.length) < 0) {
      this.#state.content(object?.length ?? 0);
      return "keep";
    }
    const found = this.#model.findings;
    if (found.has(TYPE)) messagesReader.read(found, this.#state);
    else if (found.textOctets > 0) this.#state.content(found.textOctets);
    if (found.has(REASON)) this.#state.finish(found.json(REASON));
    if (!found.has(METRICS)) return "keep";
    this.#state.state(found.json(METRICS));
    this.#state.ended = true;
    return "keep";
  }
}

const CHUNK_BYTES = 0;
const chunkTable = skimTable([{ name: "bytes", depth: 1, as: "value" }]);

const TYPE = 0;
const METRICS = MESSAGES_KEYS.length;
const REASON = METRICS + 1;
/** Members in which models of other vendors write their text. */
const OTHER_TEXTS = ["generation", "outputText", "completion", "content", "generated_text"];
const invokeTable = skimTable([
  ...MESSAGES_KEYS,
  { name: "amazon-bedrock-invocationMetrics", depth: 1, as: "value" },
  { name: "stop_reason", depth: 1, as: "value" },
  ...OTHER_TEXTS.map((name): SkimKey => ({ name, as: "text" })),
]);

function decoded(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}
