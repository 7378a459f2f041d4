import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * The 49,233 most common passwords, from @zxcvbn-ts/language-common (MIT; Dropbox and the zxcvbn-ts authors).
 *
 * Read at the first use and kept as one text of half a megabyte: strings of a set would take seven. A search takes a
 * tenth of a millisecond, once or a few times for each new password, whose hash costs eighty times as much.
 */
const file = createRequire(import.meta.url).resolve('@zxcvbn-ts/language-common/src/passwords.json');
/** Stands between two passwords, and occurs in none. */
const mark = '\0';
let text: string | undefined;

/** `password` must be in lower case and NFKC. */
export function isCommon(password: string): boolean {
  text ??= readList();
  return password !== '' && !password.includes(mark) && text.includes(`${mark}${password}${mark}`);
}

function readList(): string {
  const passwords = JSON.parse(readFileSync(file, 'utf8')) as readonly string[];
  return `${mark}${passwords.join(mark).normalize('NFKC').toLowerCase()}${mark}`;
}
