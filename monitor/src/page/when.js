// Days and times as the ledger has them: UTC.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** 24 Nov 2026 */
export function day(text) {
  const [year, month, date] = text.slice(0, 10).split("-");
  return `${Number(date)} ${MONTHS[Number(month) - 1]} ${year}`;
}

/** 24 Nov 2026, 14:03:22 */
export const moment = (text) => `${day(text)}, ${text.slice(11, 19)}`;

/** 24 Nov 2026 at 14:03:22 UTC, within a sentence. */
export const momentInWords = (text) => `${day(text)} at ${text.slice(11, 19)} UTC`;

/** The day so many days before today, as a date field has it: 2026-11-24. */
export const daysAgo = (days) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
