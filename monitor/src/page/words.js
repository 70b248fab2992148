// Figures as people read them. What is not known is said to be so; it is never a zero.
import { h } from "./dom.js";

export const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
export const unknown = () => h("span.unknown", null, "not known");

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** 4,120 */
export const count = (value) => whole.format(value);

/** 1,203 or 9.8, without its unit. */
export const rate = (value) => (!Number.isInteger(value) && value < 9.95 ? tenths : whole).format(value);

/** 850 µs, 4.7 ms, 120 ms, 1.25 s, 38 s, 12 min, 3 h, 2 d */
export function time(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return `${whole.format(seconds * 1e6)} µs`;
  if (seconds < 0.00995) return `${tenths.format(seconds * 1e3)} ms`;
  if (seconds < 0.9995) return `${whole.format(seconds * 1e3)} ms`;
  if (seconds < 9.95) return `${tenths.format(seconds)} s`;
  if (seconds < 120) return `${whole.format(seconds)} s`;
  if (seconds < 7200) return `${whole.format(seconds / 60)} min`;
  if (seconds < 172800) return `${whole.format(seconds / 3600)} h`;
  return `${whole.format(seconds / 86400)} d`;
}

/** 40 MB, 8.6 GB */
export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${(at > 2 && value < 9.95 ? tenths : whole).format(value)} ${units[at]}`;
}

export const percent = (value) => `${(!Number.isInteger(value) && value < 9.95 ? tenths : whole).format(value)} %`;

/** How long before `now` (both RFC 3339). */
export function ago(at, now) {
  const seconds = (Date.parse(now) - Date.parse(at)) / 1000;
  return seconds < 1 ? "just now" : `${time(seconds)} ago`;
}

/** A value with the unit that the monitor names. */
export function inUnit(value, unit) {
  if (unit === "seconds") return time(value);
  if (unit === "percent") return percent(value);
  return `${rate(value)} ${unit}`;
}

/** `format(value)`, or that it is not known. */
export const or = (value, format) => (known(value) ? format(value) : unknown());

/** `dead_letters` as words. */
export const spaced = (name) => (name === "cpu" ? "CPU" : name.replaceAll("_", " "));

/** The first letter large. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Clock time of the reader. */
export const clock = (date, withSeconds) =>
  date.toLocaleTimeString("en-GB", withSeconds ? {} : { hour: "2-digit", minute: "2-digit" });
