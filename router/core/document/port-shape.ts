import { type Port, portOf } from "../base/quantity.ts";
import { integer } from "./integer-shape.ts";
import { refined } from "./refined-shape.ts";
import type { Shape } from "./shape.ts";

/** A TCP or UDP port, written as a number. */
export const port: Shape<Port> = refined(integer({ minimum: 1, maximum: 65_535, code: "bad_port" }), (value) =>
  portOf(value),
);
