const markup = Symbol('HTML');

/** A piece of HTML whose values are escaped. Only the template `html` makes one. */
export interface Html {
  readonly [markup]: string;
}

type Value = string | Html | readonly Html[];

/** Texts among the values are escaped; pieces of HTML stay as they are. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return { [markup]: strings.reduce((made, part, index) => made + written(values[index - 1] ?? '') + part) };
}

export function htmlText(piece: Html): string {
  return piece[markup];
}

function written(value: Value): string {
  if (typeof value === 'string') return escapeHtml(value);
  return (Array.isArray(value) ? value : [value as Html]).map(htmlText).join('');
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
