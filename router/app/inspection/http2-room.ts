import type { Http2Agent } from "../../edge/inspection/http2-agent.ts";

/**
 * What all inspected HTTP/2 connections share: how much they may hold together, and that they end with the process.
 * Every stream reserves what its two peers may send before anybody takes it, so that slow readers, thousands of
 * streams and hostile origins together hold no more than this.
 */
export interface Http2Room {
  /** Reserves so many octets for one stream; undefined: there are not so many left. The function gives them back, once. */
  reserve(octets: number): (() => void) | undefined;
  /** A connection that is to be told of the end; the function forgets it. */
  join(agent: Pick<Http2Agent, "close">): () => void;
  /** GOAWAY on every connection: the process ends, what is open may still end first. */
  drain(): void;
  readonly reserved: number;
  readonly connections: number;
}

/** 1,024 streams of clients with windows of 64 KiB on both sides; 128 of one that takes the largest. */
const MOST_HELD = 128 * 1024 * 1024;

export function createHttp2Room(mostHeld = MOST_HELD): Http2Room {
  const agents = new Set<Pick<Http2Agent, "close">>();
  let reserved = 0;
  return {
    reserve(octets) {
      if (reserved + octets > mostHeld) return undefined;
      reserved += octets;
      let held = true;
      return () => {
        if (held) reserved -= octets;
        held = false;
      };
    },
    join(agent) {
      agents.add(agent);
      return () => void agents.delete(agent);
    },
    drain() {
      for (const agent of agents) agent.close();
    },
    get reserved() {
      return reserved;
    },
    get connections() {
      return agents.size;
    },
  };
}
