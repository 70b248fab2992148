// Amounts: whole numbers of minor units in answers, units with a point or a comma for people. Never a float.

/** Digits behind the point, where they are not two (ISO 4217); a test holds them to the ledger's. */
const DIGITS = {
  0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XAG XAU XBA XBB XBC XBD XDR XOF XPD XPF XPT XSU XTS XUA XXX",
  3: "BHD IQD JOD KWD LYD OMR TND",
  4: "CLF UYW",
};
const digits = (currency) => Number(Object.keys(DIGITS).find((count) => DIGITS[count].includes(currency)) ?? 2);

/** 1,250.00 EUR, of a number or a BigInt; what goes out has a minus. */
export function money(minor, currency) {
  if (!currency) return `${grouped(String(minor))} minor units`;
  const count = digits(currency);
  const text = String(minor).replace("-", "").padStart(count + 1, "0");
  const whole = grouped(text.slice(0, text.length - count));
  return `${minor < 0 ? "−" : ""}${whole}${count ? `.${text.slice(-count)}` : ""} ${currency}`;
}

/** The same with a plus before what comes in. */
export const signed = (minor, currency) => `${minor > 0 ? "+" : ""}${money(minor, currency)}`;

const grouped = (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ",");

/**
 * What people type, as minor units: `{minor}`, or `{readings}` where it may mean two amounts, or `{wrong}` with what to type.
 * A point or a comma sets off the last digits or groups them by three; blanks and apostrophes only group.
 */
export function parseAmount(typed, currency) {
  const text = typed.replace(/[\s'’_]/g, "").replace(/^[+−-]/, "");
  const wrong = { wrong: "must be an amount such as 125.50 or 125,50" };
  if (!/^(?=.*\d)[\d.,]+$/.test(text)) return wrong;
  const [first, ...more] = text.match(/[.,]/g) ?? [];
  const isMixed = more.some((mark) => mark !== first);
  const last = text.search(/[.,][^.,]*$/);
  const [whole, rest] = first ? [text.slice(0, last), text.slice(last + 1)] : [text, ""];
  const readings = [];
  if (!first || isMixed || more.length === 0) {
    // The last mark is the decimal one, and the others group.
    const isOnce = !isMixed || !whole.includes(text[last]);
    const fits = rest.replace(/0+$/, "").length <= digits(currency);
    if (isOnce && fits && (!isMixed || isGrouped(whole))) readings.push(minorUnits(whole.replace(/[.,]/g, ""), rest, currency));
  }
  if (first && !isMixed && isGrouped(text)) readings.push(minorUnits(text.replace(/[.,]/g, ""), "", currency));
  const known = [...new Set(readings)].filter((minor) => minor > 0);
  if (known.some((minor) => !Number.isSafeInteger(minor))) return { wrong: "is more than any amount can be" };
  if (known.length === 2) return { readings: known };
  return known.length === 1 ? { minor: known[0] } : wrong;
}

/** Groups of three behind the first, of two where the last is of three (1,25,000). */
const isGrouped = (text) => /^[1-9]\d{0,2}([.,]\d{3})+$/.test(text) || /^[1-9]\d?([.,]\d{2})+[.,]\d{3}$/.test(text);

const minorUnits = (whole, rest, currency) => {
  const count = digits(currency);
  return Number(`${whole}${rest.padEnd(count, "0").slice(0, count)}`);
};

/** As it is typed without a doubt: 1250.00 */
export function plain(minor, currency) {
  const count = digits(currency);
  const text = String(minor).padStart(count + 1, "0");
  return count ? `${text.slice(0, -count)}.${text.slice(-count)}` : text;
}
