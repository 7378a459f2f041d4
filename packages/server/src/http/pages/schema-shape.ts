/** A part of a JSON Schema, as zod writes it. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

const width = 100;
/** A person could not read a longer pattern. */
const longestPattern = 60;

/** A JSON Schema for people: `{ id: string, status?: "A" | "B", keys: [ … ] }`, on several lines if it is long. */
export function shapeOf(schema: Schema, indent = ''): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts !== undefined) return alternatives(parts.map((part) => shapeOf(part, indent)));
  if (Array.isArray(schema.type)) return alternatives(schema.type.map((type) => shapeOf({ ...schema, type }, indent)));
  if (schema.type === 'array') return wrapped('[ ', [shapeOf(schema.items ?? {}, `${indent}  `)], ' … ]', indent);
  if (schema.type === 'object' || schema.properties !== undefined) return objectShape(schema, indent);
  return scalarShape(schema);
}

function objectShape({ properties = {}, required = [], additionalProperties }: Schema, indent: string): string {
  const members = Object.entries(properties).map(
    ([name, member]) => `${name}${required.includes(name) ? '' : '?'}: ${shapeOf(member, `${indent}  `)}`,
  );
  if (typeof additionalProperties === 'object') {
    const member = shapeOf(additionalProperties, `${indent}  `);
    members.push(member === 'any' ? '…' : `[name]: ${member}`);
  }
  return members.length === 0 ? '{ }' : wrapped('{ ', members, ' }', indent);
}

function wrapped(open: string, members: readonly string[], close: string, indent: string): string {
  const line = `${open}${members.join(', ')}${close}`;
  if (!line.includes('\n') && indent.length + line.length <= width) return line;
  return [open.trim(), ...members.map((member) => `${indent}  ${member}`), `${indent}${close.trim()}`].join('\n');
}

function scalarShape({ type, format, pattern, minimum, maximum, minLength, maxLength }: Schema): string {
  if (type === 'integer' || type === 'number') return `${type}${range(minimum, maximum)}`;
  const written =
    format === undefined && pattern !== undefined && pattern.length <= longestPattern ? ` /${pattern}/` : '';
  if (type === 'string') return `${format ?? 'string'}${range(minLength, maxLength)}${written}`;
  return typeof type === 'string' ? type : 'any';
}

/** The largest safe integer of JavaScript is not a meant limit, so it is left out. */
function range(least: number | undefined, most: number | undefined): string {
  const [from, to] = [least, most].map((value) =>
    Math.abs(value ?? 0) >= Number.MAX_SAFE_INTEGER ? undefined : value,
  );
  if (from === undefined && to === undefined) return '';
  return ` (${from ?? ''}..${to ?? ''})`;
}

function alternatives(parts: readonly string[]): string {
  return [...new Set(parts)].join(' | ');
}
