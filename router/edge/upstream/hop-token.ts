import { randomBytes } from "node:crypto";

/** The field of a CONNECT to a parent proxy that says which process sent it. */
export const HOP_FIELD = "Sluice-Hop";

/** This process, to itself: a CONNECT that carries it was sent from here and came back. No secret; nobody can guess it. */
export const HOP_TOKEN = randomBytes(16).toString("hex");
