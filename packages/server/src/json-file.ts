import { isJsonObject, type JsonObject, parseJson } from '@countersign/proof';
import { Problem } from './kernel/problem.ts';
import { readMarked } from './kernel/text-file.ts';

const why = {
  too_large: 'is too large',
  encoding: 'is not UTF-8 text',
  bom: 'begins with two byte order marks',
  depth: 'is nested too deeply',
  duplicate_member: 'names a member twice',
  lone_surrogate: 'holds half a character',
} as const;

/**
 * The JSON object in a file that an operator names: the one reader for all such files. A refusal names the file and the
 * place in it. It quotes nothing, because the mistyped text may be a password or a key. `option` names the source of
 * the path. A byte order mark is skipped.
 *
 * @throws {Problem} `config.invalid`
 */
export function readJsonFile(path: string, option?: string): JsonObject {
  const refused = (fault: string) =>
    new Problem('config.invalid', { detail: `${option === undefined ? '' : `${option}: `}${path} ${fault}.` });
  const bytes = readMarked(path, option);
  const parsed = parseJson(bytes, { maxBytes: bytes.length, maxDepth: 64 });
  if (!parsed.ok) {
    throw refused(
      parsed.reason === 'syntax' ? `is not JSON${placeOfFault(new TextDecoder().decode(bytes))}` : why[parsed.reason],
    );
  }
  if (!isJsonObject(parsed.value)) throw refused('is not a JSON object');
  return parsed.value;
}

/** One token of JSON, with the space before it. */
const token =
  /\s*(?:"(?:[^"\\\n\r\t]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|[{}[\]:,])/y;

/**
 * The first place that no token fits, else the position in the parser's message. The message itself is not shown,
 * because it quotes.
 */
function placeOfFault(text: string): string {
  token.lastIndex = 0;
  let end = 0;
  while (token.test(text)) end = token.lastIndex;
  const rest = text.slice(end).search(/\S/);
  const position = rest === -1 ? positionSaid(text) : end + rest;
  if (position === undefined) return '';
  const before = text.slice(0, position).split('\n');
  return ` at line ${before.length}, column ${(before.at(-1) as string).length + 1}`;
}

function positionSaid(text: string): number | undefined {
  try {
    JSON.parse(text);
  } catch (thrown) {
    const [, position] = / at position (\d+)/.exec((thrown as Error).message) ?? [];
    return position === undefined ? undefined : Number(position);
  }
  return undefined;
}
