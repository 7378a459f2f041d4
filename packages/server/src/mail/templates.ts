import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { escapeHtml } from '../kernel/html.ts';
import { Problem } from '../kernel/problem.ts';
import { readTextFile } from '../kernel/text-file.ts';
import type { Place } from './letter.ts';
import { type Letter, type Purpose, placeholders, type Values, writeLetter } from './texts.ts';

/**
 * The operator's own texts: for a purpose the file `<purpose>.txt`, whose first line is `Subject: …`, and if wanted
 * `<purpose>.html`. `{{name}}` stands for a value of that purpose, for `realm`, `issuer` or `publicUrl`, or for one of
 * `contact.name`, `contact.email` and `contact.url`. In HTML all values are escaped.
 */
export interface Templates {
  readonly [purpose: string]: { readonly subject: string; readonly text: string; readonly html: string | undefined };
}

const placeNames = ['realm', 'issuer', 'publicUrl', 'contact.name', 'contact.email', 'contact.url'];
const mark = /\{\{\s*([A-Za-z.]{1,64})\s*\}\}/g;

/** Reads and checks all templates. @throws {Problem} `config.invalid` that names the file */
export function readTemplates(directory: string): Templates {
  const names = readdirSync(directory).filter((name) => /\.(txt|html)$/.test(name));
  const templates: Record<string, Templates[string]> = {};
  for (const name of names) {
    const purpose = name.replace(/\.(txt|html)$/, '');
    if (!Object.hasOwn(placeholders, purpose)) throw fault(directory, name, 'is named after no purpose of a mail');
    if (!names.includes(`${purpose}.txt`)) throw fault(directory, name, `needs ${purpose}.txt beside it`);
  }
  for (const name of names.filter((one) => one.endsWith('.txt'))) {
    const purpose = name.slice(0, -'.txt'.length) as Purpose;
    const read = (file: string) => checked(directory, file, purpose);
    const [first = '', ...lines] = read(name).split('\n');
    const subject = /^Subject: (\S.*)$/.exec(first)?.[1];
    if (subject === undefined || subject.length > 200)
      throw fault(directory, name, 'must begin with a line "Subject: …"');
    const html = `${purpose}.html`;
    templates[purpose] = {
      subject,
      text: `${lines.join('\n').trim()}\n`,
      html: names.includes(html) ? read(html) : undefined,
    };
  }
  return templates;
}

function checked(directory: string, name: string, purpose: Purpose): string {
  const text = readTextFile(join(directory, name)).replaceAll('\r\n', '\n');
  const known = new Set<string>([...placeholders[purpose], ...placeNames]);
  for (const [, placeholder = ''] of text.matchAll(mark)) {
    if (!known.has(placeholder)) throw fault(directory, name, `has the unknown placeholder ${placeholder}`);
  }
  return text;
}

function fault(directory: string, name: string, what: string): Problem {
  return new Problem('config.invalid', { detail: `COUNTERSIGN_MAIL_TEMPLATES: ${join(directory, name)} ${what}.` });
}

/** The letter by the operator's template, or by our own text. */
export function letterFor<P extends Purpose>(
  templates: Templates,
  purpose: P,
  values: Values[P],
  place: Place,
): Letter {
  const template = templates[purpose];
  if (template === undefined) return writeLetter(purpose, values, place);
  const known: Readonly<Record<string, unknown>> = {
    ...values,
    ...place,
    ...Object.fromEntries(Object.entries(place.contact ?? {}).map(([name, value]) => [`contact.${name}`, value])),
  };
  const fill = (text: string, written: (value: string) => string = (value) => value) =>
    text.replace(mark, (_, name: string) => written(textOf(name, known[name])));
  const { subject, text, html } = template;
  return { subject: fill(subject), text: fill(text), ...(html === undefined ? {} : { html: fill(html, escapeHtml) }) };
}

function textOf(name: string, value: unknown): string {
  if ((name === 'at' || name === 'until') && typeof value === 'number') return new Date(value).toUTCString();
  return value === undefined || value === null ? '' : String(value);
}
