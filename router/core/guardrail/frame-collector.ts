import { isOpaque, signOfMember, signOfPlace } from "./opaque-data.ts";
import { isFreeMember, isToolName, isWrittenMember } from "./written-texts.ts";

/** Something in a frame that a model said. */
export interface FramePiece {
  readonly text: string;
  /** The text that it continues; undefined: it is a text by itself. */
  readonly channel: string | undefined;
  /** A tool's name, or a name or a number in what a tool takes or gives: it cannot be masked. */
  readonly isFixed: boolean;
  put(text: string): void;
}

export type Members = Record<string, unknown>;

const MAXIMUM_DEPTH = 64;
/** Digits of a number that a reader of JSON may not keep all of. */
const LONG_NUMBER = 16;
/** Members that say what `data` beside them is. */
const SIGNS = ["type", "media_type", "mime_type", "mimeType"];

/** Gathers what a model said in the places of a frame (parsed JSON) that it is given. */
export class FrameCollector {
  readonly pieces: FramePiece[] = [];
  readonly ended: string[] = [];
  readonly #spelled: Members[] = [];
  readonly #frame: Members;
  isTooDeep = false;
  /** A number may not be given as it is written. */
  hasLongNumber = false;

  constructor(frame: Members) {
    this.#frame = frame;
  }

  /**
   * All strings in a member's value, and in what tools take and give all names and numbers. Those of one place, over all
   * frames, are one text where there is a `channel`. `depth` 0: the member is the API's own, whatever it is called.
   */
  add(holder: Members | unknown[], key: string | number, channel: string | undefined, isFree = false, depth = 0): void {
    const value: unknown = (holder as Members)[key];
    if (typeof value === "string") {
      if (isFree || typeof key === "number" || (isWrittenMember(key) && !isOpaqueData(holder, key))) {
        this.#piece(holder, key, value, channel);
      } else if (isToolName(key)) {
        this.addFixed(value, channel === undefined ? undefined : `${channel}!`);
      }
      return;
    }
    if (typeof value === "number" && isFree) this.#number(value);
    if (typeof value !== "object" || value === null) return;
    if (depth > MAXIMUM_DEPTH) {
      this.isTooDeep = true;
      return;
    }
    if (key === "logprobs" && !Array.isArray(holder)) this.#spelled.push(holder);
    const free = isFree || (typeof key === "string" && isFreeMember(key) && depth > 0 && !Array.isArray(value));
    if (Array.isArray(value)) {
      // Items of a list follow each other, unless they are numbered.
      for (const [index, item] of (value as unknown[]).entries()) {
        const number = isMembers(item) && typeof item["index"] === "number" ? `#${item["index"]}` : "";
        this.add(value as unknown[], index, channel === undefined ? undefined : channel + number, free, depth + 1);
      }
      return;
    }
    for (const name of Object.keys(value)) {
      if (free) this.addFixed(name);
      else if (name === "data" && isOpaqueData(value as Members, name, key)) continue;
      this.add(value as Members, name, channel === undefined ? undefined : `${channel}/${name}`, free, depth + 1);
    }
  }

  /** What is looked at, but cannot be masked. */
  addFixed(text: string, channel?: string): void {
    this.pieces.push({ text, channel, isFixed: true, put: () => undefined });
  }

  rewritten(): string {
    for (const holder of this.#spelled) holder["logprobs"] = null;
    return JSON.stringify(this.#frame);
  }

  #number(value: number): void {
    const text = String(value);
    if (text.length >= LONG_NUMBER || text.includes("e")) this.hasLongNumber = true;
    this.addFixed(text);
  }

  #piece(holder: Members | unknown[], key: string | number, text: string, channel: string | undefined): void {
    const put = (value: string): void => {
      // "__proto__" is a member like others.
      Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
    };
    this.pieces.push({ text, channel, isFixed: false, put });
  }
}

/** `place`: the member whose value the holder is. */
function isOpaqueData(holder: Members | unknown[], key: string, place: string | number = ""): boolean {
  if (key !== "data" || !isMembers(holder) || typeof holder["data"] !== "string") return false;
  let signs = typeof place === "string" ? signOfPlace(place) : 0;
  for (const name of SIGNS) {
    const value = holder[name];
    if (typeof value === "string") signs |= signOfMember(name, value);
  }
  return isOpaque(signs);
}

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
