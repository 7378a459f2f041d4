const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/** RFC 6901 pointer to the value or member name that the byte at `offset` of a valid JSON document belongs to. */
export function pointerAt(json: Uint8Array, offset: number): string {
  const text = lenient.decode(json);
  // A byte within a character belongs to that character.
  const at = lenient.decode(json.subarray(0, offset)).replace(/\ufffd$/, '').length;
  const path: (string | number)[] = [];
  const objects: boolean[] = [];
  let nameIsNext = false;
  for (let i = 0; i <= at && i < text.length; i++) {
    const character = text[i];
    if (character === '"') {
      const end = stringEnd(text, i + 1);
      if (nameIsNext) path[path.length - 1] = JSON.parse(text.slice(i, end + 1)) as string;
      nameIsNext = false;
      i = end;
    } else if (character === '{' || character === '[') {
      objects.push(character === '{');
      path.push(character === '{' ? '' : 0);
      nameIsNext = character === '{';
    } else if (character === '}' || character === ']') {
      objects.pop();
      path.pop();
      nameIsNext = false;
    } else if (character === ',') {
      const last = path.length - 1;
      nameIsNext = objects[last] === true;
      if (!nameIsNext) path[last] = (path[last] as number) + 1;
    }
  }
  // After `{` or `,` there is no member name yet, so the place is the object.
  const named = nameIsNext ? path.slice(0, -1) : path;
  return named.map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function stringEnd(text: string, start: number): number {
  let i = start;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}
