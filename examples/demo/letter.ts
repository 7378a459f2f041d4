/**
 * A signed loan request in parts, as a stranger on its way could copy it, change it or send it elsewhere. Participants
 * themselves call `participant.fetch`, which shows these parts to no one.
 */
import { type MessageForm, type Participant, webCrypto } from '@countersign/client';
import { explainSignature, type RequestMessage, signatureField } from '@countersign/proof';
import { loanRequest, paths } from '../parts/loan.ts';
import type { Member } from './member.ts';

export interface Letter {
  readonly to: Member;
  readonly message: RequestMessage;
  readonly signature: string;
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  /** The code of the problem; undefined if the answer is not a problem. */
  readonly code: string | undefined;
}

export async function write(from: Participant, to: Member, form: MessageForm): Promise<Letter> {
  const body = new TextEncoder().encode(JSON.stringify(loanRequest('demo-network')));
  const requestTarget = paths.request;
  const target = to.baseUrl + requestTarget;
  const message = { kind: 'request', method: 'POST', target, requestTarget, body } as const;
  const fields = await from.sign(message, { form, to: to.participantId });
  return { to, message, signature: fields[signatureField], token: await from.token() };
}

export async function send({ to, message, signature, token }: Letter): Promise<Answer> {
  const response = await fetch(to.baseUrl + message.requestTarget, {
    method: message.method,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
      [signatureField]: signature,
    },
    body: message.body as Uint8Array<ArrayBuffer>,
  });
  const { code } = (await response.json()) as { code?: string };
  return { status: response.status, code };
}

/** Sends a letter that must be refused with `code`. Returns the text for the sender, and the probable mistake. */
export async function refused(letter: Letter, code: string, reader: Participant, author: Member): Promise<string> {
  const answer = await send(letter);
  if (answer.status !== 401 || answer.code !== code) {
    throw new Error(`expected 401 ${code}, and the answer was ${answer.status} ${answer.code}`);
  }
  return `refused with ${answer.status} ${answer.code}; diagnosis ${await diagnosis(letter, reader, author)}`;
}

/** Names the mistake, with the author's keys in the registry. */
async function diagnosis({ to, message, signature }: Letter, reader: Participant, author: Member): Promise<string> {
  const { keys } = await (reader.registry.refresh ?? reader.registry.participant)(author.participantId);
  const { fault, text } = await explainSignature(signature, {
    crypto: webCrypto,
    message,
    forms: ['ocen', 'rfc7797', 'strict'],
    keys: keys.map(({ key, notBefore, notAfter, form }) => ({ jwk: key, notBefore, notAfter, form })),
    now: Date.now() / 1000,
    recipient: to.participantId,
  });
  return fault === 'none' ? 'none, the signature itself is good' : `${fault}: ${text}`;
}

export function accepted({ status, code }: Answer): void {
  if (status !== 200) throw new Error(`expected 200, and the answer was ${status} ${code}`);
}
