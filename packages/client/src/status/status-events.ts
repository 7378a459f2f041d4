/** The part of server-sent events (WHATWG HTML §9.2) that the status feed needs: the data of each event named `status`. */

/** The largest number of characters of one event. */
const maxEvent = 16_777_216;

export async function* statusEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let buffered = '';
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (let part = await reader.read(); part.value !== undefined; part = await reader.read()) {
    buffered = (buffered + decoder.decode(part.value, { stream: true })).replaceAll('\r\n', '\n');
    for (let end = buffered.indexOf('\n\n'); end >= 0; end = buffered.indexOf('\n\n')) {
      const jwt = dataOf(buffered.slice(0, end));
      buffered = buffered.slice(end + 2);
      if (jwt !== undefined) yield jwt;
    }
    if (buffered.length > maxEvent) break;
  }
  await reader.cancel();
}

function dataOf(event: string): string | undefined {
  const fields = new Map(
    event.split('\n').map((line) => {
      const [name = '', ...value] = line.split(':');
      return [name, value.join(':').trim()] as const;
    }),
  );
  return fields.get('event') === 'status' ? fields.get('data') : undefined;
}
