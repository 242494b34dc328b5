/**
 * RFC 8259 and RFC 3629 as one table: for a state and the next octet the state that follows, or, from `FIRST_ACTION` on, what must be
 * done there. What a table cannot know, which bracket is open, is the state to return to after a value (`AFTER_...`).
 */
export function nextOf(state: number, octet: number): number {
  return TABLE[(state << 8) | octet] ?? MALFORMED;
}

// States. The two of the insides of strings come first, so that one comparison finds them.
export const IN_TEXT = 0;
export const IN_NAME = 1;
export const BEGIN = 2;
export const FIRST_NAME = 3;
export const NEXT_NAME = 4;
export const COLON = 5;
export const TOP_COLON = 6;
export const VALUE = 7;
export const TOP_VALUE = 8;
export const FIRST_ITEM = 9;
export const AFTER_ITEM = 10;
export const AFTER_MEMBER = 11;
export const AFTER_TOP_MEMBER = 12;
export const DONE = 13;
export const NAME_ESCAPE = 14;
const FIRST_OTHER_STATE = 15;

// What to do, and where.
export const FIRST_ACTION = 0x80;
export const OPEN_OBJECT = 0x80;
export const OPEN_ARRAY = 0x81;
export const CLOSE = 0x82;
export const OPEN_NAME = 0x83;
export const CLOSE_NAME = 0x84;
export const CLOSE_TEXT = 0x85;
/** The last letter of `true`, `false`, `null`. */
export const CLOSE_WORD = 0x86;
/** The comma between two top-level members. */
export const TOP_COMMA = 0x87;
export const ESCAPE_IN_NAME = 0x88;
export const MALFORMED = 0x89;
export const NOT_UTF8 = 0x8a;
/** Half of a surrogate pair, escaped, in a name: readers differ on what name that is. */
export const HALF_PAIR = 0x8b;
export const NOT_OBJECT = 0x8c;
/** After these the same octet is read again, in the state that follows. */
export const FIRST_READ_AGAIN = 0x8d;
/** The number ended before this octet. */
export const CLOSE_NUMBER = 0x8d;
/** The value of a top-level member begins with this octet. */
export const OPEN_TOP_VALUE = 0x8e;

export type Action =
  | typeof OPEN_OBJECT
  | typeof OPEN_ARRAY
  | typeof CLOSE
  | typeof OPEN_NAME
  | typeof CLOSE_NAME
  | typeof CLOSE_TEXT
  | typeof CLOSE_WORD
  | typeof CLOSE_NUMBER
  | typeof OPEN_TOP_VALUE
  | typeof TOP_COMMA
  | typeof ESCAPE_IN_NAME
  | typeof MALFORMED
  | typeof NOT_UTF8
  | typeof HALF_PAIR
  | typeof NOT_OBJECT;

const SPACE = " \t\n\r";
const DIGITS = "0123456789";
const NOT_D = "0123456789abcefABCEF";
const HEX = `${NOT_D}dD`;

/** As many states as are in use below, with some to spare. */
const TABLE = new Uint8Array(FIRST_ACTION * 256).fill(MALFORMED);
let states = FIRST_OTHER_STATE;

function on(from: number, octets: string, to: number): void {
  for (let at = 0; at < octets.length; at++) TABLE[(from << 8) | octets.charCodeAt(at)] = to;
}

function over(from: number, first: number, last: number, to: number): void {
  TABLE.fill(to, (from << 8) | first, ((from << 8) | last) + 1);
}

/** A new state in which all octets but those that are given later lead to the same. */
function newState(otherwise: number = MALFORMED): number {
  const state = states++;
  if (state >= FIRST_ACTION) throw new Error("too many states");
  over(state, 0, 0xff, otherwise);
  return state;
}

/** So many hex digits, and then `home`. */
function hexDigits(count: number, home: number): number {
  let next = home;
  for (let left = count; left > 0; left--) {
    const state = newState();
    on(state, HEX, next);
    next = state;
  }
  return next;
}

/** RFC 3629 section 4: neither overlong forms nor surrogates, nothing over U+10FFFF. */
function sequences(home: number): void {
  const tail = (first: number, last: number, to: number): number => {
    const state = newState(NOT_UTF8);
    over(state, first, last, to);
    return state;
  };
  const one = tail(0x80, 0xbf, home);
  const two = tail(0x80, 0xbf, one);
  const three = tail(0x80, 0xbf, two);
  over(home, 0x80, 0xff, NOT_UTF8);
  over(home, 0xc2, 0xdf, one);
  over(home, 0xe0, 0xef, two);
  over(home, 0xe0, 0xe0, tail(0xa0, 0xbf, one));
  over(home, 0xed, 0xed, tail(0x80, 0x9f, one));
  over(home, 0xf1, 0xf3, three);
  over(home, 0xf0, 0xf0, tail(0x90, 0xbf, two));
  over(home, 0xf4, 0xf4, tail(0x80, 0x8f, two));
}

/** The inside of a string (RFC 8259 section 7), up to the quote. */
function string(home: number, close: number, backslash: number, escape: number, unicode: number): void {
  over(home, 0x20, 0x7f, home);
  on(home, '"', close);
  on(home, "\\", backslash);
  on(escape, '"\\/bfnrt', home);
  on(escape, "u", unicode);
  sequences(home);
}

const textEscape = newState();
string(IN_TEXT, CLOSE_TEXT, textEscape, textEscape, hexDigits(4, IN_TEXT));

/** After `\u` in a name: a character, or the first half of a pair and then the second, with nothing between. */
function nameUnit(): number {
  const low = newState(HALF_PAIR);
  const lowD = newState(HALF_PAIR);
  on(lowD, "dD", low);
  on(low, "cdefCDEF", hexDigits(2, IN_NAME));
  const pairEscape = newState(HALF_PAIR);
  on(pairEscape, "u", lowD);
  const pair = newState(HALF_PAIR);
  on(pair, "\\", pairEscape);
  const afterD = newState();
  on(afterD, "01234567", hexDigits(2, IN_NAME));
  on(afterD, "89abAB", hexDigits(2, pair));
  on(afterD, "cdefCDEF", HALF_PAIR);
  const first = newState();
  on(first, NOT_D, hexDigits(3, IN_NAME));
  on(first, "dD", afterD);
  return first;
}
string(IN_NAME, CLOSE_NAME, ESCAPE_IN_NAME, NAME_ESCAPE, nameUnit());

/** RFC 8259 section 6. Returns the state after "-", and those after "0" and another first digit. */
function number(): readonly [minus: number, zero: number, whole: number] {
  const [minus, zero, whole, point, fraction] = [newState(), newState(), newState(), newState(), newState()];
  const [letter, sign, exponent] = [newState(), newState(), newState()];
  on(minus, "0", zero);
  on(minus, "123456789", whole);
  on(whole, DIGITS, whole);
  for (const from of [zero, whole]) on(from, ".", point);
  for (const from of [point, fraction]) on(from, DIGITS, fraction);
  for (const from of [zero, whole, fraction]) on(from, "eE", letter);
  on(letter, "+-", sign);
  for (const from of [letter, sign, exponent]) on(from, DIGITS, exponent);
  for (const from of [zero, whole, fraction, exponent]) on(from, `${SPACE},]}`, CLOSE_NUMBER);
  return [minus, zero, whole];
}
const [MINUS, ZERO, WHOLE] = number();

/** Returns the state after the word's first letter. */
function word(letters: string): number {
  const first = newState();
  let state = first;
  for (let at = 1; at < letters.length; at++) {
    const next = at === letters.length - 1 ? CLOSE_WORD : newState();
    on(state, letters.charAt(at), next);
    state = next;
  }
  return first;
}
const [TRUE, FALSE, NULL] = [word("true"), word("false"), word("null")];

for (const from of [VALUE, FIRST_ITEM]) {
  on(from, '"', IN_TEXT);
  on(from, "{", OPEN_OBJECT);
  on(from, "[", OPEN_ARRAY);
  on(from, "-", MINUS);
  on(from, "0", ZERO);
  on(from, "123456789", WHOLE);
  on(from, "t", TRUE);
  on(from, "f", FALSE);
  on(from, "n", NULL);
}

const VALUE_BEGINS = `"{[-${DIGITS}tfn`;
on(BEGIN, VALUE_BEGINS, NOT_OBJECT);
on(BEGIN, "{", OPEN_OBJECT);
on(TOP_VALUE, VALUE_BEGINS, OPEN_TOP_VALUE);
on(COLON, ":", VALUE);
on(TOP_COLON, ":", TOP_VALUE);
on(FIRST_ITEM, "]", CLOSE);
on(AFTER_ITEM, "]", CLOSE);
on(AFTER_ITEM, ",", VALUE);
for (const from of [FIRST_NAME, NEXT_NAME]) on(from, '"', OPEN_NAME);
for (const from of [FIRST_NAME, AFTER_MEMBER, AFTER_TOP_MEMBER]) on(from, "}", CLOSE);
on(AFTER_MEMBER, ",", NEXT_NAME);
on(AFTER_TOP_MEMBER, ",", TOP_COMMA);
for (const from of [BEGIN, FIRST_NAME, NEXT_NAME, COLON, TOP_COLON, VALUE, TOP_VALUE]) on(from, SPACE, from);
for (const from of [FIRST_ITEM, AFTER_ITEM, AFTER_MEMBER, AFTER_TOP_MEMBER, DONE]) on(from, SPACE, from);
