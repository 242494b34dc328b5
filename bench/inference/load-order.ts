interface Order {
  readonly port: number;
  /** Header lines of this way. */
  readonly headers: readonly string[];
  /** Connections, each with one request at a time. */
  readonly concurrency: number;
  readonly seconds: number;
}

/** Small answers, one after the other on every connection. */
export interface CallsOrder extends Order {
  readonly kind: "calls";
  /** Octets of each request's body. */
  readonly octets: number;
  /** Seconds before those that count. */
  readonly ramp: number;
}

export interface CallsResult {
  readonly kind: "calls";
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Answered, the ramp included. */
  readonly answered: number;
  readonly failures: number;
}

/** Streams, one after the other on every connection. */
export interface StreamsOrder extends Order {
  readonly kind: "streams";
  /** Milliseconds between two words, and words. */
  readonly pace: number;
  readonly words: number;
}

export interface StreamsResult {
  readonly kind: "streams";
  readonly streams: number;
  /** Not answered, not whole, or with another number of words. */
  readonly failures: number;
  /** Milliseconds from the request to the first word. */
  readonly firstP50: number;
  readonly firstP99: number;
  /** Milliseconds between two parts of a stream. */
  readonly gapP99: number;
  readonly longestGap: number;
  /** Gaps of more than ten times the pace. */
  readonly stalls: number;
}

export type LoadOrder = CallsOrder | StreamsOrder;
export type LoadResult = CallsResult | StreamsResult;
