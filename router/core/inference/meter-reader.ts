import type { Findings } from "./frame-findings.ts";
import type { SkimTable } from "./frame-skim-table.ts";
import type { MeterState } from "./meter-state.ts";

/** Reads the objects of one API. */
export interface ObjectReader {
  readonly table: SkimTable;
  /** Writes what an object shows into the state. True: the object is not for the client. */
  readonly read: (found: Findings, state: MeterState) => boolean;
}
