/**
 * Forms similar to a password, which a guesser derives from a word by rules.
 *
 * NIST SP 800-63B-4 §3.1.1.2 compares "the entire password … not substrings or words that might be contained therein",
 * with common passwords, context-specific words, "and derivatives thereof". So each form below stands for the whole
 * password. A word inside a longer password does not count, and a mostly unpredictable password has no such form.
 */

/**
 * The forms of a password in lower case and NFKC: itself, without digits and signs around it, with leet undone, with
 * repetitions removed.
 */
export function likenesses(password: string): ReadonlySet<string> {
  const forms = new Set<string>();
  for (const part of cores(password)) {
    for (const form of [part, plainLetters(part)]) {
      forms.add(form);
      forms.add(saidOnce(form));
      forms.add(form.replace(/[\s\p{P}\p{S}]/gu, ''));
    }
  }
  forms.delete('');
  return forms;
}

/** "aaaa…", "abcabc…", "12345678…", "fedcba…": the whole text follows from its first few characters. */
export function isPattern(password: string): boolean {
  const points = [...password].map((character) => character.codePointAt(0) as number);
  if (points.length < 2) return true;
  if ([...saidOnce(password)].length <= 3) return true;
  return [1, -1].some((step) =>
    points.every((point, at) => at === 0 || follows(points[at - 1] as number, point, step)),
  );
}

/** True if the password is a sequence of these words. The time grows with their number, not with their order. */
export function isMadeOf(password: string, words: readonly string[]): boolean {
  const reached = new Set([0]);
  for (let at = 0; at < password.length; at++) {
    if (!reached.has(at)) continue;
    for (const word of words) if (word !== '' && password.startsWith(word, at)) reached.add(at + word.length);
  }
  return reached.has(password.length);
}

/** The next or previous character, where 0 and 9 are neighbours. */
function follows(previous: number, point: number, step: number): boolean {
  if (point - previous === step) return true;
  return (previous === 57 && point === 48 && step === 1) || (previous === 48 && point === 57 && step === -1);
}

/**
 * The whole text, and the text without digits and signs at its end, its beginning, or both, if at least half remains.
 */
function cores(password: string): readonly string[] {
  const points = [...password];
  const isLetter = (point: string) => !/[\p{N}\p{P}\p{S}\s]/u.test(point);
  const first = points.findIndex(isLetter);
  const last = points.findLastIndex(isLetter);
  const cut = [points.slice(0, last + 1), points.slice(first), points.slice(first, last + 1)];
  const kept = first < 0 ? [] : cut.filter((part) => part.length * 2 >= points.length);
  return [password, ...kept.map((part) => part.join(''))];
}

const leet: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '@': 'a',
  $: 's',
  '!': 'i',
  '|': 'l',
  '+': 't',
};

function plainLetters(password: string): string {
  return password.replace(/[0134578@$!|+]/g, (sign) => leet[sign] as string);
}

/** The shortest text whose repetition gives this one, by the prefix function of Knuth, Morris and Pratt. */
function saidOnce(text: string): string {
  const borders = [0];
  for (let at = 1, border = 0; at < text.length; at++) {
    while (border > 0 && text[at] !== text[border]) border = borders[border - 1] as number;
    if (text[at] === text[border]) border++;
    borders.push(border);
  }
  const period = text.length - (borders.at(-1) as number);
  return text.length % period === 0 ? text.slice(0, period) : text;
}
