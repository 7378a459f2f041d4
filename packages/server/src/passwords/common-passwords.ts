import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * The 49,233 most common passwords, from @zxcvbn-ts/language-common (MIT; Dropbox and the zxcvbn-ts authors).
 *
 * Read at the first question and kept as one text, half a megabyte: as strings of a set they would take seven. Looking through
 * it takes a tenth of a millisecond, once or a few times for each new password, which then costs eighty times that to hash.
 */
const file = createRequire(import.meta.url).resolve('@zxcvbn-ts/language-common/src/passwords.json');
/** Stands between two passwords; part of none. */
const mark = '\0';
let text: string | undefined;

/** `password` in lower case and NFKC. */
export function isCommon(password: string): boolean {
  text ??= readList();
  return password !== '' && !password.includes(mark) && text.includes(`${mark}${password}${mark}`);
}

function readList(): string {
  const passwords = JSON.parse(readFileSync(file, 'utf8')) as readonly string[];
  return `${mark}${passwords.join(mark).normalize('NFKC').toLowerCase()}${mark}`;
}
