import type { CompiledInferencePolicy } from "../../core/models/compile-inference-policy.ts";
import type { ModelRule } from "../../core/models/inference-policy.ts";
import type { DeadlineWatch } from "../../edge/upstream/deadline-watch.ts";
import type { Held } from "./budget-rooms.ts";
import type { Call } from "./call.ts";
import type { InferenceRooms } from "./inference-rooms.ts";
import type { RealtimeMeter } from "./realtime-meter.ts";
import type { RealtimeAsk } from "./realtime-request.ts";

/** A Realtime connection that may be made: everything that its attempts need. */
export interface RealtimeSession {
  readonly rooms: InferenceRooms;
  readonly call: Call;
  readonly policy: CompiledInferencePolicy;
  readonly model: ModelRule;
  readonly ask: RealtimeAsk;
  readonly held: Held;
  readonly meter: RealtimeMeter;
  readonly watch: DeadlineWatch;
  /** Octets have left for a provider. */
  sent: boolean;
}
