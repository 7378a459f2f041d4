import { escapeHtml } from '../kernel/html.ts';

/** The HTML half of a mail, made from its text: no picture, no style and no address of another host but those of the text. */
export function htmlOf(subject: string, text: string): string {
  const paragraphs = text
    .trim()
    .split(/\n{2,}/)
    .map((part) => `<p>${part.split('\n').map(lineOf).join('<br>\n')}</p>`);
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head><body>`,
    ...paragraphs,
    '</body></html>',
    '',
  ].join('\n');
}

/** An indented line is an address, a command or a code, or words of others. */
function lineOf(line: string): string {
  return line.startsWith('  ') ? `<code>${escapeHtml(line.trim())}</code>` : escapeHtml(line);
}
