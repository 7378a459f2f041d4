/** Strict instants of RFC 3339 (§5.6): with a zone, so that a text is one moment and not a local time. */

import { finite, wrong } from './argument.ts';

const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;

/**
 * Reads a strict instant of RFC 3339 §5.6, with a zone, as epoch milliseconds. The result is undefined for every other
 * value: local times, `-00:00` ("unknown" in §4.3), leap seconds, 24:00, days that the month does not have, and moments
 * outside of the years 0000 to 9999 in UTC. Digits beyond the millisecond are cut off.
 *
 * @example
 * parseInstant('2027-01-15T08:00:00Z'); // → now * 1000
 * parseInstant('2027-02-30T08:00:00Z'); // → undefined
 */
export function parseInstant(text: unknown): number | undefined {
  const found = typeof text === 'string' && text.length <= 35 ? pattern.exec(text) : null;
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = found;
  const offset = Number(offsetHour) * 60 + Number(offsetMinute);
  const isOffset = Number(offsetHour) < 24 && Number(offsetMinute) < 60 && !(sign === '-' && offset === 0);
  if (!isOffset || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const date = new Date(0);
  // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  date.setUTCHours(Number(hour), Number(minute), Number(second), milliseconds);
  const time = date.getTime() - (sign === '-' ? -offset : offset) * 60_000;
  // An offset may lead out of the years that RFC 3339 has. Such a moment could not be written again in UTC.
  return time < earliest || time > latest ? undefined : time;
}

const earliest = Date.parse('0000-01-01T00:00:00Z');
const latest = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Writes epoch milliseconds as an instant of RFC 3339 in UTC; milliseconds are written only if they are not zero.
 *
 * @throws {TypeError} if `time` is not a number that a Date can hold
 * @example
 * formatInstant(1_800_000_000_000); // → '2027-01-15T08:00:00Z'
 * formatInstant(1_800_000_000_250); // → '2027-01-15T08:00:00.250Z'
 */
export function formatInstant(time: number): string {
  if (Math.abs(finite(time, 'time')) > 8.64e15) throw wrong('time', 'a time that a Date can hold');
  return new Date(time).toISOString().replace('.000Z', 'Z');
}
