/** Notes a warning; line 0: about the document as a whole, or a part of it that the message names. */
export type Warn = (line: number, code: string, message: string) => void;
