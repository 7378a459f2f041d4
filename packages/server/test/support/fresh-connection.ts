import { request } from 'node:http';

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is a form, anything else JSON. */
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads it asserts.
  readonly body: any;
}

/** By a connection of its own: among workers it goes to any. */
export function send(url: string, { method = 'POST', headers = {}, body }: Sent): Promise<Answer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'application/x-www-form-urlencoded' : 'application/json';
  return new Promise((resolve, reject) => {
    const fields = { ...(text === undefined ? {} : { 'content-type': type }), ...headers };
    const asked = request(url, { method, headers: fields, agent: false }, (answer) => {
      let read = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        read += chunk;
      });
      answer.on('end', () => {
        const isJson = /json/.test(answer.headers['content-type'] ?? '');
        resolve({ status: answer.statusCode ?? 0, body: isJson ? JSON.parse(read) : read });
      });
    });
    asked.on('error', reject).end(text);
  });
}
