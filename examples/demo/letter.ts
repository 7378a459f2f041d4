/**
 * A signed loan request that lies open on the table: what anybody on its way could copy, spoil or send elsewhere. Participants
 * themselves call `participant.fetch`, which leaves nothing lying about.
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
  /** Of the problem, where it is one. */
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

/** The letter is refused for this reason; the answer is what the sender is told, and what may be the matter. */
export async function refused(letter: Letter, code: string, reader: Participant, author: Member): Promise<string> {
  const answer = await send(letter);
  if (answer.status !== 401 || answer.code !== code) {
    throw new Error(`expected 401 ${code}, and the answer was ${answer.status} ${answer.code}`);
  }
  return `refused with ${answer.status} ${answer.code}; diagnosis ${await diagnosis(letter, reader, author)}`;
}

/** What was wrong, by name, with the keys that the registry has of the author. */
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
